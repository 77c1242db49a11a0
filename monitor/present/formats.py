"""Output formats of commands."""

from __future__ import annotations

from enum import StrEnum


class Format(StrEnum):
    """The output format of a command."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    JUNIT = "junit"
    CSV = "csv"


class FirewallFormat(StrEnum):
    """The output format of a firewall request."""

    TEXT = "text"
    CSV = "csv"
    SECURITY_GROUP = "security-group"
    NETWORK_FIREWALL = "network-firewall"

"""The forms in which commands print."""

from __future__ import annotations

from enum import StrEnum


class Format(StrEnum):
    """How a command prints."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    JUNIT = "junit"
    CSV = "csv"


class FirewallFormat(StrEnum):
    """How a request to the firewall team is written."""

    TEXT = "text"
    CSV = "csv"
    SECURITY_GROUP = "security-group"
    NETWORK_FIREWALL = "network-firewall"

"""Incidents: one breakage each, however many targets it affects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from monitor.model.causes import Cause
from monitor.model.state import State


class Scope(StrEnum):
    """What the failures of an incident share: from this machine to one endpoint."""

    HOST = "host"
    ALL_EGRESS = "all_egress"
    RESOLVER = "resolver"
    PROXY = "proxy"
    TLS_INTERCEPTION = "tls_interception"
    ADDRESS_FAMILY = "address_family"
    PORT = "port"
    REGION = "region"
    GROUP = "group"
    ENDPOINT = "endpoint"


@dataclass(frozen=True, slots=True)
class Incident:
    """One breakage, whatever number of targets it takes down.

    ``subject`` names what is broken within the scope: a name server, ``tcp/4242``, an
    issuer, a group, a host. ``state`` is DOWN, or DEGRADED where what is affected still
    works. Times are Unix seconds; ``id`` stays the same while the incident is open, even
    when a wider scope is found to explain it.
    """

    id: str
    cause: Cause
    scope: Scope
    subject: str
    state: State
    started_at: float
    affected: tuple[str, ...]
    detail: str
    remediation: str
    evidence: Mapping[str, str] = field(default_factory=dict)

"""Incidents: one per fault, however many targets it affects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from monitor.model.causes import Cause
from monitor.model.state import State


class Scope(StrEnum):
    """The element that the failures of an incident share: from this host to one endpoint."""

    HOST = "host"
    ALL_EGRESS = "all_egress"
    RESOLVER = "resolver"
    PROXY = "proxy"
    TLS_INTERCEPTION = "tls_interception"
    ADDRESS_FAMILY = "address_family"
    PATH = "path"
    PORT = "port"
    REGION = "region"
    GROUP = "group"
    ENDPOINT = "endpoint"


LIKELY = "likely"
"""Confidence of an incident whose hypothesis predicts the results better than its rivals."""

PROVEN = "proven"
"""Confidence of an incident that a follow-up probe decided."""


@dataclass(frozen=True, slots=True)
class Incident:
    """One fault, however many targets it affects.

    ``subject`` names the faulty element within the scope: a name server, ``tcp/4242``, an issuer, a
    group, a host. ``state`` is DOWN, or DEGRADED if the affected targets still work. Times are Unix
    seconds. ``id`` stays the same while the incident is open, even if a wider scope is found to
    explain it. ``intermittent``: only a share of the probes fails. ``confidence`` is ``proven``,
    ``likely``, or what else would explain it and what would tell the two apart. ``works_now``: the
    sentence is in the past tense, because what failed works again, at least in part.
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
    intermittent: bool = False
    confidence: str = LIKELY
    works_now: bool = False

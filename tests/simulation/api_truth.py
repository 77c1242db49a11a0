"""The truth checker on the documents ``/api/v1/incidents`` and ``/api/v1/targets``."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from monitor.incidents.observation import RESOLVER_GROUP, is_near, is_public
from tests.simulation.truth import Claim, Seen, contradictions, untrue

GRACE = 1.0
"""Time for which a sentence may be behind the last result: 1 s. Incidents are judged after it."""

Document = Mapping[str, Any]
_DATAGRAMS = frozenset({"udp", "dns", "ntp"})


def claims_of(incidents: Sequence[Document]) -> list[Claim]:
    """Return the open incidents of the API as claims."""
    return [
        Claim(
            i["id"],
            i["cause"],
            i["scope"],
            i["state"],
            i["started_at"],
            tuple(i["affected"]),
            i["detail"],
            i["remediation"],
            i["intermittent"],
            i["confidence"],
            frozenset(i["evidence"]),
        )
        for i in incidents
    ]


def seen_of(target: Document) -> Seen:
    """Return the last result of one target of the API."""
    certificate = target["certificate"] or {}
    answered = target["addresses_tried"] > len(target["addresses_failed"])
    addresses, proxied = target["addresses"], target["proxy"] is not None
    return Seen(
        target["id"],
        target["host"],
        target["state"],
        bool(target["last_probe_ok"]),
        target["last_probe_at"] or 0.0,
        answered=answered or target["rtt_seconds"] is not None,
        flight=certificate.get("subject") is not None,
        resolved=None if proxied or _is_literal(target["host"]) else bool(addresses),
        verified=bool(target["last_probe_ok"]) and certificate.get("subject") is not None,
        group=target["group"],
        transport=f"{_transport(target['protocol'])}/{target['port']}",
        near=target["group"] == RESOLVER_GROUP or is_near(target["host"]),
        proxied=proxied,
        public=not proxied and bool(addresses) and all(map(is_public, addresses)),
    )


class Checker:
    """Collects what is wrong with the reports of one moment each, one after the other. ``untrue``
    holds one problem of each kind."""

    def __init__(self) -> None:
        self.untrue: dict[str, str] = {}
        self._suspected: dict[str, float] = {}

    def check(self, incidents: Sequence[Document], targets: Sequence[Document], now: float) -> None:
        """Check a report as of ``now`` (seconds of any clock)."""
        claims, seen = claims_of(incidents), list(map(seen_of, targets))
        for problem in contradictions(claims, {s.target: s for s in seen}):
            self.untrue.setdefault(_kind(problem), problem)
        suspected: dict[str, float] = {}
        for problem in untrue(claims, seen):
            kind = _kind(problem)
            since = suspected[kind] = self._suspected.get(kind, now)
            if now - since >= GRACE:
                self.untrue.setdefault(kind, problem)
        self._suspected = suspected


def _kind(problem: str) -> str:
    """Return an incident or target and the kind of a problem, without its figures."""
    subject, _, text = problem.partition(": ")
    return f"{subject}: {' '.join(text.split()[:3])}"


def _transport(protocol: str) -> str:
    return "udp" if protocol in _DATAGRAMS else "tcp"


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

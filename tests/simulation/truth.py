"""Truth checker: every sentence of a report against the evidence of the same report.

It works on plain values, so that the simulator, the lab and the demonstration can all use it: on
``Claim`` and ``Seen``, or on the JSON of ``/api/v1/incidents`` and ``/api/v1/targets``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

DETAIL_LIMIT = 400
"""Characters of a sentence: about two lines, with the remark on what still works."""

NAMES_LIMIT = 3

_HEDGED = re.compile(
    r"comes and goes|came and went|\d+ of (?:the |its )?(?:last )?\d+|in part|at times|works now"
)
_SILENT = re.compile(
    r"dropped silently|does not answer|gets no answer(?! over IPv)|Nothing .* answers"
)
_STILL = re.compile(r"[Nn]ames still resolve")
_MTU = re.compile(r"path-MTU hole")
_INTERNAL_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}")
_OWN_RULES = re.compile(r"security group|network ACL", re.IGNORECASE)
_NEVER_FILTERED = re.compile(r"169\.254\.169\.(?:253|254|123)|fd00:ec2::(?:253|254|123)")
_RESETS = frozenset({"tcp_refused", "tcp_reset", "tls_reset_on_hello", "udp_port_unreachable"})
_NAMED = re.compile(r"\b[a-z0-9*-]+(?:\.[a-z0-9-]+)+\.[a-z]{2,}\b")


@dataclass(frozen=True, slots=True)
class Claim:
    """One incident as it is reported. ``since`` is Unix seconds."""

    id: str
    cause: str
    scope: str
    state: str
    since: float
    affected: tuple[str, ...]
    detail: str
    remediation: str
    intermittent: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """Last result of one target. ``at`` is the start of its last probe in Unix seconds;
    ``answered`` whether the peer sent anything; ``flight`` whether its certificate arrived."""

    target: str
    host: str
    state: str
    ok: bool
    at: float
    answered: bool = False
    flight: bool = False
    resolved: bool | None = None


def untrue(claims: Sequence[Claim], seen: Iterable[Seen]) -> list[str]:
    """Return what is wrong with a report; empty if every sentence is supported."""
    targets = {s.target: s for s in seen}
    found = [problem for claim in claims for problem in _of_claim(claim, targets)]
    return [*found, *_contradictions(claims, targets)]


def _of_claim(claim: Claim, targets: Mapping[str, Seen]) -> Iterable[str]:
    text = f"{claim.detail} {claim.remediation}"
    members = [targets[name] for name in claim.affected if name in targets]
    answering = [s for s in members if s.ok and s.at >= claim.since]
    if _SILENT.search(claim.detail) and answering and not _HEDGED.search(claim.detail):
        yield f"{claim.id}: shows silence, but {answering[0].host} answered: {claim.detail}"
    if _STILL.search(claim.detail) and not any(s.resolved for s in targets.values()):
        yield f"{claim.id}: shows that names resolve, but none did: {claim.detail}"
    if _MTU.search(claim.detail) and any(s.flight for s in members):
        yield f"{claim.id}: claims a path-MTU hole, but a certificate arrived: {claim.detail}"
    if claim.cause in _RESETS and re.search(
        r"(?:open|allow) .*(?:security group|network ACL)", claim.remediation, re.IGNORECASE
    ):
        yield f"{claim.id}: security groups and network ACLs never refuse: {claim.remediation}"
    near = members and all(_NEVER_FILTERED.search(s.host) for s in members)
    if near and _OWN_RULES.search(claim.remediation):
        yield f"{claim.id}: AWS does not filter {members[0].host}: {claim.remediation}"
    if _INTERNAL_ID.search(text):
        yield f"{claim.id}: shows an internal id: {text}"
    if len(claim.detail) > DETAIL_LIMIT:
        yield f"{claim.id}: {len(claim.detail)} characters: {claim.detail}"
    title = claim.detail.partition(". ")[0]
    if len(set(_NAMED.findall(title))) > NAMES_LIMIT + 1:
        yield f"{claim.id}: more than {NAMES_LIMIT} names: {title}"


def _contradictions(claims: Sequence[Claim], targets: Mapping[str, Seen]) -> Iterable[str]:
    """Yield where targets and incidents contradict each other."""
    counts: dict[str, int] = {}
    for claim in claims:
        for name in claim.affected:
            counts[name] = counts.get(name, 0) + 1
    for name, seen in targets.items():
        bad = seen.state in {"down", "degraded"}
        if bad and counts.get(name, 0) != 1:
            yield f"{name} is {seen.state} and in {counts.get(name, 0)} incidents"
        if not bad and counts.get(name, 0) and seen.state != "unknown":
            yield f"{name} is {seen.state} and in an open incident"
    for claim in claims:
        members = [targets[name] for name in claim.affected if name in targets]
        if claim.state == "down" and members and all(s.state != "down" for s in members):
            yield f"{claim.id} is down, but none of its targets is"


def from_api(
    incidents: Mapping[str, object], targets: Mapping[str, object]
) -> tuple[list[Claim], list[Seen]]:
    """Return the values of the documents ``/api/v1/incidents`` and ``/api/v1/targets``."""
    claims = [
        Claim(
            i["id"], i["cause"], i["scope"], i["state"], i["started_at"], tuple(i["affected"]),
            i["detail"], i["remediation"], i.get("intermittent", False),
        )
        for i in incidents["incidents"]  # type: ignore[attr-defined]
    ]  # fmt: skip
    seen = [
        Seen(
            t["id"], t["host"], t["state"], t["cause"] is None, t.get("probed_at") or 0.0,
            answered=t["cause"] is None, flight=bool(t.get("certificate")),
            resolved=bool(t.get("addresses")),
        )
        for t in targets["targets"]  # type: ignore[attr-defined]
    ]  # fmt: skip
    return claims, seen

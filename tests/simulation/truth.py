"""Truth checker: every sentence of a report against the evidence of the same report.

It works on plain values (``Claim`` and ``Seen``), so that the simulator, the lab and the
demonstration can all use it. ``api_truth`` makes them from the documents of the API.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from monitor.incidents.followup_plan import Rival

DETAIL_LIMIT = 400
"""Characters of a sentence: about two lines, with the remark on what still works."""

NAMES_LIMIT = 3

_HEDGED = re.compile(
    r"comes and goes|came and went|\d+ of (?:the |its )?(?:last )?\d+|in part|at times|works now"
    r"|Works again since|Most of|Few "
)
_SILENT = re.compile(
    r"dropped silently|does not answer|gets no answer(?! over IPv)|Nothing .* answers"
)
_STILL_RESOLVE = re.compile(r"[Nn]ames still resolve")
_STILL_WORKS = re.compile(r"Still works: ([^:]*?)\.(?:\s|$)")
_WHILE_WORKS = re.compile(
    r"while ((?:\*|[\w-]+)\.[\w.-]+)(?: port \d+)?[^.,]{0,40} (?:connects|pass)"
)
_MTU = re.compile(r"path-MTU hole")
_INTERNAL_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}")
_OWN_RULES = re.compile(r"security group|network ACL", re.IGNORECASE)
_OPEN_OWN_RULES = re.compile(r"(?:open|allow) .*(?:security group|network ACL)", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[.;])\s")
_NEVER_FILTERED = re.compile(r"169\.254\.169\.(?:253|254|123)|fd00:ec2::(?:253|254|123)")
_REJECTED = frozenset(
    {"tcp_refused", "tcp_reset", "tls_reset_on_hello", "udp_port_unreachable", "admin_prohibited"}
)
_ANSWERED = frozenset({"dns_nxdomain", "dns_nodata", "dns_servfail", "dns_refused", "slow"})
_NAMED = re.compile(r"\b[a-z0-9*-]+(?:\.[a-z0-9-]+)+\.[a-z]{2,}\b")
_ALL_HOSTS = re.compile(r"all (\d+) hosts")
_FOLLOW_UPS = frozenset(rival.value for rival in Rival)


@dataclass(frozen=True, slots=True)
class Claim:
    """One incident as it is reported. ``since`` is Unix seconds; ``evidence`` are the names of
    its evidence."""

    id: str
    cause: str
    scope: str
    state: str
    since: float
    affected: tuple[str, ...]
    detail: str
    remediation: str
    intermittent: bool = False
    confidence: str = ""
    evidence: frozenset[str] = frozenset()

    @property
    def hedged(self) -> bool:
        """Whether the sentence leaves room for what works."""
        return bool(_HEDGED.search(self.detail))


@dataclass(frozen=True, slots=True)
class Seen:
    """Last result of one target. ``at`` is the start of its last probe in Unix seconds.

    ``ok``: it reached its endpoint; ``answered``: the peer took the connection or sent anything;
    ``flight``: its certificate arrived; ``verified``: that certificate was verified.
    ``resolved`` is None if no name had to be resolved. ``near``: no egress is crossed.
    ``transport`` is ``tcp/443``, "" if not known.
    """

    target: str
    host: str
    state: str
    ok: bool
    at: float
    answered: bool = False
    flight: bool = False
    resolved: bool | None = None
    verified: bool = False
    group: str = ""
    transport: str = ""
    near: bool = False
    proxied: bool = False
    public: bool = False


Targets = Mapping[str, Seen]
Problems = Iterator[str]


def untrue(claims: Sequence[Claim], seen: Iterable[Seen]) -> list[str]:
    """Return what is wrong with a report; empty if every sentence is supported."""
    targets = {s.target: s for s in seen}
    found = [p for claim in claims for rule in RULES for p in rule(claim, targets)]
    return [*found, *contradictions(claims, targets)]


def _members(claim: Claim, targets: Targets) -> list[Seen]:
    return [targets[name] for name in claim.affected if name in targets]


def _silence(claim: Claim, targets: Targets) -> Problems:
    """What is silent has not answered: at all, or TLS, if the sentence is about that."""
    if not _SILENT.search(claim.detail) or claim.hedged:
        return
    tls = claim.cause.startswith(("tls_", "http_"))
    for s in _members(claim, targets):
        if s.at >= claim.since and (s.ok if tls else s.ok or s.answered):
            yield f"{claim.id}: shows silence, but {s.host} answered: {claim.detail}"
            return
    if claim.cause in _ANSWERED and "does not answer" in claim.detail:
        yield f"{claim.id}: shows silence, but the cause is an answer: {claim.detail}"


def _outside(s: Seen, _: str) -> bool:
    return not s.near and not s.proxied and s.answered


_WHOLE: tuple[tuple[re.Pattern[str], Callable[[Seen, str], bool]], ...] = (
    (re.compile(r"Nothing (outside) this subnet answers"), _outside),
    (
        re.compile(r"Nothing at a (public) address answers"),
        lambda s, what: s.public and _outside(s, what),
    ),
    (
        re.compile(r"Outbound (\w+ port \d+) .*all \d+ hosts"),
        lambda s, what: _outside(s, what) and s.transport == what.lower().replace(" port ", "/"),
    ),
    (re.compile(r"Everything in ([\w]+) fails"), lambda s, group: s.group == group and s.ok),
    (re.compile(r"No AWS API of (\S+) answers"), lambda s, region: region in s.host and s.ok),
    (re.compile(r"trusts (none) of the"), lambda s, _: s.verified and s.ok),
)
"""Sentences about a whole, each with what would refute them."""


def _whole(claim: Claim, targets: Targets) -> Problems:
    """Whatever a sentence about a whole covers fails, not only what is affected."""
    if claim.hedged:
        return
    for pattern, refutes in _WHOLE:
        if match := pattern.search(claim.detail):
            for s in targets.values():
                if s.at >= claim.since and refutes(s, match[1]):
                    yield f"{claim.id}: shows a whole, but {s.target} works: {claim.detail}"
                    return


def _count(claim: Claim, targets: Targets) -> Problems:
    hosts = {s.host for s in _members(claim, targets)}
    if (match := _ALL_HOSTS.search(claim.detail)) and int(match[1]) > len(hosts):
        yield f"{claim.id}: counts more hosts than the {len(hosts)} affected: {claim.detail}"


def _remarks(claim: Claim, targets: Targets) -> Problems:
    """What still works is not down."""
    text = claim.detail
    named = [
        name for match in _STILL_WORKS.finditer(text) for name in re.split(r", | and ", match[1])
    ]
    named += [match[1] for match in _WHILE_WORKS.finditer(text)]
    for name in named:
        known = [s for s in targets.values() if _is_host(s.host, name)]
        if known and all(s.state == "down" for s in known):
            yield f"{claim.id}: shows that {name} works, but it is down: {text}"
    resolved = any(s.resolved and s.at >= claim.since for s in targets.values())
    if _STILL_RESOLVE.search(text) and not resolved:
        yield f"{claim.id}: shows that names resolve, but none did: {text}"


def _is_host(host: str, name: str) -> bool:
    return host.endswith(name[1:]) if name.startswith("*.") else host == name


def _past(claim: Claim, targets: Targets) -> Problems:
    if "works now" in claim.detail:
        for s in _members(claim, targets):
            if not s.ok:
                yield f"{claim.id}: shows that it works, but {s.host} fails: {claim.detail}"
                return


def _size(claim: Claim, targets: Targets) -> Problems:
    flight = any(s.flight and s.at >= claim.since for s in _members(claim, targets))
    if _MTU.search(claim.detail) and flight:
        yield f"{claim.id}: claims a path-MTU hole, but a certificate arrived: {claim.detail}"


def _remediation(claim: Claim, targets: Targets) -> Problems:
    """AWS: security groups and network ACLs drop, and filter no link-local service."""
    members = _members(claim, targets)
    sentences = _SENTENCE_END.split(claim.remediation)
    if claim.cause in _REJECTED and any(map(_OPEN_OWN_RULES.search, sentences)):
        yield f"{claim.id}: security groups and network ACLs never refuse: {claim.remediation}"
    near = members and all(_NEVER_FILTERED.search(s.host) for s in members)
    if near and _OWN_RULES.search(claim.remediation):
        yield f"{claim.id}: AWS does not filter {members[0].host}: {claim.remediation}"


def _confidence(claim: Claim, targets: Targets) -> Problems:
    if claim.confidence == "proven" and not claim.evidence & _FOLLOW_UPS:
        yield f"{claim.id}: is proven without a follow-up probe: {claim.detail}"
    if claim.confidence.startswith("either") and "would separate" not in claim.confidence:
        yield f"{claim.id}: does not show what would separate the two: {claim.confidence}"


def _wording(claim: Claim, targets: Targets) -> Problems:
    text = f"{claim.detail} {claim.remediation}"
    if _INTERNAL_ID.search(text):
        yield f"{claim.id}: shows an internal id: {text}"
    if len(claim.detail) > DETAIL_LIMIT:
        yield f"{claim.id}: {len(claim.detail)} characters: {claim.detail}"
    title = claim.detail.partition(". ")[0]
    if len(set(_NAMED.findall(title))) > NAMES_LIMIT + 1:
        yield f"{claim.id}: more than {NAMES_LIMIT} names: {title}"


RULES = (
    _silence,
    _whole,
    _count,
    _remarks,
    _past,
    _size,
    _remediation,
    _confidence,
    _wording,
)


def contradictions(claims: Sequence[Claim], targets: Targets) -> Iterator[str]:
    """Yield where the states of targets and incidents contradict each other."""
    counts: dict[str, int] = {}
    for claim in claims:
        for name in claim.affected:
            counts[name] = counts.get(name, 0) + 1
    for name, seen in targets.items():
        bad = seen.state in {"down", "degraded"}
        if bad and counts.get(name, 0) != 1:
            yield f"{name}: is {seen.state} and in {counts.get(name, 0)} incidents"
        if not bad and counts.get(name, 0) and seen.state != "unknown":
            yield f"{name}: is {seen.state} (last probe ok: {seen.ok}) and in an open incident"
    for claim in claims:
        members = _members(claim, targets)
        if claim.state == "down" and members and all(s.state != "down" for s in members):
            yield f"{claim.id}: is down, but none of its targets is"

"""What failing targets share: findings, from the widest scope to the narrowest. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from monitor.diagnosis.causes import LOCAL_ERRNOS
from monitor.diagnosis.clock import ClockSource, agrees, confirms, estimate, in_words, site_of
from monitor.diagnosis.issuers import issuer_of, leaf_of
from monitor.health.status import TargetStatus
from monitor.incidents.hypothesis import Hypothesis
from monitor.model.causes import Cause, CauseClass
from monitor.model.groups import RESOLVER_GROUP
from monitor.model.incident import Scope
from monitor.model.probe_result import Connection, Family, ResolutionSource
from monitor.model.state import State

C = Cause

HOST_CAUSES = frozenset(
    {
        C.LOCAL_PORT_EXHAUSTED,
        C.LOCAL_RESOURCE_EXHAUSTED,
        C.LOCAL_ADDRESS_MISSING,
        C.INTERNAL_ERROR,
    }
)
RESOLVER_CAUSES = frozenset(
    {
        C.DNS_TIMEOUT,
        C.DNS_UNREACHABLE,
        C.DNS_SLOW,
        C.DNS_PARTIAL,
        C.DNS_SERVFAIL,
        C.DNS_REFUSED,
        C.DNS_EDNS_REFUSED,
        C.DNS_LAME,
    }
)
ANSWER_CAUSES = frozenset({C.DNS_NXDOMAIN, C.DNS_NODATA, C.DNS_SINKHOLED})
"""Causes that are an answer: wrong for all names, it is the resolver's fault."""

STRANGER_CAUSES = frozenset({C.TLS_NAME_MISMATCH, C.HTTP_BLOCKED_PAGE})
"""Causes that somebody else than the service shows who answers at its address."""

PROXY_CAUSES = frozenset(c for c in Cause if c.record.cause_class is CauseClass.PROXY)
TRUST_CAUSES = frozenset({C.TLS_INTERCEPTED, C.TLS_UNTRUSTED})
PATH_CAUSES = frozenset(
    {
        C.DNS_TIMEOUT,
        C.NETWORK_UNREACHABLE,
        C.HOST_UNREACHABLE,
        C.ADMIN_PROHIBITED,
        C.LOCAL_FIREWALL,
        C.TCP_TIMEOUT,
        C.TCP_REFUSED,
        C.UDP_NO_REPLY,
        C.UDP_PORT_UNREACHABLE,
    }
)
"""Causes that a path which carries nothing shows, whoever is at its end."""

K = TypeVar("K")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d+")
_SPREAD = 2
_ALL_EGRESS_SPREAD = 3
_REGIONAL_GROUP = "aws_api"


def explain(statuses: Sequence[TargetStatus], told: Container[str] = ()) -> tuple[Hypothesis, ...]:
    """Return the findings for everything that fails but what is ``told`` already (ids of
    targets); no failing target is in two.

    Scopes are tried from the widest to the narrowest. A wide one is only believed when
    its failures are spread over several hosts and no target within it was seen to work
    since the first of them failed.
    """
    untold = [s for s in statuses if s.target.id not in told]
    findings: list[Hypothesis] = list(_address_families(untold))
    in_family = {s.target.id for hypothesis in findings for s in hypothesis.members}
    left = {s.target.id: s for s in untold if s.failing and s.target.id not in in_family}
    for rule in _RULES:
        for hypothesis in rule(tuple(left.values()), statuses):
            findings.append(hypothesis)
            for member in hypothesis.members:
                left.pop(member.target.id, None)
    return tuple(findings)


Rule = Callable[[Sequence[TargetStatus], Sequence[TargetStatus]], Iterable[Hypothesis]]


def _host(failing: Sequence[TargetStatus], every: Sequence[TargetStatus]) -> Iterable[Hypothesis]:
    for cause, members in _by(failing, lambda s: s.cause if s.cause in HOST_CAUSES else None):
        yield _hypothesis(Scope.HOST, cause.value, members)
    yield from _clock(failing, every)


def _clock(failing: Sequence[TargetStatus], every: Sequence[TargetStatus]) -> Iterable[Hypothesis]:
    """This host's clock is wrong when a time server says so, or unrelated sites do: by the
    dates of their answers, or by certificates that are all not valid yet or no longer."""
    refused, at_least = _invalid_now(failing)
    newest = max((s.probe_result.started_at for s in every if s.probe_result), default=0.0)
    by_dates = estimate(((s.target.host, s.probe_result) for s in every), newest)
    skewed = [s for s in failing if s.cause is C.CLOCK_SKEW]
    told = [s for s in skewed if confirms(s.probe_result, by_dates)]
    dated: list[TargetStatus] = []
    said = at_least
    if by_dates and by_dates.source is ClockSource.DATE and by_dates.skewed:
        dated = [s for s in every if not s.failing and agrees(s.probe_result, by_dates)]
        said = in_words(by_dates)
    if not (told or dated or at_least):
        return
    early = [s for s in failing if s.cause is C.TLS_NOT_YET_VALID]
    members = {s.target.id: s for s in (*told, *dated, *refused, *early)}
    hypothesis = _hypothesis(Scope.HOST, "clock", tuple(members.values()), C.CLOCK_SKEW)
    yield replace(hypothesis, evidence={**hypothesis.evidence, **({"clock": said} if said else {})})


def _invalid_now(failing: Sequence[TargetStatus]) -> tuple[list[TargetStatus], str]:
    """Return what shows certificates of unrelated sites, by several issuers, that are all not
    valid yet or no longer, and by how much our clock must be wrong then. One issuer alone may
    have let its certificates lapse."""
    for cause in (C.TLS_NOT_YET_VALID, C.TLS_EXPIRED):
        members = [s for s in failing if s.cause is cause]
        shown = [(s, leaf) for s in members if (leaf := leaf_of(s.probe_result)) is not None]
        expired = cause is C.TLS_EXPIRED
        spread = len({site_of(s.target.host) for s in members}) if expired else _hosts(members)
        if spread < _ALL_EGRESS_SPREAD:
            continue
        if expired and len({issuer_of(leaf) for _, leaf in shown}) < _SPREAD:
            continue
        wrong_by = [
            at - leaf.not_after if expired else leaf.not_before - at
            for s, leaf in shown
            if (at := s.probe_result.started_at if s.probe_result else 0.0)
        ]
        proxy_path = "ahead" if expired else "behind"
        least = f"at least {_span(min(wrong_by))} " if wrong_by and min(wrong_by) > 0 else ""
        return members, f"{least}{proxy_path} (by the certificates of {_hosts(members)} hosts)"
    return [], ""


def _span(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _slow_egress(
    failing: Sequence[TargetStatus], every: Sequence[TargetStatus]
) -> Iterable[Hypothesis]:
    members = [s for s in failing if s.cause is C.SLOW and not s.local]
    if not _shared(members, [s for s in every if not s.local], _ALL_EGRESS_SPREAD):
        return
    proxies = {s.probe_result.proxy if s.probe_result else None for s in members}
    proxy = proxies.pop() if len(proxies) == 1 else None
    if proxy is not None:
        yield _hypothesis(Scope.PROXY, proxy, members)
    else:
        yield _hypothesis(Scope.ALL_EGRESS, "egress", members)


def _all_egress(
    failing: Sequence[TargetStatus], every: Sequence[TargetStatus]
) -> Iterable[Hypothesis]:
    members = [s for s in failing if not s.local and s.cause in PATH_CAUSES]
    scope = [s for s in every if not s.local]
    if not _shared(members, scope, _ALL_EGRESS_SPREAD):
        return
    past_names = [s for s in members if s.cause is not C.DNS_TIMEOUT]
    if past_names:
        yield _hypothesis(Scope.ALL_EGRESS, "egress", members, _most(past_names))


def _resolver(
    failing: Sequence[TargetStatus], every: Sequence[TargetStatus]
) -> Iterable[Hypothesis]:
    servers = [s for s in failing if s.target.group == RESOLVER_GROUP]
    names = _unresolved(failing, every)
    broken = [s for s in servers if s.cause in RESOLVER_CAUSES | PATH_CAUSES | ANSWER_CAUSES]
    if names and (broken or _hosts(names) >= _SPREAD):
        subject = ", ".join(sorted({s.target.host for s in broken})) or _servers_asked(names)
        yield _hypothesis(Scope.RESOLVER, subject, [*broken, *names], _most(names))
        servers = _without(servers, broken)
    for server in servers:
        yield _hypothesis(Scope.RESOLVER, server.target.host, [server])
    yield from _zones(_without(failing, names), every)


def _zones(failing: Sequence[TargetStatus], every: Sequence[TargetStatus]) -> Iterable[Hypothesis]:
    """A zone is answered wrongly when none of its names resolves any more."""

    def zone_of(s: TargetStatus) -> tuple[str, Cause | None]:
        return ".".join(s.target.host.split(".")[-2:]), s.cause

    wrong = [s for s in failing if s.cause in ANSWER_CAUSES and s.target.group != RESOLVER_GROUP]
    peers = _index(every, lambda s: zone_of(s)[0] if _was_resolved(s) else None)
    for (zone, _), members in _by(wrong, zone_of):
        if _shared(members, peers.get(zone, ()), _SPREAD):
            yield _hypothesis(Scope.RESOLVER, f"*.{zone}", members)


def _sinkhole(
    failing: Sequence[TargetStatus], every: Sequence[TargetStatus]
) -> Iterable[Hypothesis]:
    """Names of which none is served by the one address that they all have were not sent to
    their services: DNS answers with the address of a block page."""

    def address_of(s: TargetStatus) -> str | None:
        primary = s.probe_result.primary if s.probe_result and not s.probe_result.proxy else None
        return primary.address if primary and _was_resolved(s) else None

    strange = [s for s in failing if s.cause in STRANGER_CAUSES]
    peers = _index(every, address_of)
    for address, members in _by(strange, address_of):
        if _shared(members, peers[address], _SPREAD):
            yield _hypothesis(Scope.RESOLVER, address, members, C.DNS_SINKHOLED)


def _unresolved(
    failing: Sequence[TargetStatus], every: Sequence[TargetStatus]
) -> list[TargetStatus]:
    """The failing names, if it is the resolver's fault: no name resolves any more. That a
    name does not exist is believed of one zone, but not of every name there is."""
    resolved = [s for s in every if _is_name(s)]
    wrong = RESOLVER_CAUSES | ANSWER_CAUSES
    members = [s for s in failing if s.cause in wrong and _is_name(s)]
    if _works(resolved, members):
        return []
    groups = {s.target.group for s in members}
    if _hosts(members) >= _ALL_EGRESS_SPREAD and len(groups) >= _SPREAD:
        return members
    return [s for s in members if s.cause in RESOLVER_CAUSES]


def _proxy(failing: Sequence[TargetStatus], every: Sequence[TargetStatus]) -> Iterable[Hypothesis]:
    def proxy_of(s: TargetStatus) -> str | None:
        return s.probe_result.proxy if s.probe_result and s.cause in PROXY_CAUSES else None

    users = _index(every, lambda s: s.probe_result.proxy if s.probe_result else None)
    for proxy, members in _by(failing, proxy_of):
        itself = any(s.cause in {C.PROXY_UNREACHABLE, C.PROXY_AUTH_REQUIRED} for s in members)
        if itself or _shared(members, users[proxy], _SPREAD):
            yield _hypothesis(Scope.PROXY, proxy, members)


def _interception(
    failing: Sequence[TargetStatus], _: Sequence[TargetStatus]
) -> Iterable[Hypothesis]:
    for issuer, members in _by(failing, lambda s: _issuer(s) if s.cause in TRUST_CAUSES else None):
        intercepted = any(s.cause is C.TLS_INTERCEPTED for s in members)
        if intercepted or _hosts(members) >= _SPREAD:
            yield _hypothesis(Scope.TLS_INTERCEPTION, issuer, members, C.TLS_INTERCEPTED)


def _port(failing: Sequence[TargetStatus], every: Sequence[TargetStatus]) -> Iterable[Hypothesis]:
    wanted = PATH_CAUSES - RESOLVER_CAUSES | {C.SLOW}
    path = [s for s in failing if s.cause in wanted and not s.local]
    peers = _index(every, lambda s: None if s.local else s.transport)
    for (transport, _), members in _by(path, lambda s: (s.transport, s.cause is C.SLOW)):
        if _shared(members, peers[transport], _SPREAD):
            yield _hypothesis(Scope.PORT, transport, members)


def _region(failing: Sequence[TargetStatus], every: Sequence[TargetStatus]) -> Iterable[Hypothesis]:
    regional = [s for s in failing if s.target.group == _REGIONAL_GROUP]
    peers = [s for s in every if s.target.group == _REGIONAL_GROUP]
    for _, members in _by(regional, lambda s: s.cause is C.SLOW):
        if _shared(members, peers, _ALL_EGRESS_SPREAD):
            yield _hypothesis(Scope.REGION, _region_of(members), members)


def _group(failing: Sequence[TargetStatus], every: Sequence[TargetStatus]) -> Iterable[Hypothesis]:
    peers = _index(every, lambda s: s.target.group)
    for (group, _), members in _by(failing, lambda s: (s.target.group, s.cause)):
        if _shared(members, peers[group], _SPREAD):
            yield _hypothesis(Scope.GROUP, group, members)


def _endpoint(failing: Sequence[TargetStatus], _: Sequence[TargetStatus]) -> Iterable[Hypothesis]:
    for (host, _cause), members in _by(failing, lambda s: (s.target.host, s.cause)):
        yield _hypothesis(Scope.ENDPOINT, host, members)


_RULES: tuple[Rule, ...] = (
    _host,
    _all_egress,
    _slow_egress,
    _resolver,
    _sinkhole,
    _proxy,
    _interception,
    _port,
    _region,
    _group,
    _endpoint,
)


def _address_families(statuses: Sequence[TargetStatus]) -> Iterable[Hypothesis]:
    """A family is broken when every connection over it fails while the other works."""
    for family in Family:
        tried = [s for s in statuses if _family_result(s, family) is not None]
        broken = [s for s in tried if _reached(s) and _family_result(s, family) is False]
        if _hosts(broken) >= _SPREAD and len(broken) == len(tried):
            cause = C.NETWORK_UNREACHABLE if _unrouted(broken, family) else C.TCP_TIMEOUT
            yield _hypothesis(Scope.ADDRESS_FAMILY, family.value, broken, cause)


def _reached(status: TargetStatus) -> bool:
    return status.state is State.UP or status.cause is C.ADDRESS_FAILED


def _family_result(status: TargetStatus, family: Family) -> bool | None:
    connections = status.probe_result.connections if status.probe_result else ()
    if len({c.family for c in connections}) < len(Family) or any(map(_local, connections)):
        return None
    return any(c.failure is None for c in connections if c.family is family)


def _local(connection: Connection) -> bool:
    """Whether this host itself had no means left for a connection."""
    return connection.failure is not None and connection.failure.errno in LOCAL_ERRNOS


def _unrouted(statuses: Sequence[TargetStatus], family: Family) -> bool:
    failures = [
        c.failure
        for s in statuses
        for c in (s.probe_result.connections if s.probe_result else ())
        if c.family is family and c.failure
    ]
    return all(f.code in {"ENETUNREACH", "EHOSTUNREACH"} for f in failures)


def _hypothesis(
    scope: Scope, subject: str, members: Sequence[TargetStatus], cause: Cause | None = None
) -> Hypothesis:
    chosen = cause or _most(members)
    speaker = next((s for s in members if s.cause is chosen), members[0])
    evidence = dict(speaker.diagnosis.evidence) if speaker.diagnosis else {}
    return Hypothesis(scope, subject, tuple(members), chosen, evidence)


def _shared(members: Sequence[TargetStatus], peers: Sequence[TargetStatus], spread: int) -> bool:
    """Whether what ails ``members`` ails all their ``peers``: it is spread over so many hosts,
    and nothing speaks against it. A peer that may be getting slow speaks for slowness."""
    if not members:
        return False
    slow = all(s.cause is C.SLOW for s in members)
    suspects = [s for s in peers if s.getting_slow] if slow else []
    return _hosts((*members, *suspects)) >= spread and not _works(peers, members)


def _works(scope: Sequence[TargetStatus], failed: Sequence[TargetStatus]) -> bool:
    """Whether anything within ``scope`` was seen to work since the failures began: an answer,
    but not one of a target that is degraded by the same cause. That one address of several is
    dead is each name's own matter."""
    began = min((s.probe_result.started_at for s in failed if s.probe_result), default=0.0)
    causes = {s.cause for s in failed} - {C.ADDRESS_FAILED}

    def ails(s: TargetStatus) -> bool:
        return s.cause in causes if s.failing else s.getting_slow and C.SLOW in causes

    return any(
        s.probe_result and s.probe_result.ok and s.probe_result.started_at >= began and not ails(s)
        for s in scope
    )


def _without(statuses: Iterable[TargetStatus], gone: Iterable[TargetStatus]) -> list[TargetStatus]:
    ids = {s.target.id for s in gone}
    return [s for s in statuses if s.target.id not in ids]


def _hosts(statuses: Iterable[TargetStatus]) -> int:
    return len({s.target.host for s in statuses})


def _most(statuses: Sequence[TargetStatus]) -> Cause:
    """The commonest cause; of equals, the one that comes first in the closed set."""
    counts: dict[Cause, int] = defaultdict(int)
    for status in statuses:
        if status.cause is not None:
            counts[status.cause] += 1
    order = list(Cause)
    return max(counts, key=lambda cause: (counts[cause], -order.index(cause)))


def _is_name(status: TargetStatus) -> bool:
    return status.target.group != RESOLVER_GROUP and _was_resolved(status)


def _was_resolved(status: TargetStatus) -> bool:
    resolution = status.probe_result.resolution if status.probe_result else None
    return resolution is not None and resolution.source is ResolutionSource.DNS


def _servers_asked(statuses: Sequence[TargetStatus]) -> str:
    servers = {
        answer.server
        for s in statuses
        if s.probe_result and s.probe_result.resolution
        for answer in s.probe_result.resolution.answers
    }
    return ", ".join(sorted(servers)) or "name servers"


def _issuer(status: TargetStatus) -> str | None:
    primary = status.probe_result.primary if status.probe_result else None
    chain = primary.tls.chain if primary and primary.tls else ()
    return chain[-1].issuer if chain else None


def _region_of(members: Sequence[TargetStatus]) -> str:
    labels = [label for s in members for label in s.target.host.split(".")]
    return next((label for label in labels if _REGION.fullmatch(label)), _REGIONAL_GROUP)


def _by(
    statuses: Iterable[TargetStatus], key: Callable[[TargetStatus], K | None]
) -> list[tuple[K, list[TargetStatus]]]:
    """Sort standings into groups by key, in order of appearance; None is left out."""
    return list(_index(statuses, key).items())


def _index(
    statuses: Iterable[TargetStatus], key: Callable[[TargetStatus], K | None]
) -> dict[K, list[TargetStatus]]:
    groups: dict[K, list[TargetStatus]] = {}
    for status in statuses:
        value = key(status)
        if value is not None:
            groups.setdefault(value, []).append(status)
    return groups

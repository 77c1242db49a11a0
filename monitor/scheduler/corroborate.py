"""Selection of the targets that corroborate a suspected failure. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from monitor.health.status import TargetStatus
from monitor.model.endpoint import Protocol
from monitor.model.incident import Incident
from monitor.model.state import State
from monitor.model.target import Target

JOINT_HOSTS = 3
"""Number of hosts that confirm each other if they fail together while nothing works."""


def corroborating_targets(
    suspected: TargetStatus, others: Iterable[TargetStatus], limit: int
) -> tuple[str, ...]:
    """Return the ids of targets whose results show what the failure of ``suspected`` shares.

    First another port of the same host, the same port of another host, and the same group; then one
    target of each other group in turn. Only targets that are up are chosen: one that is down adds
    no information.
    """
    mine = suspected.target
    up = [r for r in others if r.health.state is State.UP and r.target.id != mine.id]
    kin: Sequence[Callable[[TargetStatus], bool]] = (
        lambda r: r.target.host == mine.host and r.target.port != mine.port,
        lambda r: r.target.port == mine.port and r.target.host != mine.host,
        lambda r: r.target.group == mine.group and r.target.host != mine.host,
    )
    chosen = [next((r for r in up if related(r)), None) for related in kin]
    picked = dict.fromkeys(r.target.id for r in chosen if r is not None)
    hosts = {r.target.host for r in chosen if r is not None} | {mine.host}
    for status in _through_the_groups(up):
        if len(picked) >= limit:
            break
        if status.target.host not in hosts:
            picked[status.target.id] = None
            hosts.add(status.target.host)
    return tuple(picked)[:limit]


def extent_targets(
    incident: Incident, statuses: Iterable[TargetStatus], limit: int
) -> tuple[str, ...]:
    """Return the ids of targets whose results show the full extent of a wide incident.

    These are targets that are up and were not probed since the incident began: first one of each
    host and port that has no result since, those that share the port, protocol or group with an
    affected target before the others; then the rest.
    """
    every = list(statuses)
    names = frozenset(incident.affected)
    affected = [s.target for s in every if s.target.id in names]
    shared = {_shared_element(target) for target in affected}
    groups = {target.group for target in affected}
    known = {_point(s.target) for s in every if _probed_since(s, incident.started_at)}
    waiting = [
        s.target for s in every if s.state is State.UP and not _probed_since(s, incident.started_at)
    ]
    waiting.sort(key=lambda t: (_shared_element(t) not in shared, t.group not in groups))
    first: dict[tuple[object, ...], str] = {}
    for target in waiting:
        if _point(target) not in known:
            first.setdefault(_point(target), target.id)
    return tuple(dict.fromkeys([*first.values(), *(target.id for target in waiting)]))[:limit]


def _probed_since(status: TargetStatus, moment: float) -> bool:
    return status.probe_result is not None and status.probe_result.started_at >= moment


def _point(target: Target) -> tuple[object, ...]:
    return target.host, *_shared_element(target)


def _shared_element(target: Target) -> tuple[int | None, Protocol]:
    return target.port, target.endpoint.protocol


def _through_the_groups(statuses: Sequence[TargetStatus]) -> Iterable[TargetStatus]:
    """Yield one target of each group, then the second of each, and so on."""
    groups: dict[str, list[TargetStatus]] = {}
    for status in statuses:
        groups.setdefault(status.target.group, []).append(status)
    for turn in range(max(map(len, groups.values()), default=0)):
        for members in groups.values():
            if turn < len(members):
                yield members[turn]

"""Selection of the targets that corroborate a suspected failure. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from monitor.health.status import TargetStatus
from monitor.model.state import State

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


def _through_the_groups(statuses: Sequence[TargetStatus]) -> Iterable[TargetStatus]:
    """Yield one target of each group, then the second of each, and so on."""
    groups: dict[str, list[TargetStatus]] = {}
    for status in statuses:
        groups.setdefault(status.target.group, []).append(status)
    for turn in range(max(map(len, groups.values()), default=0)):
        for members in groups.values():
            if turn < len(members):
                yield members[turn]

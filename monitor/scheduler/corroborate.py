"""Which other targets to look at when one is in doubt: few, and each rules something out. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from monitor.model.state import State
from monitor.state.store import Record

JOINT_HOSTS = 3
"""So many hosts that fail at once, with nothing that works, confirm each other."""


def companions(doubted: Record, others: Iterable[Record], limit: int) -> tuple[str, ...]:
    """Return the ids of targets whose result tells what the failure of ``doubted`` shares.

    First another port of the same host, the same port of another host, and the same
    group; then one target of each other group, and so on through them. Only targets that
    are up are chosen: one that is down already tells nothing new.
    """
    mine = doubted.target
    up = [r for r in others if r.health.state is State.UP and r.target.id != mine.id]
    kin: Sequence[Callable[[Record], bool]] = (
        lambda r: r.target.host == mine.host and r.target.port != mine.port,
        lambda r: r.target.port == mine.port and r.target.host != mine.host,
        lambda r: r.target.group == mine.group and r.target.host != mine.host,
    )
    chosen = [next((r for r in up if related(r)), None) for related in kin]
    picked = dict.fromkeys(r.target.id for r in chosen if r is not None)
    hosts = {r.target.host for r in chosen if r is not None} | {mine.host}
    for record in _through_the_groups(up):
        if len(picked) >= limit:
            break
        if record.target.host not in hosts:
            picked[record.target.id] = None
            hosts.add(record.target.host)
    return tuple(picked)[:limit]


def _through_the_groups(records: Sequence[Record]) -> Iterable[Record]:
    """One record of each group, then the second of each, and so on."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(record.target.group, []).append(record)
    for turn in range(max(map(len, groups.values()), default=0)):
        for members in groups.values():
            if turn < len(members):
                yield members[turn]


def jointly_confirmed(records: Sequence[Record]) -> tuple[Record, ...]:
    """Return the records whose first failure the others confirm.

    When several hosts fail and nothing was seen to work since the first of them did, it
    is not one lost packet: waiting for a second failure of each would only cost time.
    """
    failed = [r for r in records if r.health.failures_in_row and r.attempt is not None]
    if len({r.target.host for r in failed}) < JOINT_HOSTS:
        return ()
    began = min(r.attempt.started_at for r in failed if r.attempt)
    works = (r.attempt and r.attempt.ok and r.attempt.started_at >= began for r in records)
    if any(works):
        return ()
    return tuple(r for r in failed if r.health.state is not State.DOWN)

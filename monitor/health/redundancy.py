"""Redundant groups: one working alternative of several suffices. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from monitor.model.state import State
from monitor.model.target import Target

Pairs = Iterable[tuple[Target, State]]

WORKING = frozenset({State.UP, State.DEGRADED})


@dataclass(frozen=True, slots=True)
class Alternative:
    """One alternative: the state of its targets together, and their ids."""

    name: str
    state: State
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RedundantGroup:
    """A redundant group and its state ``since`` (Unix seconds): up while all alternatives are,
    degraded while at least one works, down while none does."""

    name: str
    state: State
    since: float
    alternatives: tuple[Alternative, ...]

    @property
    def working(self) -> tuple[str, ...]:
        """The alternatives that work."""
        return tuple(a.name for a in self.alternatives if a.state in WORKING)


def rollup(
    pairs: Pairs, before: Sequence[RedundantGroup], now: float
) -> tuple[RedundantGroup, ...]:
    """Return the redundant groups that the targets name, in their order."""
    members: dict[str, dict[str, list[tuple[Target, State]]]] = {}
    for target, state in pairs:
        if target.endpoint.redundancy_group:
            group, _, name = target.endpoint.redundancy_group.partition("/")
            members.setdefault(group, {}).setdefault(name or target.id, []).append((target, state))
    known = {group.name: group for group in before}
    return tuple(_stands(name, parts, known.get(name), now) for name, parts in members.items())


def covered_by_redundancy(groups: Iterable[RedundantGroup]) -> Mapping[str, RedundantGroup]:
    """Return, by target id, the group of each target that may be down without effect: its
    alternative does not work, but another one does."""
    return {
        target_id: group
        for group in groups
        if group.working
        for alternative in group.alternatives
        if alternative.state not in WORKING
        for target_id in alternative.targets
    }


def _stands(
    name: str,
    parts: Mapping[str, Sequence[tuple[Target, State]]],
    before: RedundantGroup | None,
    now: float,
) -> RedundantGroup:
    alternatives = tuple(
        Alternative(part, _together(members), tuple(target.id for target, _ in members))
        for part, members in parts.items()
    )
    state = _of_alternatives([alternative.state for alternative in alternatives])
    since = before.since if before is not None and before.state is state else now
    return RedundantGroup(name, state, since, alternatives)


def _together(members: Sequence[tuple[Target, State]]) -> State:
    """Return the state of an alternative: it needs all its required targets; if some are
    required, the others can only degrade it."""
    needed = [state for target, state in members if target.endpoint.required]
    states = [state for _, state in members]
    for state in (State.DOWN, State.UNKNOWN):
        if state in (needed or states):
            return state
    return State.UP if set(states) == {State.UP} else State.DEGRADED


def _of_alternatives(states: Sequence[State]) -> State:
    if set(states) == {State.UP}:
        return State.UP
    if not WORKING.isdisjoint(states):
        return State.DEGRADED if {State.DOWN, State.DEGRADED} & set(states) else State.UNKNOWN
    return State.UNKNOWN if State.UNKNOWN in states else State.DOWN

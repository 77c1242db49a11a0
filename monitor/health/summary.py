"""Counts of targets by state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from monitor.health import redundancy
from monitor.model.state import State
from monitor.model.target import Target


@dataclass(frozen=True, slots=True)
class Summary:
    """Number of targets in each state. ``required_missing`` counts required targets that were
    not proved reachable: those that are down, and those that could not be probed. If an
    alternative works, they are counted as ``covered_by_redundancy`` instead."""

    targets: int
    up: int
    degraded: int
    down: int
    unknown: int
    required_missing: int
    covered_by_redundancy: int = 0

    @property
    def ok(self) -> bool:
        """Whether every required endpoint was reached."""
        return self.required_missing == 0


def tally(statuses: Iterable[tuple[Target, State]]) -> Summary:
    """Count the targets by state."""
    pairs = list(statuses)
    states = [state for _, state in pairs]
    missing = [t.id for t, s in pairs if t.endpoint.required and s in {State.DOWN, State.UNKNOWN}]
    excused = redundancy.covered_by_redundancy(redundancy.rollup(pairs, (), 0.0))
    needless = sum(target_id in excused for target_id in missing)
    return Summary(
        targets=len(pairs),
        up=states.count(State.UP),
        degraded=states.count(State.DEGRADED),
        down=states.count(State.DOWN),
        unknown=states.count(State.UNKNOWN),
        required_missing=len(missing) - needless,
        covered_by_redundancy=needless,
    )

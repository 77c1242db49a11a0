"""The schedule: slots spread over the interval, and the targets by due time. Pure."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field


def next_slot(now: float, interval: float, phase: float) -> float:
    """Return the first slot after ``now``. Slots are ``phase + n * interval``: they do not drift
    with the duration of probes, and slots missed in a stall are not made up for."""
    slot = phase + (math.floor((now - phase) / interval) + 1) * interval
    return slot if slot > now else slot + interval


def slots_between(earlier: float, later: float, interval: float, phase: float) -> int:
    """Return the number of slots after ``earlier`` and not after ``later``."""
    return _slot_number(later, interval, phase) - _slot_number(earlier, interval, phase)


RECHECK_AFTER = 5.0
"""Seconds after which a target that is down is probed again, doubled each time: what a restart
broke for a moment must not be reported for a whole interval."""


def recheck_delay(failures_in_row: int, confirmed_by: int) -> float:
    """Return the seconds until a target that is down is probed again, unless its slot is earlier.
    ``confirmed_by`` is the number of failures that declared it down."""
    doublings = min(max(0, failures_in_row - confirmed_by), 10)
    return RECHECK_AFTER * 2.0**doublings


def _slot_number(moment: float, interval: float, phase: float) -> int:
    # A slot's own time must count as reached, whatever its last binary digit is.
    return math.floor((moment - phase) / interval + 1e-6)


@dataclass(slots=True)
class Schedule:
    """Targets by due time, each at most once.

    Times are seconds of any monotonic clock.
    """

    _heap: list[tuple[float, str]] = field(default_factory=list)
    _due: dict[str, float] = field(default_factory=dict)

    def set(self, target_id: str, due: float) -> None:
        """Set the due time of a target, replacing the previous one."""
        self._due[target_id] = due
        heapq.heappush(self._heap, (due, target_id))

    def expedite(self, target_id: str, due: float) -> bool:
        """Bring a target forward to ``due``. Return False if it is due earlier or not scheduled."""
        current = self._due.get(target_id)
        if current is None or current <= due:
            return False
        self.set(target_id, due)
        return True

    def __contains__(self, target_id: str) -> bool:
        """Return whether a target is scheduled: one that is being probed is not."""
        return target_id in self._due

    def remove(self, target_id: str) -> None:
        """Remove a target."""
        self._due.pop(target_id, None)

    def next_due(self) -> float | None:
        """Return the earliest due time; None if nothing is scheduled."""
        while self._heap:
            due, target_id = self._heap[0]
            if self._due.get(target_id) == due:
                return due
            heapq.heappop(self._heap)
        return None

    def pop_due(self, now: float) -> tuple[tuple[str, float], ...]:
        """Remove and return the targets due by ``now``, with their due times."""
        taken = []
        while (due := self.next_due()) is not None and due <= now:
            _, target_id = heapq.heappop(self._heap)
            del self._due[target_id]
            taken.append((target_id, due))
        return tuple(taken)

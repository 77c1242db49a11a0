"""Timelines of a target's states and latencies: an hour, a day and a week. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from monitor.health.latency import latency_code, latency_of
from monitor.model.state import State

SLOT_SECONDS = 300.0
"""Length of a slot of the day, in seconds."""

SLOTS = 288
"""Number of slots of a day, including the one in progress. No resolution has more."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """A length of time in ``count`` slots of ``seconds`` each, drawn with ``width`` slots per
    column."""

    label: str
    seconds: float
    count: int
    width: int


HOUR = Resolution("1 h", 60.0, 60, 1)
DAY = Resolution("24 h", SLOT_SECONDS, SLOTS, 4)
WEEK = Resolution("7 d", 3600.0, 168, 2)

CELL_BYTES = 5
RESULTS_LIMIT = 600
"""Maximum number of results of a slot whose latencies are kept. Further ones count only as up or
down."""

_SHARES = 255
_STATES: tuple[State | None, ...] = (
    None, State.UNKNOWN, State.UP, State.DEGRADED, State.DOWN
)  # fmt: skip
"""States in the order of badness: the index is a slot's first byte."""


@dataclass(frozen=True, slots=True)
class OpenBucket:
    """The slot in progress. ``latencies`` holds one code of ``latency_code`` per result."""

    results: int = 0
    downs: int = 0
    worst: int = 0
    latencies: bytes = b""


@dataclass(frozen=True, slots=True)
class Timeline:
    """The slots of a target in one resolution. ``slot`` is the number of the slot in progress
    (Unix time divided by the length of a slot); ``closed`` holds the slots before it without a
    gap, the oldest first, in ``CELL_BYTES`` each: worst state, share of results while down, and
    the codes of the minimum, the median and the maximum latency. A day takes 1.4 KB.
    """

    slot: int = 0
    closed: bytes = b""
    open: OpenBucket = OpenBucket()


@dataclass(frozen=True, slots=True)
class Slot:
    """One slot of a target. ``state`` is the worst state in it, None if nothing was measured;
    ``down`` the share of results while it was down. Latencies are seconds of successful probes;
    None without one."""

    start: float
    state: State | None = None
    down: float = 0.0
    least: float | None = None
    median: float | None = None
    greatest: float | None = None


@dataclass(frozen=True, slots=True)
class Strip:
    """A timeline in ``len(worst)`` columns of ``step`` seconds from ``start`` on, for drawing many
    of them cheaply: numbers for ``state_of``, codes for ``latency_of`` (the slowest median of the
    column), and the ``uptime``."""

    start: float
    step: float
    worst: tuple[int, ...]
    latencies: tuple[int, ...]
    uptime: float | None

    @property
    def unmeasured(self) -> int:
        """Number of columns before the first one in which something was measured."""
        return next((n for n, worst in enumerate(self.worst) if worst), len(self.worst))

    def without(self, columns: int) -> Strip:
        """Return the strip without its first ``columns``."""
        start = self.start + columns * self.step
        return replace(
            self, start=start, worst=self.worst[columns:], latencies=self.latencies[columns:]
        )


def observe(
    timeline: Timeline,
    state: State,
    latency: float | None,
    now: float,
    resolution: Resolution = DAY,
) -> Timeline:
    """Return the timeline with one more result: the state that it led to, and its latency in
    seconds if it was a success. A result that cannot be judged yet counts neither as up nor as
    down. A clock set back adds to the slot in progress."""
    timeline = _advanced(timeline, int(now // resolution.seconds), resolution.count)
    seen, code = timeline.open, latency_code(latency)
    latencies = seen.latencies
    if code and len(latencies) < RESULTS_LIMIT:
        latencies += bytes((code,))
    grown = OpenBucket(
        results=seen.results + (state is not State.UNKNOWN),
        downs=seen.downs + (state is State.DOWN),
        worst=max(seen.worst, _STATES.index(state)),
        latencies=latencies,
    )
    return replace(timeline, open=grown)


def slots(timeline: Timeline, now: float, resolution: Resolution = DAY) -> tuple[Slot, ...]:
    """Return all slots of a resolution, the one in progress at ``now`` last."""
    first, data = _cells(timeline, now, resolution)
    return tuple(
        _slot((first + number) * resolution.seconds, data[number * CELL_BYTES :][:CELL_BYTES])
        for number in range(resolution.count)
    )


def strip(
    timeline: Timeline, now: float, resolution: Resolution = DAY, width: int | None = None
) -> Strip:
    """Return the same slots in columns of ``width`` slots (a divisor of their number)."""
    first, data = _cells(timeline, now, resolution)
    count, width = resolution.count, width or resolution.width
    states, shares, medians = data[0::CELL_BYTES], data[1::CELL_BYTES], data[3::CELL_BYTES]
    measured = count - sum(states.count(_STATES.index(s)) for s in (None, State.UNKNOWN))
    return Strip(
        start=first * resolution.seconds,
        step=width * resolution.seconds,
        worst=tuple(max(states[n : n + width]) for n in range(0, count, width)),
        latencies=tuple(max(medians[n : n + width]) for n in range(0, count, width)),
        uptime=1 - sum(shares) / _SHARES / measured if measured else None,
    )


def state_of(number: int) -> State | None:
    """Return the state that a number of a strip stands for; None if nothing was measured."""
    return _STATES[number] if number < len(_STATES) else None


def uptime(measured_slots: Sequence[Slot]) -> float | None:
    """Return the share of the measured slots' results that were not down, 0 to 1; None if
    nothing was measured."""
    measured = [slot for slot in measured_slots if slot.state not in {None, State.UNKNOWN}]
    return 1 - sum(slot.down for slot in measured) / len(measured) if measured else None


def _advanced(timeline: Timeline, slot: int, count: int) -> Timeline:
    """Close the slot in progress, and every one since, if ``slot`` is later."""
    if not timeline.slot:
        return replace(timeline, slot=slot)
    passed = min(slot - timeline.slot, count)
    if passed <= 0:
        return timeline
    closed = timeline.closed + _cell(timeline.open) + bytes((passed - 1) * CELL_BYTES)
    return Timeline(slot, closed[-(count - 1) * CELL_BYTES :])


def _cells(timeline: Timeline, now: float, resolution: Resolution) -> tuple[int, bytes]:
    """Return the number of the first slot of a resolution, and the cells of all its slots."""
    count = resolution.count
    current = _advanced(timeline, int(now // resolution.seconds), count)
    data = current.closed + _cell(current.open)
    return current.slot - count + 1, bytes(count * CELL_BYTES - len(data)) + data


def _cell(seen: OpenBucket) -> bytes:
    if not seen.worst:
        return bytes(CELL_BYTES)
    share = math.ceil(_SHARES * seen.downs / seen.results) if seen.results else 0
    told = sorted(seen.latencies)
    figures = (told[0], told[len(told) // 2], told[-1]) if told else (0, 0, 0)
    return bytes((seen.worst, share, *figures))


def _slot(start: float, cell: bytes) -> Slot:
    worst, share, least, median, greatest = cell
    return Slot(
        start=start,
        state=state_of(worst),
        down=share / _SHARES,
        least=latency_of(least),
        median=latency_of(median),
        greatest=latency_of(greatest),
    )

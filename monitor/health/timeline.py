"""What is remembered: a day of each target's states and latencies, and past incidents. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from monitor.health.latency import latency_code, latency_of
from monitor.model.state import State

SLOT_SECONDS = 300.0
SLOTS = 288
"""A day of slots, the one in progress included."""


CELL_BYTES = 5
RESULTS_LIMIT = 600
"""Of so many results a slot knows the latencies: two a second. Further ones count only as
up or down."""

_SHARES = 255
_STATES: tuple[State | None, ...] = (
    None, State.UNKNOWN, State.UP, State.DEGRADED, State.DOWN
)  # fmt: skip
"""From the least to the worst: what a slot's first byte stands for."""


@dataclass(frozen=True, slots=True)
class OpenBucket:
    """The slot in progress. ``latencies`` holds a code of ``latency_code`` a result."""

    results: int = 0
    downs: int = 0
    worst: int = 0
    latencies: bytes = b""


@dataclass(frozen=True, slots=True)
class Timeline:
    """A target's last day. ``slot`` is the number of the slot in progress (Unix time divided
    by ``SLOT_SECONDS``); ``closed`` holds the slots before it without a gap, the oldest first,
    ``CELL_BYTES`` each: worst state, share of results while down, and the codes of the least,
    the median and the greatest latency. That is 1.4 KB for a day."""

    slot: int = 0
    closed: bytes = b""
    open: OpenBucket = OpenBucket()


@dataclass(frozen=True, slots=True)
class Slot:
    """Five minutes of a target. ``state`` is the worst there was, None where nothing was
    measured; ``down`` the share of results while it was down. Latencies are seconds, of
    successful probes; None where there was none."""

    start: float
    state: State | None = None
    down: float = 0.0
    least: float | None = None
    median: float | None = None
    greatest: float | None = None


@dataclass(frozen=True, slots=True)
class DaySummary:
    """A day in ``len(worst)`` columns of ``step`` seconds from ``start`` on, for drawing a lot
    of them cheaply: numbers for ``state_of``, codes for ``latency_of`` (the column's slowest
    median), and the day's ``uptime``."""

    start: float
    step: float
    worst: tuple[int, ...]
    latencies: tuple[int, ...]
    uptime: float | None


def observe(timeline: Timeline, state: State, latency: float | None, now: float) -> Timeline:
    """Return the trace with one more result: the state that it led to, and its latency in
    seconds where it was a success. A result that nobody could judge yet counts neither as up
    nor as down. A clock set back adds to the slot in progress."""
    timeline = _advanced(timeline, int(now // SLOT_SECONDS))
    seen, code = timeline.open, latency_code(latency)
    told = seen.latencies
    if code and len(told) < RESULTS_LIMIT:
        told += bytes((code,))
    grown = OpenBucket(
        results=seen.results + (state is not State.UNKNOWN),
        downs=seen.downs + (state is State.DOWN),
        worst=max(seen.worst, _STATES.index(state)),
        latencies=told,
    )
    return replace(timeline, open=grown)


def slots(timeline: Timeline, now: float) -> tuple[Slot, ...]:
    """Return the ``SLOTS`` slots that end with the one in progress at ``now``."""
    first, data = _day(timeline, now)
    return tuple(
        _slot((first + number) * SLOT_SECONDS, data[number * CELL_BYTES :][:CELL_BYTES])
        for number in range(SLOTS)
    )


def day_summary(timeline: Timeline, now: float, width: int = 4) -> DaySummary:
    """Return the same day with ``width`` slots (a divisor of ``SLOTS``) to a column."""
    first, data = _day(timeline, now)
    states, shares, medians = data[0::CELL_BYTES], data[1::CELL_BYTES], data[3::CELL_BYTES]
    measured = SLOTS - sum(states.count(_STATES.index(s)) for s in (None, State.UNKNOWN))
    return DaySummary(
        start=first * SLOT_SECONDS,
        step=width * SLOT_SECONDS,
        worst=tuple(max(states[n : n + width]) for n in range(0, SLOTS, width)),
        latencies=tuple(max(medians[n : n + width]) for n in range(0, SLOTS, width)),
        uptime=1 - sum(shares) / _SHARES / measured if measured else None,
    )


def state_of(number: int) -> State | None:
    """Return the state that a number of a strip stands for; None where nothing was measured."""
    return _STATES[number] if number < len(_STATES) else None


def uptime(day: Sequence[Slot]) -> float | None:
    """Return the share of the measured slots' results that were not down, 0 to 1; None where
    nothing was measured."""
    measured = [slot for slot in day if slot.state not in {None, State.UNKNOWN}]
    return 1 - sum(slot.down for slot in measured) / len(measured) if measured else None


def _advanced(timeline: Timeline, slot: int) -> Timeline:
    """Close the slot in progress, and every one since, if ``slot`` is later."""
    if not timeline.slot:
        return replace(timeline, slot=slot)
    passed = min(slot - timeline.slot, SLOTS)
    if passed <= 0:
        return timeline
    closed = timeline.closed + _cell(timeline.open) + bytes((passed - 1) * CELL_BYTES)
    return Timeline(slot, closed[-(SLOTS - 1) * CELL_BYTES :])


def _day(timeline: Timeline, now: float) -> tuple[int, bytes]:
    """Return the number of the first of ``SLOTS`` slots, and the cells of all of them."""
    current = _advanced(timeline, int(now // SLOT_SECONDS))
    data = current.closed + _cell(current.open)
    return current.slot - SLOTS + 1, bytes(SLOTS * CELL_BYTES - len(data)) + data


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

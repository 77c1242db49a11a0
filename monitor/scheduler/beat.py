"""A common beat for what the daemon does all the time.

Waking an idle process costs more CPU than a pulse or a check of the clock. Periodic work that waits
for the same beat wakes it once: timers for the same time run in one iteration of the event loop.
"""

from __future__ import annotations

import asyncio
import math

BEAT = 0.1
"""Time between two beats: 100 ms."""

_TOLERANCE = 1e-6
"""Part of a beat by which the binary form of a time may be off."""


def beat_at(moment: float) -> float:
    """Return the time of the first beat at or after a moment; both are the loop's time, seconds."""
    return math.ceil(moment / BEAT - _TOLERANCE) * BEAT


def next_beat(now: float) -> float:
    """Return the time of the first beat after ``now``; both are the loop's time in seconds."""
    return (math.floor(now / BEAT + _TOLERANCE) + 1) * BEAT


async def sleep_until(moment: float) -> None:
    """Sleep until exactly a moment of the loop's time, so that equal moments share a wakeup."""
    loop = asyncio.get_running_loop()
    reached: asyncio.Future[None] = loop.create_future()
    timer = loop.call_at(moment, _set, reached)
    try:
        await reached
    finally:
        timer.cancel()


def _set(reached: asyncio.Future[None]) -> None:
    if not reached.done():
        reached.set_result(None)

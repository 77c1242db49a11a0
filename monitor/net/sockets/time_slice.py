"""Cooperative time slice: a reader whose peer never pauses still gives the event loop its turn."""

from __future__ import annotations

import asyncio
from typing import ClassVar

SLICE = 0.001
"""Time a reader may work without suspending: 1 ms. A hundred peers that flood at once delay a
deadline by 100 ms at most."""

_FREE_SLICES = 4
_REST_FACTOR = 9
_REST_LIMIT = 1.0
"""Slices of one connection that follow each other at once: 4. After each further one it rests nine
times as long as that took, multiplied by the number of connections that rest already, 1 s at most:
all peers that flood take a tenth of a CPU together, and other probes get the rest."""


class TimeSlice:
    """Time that one connection may hold the event loop.

    Data that is already in the socket buffer is read without suspending, so a peer that sends
    faster than it is read would keep the loop for itself. Streams of one connection share one
    slice: the outer TLS stream does not know when the TCP stream below it has waited.
    """

    __slots__ = ("_ends", "_loop", "_used")

    resting: ClassVar[int] = 0
    """Connections of this process that rest now."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._used = 0
        self._ends = loop.time() + SLICE

    @property
    def over(self) -> bool:
        """Whether the time is used up; ``pause`` is due then."""
        return self._loop.time() >= self._ends

    def renew(self) -> None:
        """Start a new slice, because the caller has just been suspended."""
        self._ends = self._loop.time() + SLICE

    async def pause(self) -> None:
        """Let everything else run once, timers that are due among it."""
        self._used += 1
        if self._used <= _FREE_SLICES:
            await asyncio.sleep(0)
        else:
            await self._rest(self._loop.time() - self._ends + SLICE)
        self.renew()

    async def _rest(self, held: float) -> None:
        TimeSlice.resting += 1
        try:
            await asyncio.sleep(min(_REST_LIMIT, _REST_FACTOR * held * TimeSlice.resting))
        finally:
            TimeSlice.resting -= 1

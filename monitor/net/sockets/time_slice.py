"""Cooperative time slice: a reader whose peer never pauses still gives the event loop its turn."""

from __future__ import annotations

import asyncio

SLICE = 0.001
"""Time a reader may work without suspending: 1 ms. A hundred peers that flood at once delay a
deadline by 100 ms at most."""

_FREE_SLICES = 10
_REST_FACTOR = 9
_REST_LIMIT = 0.05
"""Slices of one connection that follow each other at once: 10. After each further one it rests nine
times as long as that took, 50 ms at most: a peer that floods takes a tenth of a CPU, and other
probes get the rest."""


class TimeSlice:
    """Time that one connection may hold the event loop.

    Data that is already in the socket buffer is read without suspending, so a peer that sends
    faster than it is read would keep the loop for itself. Streams of one connection share one
    slice: the outer TLS stream does not know when the TCP stream below it has waited.
    """

    __slots__ = ("_ends", "_loop", "_used")

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
        held = self._loop.time() - self._ends + SLICE
        rest = min(_REST_LIMIT, _REST_FACTOR * held) if self._used > _FREE_SLICES else 0
        await asyncio.sleep(rest)
        self.renew()

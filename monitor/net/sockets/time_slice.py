"""Cooperative time slice: a reader whose peer never pauses still gives the event loop its turn."""

from __future__ import annotations

import asyncio

SLICE = 0.001
"""Time a reader may work without suspending: 1 ms. A hundred peers that flood at once delay a
deadline by 100 ms at most."""


class TimeSlice:
    """Time that one connection may hold the event loop.

    Data that is already in the socket buffer is read without suspending, so a peer that sends
    faster than it is read would keep the loop for itself. Streams of one connection share one
    slice: the outer TLS stream does not know when the TCP stream below it has waited.
    """

    __slots__ = ("_ends", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
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
        await asyncio.sleep(0)
        self.renew()

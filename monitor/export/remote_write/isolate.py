"""Finds which samples of a refused request a receiver refuses, so that the others get through.

Some receivers (Prometheus up to 2.x) take nothing of a request in which one sample is out of
order, and do not say which. The request's parts are sent instead, the older points of a series
always before the newer ones, and refused parts are divided further. How many requests that may
take is bounded.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from monitor.export.remote_write.series import Series, Timed

BUDGET = 256
"""Requests for the parts of one request: enough to find a dozen bad series among thousands."""

_GENERATIONS = 16
_SPREAD = 8
"""How many single samples are tried: where each of them is refused, all are taken to be."""

Rows = dict[Series, list[Timed]]
Send = Callable[[Rows], Awaitable[int]]
"""Sends rows and returns how many of the samples were written: all of them, or, where the
receiver does not tell, none."""


@dataclass(slots=True)
class Isolation:
    """The search through one refused request. ``written`` samples got through so far,
    ``refused`` are the series that were found to be refused, each by itself."""

    send: Send
    left: int = BUDGET
    written: int = 0
    refused: set[str] = field(default_factory=set)

    async def run(self, rows: Rows) -> int:
        """Send the parts of ``rows`` and return how many samples were written."""
        parts = list(generations(rows))
        for part in parts:
            # A part that is the whole request has been refused already: never send it again.
            if len(parts) == 1 or not await self._try(part):
                await self._divide(part)
        return self.written

    async def _try(self, rows: Rows) -> bool:
        """Send a part; whether it is settled."""
        if self.left <= 0:
            return True
        self.left -= 1
        written = await self.send(rows)
        self.written += written
        return written > 0

    async def _divide(self, rows: Rows) -> None:
        """Send the parts of a part that was refused as a whole."""
        if len(rows) == 1:
            await self._one_by_one(rows)
            return
        series = list(rows)
        pieces = list(_halves(series))
        if len(series) > 2 * _SPREAD:
            tried = dict.fromkeys(series[:: len(series) // _SPREAD][:_SPREAD])
            if not any([await self._try({one: rows[one]}) for one in tried]):
                return
            pieces = [[one for one in series if one not in tried]]
        while pieces:
            piece = pieces.pop(0)
            part = {one: rows[one] for one in piece}
            if await self._try(part):
                continue
            if len(piece) == 1:
                await self._one_by_one(part)
            else:
                pieces += _halves(piece)

    async def _one_by_one(self, rows: Rows) -> None:
        """Send the points of the one series in ``rows``, which was refused with all of them."""
        ((series, points),) = rows.items()
        self.refused.add(series.key)
        if len(points) > 1:
            for point in points:
                await self._try({series: [point]})


def _halves(series: list[Series]) -> Iterator[list[Series]]:
    middle = len(series) // 2
    yield from (series[:middle], series[middle:])


def halves(rows: Rows) -> tuple[Rows, Rows]:
    """Part rows of more than one sample in two, the older points of a series in the first."""
    if len(rows) > 1:
        first, second = _halves(list(rows))
        return {s: rows[s] for s in first}, {s: rows[s] for s in second}
    ((series, points),) = rows.items()
    middle = len(points) // 2
    return {series: points[:middle]}, {series: points[middle:]}


def generations(rows: Rows) -> Iterator[Rows]:
    """Part rows by time: the first point of each series, then the second, and so on; in
    sixteen parts at the most."""
    longest = max(map(len, rows.values()), default=0)
    step = -(-longest // _GENERATIONS)
    for start in range(0, longest, max(1, step)):
        part = {s: points[start : start + step] for s, points in rows.items()}
        yield {s: points for s, points in part.items() if points}


def count(rows: Rows) -> int:
    """Return how many samples there are."""
    return sum(map(len, rows.values()))

"""Finds the series that a receiver rejects, so that all other samples arrive.

Some receivers write nothing of a request in which one sample is invalid, and do not name it.
The request is divided by time, then by metric, then by series, and the parts are sent. Half of
the parts need not be sent to know that they hold an invalid sample: if the first half of a
rejected part is accepted, the second half is divided at once. A series is only given up after it
was rejected by itself, with two exceptions, in which a sample of series decides:

- a metric of which ``METRIC_SPREAD`` series are each rejected is rejected as a whole;
- a request of which ``REQUEST_SPREAD`` series of different metrics are each rejected is rejected
  as a whole.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from monitor.export.remote_write.rows import Rows, by_metric, count, generations
from monitor.export.remote_write.series import Series

BUDGET = 256
"""Upper bound of the requests sent to divide one rejected request."""

METRIC_SPREAD = 8
"""Series of a metric that are sent one by one before the metric is given up as a whole."""

REQUEST_SPREAD = 16
"""Series that are sent one by one before a whole request is given up."""

DOUBTFUL_SPREAD = 3
"""The same if the request before was given up as a whole, too."""

Send = Callable[[Rows], Awaitable[int]]
"""Sends rows and returns the number of samples written: 0 if they were rejected."""


@dataclass(slots=True)
class Isolation:
    """The division of one rejected request. ``written``: samples written so far. ``rejected``:
    metrics (by name) and series (by key) found to be rejected, newest sample included.
    ``largest``: samples of the largest part that was accepted.
    ``everything``: nothing of the request seems acceptable. ``unsent``: samples given up without
    having been sent again."""

    send: Send
    random: Random
    left: int = BUDGET
    written: int = 0
    unsent: int = 0
    largest: int = 0
    rejected: set[str] = field(default_factory=set)
    everything: bool = False
    _settled: set[Series] = field(default_factory=set)

    async def run(self, rows: Rows, *, doubtful: bool = False) -> int:
        """Send the parts of ``rows``, which were rejected together; return the number of
        samples written. ``doubtful``: the receiver rejects everything at present."""
        if doubtful and await self._nothing_passes(rows, DOUBTFUL_SPREAD):
            self._give_up(rows)
            return self.written
        parts = list(generations(self._unsettled(rows)))
        for part in parts:
            self._settled.clear()
            await self._run_generation(part, known=len(parts) == 1 and not doubtful)
            if self.everything:
                break
        return self.written

    async def _run_generation(self, rows: Rows, *, known: bool) -> None:
        """Send the samples of about one moment. ``known``: they are known to be rejected."""
        before = {s: points for s, points in rows.items() if self._is_rejected(s)}
        others = {s: points for s, points in rows.items() if s not in before}
        if others and (known or not await self._accepted(others)):
            await self._divide_metrics(others, top=True)
        for series, points in before.items():
            if series.metric not in self.rejected and await self._accepted({series: points}):
                self.rejected.discard(series.key)
        for name in self.rejected & by_metric(before).keys():
            part = {s: points for s, points in before.items() if s.metric == name}
            if await self._accepted(part):
                self.rejected.discard(name)

    async def _divide_metrics(self, rows: Rows, *, top: bool = False) -> None:
        """Send the parts of ``rows``, of which something is rejected."""
        metrics = by_metric(self._unsettled(rows))
        names = sorted(metrics)
        if not names:
            return
        if len(names) == 1:
            await self._divide_metric(metrics[names[0]], sent=top)
            return
        middle = len(names) // 2
        first = {s: p for name in names[:middle] for s, p in metrics[name].items()}
        second = {s: p for name in names[middle:] for s, p in metrics[name].items()}
        if await self._accepted(first):
            await self._divide_metrics(second)
            return
        accepted = await self._accepted(second)
        if top and not accepted and await self._nothing_passes(rows, REQUEST_SPREAD):
            self._give_up(rows)
            return
        await self._divide_rejected(first, middle)
        if not accepted:
            await self._divide_rejected(second, len(names) - middle)

    async def _divide_rejected(self, rows: Rows, metrics: int) -> None:
        """Divide what was sent and rejected."""
        if metrics == 1:
            await self._divide_metric(self._unsettled(rows), sent=True)
        else:
            await self._divide_metrics(rows)

    async def _divide_metric(self, rows: Rows, *, sent: bool) -> None:
        """Divide the rows of one metric. ``sent``: they were sent together and rejected."""
        if not rows or (not sent and await self._accepted(rows)):
            return
        if len(rows) == 1:
            await self._divide_series(rows)
            return
        first, second = _halves(rows)
        if await self._accepted(first):
            await self._divide_metric(second, sent=False)
            return
        if await self._accepted(second):
            await self._divide_metric(first, sent=True)
            return
        if len(rows) > 2 and await self._nothing_passes(rows, METRIC_SPREAD):
            self._reject_metric(rows)
            return
        for part in (first, second):
            left = self._unsettled(part)
            await self._divide_metric(left, sent=left == part)

    async def _divide_series(self, rows: Rows) -> None:
        """Divide the samples of one series, which were rejected together: oldest first."""
        ((series, points),) = rows.items()
        self._settled.add(series)
        accepted = False
        for point in points if len(points) > 1 else ():
            accepted = await self._accepted({series: [point]})
        if not accepted:
            self.rejected.add(series.key)

    async def _nothing_passes(self, rows: Rows, most: int) -> bool:
        """Send at most ``most`` series one by one, of different metrics if possible; return
        whether all were rejected."""
        passed = False
        for series in self._spread(rows, most):
            if await self._accepted(one := {series: rows[series]}):
                passed = True
                self._settled.add(series)
            elif len(rows[series]) == 1:
                await self._divide_series(one)
        return not passed

    def _spread(self, rows: Rows, most: int) -> list[Series]:
        metrics = [self.random.sample(list(m), len(m)) for m in by_metric(rows).values()]
        self.random.shuffle(metrics)
        longest = max(map(len, metrics), default=0)
        turns = (
            metric[turn] for turn in range(longest) for metric in metrics if turn < len(metric)
        )
        return [series for series, _ in zip(turns, range(most), strict=False)]

    async def _accepted(self, rows: Rows) -> bool:
        """Send rows; return whether nothing is left to do for them."""
        if not rows:
            return True
        if self.left <= 0:
            self.unsent += count(rows)
            return True
        self.left -= 1
        written = await self.send(rows)
        self.written += written
        self.largest = max(self.largest, written)
        return written > 0

    def _reject_metric(self, rows: Rows) -> None:
        left = self._unsettled(rows)
        self.unsent += count(left)
        self._settled |= left.keys()
        metric = next(iter(rows)).metric
        self.rejected = {name for name in self.rejected if name.partition("\0")[0] != metric}
        self.rejected.add(metric)

    def _give_up(self, rows: Rows) -> None:
        self.everything = True
        self.unsent += count(self._unsettled(rows))
        self.rejected.clear()

    def _is_rejected(self, series: Series) -> bool:
        return series.key in self.rejected or series.metric in self.rejected

    def _unsettled(self, rows: Rows) -> Rows:
        return {s: points for s, points in rows.items() if s not in self._settled}


def _halves(rows: Rows) -> tuple[Rows, Rows]:
    series: Sequence[Series] = list(rows)
    middle = len(series) // 2
    return {s: rows[s] for s in series[:middle]}, {s: rows[s] for s in series[middle:]}

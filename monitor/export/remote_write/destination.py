"""One destination: samples go into its queue, and from the queue to the receiver."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import ParamSpec, TypeVar

import structlog

from monitor.export.remote_write.delivery import Delivery
from monitor.export.remote_write.drops import Observer
from monitor.export.remote_write.queue import Queue, Reader
from monitor.export.remote_write.series import (
    Batch,
    Family,
    Labels,
    MetricType,
    Point,
    Series,
    is_stale,
)
from monitor.model.settings import RemoteWriteSettings, WriteOrder
from monitor.net.clock import Clock
from monitor.state.self_metrics import DropReason

BACKLOG_AGE = 30.0
"""Age in seconds from which waiting samples are a backlog."""

SYNC_EVERY = 5.0
"""Seconds between two syncs to disk: the samples that a power failure may cost. The end of
this process, whatever its cause, costs none of them."""

STAGED_POINTS = 100_000
"""Samples that wait in memory for a slow disk, or for the identity of the monitor, at most."""

WRITE_EVERY = 0.5
"""Seconds for which samples are gathered before they are written: the samples that the end of
this process, for example by SIGKILL, may cost."""

FINISH_SECONDS = 2.0
"""Seconds for the last requests when the monitor is stopped."""

ORDER_CHECK = Series(
    "egress_remote_write_order_check",
    Family(
        "egress_remote_write_order_check",
        MetricType.GAUGE,
        "Two samples, the newer one first: whether this receiver takes them out of order.",
    ),
)

log = structlog.get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


class Destination:
    """One destination. ``labels`` returns the external labels, or None while they are unknown:
    samples wait for them. ``stale_markers`` returns a marker for each live series at a time
    (Unix seconds). Disk work is done in ``thread``, one task at a time."""

    def __init__(
        self,
        settings: RemoteWriteSettings,
        queue: Queue,
        delivery: Delivery,
        drops: Observer,
        *,
        thread: Executor,
        clock: Clock,
        labels: Callable[[], Labels | None],
        stale_markers: Callable[[float], list[Point]],
    ) -> None:
        self._settings = settings
        self._queue = queue
        self._delivery = delivery
        self._drops = drops
        self._clock = clock
        self._labels = labels
        self._stale_markers = stale_markers
        self._written_labels: Labels | None = None
        self._staged: deque[list[Point]] = deque()
        self._staged_points = 0
        self._offered = asyncio.Event()
        self._thread = thread
        self._reader: Reader | None = None
        self._fresh: Reader | None = None
        self._patience = max(BACKLOG_AGE, 3 * settings.send_interval)

    def offer(self, points: list[Point]) -> None:
        """Take in samples. Returns at once."""
        self._staged.append(points)
        self._staged_points += len(points)
        while self._staged_points > STAGED_POINTS:
            dropped = len(self._staged.popleft())
            self._staged_points -= dropped
            self._drops(DropReason.OVERFLOW, dropped)
        self._offered.set()

    async def run(self) -> None:
        """Write and send until cancelled."""
        if self._reader is None:
            self._reader = await self._aside(self._queue.open, self._clock.time())
            self._delivery.open()
        if self._fresh is not None:
            # Continue after a failure between backlog and fresh samples: in one order again.
            self._reader.end, self._fresh = None, None
        async with asyncio.TaskGroup() as group:
            group.create_task(self._write())
            group.create_task(self._sync())
            group.create_task(self._send(self._reader))

    async def finish(self, last: list[Point]) -> None:
        """Queue the last samples, try once more to send, and close everything."""
        self.offer(last)
        if self._reader is not None:
            await self._write_staged(self._labels() or ())
            try:
                async with asyncio.timeout(FINISH_SECONDS):
                    await self._send_rest(self._reader)
                    if self._fresh is not None:
                        await self._send_rest(self._fresh)
            except TimeoutError:
                log.info("not everything was sent", destination=self._settings.name)
        # In any case: the thread may have opened it after the task that waited was canceled.
        await self._aside(self._queue.close, self._clock.time())
        await self._delivery.close()
        self._thread.shutdown(wait=False)

    async def _send_rest(self, reader: Reader) -> None:
        while self._delivery.works and (batch := await self._read(reader)):
            await self._deliver(reader, batch)

    async def _write(self) -> None:
        """Put the samples taken in into the queue."""
        while True:
            await self._offered.wait()
            await asyncio.sleep(WRITE_EVERY)
            if (labels := self._labels()) is not None:
                self._offered.clear()
                await self._write_staged(labels)

    async def _write_staged(self, labels: Labels) -> None:
        points = [point for part in self._staged for point in part]
        self._staged.clear()
        self._staged_points = 0
        if not points:
            return
        now, ended = self._clock.time(), self._written_labels
        if ended is not None and ended != labels:
            # The same series go on under other labels: under the old ones they end. So do those
            # that vanished meanwhile, which the sampler does not know any more.
            vanished = [point for point in points if is_stale(point[2])]
            markers = [*vanished, *self._stale_markers(now)]
            await self._aside(self._queue.append, markers, ended, now)
        self._written_labels = labels
        await self._aside(self._queue.append, points, labels, now)

    async def _sync(self) -> None:
        while True:
            for _ in range(int(SYNC_EVERY)):
                await asyncio.sleep(1.0)
                await self._aside(self._queue.save_position, self._clock.time())
            await self._aside(self._queue.sync, self._clock.time())

    async def _send(self, reader: Reader) -> None:
        """Send the samples in the queue, oldest first; beside a backlog the fresh ones, too, if
        the receiver accepts that."""
        asked = False
        while True:
            batch = await self._read(reader)
            if batch is None:
                await asyncio.sleep(self._settings.send_interval)
                continue
            old = self._is_old(batch)
            if old and not asked and await self._takes_fresh_first(batch):
                reader = self._reader = await self._send_both(reader, batch)
                continue
            asked = old
            await self._deliver(reader, batch)
            if not old and batch.latest and batch.count < self._delivery.most:
                await asyncio.sleep(self._settings.send_interval)

    async def _send_both(self, backlog: Reader, batch: Batch | None) -> Reader:
        """Send the backlog in its order, and fresh samples between its batches; return the
        reader that continues when the backlog is sent."""
        loop = asyncio.get_running_loop()
        fresh = self._fresh = await self._aside(self._queue.split, backlog, self._clock.time())
        due = loop.time()
        while batch is not None:
            await self._deliver(backlog, batch)
            if loop.time() >= due:
                fresh = self._fresh = await self._send_fresh(backlog, fresh)
                due = loop.time() + self._settings.send_interval
            batch = await self._read(backlog)
        await self._aside(self._queue.join, fresh)
        self._fresh = None
        return fresh

    async def _send_fresh(self, backlog: Reader, fresh: Reader) -> Reader:
        """Send fresh samples; those that have grown old meanwhile become part of the backlog."""
        while batch := await self._read(fresh):
            if self._is_old(batch):
                return await self._aside(self._queue.split, backlog, self._clock.time())
            await self._deliver(fresh, batch)
        return fresh

    async def _takes_fresh_first(self, batch: Batch) -> bool:
        """Return whether fresh samples may overtake the backlog, which begins with ``batch``.

        A receiver that accepts the samples of a series only in order would reject the whole
        backlog after them. It is tried with a series that has no other use: a sample of the age
        of the backlog, then one as much older again. A newer one is not sent, because that alone
        might make the receiver reject the backlog.
        """
        if self._settings.order is not WriteOrder.AUTO:
            return self._settings.order is WriteOrder.FRESH_FIRST
        series = Series(ORDER_CHECK.key, ORDER_CHECK.family, self._labels() or ())
        age = int(self._clock.time() * 1000) - batch.oldest
        for at in (batch.oldest, batch.oldest - age):
            if not await self._delivery.accepts({series: [(at, 1.0)]}):
                return False
        return True

    def _is_old(self, batch: Batch) -> bool:
        return self._clock.time() - batch.oldest / 1000 > self._patience

    async def _read(self, reader: Reader) -> Batch | None:
        return await self._aside(self._queue.read, reader, self._delivery.most, self._clock.time())

    async def _deliver(self, reader: Reader, batch: Batch) -> None:
        """Deliver a batch and remove it from the queue; a backlog not faster than allowed."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        await self._delivery.deliver(batch.series)
        await self._aside(self._queue.commit, reader, batch)
        if self._is_old(batch):
            due = began + batch.count / self._settings.backfill_rate
            await asyncio.sleep(max(0.0, due - loop.time()))

    async def _aside(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run disk work in this destination's thread."""
        work = partial(function, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

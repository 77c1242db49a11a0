"""A delivery to a receiver on loopback, with a clock that only the test and the waits move."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from random import Random

from monitor.export.remote_write.auth import Auth
from monitor.export.remote_write.delivery import Delivery
from monitor.export.remote_write.drops import Drops
from monitor.export.remote_write.exchange import Exchange
from monitor.export.remote_write.rows import Rows
from monitor.export.remote_write.series import Batch
from monitor.export.remote_write.transport import Transport
from monitor.model.settings import RemoteWriteSettings
from monitor.net.aws.credentials import AwsCredentials
from monitor.net.proxy.rules import NoProxy, ProxyChooser
from monitor.state.self_metrics import RemoteWriteMetrics, RequestFailure
from tests.export.remote_write.points import NOW, points
from tests.probes.support import make_probe_context

DIRECT = ProxyChooser(None, None, NoProxy(""))
CONTEXT = make_probe_context(table={"receiver.test": ("127.0.0.1",)})


MOST_WAITS = 10_000
"""Waits of a test at most: without a bound, one that never ends would fill the memory."""


@dataclass
class VirtualClock:
    """A clock that a wait moves on without taking time. ``waits``: the seconds of each wait."""

    now: float = 1000.0
    waits: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return NOW - 1000.0 + self.now

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        assert len(self.waits) < MOST_WAITS, "it is tried again without end"
        self.now += seconds
        await asyncio.sleep(0)


@asynccontextmanager
async def delivering(
    url: str,
    clock: VirtualClock | None = None,
    *,
    proxies: ProxyChooser = DIRECT,
    aws: AwsCredentials | None = None,
    **changes: object,
) -> AsyncIterator[tuple[Delivery, RemoteWriteMetrics]]:
    """Yield a delivery to ``url`` and its metrics."""
    settings = replace(RemoteWriteSettings("test", url, url.partition("?")[0]), **changes)  # type: ignore[arg-type]
    metrics, clock = RemoteWriteMetrics(), clock or VirtualClock()
    transport = Transport(
        settings, lambda: CONTEXT.trust_store, lambda: CONTEXT.resolver, proxies, clock
    )
    with ThreadPoolExecutor(1) as thread:
        exchange = Exchange(
            settings, Auth(settings, aws), transport, metrics, clock=clock, thread=thread
        )
        drops = Drops("test", metrics, clock)
        delivery = Delivery(
            settings,
            exchange,
            metrics,
            drops,
            clock=clock,
            random=Random(7),
            sleep=clock.sleep,
        )
        delivery.open()
        try:
            yield delivery, metrics
        finally:
            await delivery.close()


def some(number: int = 3, each: int = 1) -> Rows:
    """Return ``each`` samples of ``number`` metrics with one series each."""
    batch = Batch()
    batch.add(points(number, each=each))
    return batch.series


async def fails(delivery: Delivery, metrics: RemoteWriteMetrics, failure: RequestFailure) -> None:
    """Deliver until it has failed so three times, and give up."""
    task = asyncio.create_task(delivery.deliver(some()))
    while metrics.failures[failure] < 3:  # noqa: ASYNC110 - nothing reports it
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])

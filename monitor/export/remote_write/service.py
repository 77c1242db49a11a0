"""Remote write as a whole: samples the state store and runs the configured destinations."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from monitor.export.remote_write.clock_guard import SteadyClock
from monitor.export.remote_write.drops import Drops
from monitor.export.remote_write.queue import Bounds, Queue
from monitor.export.remote_write.sampling import Sampler
from monitor.export.remote_write.series import Labels, Point
from monitor.health.status import TargetStatus
from monitor.model.identity import Identity
from monitor.model.settings import ProxySettings, RemoteWriteSettings, Settings
from monitor.net.clock import Clock
from monitor.net.proxy.rules import ProxyChooser
from monitor.probes.context import ProbeContext
from monitor.state.self_metrics import RemoteWriteMetrics
from monitor.state.store import StateStore

if TYPE_CHECKING:
    from monitor.export.remote_write.destination import Destination
    from monitor.net.aws.credentials import AwsCredentials

SAMPLE_EVERY = 1.0
"""Seconds between two rounds of samples that are due without a result of a probe."""

IDENTITY_WITHIN = 15.0
"""Seconds for which samples wait in memory for the identity from metadata services."""

START_AGAIN_AFTER = 30.0
"""Seconds until a destination that failed, or could not start, is started again."""

EXTERNAL = (
    "region",
    "availability_zone",
    "account_id",
    "vpc_id",
    "subnet_id",
    "instance_id",
    "runner_id",
)
"""Fields of the identity that are external labels."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Plan:
    """The settings of a destination, which is replaced if they differ."""

    settings: RemoteWriteSettings
    proxy: ProxySettings


@dataclass(slots=True)
class _Running:
    plan: _Plan
    destination: Destination
    task: asyncio.Task[None]


class RemoteWrite:
    """Writes the state store to the destinations that ``apply`` named last."""

    def __init__(self, store: StateStore, clock: Clock, environ: Mapping[str, str]) -> None:
        self._store = store
        self._clock = SteadyClock(clock)
        self._environ = environ
        self._sampler = Sampler()
        self._settings: Settings | None = None
        self._probe_context: ProbeContext | None = None
        self._changed = asyncio.Event()
        self._running: dict[str, _Running] = {}
        self._labels_by = clock.monotonic() + IDENTITY_WITHIN
        self._host = socket.gethostname()

    def apply(self, settings: Settings, probe_context: ProbeContext) -> None:
        """Write to the destinations in ``settings`` from now on, with the ``probe_context``."""
        self._settings = settings
        self._probe_context = probe_context
        self._changed.set()

    def identity_is_known(self) -> None:
        """Wait no longer for external labels."""
        self._labels_by = self._clock.monotonic()

    def on_result(self, status: TargetStatus) -> None:
        """Take in the result of a probe. Returns at once."""
        if self._running:
            with _no_harm_to_probing():
                self._offer(self._sampler.sample_target(status, self._now()))

    async def run(self) -> None:
        """Write until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sample_forever())
            while True:
                await self._changed.wait()
                self._changed.clear()
                await self._reconcile(group)

    async def finish(self) -> None:
        """Sample a last time, mark every series as ended, and close every destination."""
        self.identity_is_known()
        now = self._clock.time()
        last = [point for part in self._sampler.sample(self._store, now) for point in part]
        last += self._sampler.stale_markers(now + 0.001)
        await asyncio.gather(*(self._stop(name, last) for name in list(self._running)))

    async def _sample_forever(self) -> None:
        while True:
            await asyncio.sleep(SAMPLE_EVERY)
            if not self._running:
                continue
            with _no_harm_to_probing():
                for points in self._sampler.sample(self._store, self._now()):
                    self._offer(points)
                    await asyncio.sleep(0)

    def _now(self) -> float:
        now = self._clock.time()
        self._sampler.correction = self._clock.correction
        return now

    def _offer(self, points: list[Point]) -> None:
        for running in self._running.values():
            running.destination.offer(points)

    async def _reconcile(self, group: asyncio.TaskGroup) -> None:
        """Stop destinations that are gone or changed, start new ones; the others go on."""
        assert self._settings is not None, "apply was called"
        settings = self._settings
        wanted = {
            destination.name: _Plan(destination, settings.proxy)
            for destination in settings.remote_write
        }
        for name, running in list(self._running.items()):
            if (plan := wanted.get(name)) != running.plan:
                await self._stop(name, self._last_samples(running.plan, plan))
        for name, plan in wanted.items():
            if name not in self._running:
                self._start(group, plan)

    def _last_samples(self, before: _Plan, after: _Plan | None) -> list[Point]:
        """Return stale markers if the series of a destination end under their labels."""
        if after is not None and after.settings.external_labels == before.settings.external_labels:
            return []
        return self._sampler.stale_markers(self._now())

    def _start(self, group: asyncio.TaskGroup, plan: _Plan) -> None:
        self_metrics = self._store.writes.setdefault(plan.settings.name, RemoteWriteMetrics())
        try:
            destination = self._make(plan, self_metrics)
        except (OSError, ValueError) as error:
            log.error(
                "remote write cannot start",
                destination=plan.settings.name,
                reason=str(error),
                next_try_in=START_AGAIN_AFTER,
            )
            asyncio.get_running_loop().call_later(START_AGAIN_AFTER, self._changed.set)
            return
        task = group.create_task(self._live(plan.settings.name, destination))
        self._running[plan.settings.name] = _Running(plan, destination, task)
        self._sampler.everything_is_due()

    async def _live(self, name: str, destination: Destination) -> None:
        """Run a destination; a bug in it must not stop probing."""
        while True:
            try:
                await destination.run()
            except Exception:
                log.exception("remote write failed", destination=name)
                await asyncio.sleep(START_AGAIN_AFTER)

    async def _stop(self, name: str, last: list[Point]) -> None:
        running = self._running.pop(name)
        running.task.cancel()
        await asyncio.wait([running.task])
        await running.destination.finish(last)
        self._store.writes.pop(name, None)

    def _make(self, plan: _Plan, self_metrics: RemoteWriteMetrics) -> Destination:
        """Make a destination.

        Raises:
            OSError: if a certificate or key cannot be used.
            ValueError: if the URL of the proxy is invalid.
        """
        # Imported here: they take a megabyte or two that most monitors do not need.
        from monitor.export.remote_write.auth import Auth  # noqa: PLC0415
        from monitor.export.remote_write.delivery import Delivery  # noqa: PLC0415
        from monitor.export.remote_write.destination import Destination  # noqa: PLC0415
        from monitor.export.remote_write.exchange import Exchange  # noqa: PLC0415
        from monitor.export.remote_write.transport import Transport  # noqa: PLC0415

        assert self._settings is not None, "apply was called"
        settings = plan.settings
        transport = Transport(
            settings,
            lambda: self._given().trust_store,
            lambda: self._given().resolver,
            ProxyChooser.from_settings(plan.proxy, self._environ),
            self._clock,
        )
        aws = self._aws() if settings.sigv4_region else None
        # One thread for all slow work: each thread has a heap of its own, of megabytes.
        thread = ThreadPoolExecutor(1, f"remote-write-{settings.name}")
        auth, drops = Auth(settings, aws), Drops(settings.name, self_metrics, self._clock)
        exchange = Exchange(
            settings, auth, transport, self_metrics, clock=self._clock, thread=thread
        )
        delivery = Delivery(settings, exchange, self_metrics, drops, clock=self._clock)
        state = self._settings.state.directory
        directory = state / "remote-write" / settings.name if state else None
        bounds = Bounds(settings.queue_size, settings.queue_age)
        queue = Queue(
            settings.name,
            directory,
            bounds,
            self_metrics,
            drops=drops,
            monotonic=self._clock.monotonic,
        )

        def labels() -> Labels | None:
            if self._clock.monotonic() < self._labels_by:
                return None
            return external_labels(self._store.identity, self._host, settings)

        return Destination(
            settings,
            queue,
            delivery,
            drops,
            thread=thread,
            clock=self._clock,
            labels=labels,
            stale_markers=self._sampler.stale_markers,
        )

    def _given(self) -> ProbeContext:
        assert self._probe_context is not None, "apply was called"
        return self._probe_context

    def _aws(self) -> AwsCredentials:

        from monitor.net.aws.credentials import AwsCredentials  # noqa: PLC0415

        assert self._settings is not None, "apply was called"
        return AwsCredentials(
            self._environ,
            self._settings.metadata.endpoint,
            time=self._clock.time,
        )


@contextmanager
def _no_harm_to_probing() -> Iterator[None]:
    """Keep a bug in sampling from the caller: it costs samples, and is logged."""
    try:
        yield
    except Exception:
        log.exception("sampling for remote write failed")


def external_labels(identity: Identity, host: str, settings: RemoteWriteSettings) -> Labels:
    """Return the labels of every series: the identity of the monitor, as far as it is known."""
    found = {"job": "egress-monitor", "instance": host}
    found |= {name: getattr(identity, name) for name in EXTERNAL}
    found |= dict(settings.external_labels)
    return tuple(sorted((name, value) for name, value in found.items() if value))

"""Remote write as a whole: samples the board, and keeps a destination for each configured."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

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
"""Seconds between two looks at what is due beside the results of probes."""

IDENTITY_WITHIN = 15.0
"""Seconds for which samples wait, in memory, for what metadata services tell."""

START_AGAIN_AFTER = 30.0
EXTERNAL = (
    "region",
    "availability_zone",
    "vpc_id",
    "subnet_id",
    "instance_id",
    "runner_id",
)
"""Fields of the identity that are external labels."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Plan:
    """Everything that a destination is made of: where it differs, it is made anew."""

    settings: RemoteWriteSettings
    proxy: ProxySettings


@dataclass(slots=True)
class _Running:
    plan: _Plan
    destination: Destination
    task: asyncio.Task[None]


class RemoteWrite:
    """Writes the board to every destination that ``apply`` named last."""

    def __init__(self, store: StateStore, clock: Clock, environ: Mapping[str, str]) -> None:
        self._store = store
        self._clock = clock
        self._environ = environ
        self._sampler = Sampler()
        self._settings: Settings | None = None
        self._probe_context: ProbeContext | None = None
        self._changed = asyncio.Event()
        self._running: dict[str, _Running] = {}
        self._labels_by = clock.monotonic() + IDENTITY_WITHIN
        self._host = socket.gethostname()

    def apply(self, settings: Settings, probe_context: ProbeContext) -> None:
        """Write where ``settings`` say from now on, with the probes' own ``probe_context``."""
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
                self._offer(self._sampler.sample_record(status, self._clock.time()))

    async def run(self) -> None:
        """Write until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sample_forever())
            while True:
                await self._changed.wait()
                self._changed.clear()
                await self._reconcile(group)

    async def finish(self) -> None:
        """Sample a last time, say that every series has ended, and close every destination."""
        self.identity_is_known()
        now = self._clock.time()
        last = [point for part in self._sampler.sample(self._store, now) for point in part]
        last += self._sampler.end(now + 0.001)
        await asyncio.gather(*(self._stop(name, last) for name in list(self._running)))

    async def _sample_forever(self) -> None:
        while True:
            await asyncio.sleep(SAMPLE_EVERY)
            if not self._running:
                continue
            with _no_harm_to_probing():
                for points in self._sampler.sample(self._store, self._clock.time()):
                    self._offer(points)
                    await asyncio.sleep(0)

    def _offer(self, points: list[Point]) -> None:
        for running in self._running.values():
            running.destination.offer(points)

    async def _reconcile(self, group: asyncio.TaskGroup) -> None:
        """Stop what is not wanted any more, start what is new; the rest goes on."""
        assert self._settings is not None, "apply was called"
        settings = self._settings
        wanted = {
            destination.name: _Plan(destination, settings.proxy)
            for destination in settings.remote_write
        }
        for name, running in list(self._running.items()):
            if wanted.get(name) != running.plan:
                await self._stop(name, [])
        for name, plan in wanted.items():
            if name not in self._running:
                self._start(group, plan)

    def _start(self, group: asyncio.TaskGroup, plan: _Plan) -> None:
        self_metrics = self._store.writes.setdefault(plan.settings.name, RemoteWriteMetrics())
        try:
            destination = self._make(plan, self_metrics)
        except (OSError, ValueError) as error:
            log.error(
                "remote write can't start",
                destination=plan.settings.name,
                reason=str(error),
            )
            return
        task = group.create_task(self._live(plan.settings.name, destination))
        self._running[plan.settings.name] = _Running(plan, destination, task)
        self._sampler.everything_is_due()

    async def _live(self, name: str, destination: Destination) -> None:
        """Run a destination; a bug in it must not stop the probing."""
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
            OSError: if a certificate or key can't be used.
            ValueError: if a proxy's URL can't be read.
        """
        # Imported here: they take a megabyte or two that most monitors do without.
        from monitor.export.remote_write.auth import Auth  # noqa: PLC0415
        from monitor.export.remote_write.delivery import Delivery  # noqa: PLC0415
        from monitor.export.remote_write.destination import Destination  # noqa: PLC0415
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
        # One thread for all that takes long: each thread has a heap of its own, of megabytes.
        thread = ThreadPoolExecutor(1, f"remote-write-{settings.name}")
        auth = Auth(settings, aws)
        delivery = Delivery(
            settings, auth, transport, self_metrics, clock=self._clock, thread=thread
        )
        state = self._settings.state.directory
        directory = state / "remote-write" / settings.name if state else None
        bounds = Bounds(settings.queue_size, settings.queue_age)
        queue = Queue(settings.name, directory, bounds, self_metrics)

        def labels() -> Labels | None:
            if self._clock.monotonic() < self._labels_by:
                return None
            return external_labels(self._store.identity, self._host, settings)

        return Destination(
            settings, queue, delivery, self_metrics, thread=thread, clock=self._clock, labels=labels
        )

    def _given(self) -> ProbeContext:
        assert self._probe_context is not None, "apply was called"
        return self._probe_context

    def _aws(self) -> AwsCredentials:
        import aiohttp  # noqa: PLC0415

        from monitor.net.aws.credentials import AwsCredentials  # noqa: PLC0415

        assert self._settings is not None, "apply was called"
        return AwsCredentials(
            self._environ,
            self._settings.metadata.endpoint,
            open_session=aiohttp.ClientSession,
            time=self._clock.time,
        )


@contextmanager
def _no_harm_to_probing() -> Iterator[None]:
    """Keep a bug in sampling from whoever called it: it costs samples, and is said."""
    try:
        yield
    except Exception:
        log.exception("sampling for remote write failed")


def external_labels(identity: Identity, host: str, settings: RemoteWriteSettings) -> Labels:
    """Return the labels of every series: who the monitor is, as far as that is known."""
    found = {"job": "egress-monitor", "instance": host}
    found |= {name: getattr(identity, name) for name in EXTERNAL}
    found |= dict(settings.external_labels)
    return tuple(sorted((name, value) for name, value in found.items() if value))

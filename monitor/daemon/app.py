"""The monitor: one task group of everything that runs, until it is stopped.

The main loop of probing is ``ProbeLoop.probe_forever`` in ``monitor/scheduler/loop.py``. The
process around the monitor (signals, log, listener) is ``monitor/daemon/process.py``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from random import Random

import structlog

from monitor import __version__
from monitor.catalog import build_targets
from monitor.config import load_settings
from monitor.config.source import ConfigSource
from monitor.daemon import identity
from monitor.daemon.log_writer import LogWriter
from monitor.daemon.logging import configure
from monitor.daemon.supervision import keep_running
from monitor.daemon.systemd import Notifier
from monitor.diagnosis.changes import moved, reloaded
from monitor.discovery.service import Discovery
from monitor.export.mqtt.exporter import MqttExporter
from monitor.export.remote_write.service import RemoteWrite
from monitor.health.status import TargetStatus
from monitor.model.settings import ConfigError, Settings
from monitor.model.starvation import HostStarvation, Starvation
from monitor.model.target import Target
from monitor.net.clock import SystemClock
from monitor.net.proxy.audit import audit_proxies
from monitor.net.sockets.trust_store import TrustError
from monitor.scheduler.clock_steps import ClockSteps
from monitor.scheduler.egress_address import EgressAddresses
from monitor.scheduler.engine import Engine, make_probe_context
from monitor.scheduler.investigator import Investigator
from monitor.scheduler.loop import ProbeLoop
from monitor.scheduler.loop_lag import LagMeter
from monitor.scheduler.pulse import Pulses
from monitor.scheduler.shard import share_of
from monitor.state.event_log import identity_fields, log_event
from monitor.state.events import Events
from monitor.state.guard import Guard
from monitor.state.history_store import HistoryStore
from monitor.state.self_metrics import GuardedPart, Part
from monitor.state.store import StateStore

IDENTITY_RETRY = (2.0, 10.0, 300.0)
"""Seconds between two attempts to find out region, account and network: first, longest while a
target waits for it (doubled in between), and longest while none does."""

TRUST_CHECK_EVERY = 10.0
"""Seconds between two checks of the CA files."""

NAME_SERVERS_CHECK_EVERY = 2.0
"""Interval between two checks whether resolv.conf names other servers: 2 s. They are targets."""

log = structlog.get_logger(__name__)


class _StoppedError(Exception):
    """Ends the task group after a signal to stop."""


class Monitor:
    """All parts of the daemon. ``run`` starts them and returns when they have stopped."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        source: ConfigSource | None = None,
        output: LogWriter | None = None,
        notifier: Notifier | None = None,
    ) -> None:
        """``source`` is what a reload reads. ``output`` is the log's if this monitor is to
        configure logging."""
        self._source = source or ConfigSource(str(settings.source), settings.source)
        self.clock = SystemClock()
        self._output = output
        self._notifier = notifier or Notifier({})
        self.on_settings: Callable[[Settings], None] = lambda _: None
        """Called with the settings of each successful reload."""

        self._identity_wanted = asyncio.Event()
        self.store = StateStore(identity=identity.from_environment(settings, environ))
        self.guard = Guard(self.store.self_metrics)
        self.events = Events(lambda error: self.guard.failed(GuardedPart.LISTENER, error))
        self.events.subscribe(log_event)
        self.events.subscribe(self.store.recent_events.append)
        self._settings = settings
        self.configured_state = settings.state
        """State settings of the configuration; the settings in force may be without them."""

        self._environ = environ
        self._lag = self._make_lag_meter()
        self._history_store = HistoryStore(settings.state.directory, self.store, self.clock)
        random = Random()  # noqa: S311 - jitter, not secrets
        self._discovery = self._make_discovery(settings, random)
        engine = self._make_engine(settings)
        self._watch = self._make_probe_loop(engine, random)
        self._pulses = Pulses(
            self.store, random, self._watch.suspect_way_out, self._watch.way_out_changed
        )
        self._investigator = Investigator(self.store, self.events, self.clock, random)
        self._egress_addresses = EgressAddresses(self.store, self.events)
        self._clock_steps = ClockSteps(self.store, self.clock)
        self._mqtt = MqttExporter(self.store, settings.state.directory, self.clock, random)
        self._mqtt.configure(
            settings.mqtt, engine.probe_context.resolver, engine.probe_context.trust_store
        )
        self.events.subscribe(self._mqtt.listen)
        self._remote_write = RemoteWrite(self.store, self.clock, environ)
        self.probe_now = self._watch.probe_now
        self._said_unknown: tuple[str, ...] = ()
        self._servers: tuple[str, ...] = ()
        self._logged_missing: tuple[str, ...] = ()

    def _make_lag_meter(self) -> LagMeter:
        return LagMeter(
            self.store.self_metrics.loop_lag.observe,
            on_stall=self._count_stall,
            on_starvation=self._take_in_starvation,
            time=self.clock.time,
        )

    def _make_discovery(self, settings: Settings, random: Random) -> Discovery:
        return Discovery(
            settings.state.directory,
            self.store,
            self.events,
            clock=self.clock,
            random=random,
            on_change=lambda: self.apply(self._settings),
        )

    def _make_probe_loop(self, engine: Engine, random: Random) -> ProbeLoop:
        return ProbeLoop(
            self.store,
            engine,
            self.events,
            history_store=self._history_store,
            clock=self.clock,
            random=random,
            on_result=self._take_in,
            guard=self.guard,
        )

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._settings

    async def run(self, stop: asyncio.Event, reload: asyncio.Event) -> None:
        """Probe until ``stop`` is set; reload the configuration when ``reload`` is."""
        self_metrics = self.store.self_metrics
        self_metrics.started_at = self_metrics.last_reload_success_at = self.clock.time()
        self_metrics.last_progress = self.clock.monotonic()
        self._history_store.load()
        self._discovery.load()
        self.apply(self._settings)
        self._log_ignored(self._settings)
        log.info(
            "started",
            version=__version__,
            profile=self._settings.profile.value,
            targets=len(self.store.statuses),
            listen=f"{self._settings.web.host}:{self._settings.web.port}",
        )
        self._notifier.ready(f"probing {len(self.store.statuses)} targets")
        try:
            async with asyncio.TaskGroup() as group:
                for name, part in self._parts(reload):
                    group.create_task(keep_running(name, part, self.guard))
                group.create_task(self._watch.probe_forever(group))
                await stop.wait()
                raise _StoppedError
        except* _StoppedError:
            self._history_store.save()
            self._discovery.save()
            self._mqtt.save()
            await self._remote_write.finish()
            log.info("stopped")

    def _parts(self, reload: asyncio.Event) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
        """Yield the tasks next to probing, each with its name."""
        yield "event-loop lag", self._lag.run
        yield "history", self._history_store.run
        yield "pulses", lambda: self._pulses.run(lambda: self._settings.schedule.pulse)
        yield "investigations", self._investigator.run
        yield "egress addresses", self._egress_addresses.run
        yield "clock steps", self._clock_steps.run
        yield "discovery", self._discovery.run
        yield "MQTT", self._mqtt.run
        yield "trust store", self._reload_trust_store
        yield "name servers", self._follow_name_servers
        yield "identity", self._find_identity
        yield "reload", lambda: self._reload_when_told(reload)
        yield "follow-up probes", self._watch.follow_ups.run
        yield "remote write", self._remote_write.run

    def apply(self, settings: Settings) -> None:
        """Probe and export according to ``settings``."""
        self._settings = settings
        engine = self._watch.engine
        self._servers, found = engine.probe_context.resolver.servers, self._discovery.found
        identity = self.store.identity
        rows = build_targets(settings, identity, self._servers, include_disabled=True, found=found)
        targets = share_of((row for row in rows if row.endpoint.enabled), settings.shard)
        if _holds_probing(settings):
            targets = ()
        self._watch.apply(targets)
        self._discovery.use(settings, engine, rows, targets)
        probed = None if _holds_probing(settings) else settings.egress_address
        self._egress_addresses.use(probed, engine, settings.schedule.timeout)
        self._remote_write.apply(settings, engine.probe_context)
        self._say_unknown(targets)
        self._log_missing_files(settings)
        self._look_over_proxies()

    def _take_in(self, status: TargetStatus) -> None:
        with self.guard(GuardedPart.EXPORTER):
            self._discovery.look_at(status)
        with self.guard(GuardedPart.EXPORTER):
            self._remote_write.on_result(status)

    def _make_engine(self, settings: Settings) -> Engine:
        probe_context = make_probe_context(settings, self._environ, self.clock)
        return Engine(probe_context, settings.schedule, lag=self._lag, guard=self.guard)

    def _take_in_starvation(self, starvation: HostStarvation | None) -> None:
        self._watch.take_in_starvation(starvation)

    def _count_stall(self, reason: Starvation, seconds: float) -> None:
        self.store.self_metrics.starved_seconds[reason] += seconds

    def _say_unknown(self, targets: tuple[Target, ...]) -> None:
        unknown = tuple(sorted({name for target in targets for name in target.missing_values}))
        if unknown and unknown != self._said_unknown:
            log.warning(
                "values not known yet, so some targets are not probed",
                values=unknown,
                targets=[target.id for target in targets if target.missing_values],
                remediation="set them in the configuration, or make instance metadata reachable",
            )
        self._said_unknown = unknown

    def _log_ignored(self, settings: Settings) -> None:
        if settings.ignored_variables:
            log.warning(
                "variables ignored: no keys of the configuration", names=settings.ignored_variables
            )

    def _log_missing_files(self, settings: Settings) -> None:
        missing = tuple(f"{found.key}: {found.reason}" for found in settings.missing_files)
        self._note_problem(Part.FILES, ", ".join(missing))
        if missing and missing != self._logged_missing:
            log.warning(
                "waiting for files",
                files={
                    found.key: f"{found.path}: {found.reason}" for found in settings.missing_files
                },
                probing=not _holds_probing(settings),
                remediation="create them, or take their keys out of the configuration",
            )
        self._logged_missing = missing

    def _look_over_proxies(self) -> None:
        found = audit_proxies(self._settings.proxy, self._environ)
        for warning in found.warnings:
            if warning not in self.store.proxies.warnings:
                log.warning("the proxy settings need a look", problem=warning)
        self.store.proxies = found

    async def _find_identity(self) -> None:
        """Request identity from instance or task metadata until it answers, however late; then
        start the targets that depend on it."""
        pause = IDENTITY_RETRY[0]
        while True:
            self._identity_wanted.clear()
            found = await identity.discover(self._settings, self._environ)
            merged = identity.merge(self.store.identity, found)
            if merged != self.store.identity:
                self.store.context_changes.extend(
                    moved(self.store.identity, merged, self.clock.time())
                )
                self.store.identity = merged
                log.info("identity found", **identity_fields(merged))
                self.apply(self._settings)
            self._remote_write.identity_is_known()
            wanted = self._missing_values()
            self._note_problem(Part.IDENTITY, f"not known yet: {', '.join(wanted)}" * bool(wanted))
            complete = identity.is_complete(merged) or not self._discovers_identity()
            with suppress(TimeoutError):
                async with asyncio.timeout(None if complete else pause):
                    await self._identity_wanted.wait()
            pause = min(2 * pause, IDENTITY_RETRY[1] if wanted else IDENTITY_RETRY[2])

    def _discovers_identity(self) -> bool:
        return self._settings.metadata.discover_identity

    def _missing_values(self) -> tuple[str, ...]:
        """Return the values that targets wait for."""
        targets = (status.target for status in self.store.statuses.values())
        return tuple(sorted({name for target in targets for name in target.missing_values}))

    def _note_problem(self, part: Part, reason: str) -> None:
        problems = self.store.self_metrics.problems
        if reason:
            problems[part] = reason
        else:
            problems.pop(part, None)

    async def _follow_name_servers(self) -> None:
        """Probe the name servers that resolv.conf names now: the resolver uses them already."""
        while True:
            await asyncio.sleep(NAME_SERVERS_CHECK_EVERY)
            servers = self._watch.engine.probe_context.resolver.servers
            if servers != self._servers:
                log.info("name servers changed", servers=servers, before=self._servers)
                self.apply(self._settings)

    async def _reload_trust_store(self) -> None:
        """Reload CA files that changed; a broken one changes nothing and is logged."""
        with self._noting_distrust():
            # Nothing is timed yet, and a thread would keep the megabyte that it reads.
            self._watch.engine.probe_context.trust_store.check()
        while True:
            await asyncio.sleep(TRUST_CHECK_EVERY)
            with self._noting_distrust():
                if await asyncio.to_thread(self._watch.engine.probe_context.trust_store.reload):
                    self.store.self_metrics.trust_ok = True
                    log.info("trust store reloaded: CA files changed")

    @contextmanager
    def _noting_distrust(self) -> Iterator[None]:
        try:
            yield
        except TrustError as error:
            self.store.self_metrics.trust_ok = False
            log.error("CA files not usable, trust store kept", problem=str(error))

    async def _reload_when_told(self, reload: asyncio.Event) -> None:
        while True:
            await reload.wait()
            reload.clear()
            await self._reload()

    async def _reload(self) -> None:
        """Reload the configuration; an invalid one changes nothing and is logged."""
        self_metrics = self.store.self_metrics
        self_metrics.reloads += 1
        self._notifier.reloading()
        try:
            if self._source.path is not None and self._source.path.is_fifo():
                raise ValueError(
                    f"{self._source.path}: a pipe cannot be read again; name a regular file with "
                    "--config"
                )
            settings = await asyncio.to_thread(
                load_settings, self._source, self._environ, wait_for_files=True
            )
            engine = await asyncio.to_thread(self._make_engine, settings)
        except (ConfigError, OSError, ValueError) as error:
            self_metrics.last_reload_ok = False
            self_metrics.reload_failures += 1
            for problem in getattr(error, "problems", None) or (error,):
                log.error("configuration kept: the new one is wrong", problem=str(problem))
            self._note_problem(
                Part.CONFIGURATION, "the new one is not valid: the old one is in force"
            )
            self._notifier.ready("configuration kept: the new one is not valid")
            return
        self_metrics.last_reload_ok = self_metrics.trust_ok = True
        self_metrics.last_reload_success_at = self.clock.time()
        self._note_problem(Part.CONFIGURATION, "")
        if settings.state != self.configured_state:
            self.configured_state = settings.state
            log.warning("a change of state.directory takes effect with the next start")
        settings = replace(settings, state=self._settings.state)
        now = self.clock.time()
        self.store.context_changes.extend(reloaded(self._settings, settings, now))
        if self._output is not None:
            configure(settings.log, self._output)
        self._log_ignored(settings)
        self._watch.engine = engine
        self._mqtt.configure(
            settings.mqtt, engine.probe_context.resolver, engine.probe_context.trust_store
        )
        self.store.identity = identity.merge(
            identity.from_environment(settings, self._environ), self.store.identity
        )
        self.apply(settings)
        self.on_settings(settings)
        self._identity_wanted.set()
        log.info("configuration reloaded", targets=len(self.store.statuses))
        self._notifier.ready(f"probing {len(self.store.statuses)} targets")


def _holds_probing(settings: Settings) -> bool:
    """Whether probing waits: without its CAs or the proxy's password every result would be a
    false alarm."""
    return any(found.key.startswith(("tls.", "proxy.")) for found in settings.missing_files)

"""The daemon's process: signals, log, state lock, listener and reloads around the monitor."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from monitor.common.watched_file import Stamp, stamps_of
from monitor.config import load_settings
from monitor.config.source import ConfigSource
from monitor.daemon import signals
from monitor.daemon.app import Monitor
from monitor.daemon.config_watch import ConfigWatch
from monitor.daemon.log_writer import LogWriter
from monitor.daemon.logging import configure, hook_exceptions
from monitor.daemon.page_server import PageServer
from monitor.daemon.state_lock import StateInUseError, StateLock
from monitor.daemon.supervision import Supervision, keep_running
from monitor.daemon.systemd import Notifier
from monitor.model.settings import Settings, StateSettings, WebSettings
from monitor.state.self_metrics import Part

DRAIN_SECONDS = 1.0
"""Seconds at the end of the process for writing the last log lines."""

LOCK_SECONDS = 10.0
"""Seconds to wait for the process that is being replaced to release the state directory."""

_LOCK_RETRY = 0.25

log = structlog.get_logger(__name__)


def run(source: Path | ConfigSource, environ: Mapping[str, str]) -> int:
    """Run until SIGTERM or SIGINT; returns the exit status.

    Raises:
        ConfigError: if the configuration can't be used; nothing was started then.
    """
    source = ConfigSource(str(source), source) if isinstance(source, Path) else source
    known = stamps_of([source.path] if source.path else [])
    try:
        settings = load_settings(source, environ, wait_for_files=True)
    except OSError as error:  # a file that vanished while it was read: no invalid configuration
        print(f"{source.name}: {error}; try again", file=sys.stderr)
        return 1
    output = LogWriter(1)
    configure(settings.log, output)
    hook_exceptions()
    try:
        return asyncio.run(_run(_Start(source, settings, environ, output, known)))
    except Exception:
        log.exception("ended by an error")
        return 1
    finally:
        output.drain(DRAIN_SECONDS)


@dataclass(frozen=True, slots=True)
class _Start:
    """Inputs of the process. ``known`` holds the stamp of the configuration's file from
    before it was read."""

    source: ConfigSource
    settings: Settings
    environ: Mapping[str, str]
    output: LogWriter
    known: Mapping[Path, Stamp | None]


async def _run(start: _Start) -> int:
    settings, environ = start.settings, start.environ
    stop, reload = asyncio.Event(), asyncio.Event()
    notifier = Notifier(environ)

    def begin_stop() -> None:
        if not stop.is_set():
            stop.set()
            notifier.stopping()
            signals.end_at_the_latest()

    loop = asyncio.get_running_loop()
    signals.install(loop.add_signal_handler, stop=begin_stop, reload=reload.set)
    lock, problem = await _lock_state(settings, stop)
    if not stop.is_set():
        used = replace(settings, state=StateSettings()) if problem else settings
        monitor = Monitor(used, environ, start.source, start.output, notifier)
        monitor.configured_state = settings.state
        if problem:
            monitor.store.self_metrics.problems[Part.STATE] = problem
        supervision = Supervision(monitor.store.self_metrics, start.output, notifier)
        watch = ConfigWatch(
            lambda: _files(start.source, monitor.settings),
            lambda: (missing.path for missing in monitor.settings.missing_files),
            reload.set,
            start.known,
        )
        await _serve(monitor, stop, reload, supervision, watch)
    if lock is not None:
        lock.release()
    return 0


async def _serve(
    monitor: Monitor,
    stop: asyncio.Event,
    reload: asyncio.Event,
    supervision: Supervision,
    watch: ConfigWatch,
) -> None:
    """Run the monitor with everything around it, until ``stop`` is set."""
    pages = PageServer(
        monitor.store, monitor.clock, _web_settings(monitor.settings), monitor.probe_now
    )
    monitor.on_settings = lambda settings: pages.apply(_web_settings(settings))
    async with asyncio.TaskGroup() as group:
        around = [
            group.create_task(keep_running("listener", pages.run, monitor.guard)),
            group.create_task(keep_running("supervision", supervision.run, monitor.guard)),
            group.create_task(keep_running("configuration watch", watch.run, monitor.guard)),
        ]
        await monitor.run(stop, reload)
        for task in around:
            task.cancel()


def _web_settings(settings: Settings) -> WebSettings | None:
    """Return the settings to serve by; None while the certificate is missing: serving without
    TLS instead would show passwords to the network."""
    certificate = {"web.cert_file", "web.key_file"}
    if any(missing.key in certificate for missing in settings.missing_files):
        return None
    return settings.web


def _files(source: ConfigSource, settings: Settings) -> Iterator[Path]:
    """Yield the files that the settings were read from."""
    if source.path is not None:
        yield source.path
    yield from settings.secret_files


async def _lock_state(settings: Settings, stop: asyncio.Event) -> tuple[StateLock | None, str]:
    """Lock the state directory. Return the lock, if there is one, and why the directory must not
    be used; "" if it may."""
    directory = settings.state.directory
    if directory is None:
        return None, ""
    lock, loop = StateLock(directory), asyncio.get_running_loop()
    end = loop.time() + LOCK_SECONDS
    while True:
        try:
            lock.acquire()
        except StateInUseError as error:
            reason = str(error)
        except OSError as error:  # what cannot be written reports that itself, and is retried
            log.warning(
                "state directory not locked",
                directory=str(directory),
                reason=(error.strerror or str(error)).lower(),
                remediation="make state.directory writable",
            )
            return None, ""
        else:
            return lock, ""
        if loop.time() >= end or stop.is_set():
            break
        await asyncio.sleep(_LOCK_RETRY)
    log.error(
        "state directory in use by another process, so nothing is kept across a restart",
        directory=str(directory),
        reason=reason,
        remediation="give each monitor its own state.directory, or end the other one; then restart",
    )
    return None, "in use by another process: nothing is kept across a restart"

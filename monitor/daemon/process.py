"""The daemon's process: signals, log, state lock, listener and reloads around the monitor."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import structlog

from monitor.config import load_settings
from monitor.daemon import signals
from monitor.daemon.app import Monitor
from monitor.daemon.config_watch import ConfigWatch
from monitor.daemon.log_writer import LogWriter
from monitor.daemon.logging import configure, hook_exceptions
from monitor.daemon.page_server import PageServer
from monitor.daemon.state_lock import StateInUseError, StateLock
from monitor.daemon.supervision import Supervision, keep_running
from monitor.daemon.systemd import Notifier
from monitor.model.settings import Settings, StateSettings
from monitor.state.self_metrics import Part

DRAIN_SECONDS = 1.0
"""Seconds at the end of the process for writing the last log lines."""

LOCK_SECONDS = 10.0
"""Seconds to wait for the process that is being replaced to release the state directory."""

_LOCK_RETRY = 0.25

log = structlog.get_logger(__name__)


def run(path: Path, environ: Mapping[str, str]) -> int:
    """Run until SIGTERM or SIGINT; returns the exit status.

    Raises:
        ConfigError: if the configuration can't be used; nothing was started then.
    """
    settings = load_settings(path, environ)
    output = LogWriter(1)
    configure(settings.log, output)
    hook_exceptions()
    try:
        return asyncio.run(_run(settings, environ, output))
    except Exception:
        log.exception("ended by an error")
        return 1
    finally:
        output.drain(DRAIN_SECONDS)


async def _run(settings: Settings, environ: Mapping[str, str], output: LogWriter) -> int:
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
        monitor = Monitor(used, environ, output, notifier)
        monitor.configured_state = settings.state
        if problem:
            monitor.store.self_metrics.problems[Part.STATE] = problem
        await _serve(monitor, stop, reload, output, notifier)
    if lock is not None:
        lock.release()
    return 0


async def _serve(
    monitor: Monitor,
    stop: asyncio.Event,
    reload: asyncio.Event,
    output: LogWriter,
    notifier: Notifier,
) -> None:
    """Run the monitor with everything around it, until ``stop`` is set."""
    pages = PageServer(monitor.store, monitor.clock, monitor.settings.web)
    monitor.on_settings = lambda settings: pages.apply(settings.web)
    supervision = Supervision(monitor.store.self_metrics, output, notifier)
    watch = ConfigWatch(lambda: _files(monitor.settings), reload.set)
    async with asyncio.TaskGroup() as group:
        around = [
            group.create_task(keep_running("listener", pages.run)),
            group.create_task(keep_running("supervision", supervision.run)),
            group.create_task(keep_running("configuration watch", watch.run)),
        ]
        await monitor.run(stop, reload)
        for task in around:
            task.cancel()


def _files(settings: Settings) -> Iterator[Path]:
    """Yield the files whose change calls for a reload."""
    yield settings.source


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

"""Reports of the process about itself, every second: log output, and status for systemd."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from monitor.daemon.log_writer import LogWriter
from monitor.daemon.systemd import Notifier
from monitor.state.guard import Guard
from monitor.state.self_metrics import GuardedPart, Part, SelfMetrics

PERIOD = 1.0
_RESTART = (1.0, 60.0)
"""Seconds until a part that failed is run again: first, longest (doubled in between)."""

log = structlog.get_logger(__name__)


async def keep_running(name: str, run: Callable[[], Awaitable[None]], guard: Guard) -> None:
    """Run a part until cancelled. An exception in it is logged and counted, and the part runs
    again: no part ends the process."""
    pause = _RESTART[0]
    while True:
        begun = time.monotonic()
        try:
            await run()
        except Exception as error:  # noqa: BLE001 - logged and counted
            guard.failed(GuardedPart.TASK, error, task=name)
        else:
            return
        pause = _RESTART[0] if time.monotonic() - begun > _RESTART[1] else pause
        await asyncio.sleep(pause)
        pause = min(2 * pause, _RESTART[1])


class Supervision:
    """Notes whether the log can be written, feeds systemd's watchdog from the event loop, and
    shows problems in ``systemctl status``."""

    def __init__(self, metrics: SelfMetrics, output: LogWriter, notifier: Notifier) -> None:
        self._metrics = metrics
        self._output = output
        self._notifier = notifier
        self._status = ""

    async def run(self) -> None:
        """Report until cancelled."""
        fed_at = -1e9
        interval = self._notifier.watchdog_interval
        period = min(PERIOD, interval) if interval else PERIOD
        while True:
            self.report()
            now = time.monotonic()
            if interval and now - fed_at >= interval - period:
                self._notifier.alive()
                fed_at = now
            await asyncio.sleep(period)

    def report(self) -> None:
        """Report once."""
        problems = self._metrics.problems
        trouble = self._output.trouble
        self._metrics.log_lines_dropped = self._output.dropped
        if trouble:
            problems[Part.LOG] = f"log lines cannot be written: {trouble}"
        elif Part.LOG in problems:
            del problems[Part.LOG]
        status = "; ".join(f"{part}: {reason}" for part, reason in problems.items())
        if status != self._status:
            self._status = status
            self._notifier.status(status or "probing")

"""Steps of this host's clock, as context of incidents: certificates and signatures depend on it."""

from __future__ import annotations

import asyncio

import structlog

from monitor.diagnosis.changes import clock_jumped
from monitor.net.clock import Clock
from monitor.state.store import StateStore

PERIOD = 5.0
"""Interval at which the clock is compared with the monotonic one: 5 s."""

STEP = 2.0
"""Smallest step that is recorded: 2 s. NTP slews smaller differences, 2.5 ms per period."""

log = structlog.get_logger(__name__)


class ClockSteps:
    """Records steps of the clock in ``store.context_changes`` while ``run`` is running."""

    def __init__(self, store: StateStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def run(self) -> None:
        """Compare until cancelled."""
        before = self._offset()
        while True:
            await asyncio.sleep(PERIOD)
            after = self._offset()
            if abs(after - before) >= STEP:
                step = round(after - before)
                self._store.context_changes.append(clock_jumped(step, self._clock.time()))
                log.warning("the clock of this host jumped", seconds=step)
            before = after

    def _offset(self) -> float:
        return self._clock.time() - self._clock.monotonic()

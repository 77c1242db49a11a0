"""Event-loop lag: how late the loop runs, and which measurements a stall made inadmissible."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from time import process_time

from monitor.health.starvation import STALL, Stall, affecting, lasting, reason_of
from monitor.model.starvation import HostStarvation, Starvation
from monitor.net.cpu_accounting import CpuAccounting, CpuSample, load_average, usable_cpus
from monitor.scheduler.beat import next_beat, sleep_until

_KEPT = 2_400
"""Stalls and samples kept: 2,400, four minutes of a host that always stalls."""

_REPORT_EVERY = 1.0
"""Time between two judgements of whether starvation lasts, and between two readings of the
kernel's counters while nothing stalls: 1 s."""


class LagMeter:
    """Heartbeat on the event loop: measures by how much each beat is late, and why.

    ``observe`` gets the lag of each beat in seconds, ``on_stall`` reason and seconds of each
    stall, ``on_starvation`` the starvation that lasts, or None when it is over.
    """

    def __init__(
        self,
        observe: Callable[[float], None] = lambda _: None,
        *,
        on_stall: Callable[[Starvation, float], None] = lambda _reason, _seconds: None,
        on_starvation: Callable[[HostStarvation | None], None] = lambda _: None,
        time: Callable[[], float] = lambda: 0.0,
        accounting: CpuAccounting | None = None,
    ) -> None:
        self._observe = observe
        self._on_stall = on_stall
        self._on_starvation = on_starvation
        self._time = time
        self._accounting = accounting or CpuAccounting()
        self._samples: deque[tuple[float, float]] = deque(maxlen=_KEPT)
        self._stalls: deque[Stall] = deque(maxlen=_KEPT)
        self._planned: float | None = None
        self._starvation: HostStarvation | None = None
        self._reported_at = 0.0
        self._used = 0.0
        self._counters = CpuSample(0.0, 0.0, 0.0)

    async def run(self) -> None:
        """Measure until cancelled."""
        loop = asyncio.get_running_loop()
        self._counters, self._used = self._accounting.read(), process_time()
        try:
            while True:
                self._planned = next_beat(loop.time())
                await sleep_until(self._planned)
                self._beat(loop.time(), self._planned)
        finally:
            self._planned = None

    def worst_since(self, moment: float) -> float:
        """Return the greatest lag since ``moment`` (the loop's time), in seconds."""
        worst = 0.0
        for at, lag in reversed(self._samples):
            if at < moment:
                break
            worst = max(worst, lag)
        return worst

    def starvation_during(self, begun: float, ended: float) -> Starvation | None:
        """Return why a measurement between two times (the loop's) is inadmissible; None if it is
        admissible. A stall that the heartbeat has not noticed yet counts too."""
        if self._planned is not None and ended - self._planned > STALL:
            self._beat(ended, self._planned)
            self._planned = ended
        if not self._stalls or self._stalls[-1].ended < begun:
            return None
        return affecting(tuple(self._stalls), begun, ended)

    def _beat(self, now: float, planned: float) -> None:
        lag = max(0.0, now - planned)
        self._samples.append((now, lag))
        self._observe(lag)
        used, self._used = self._used, process_time()
        if lag >= STALL or now - self._reported_at >= _REPORT_EVERY:
            self._note(now, lag, self._used - used)
        if now - self._reported_at >= _REPORT_EVERY:
            self._reported_at = now
            self._judge(now)

    def _note(self, now: float, lag: float, used: float) -> None:
        """Read the kernel's counters, and keep a stall with its reason."""
        before, self._counters = self._counters, self._accounting.read()
        asleep = self._counters.suspended - before.suspended
        if lag < STALL and asleep < STALL:
            return
        reason = reason_of(
            lag,
            used=used,
            waited=self._counters.waited - before.waited,
            throttled=self._counters.throttled - before.throttled,
            suspended=asleep,
        )
        self._stalls.append(Stall(now - lag, now, reason, max(0.0, asleep)))
        self._on_stall(reason, lag + max(0.0, asleep))

    def _judge(self, now: float) -> None:
        if not self._stalls:
            return
        before = self._starvation
        self._starvation = lasting(
            before, self._stalls, now, self._time(), load=load_average(), cpus=usable_cpus()
        )
        if self._starvation is not None or before is not None:
            self._on_starvation(self._starvation)

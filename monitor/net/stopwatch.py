"""Times the phases of one measurement and knows which one is open when it fails."""

from __future__ import annotations

from collections.abc import Mapping

from monitor.model.probe_result import Phase
from monitor.net.clock import Clock


class Stopwatch:
    """Durations by phase, in seconds. A phase that fails keeps the time it took."""

    __slots__ = ("_clock", "_durations", "current", "first")

    def __init__(self, clock: Clock, first: Phase) -> None:
        self._clock = clock
        self._durations: dict[Phase, float] = {}
        self.first = self.current = first

    def phase(self, phase: Phase) -> _PhaseTimer:
        """Time the block as ``phase``; ``current`` stays on it when the block raises."""
        return _PhaseTimer(self, phase)

    def now(self) -> float:
        """Return the clock's monotonic time in seconds."""
        return self._clock.monotonic()

    def add(self, phase: Phase, seconds: float) -> None:
        """Add to the time of a phase that may be gone through more than once."""
        self._durations[phase] = self._durations.get(phase, 0.0) + seconds

    def record(self, phase: Phase, seconds: float) -> None:
        """Set a phase that was timed elsewhere (by the resolver, by the kernel)."""
        self._durations[phase] = seconds

    @property
    def durations(self) -> Mapping[Phase, float]:
        return dict(self._durations)


class _PhaseTimer:
    __slots__ = ("_phase", "_started", "_stopwatch")

    def __init__(self, stopwatch: Stopwatch, phase: Phase) -> None:
        self._stopwatch = stopwatch
        self._phase = phase
        self._started = 0.0

    def __enter__(self) -> None:
        self._stopwatch.current = self._phase
        self._started = self._stopwatch.now()

    def __exit__(self, *_: object) -> None:
        self._stopwatch.add(self._phase, self._stopwatch.now() - self._started)

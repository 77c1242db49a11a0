"""Times the phases of one measurement and knows which one is open when it fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from monitor.model import Phase
from monitor.net.clock import Clock


class Stopwatch:
    """Durations by phase, in seconds. A phase that fails keeps the time it took."""

    __slots__ = ("_clock", "_durations", "current")

    def __init__(self, clock: Clock, first: Phase) -> None:
        self._clock = clock
        self._durations: dict[Phase, float] = {}
        self.current = first

    @contextmanager
    def phase(self, phase: Phase) -> Iterator[None]:
        """Time the block as ``phase``; ``current`` stays on it when the block raises."""
        self.current = phase
        started = self._clock.monotonic()
        try:
            yield
        finally:
            elapsed = self._clock.monotonic() - started
            self._durations[phase] = self._durations.get(phase, 0.0) + elapsed

    def record(self, phase: Phase, seconds: float) -> None:
        """Set a phase that was timed elsewhere (by the resolver, by the kernel)."""
        self._durations[phase] = seconds

    @property
    def durations(self) -> Mapping[Phase, float]:
        return dict(self._durations)

"""Protects samples from a clock that jumps.

A virtual machine that is resumed, or a time service that is wrong for a moment, can set the
clock ahead by hours and back. A receiver that has taken a sample of tomorrow refuses everything
until tomorrow (Prometheus, "out of bounds"). A jump is therefore followed only after it has
lasted for a minute; until then samples get the time that the clock would have shown without it.
"""

from __future__ import annotations

from monitor.net.clock import Clock

TOLERATED = 30.0
"""Seconds by which the clock may differ from its course without being a jump: corrections by a
time service, and drift."""

FOLLOWED_AFTER = 60.0
"""Seconds after which a jump is taken for a correction of the clock."""


class ClockGuard:
    """Compares the clock with monotonic time."""

    def __init__(self) -> None:
        self._offset: float | None = None
        self._jump: float | None = None
        self._jumped_at = 0.0

    def correction(self, time: float, monotonic: float) -> float:
        """Return the seconds to add to the time of samples taken at ``time`` (Unix seconds)."""
        offset = time - monotonic
        if self._offset is None or abs(offset - self._offset) <= TOLERATED:
            self._offset, self._jump = offset, None
            return 0.0
        if self._jump is None or abs(offset - self._jump) > TOLERATED:
            self._jump, self._jumped_at = offset, monotonic
        if monotonic - self._jumped_at >= FOLLOWED_AFTER:
            self._offset, self._jump = offset, None
            return 0.0
        return self._offset - offset


class SteadyClock:
    """A clock that does not follow jumps of the clock behind it until they have lasted."""

    def __init__(self, clock: Clock) -> None:
        self.correction = 0.0
        self._clock = clock
        self._guard = ClockGuard()

    def monotonic(self) -> float:
        """Return monotonic seconds."""
        return self._clock.monotonic()

    def time(self) -> float:
        """Return Unix seconds. ``correction`` is then their difference from the clock behind."""
        now = self._clock.time()
        self.correction = self._guard.correction(now, self._clock.monotonic())
        return now + self.correction

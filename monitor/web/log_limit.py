"""Rate limit for log lines that clients cause: at most one per interval, with a count."""

from __future__ import annotations

from dataclasses import dataclass

LOG_INTERVAL = 60.0
"""Minimum time between two log lines of one kind, in seconds."""


@dataclass(slots=True)
class LogLimit:
    """Limit for one kind of log line. Times are monotonic seconds."""

    interval: float = LOG_INTERVAL
    _last: float | None = None
    _count: int = 0

    def count(self, now: float) -> int:
        """Count one occurrence. Return the number of occurrences to report now, which includes
        those since the last report; 0 if it is too early to log."""
        self._count += 1
        if self._last is not None and now - self._last < self.interval:
            return 0
        reported, self._count, self._last = self._count, 0, now
        return reported

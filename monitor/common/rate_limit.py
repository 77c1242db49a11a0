"""Rate limits. Pure: the caller passes the time."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(slots=True)
class TokenBucket:
    """A limit of ``rate`` events per second on average and ``burst`` at once."""

    rate: float
    burst: float
    _tokens: float = 0.0
    _updated: float = -math.inf

    def reserve(self, now: float) -> float:
        """Take one token and return the seconds to wait before using it."""
        self._refill(now)
        self._tokens -= 1.0
        return max(0.0, -self._tokens / self.rate)

    def try_take(self, now: float) -> bool:
        """Take one token if one is available, and return whether it was."""
        self._refill(now)
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def _refill(self, now: float) -> None:
        elapsed = now - self._updated
        self._tokens = min(self.burst, self._tokens + elapsed * self.rate)
        self._updated = now


@dataclass(slots=True)
class MinInterval:
    """A minimum interval of ``seconds`` between two events."""

    seconds: float
    _last: float = -math.inf

    def over(self, now: float) -> bool:
        """Return whether the interval is over; if so, the next one starts."""
        if now - self._last < self.seconds:
            return False
        self._last = now
        return True

    def remaining(self, now: float) -> float:
        """Return the seconds until the interval is over; 0 if it is."""
        return max(0.0, self._last + self.seconds - now)

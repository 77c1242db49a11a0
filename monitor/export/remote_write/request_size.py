"""The size of requests, learned from what passes and what fails. Pure.

A receiver, or a proxy in front of it, may refuse a large request (413, a burst limit behind a
429, a path MTU that swallows it). The size is halved for each failure and doubled for each
request of full size that passes. A size that failed is tried again after a pause, which doubles
for each further failure; nothing learned lasts longer than ``LONGEST_PAUSE``.
"""

from __future__ import annotations

FIRST_PAUSE = 10.0
"""Seconds until a size that failed is tried again the first time."""

LONGEST_PAUSE = 3600.0
"""Upper bound of the pause, in seconds."""


class RequestSize:
    """The number of samples that the next request may hold. ``now`` is monotonic seconds."""

    def __init__(self, most: int) -> None:
        """Start with ``most`` samples, the configured maximum."""
        self.limit = most
        self._most = most
        self._ceiling: int | None = None
        self._pause = FIRST_PAUSE
        self._failed_at = 0.0
        self._on_trial = False

    def passed(self, samples: int, now: float) -> None:
        """Learn that the receiver judged a request of ``samples`` samples."""
        if self._ceiling is not None and samples >= self._ceiling:
            self._ceiling, self._pause, self._on_trial = None, FIRST_PAUSE, False
        if samples >= self.limit:
            self._grow(now)
        elif self._ceiling is not None and now - self._failed_at >= LONGEST_PAUSE:
            self._ceiling, self.limit = None, self._most

    def failed(self, samples: int, now: float) -> None:
        """Learn that a request failed, possibly because it held ``samples`` samples."""
        if self._on_trial:
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
        self._on_trial = False
        self._ceiling = min(self._ceiling or samples, samples)
        self._failed_at = now
        self.limit = max(1, min(self.limit, samples) // 2)

    def disturbed(self) -> None:
        """Try larger requests soon: the receiver has changed its behavior."""
        self._pause, self._failed_at = FIRST_PAUSE, 0.0

    def _grow(self, now: float) -> None:
        grown = min(2 * self.limit, self._most)
        if self._ceiling is not None and grown >= self._ceiling:
            if now - self._failed_at < self._pause:
                return
            self._on_trial, self._ceiling = True, None
        self.limit = grown

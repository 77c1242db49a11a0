"""The version of the protocol to use with a receiver. Pure.

The configured version is preferred. A receiver that does not understand it gets the other one
(Remote-Write 2.0, "2.x vs 1.x Compatibility"), and the preferred one is tried again after a
pause, sooner if the receiver's behavior changes: a receiver can be upgraded, rolled back or
replaced at any time.
"""

from __future__ import annotations

from monitor.model.settings import WriteVersion

FIRST_PAUSE, LONGEST_PAUSE = 300.0, 3600.0
"""Seconds until the preferred version is tried again: first, and at most."""

LEAST_PAUSE = 60.0
"""Seconds between two trials, whatever the receiver does."""

ALTERNATE_AFTER = 5
"""Failed answers in a row after which the other version is tried, at every third failure."""

STRANGE_LIMIT = 3
"""Successes without counts, but with a body, after which a receiver that counted before is
taken for one of 1.0: until then they are taken for a filter on the path."""


def other(version: WriteVersion) -> WriteVersion:
    """Return the other version."""
    return WriteVersion.V1 if version is WriteVersion.V2 else WriteVersion.V2


class Negotiation:
    """The version in use. ``confirmed``: the receiver answered a 2.0 request with counts.
    ``now`` is monotonic seconds."""

    def __init__(self, preferred: WriteVersion) -> None:
        self.version = preferred
        self.confirmed = False
        self._preferred = preferred
        self._pause = FIRST_PAUSE
        self._tried_at = 0.0
        self._due_at = 0.0
        self._strange = 0

    def choose(self, now: float, failures: int = 0) -> WriteVersion:
        """Return the version of the next request. ``failures``: responses in a row that did
        not judge the samples."""
        if self.version is not self._preferred and now >= self._due_at:
            self._tried_at = now
            self._postpone(now)
            return self._preferred
        if failures >= ALTERNATE_AFTER and failures % 3 == 0:
            return other(self.version)
        return self.version

    def understood(self, version: WriteVersion, now: float, *, counted: bool) -> bool:
        """Learn that the receiver understood ``version``; return whether that changes the
        version in use."""
        self._strange = 0
        self.confirmed = counted if version is WriteVersion.V2 else False
        if version is self._preferred:
            self._pause = FIRST_PAUSE
        if version is self.version:
            return False
        self.version = version
        if version is not self._preferred:
            self._tried_at = now
            self._postpone(now)
        return True

    def strange(self) -> bool:
        """Note a success without counts from a receiver that counted before. Return whether
        to doubt it still."""
        self._strange += 1
        self.confirmed = self.confirmed and self._strange < STRANGE_LIMIT
        return self.confirmed

    def disturbed(self, now: float) -> None:
        """Try the preferred version soon: the receiver has changed its behavior."""
        self._pause = FIRST_PAUSE
        self._due_at = min(self._due_at, max(now, self._tried_at + LEAST_PAUSE))

    def _postpone(self, now: float) -> None:
        self._due_at = now + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

"""The one place where samples are dropped: each drop is counted, kept for the page and logged."""

from __future__ import annotations

from threading import Lock
from typing import Protocol

import structlog

from monitor.net.clock import Clock
from monitor.state.self_metrics import Drop, DropReason, RemoteWriteMetrics

LOG_EVERY = 60.0
"""Seconds between two log lines on drops for the same reason."""

_EXPLANATIONS = {
    DropReason.QUEUE_FULL: "the queue is full: the oldest samples made room for newer ones",
    DropReason.TOO_OLD: "they waited longer than queue_age",
    DropReason.CORRUPT: "their part of the queue is damaged",
    DropReason.OVERFLOW: "the disk is too slow to queue them",
}

log = structlog.get_logger(__name__)


class Observer(Protocol):
    """Takes in drops."""

    def __call__(self, reason: DropReason, count: int, explanation: str = "") -> None: ...


class Drops:
    """Drops of one destination. ``explanation``: the receiver's response, sanitized and
    redacted. Called from the event loop and from the destination's thread."""

    def __init__(self, destination: str, metrics: RemoteWriteMetrics, clock: Clock) -> None:
        self._destination = destination
        self._metrics = metrics
        self._clock = clock
        self._lock = Lock()
        self._logged_at: dict[DropReason, float] = {}
        self._unlogged: dict[DropReason, int] = {}

    def __call__(self, reason: DropReason, count: int, explanation: str = "") -> None:
        """Note that ``count`` samples are dropped."""
        if count <= 0:
            return
        with self._lock:
            self._metrics.dropped[reason] += count
            known = self._metrics.drops.get(reason)
            text = explanation or (known.explanation if known else _EXPLANATIONS.get(reason, ""))
            self._metrics.drops[reason] = Drop(self._clock.time(), text)
            self._unlogged[reason] = self._unlogged.get(reason, 0) + count
        self.log_due()

    def log_due(self, *, final: bool = False) -> None:
        """Log drops that were not logged yet: at most one line per reason per ``LOG_EVERY``."""
        now = self._clock.monotonic()
        with self._lock:
            due = [
                reason
                for reason in self._unlogged
                if final or now - self._logged_at.get(reason, -LOG_EVERY) >= LOG_EVERY
            ]
            lines = [(reason, self._unlogged.pop(reason)) for reason in due]
            self._logged_at |= dict.fromkeys(due, now)
        for reason, count in lines:
            log.warning(
                "remote write dropped samples",
                destination=self._destination,
                reason=reason.value,
                samples=count,
                total=self._metrics.dropped[reason],
                explanation=self._metrics.drops[reason].explanation,
            )

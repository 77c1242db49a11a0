"""Guard around result handling: logs and counts an exception in one part, and continues."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

import structlog

from monitor.state.self_metrics import GuardedPart, SelfMetrics

LOG_EVERY = 60.0
"""Minimum interval between two log lines of the same part and exception class: 60 s."""

log = structlog.get_logger(__name__)


class Guard:
    """Counts and logs internal errors. ``with guard(part):`` suppresses an exception of the block
    and continues behind it; cancellation passes."""

    def __init__(
        self, self_metrics: SelfMetrics, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._self_metrics = self_metrics
        self._monotonic = monotonic
        self._parts = {part: _PartGuard(self, part) for part in GuardedPart}
        self._logged: dict[tuple[GuardedPart, type[BaseException]], float] = {}

    def __call__(self, part: GuardedPart) -> _PartGuard:
        """Return the guard of a part."""
        return self._parts[part]

    def failed(self, part: GuardedPart, error: BaseException, **facts: str) -> None:
        """Count an internal error, and log it with its traceback at most once a minute."""
        self._self_metrics.internal_errors[part] += 1
        key, now = (part, type(error)), self._monotonic()
        if now - self._logged.get(key, -LOG_EVERY) < LOG_EVERY:
            return
        self._logged[key] = now
        log.error("internal error", part=part.value, exc_info=error, **facts)


class _PartGuard:
    """Context manager of one part. It holds no state, so it may be entered several times."""

    __slots__ = ("_guard", "_part")

    def __init__(self, guard: Guard, part: GuardedPart) -> None:
        self._guard = guard
        self._part = part

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        self._guard.failed(self._part, error)
        return True

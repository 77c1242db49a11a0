"""Latencies as one byte each, on a logarithmic scale."""

from __future__ import annotations

import math

_FLOOR, _CEILING, _STEPS = 1e-4, 60.0, 254


_RATIO = (_CEILING / _FLOOR) ** (1 / (_STEPS - 1))


def latency_code(seconds: float | None) -> int:
    """Return a latency in one byte, on a logarithmic scale that is right to 3 %; 0 stands for
    none."""
    if seconds is None or not math.isfinite(seconds):
        return 0
    bounded = min(max(seconds, _FLOOR), _CEILING)
    return 1 + round(math.log(bounded / _FLOOR, _RATIO))


def latency_of(code: int) -> float | None:
    """Return the seconds that a code stands for."""
    return _FLOOR * _RATIO ** (code - 1) if code else None

"""Latency baseline of a target, and detection of slowness. Robust statistics. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from monitor.health.latency import latency_code, latency_of

WINDOW = 120
"""Number of baseline latencies that are kept, one byte each: an hour at the default interval. A
latency that increases over hours becomes the baseline; a sudden increase does not."""

WARM_UP = 10
"""Number of latencies needed before any is classified as slow."""

TURN_AFTER = 3
"""Consecutive results after which a target is slow, or no longer slow."""

HIGH = 0.95
"""Quantile of the baseline latencies from which slowness is measured. It also works for endpoints
with two typical latencies (a cache that misses, two addresses), for which a deviation from the
median is not meaningful."""

ACCEPT_AFTER = 86_400.0
"""Seconds after which the slow latency is the new baseline: the service moved, and the warning
has been active for a day."""


@dataclass(frozen=True, slots=True)
class Margin:
    """Tolerated increase over the baseline: ``seconds`` above the high quantile, or ``times``
    the median, whichever is larger."""

    seconds: float
    times: float


@dataclass(frozen=True, slots=True)
class Baseline:
    """The baseline of one measurement. ``codes`` are the last normal latencies as encoded by
    ``latency_code``, ``against`` those of the consecutive results that contradict
    ``slow_since`` (Unix seconds, None if it is not slow)."""

    codes: bytes = b""
    against: bytes = b""
    slow_since: float | None = None

    @property
    def slow(self) -> bool:
        """Whether it was slower than the baseline in several consecutive results."""
        return self.slow_since is not None

    @property
    def usual(self) -> float | None:
        """The median in seconds; None before there are enough results."""
        known = len(self.codes) >= WARM_UP
        return latency_of(sorted(self.codes)[len(self.codes) // 2]) if known else None

    def limit(self, margin: Margin) -> float:
        """Return the latency in seconds beyond which a result is slow; infinite before enough
        is known."""
        usual = self.usual
        if usual is None:
            return math.inf
        high = latency_of(sorted(self.codes)[math.ceil(HIGH * len(self.codes)) - 1]) or 0.0
        return max(high + margin.seconds, usual * margin.times)


def after(baseline: Baseline, seconds: float, now: float, margin: Margin) -> Baseline:
    """Return the baseline after one more latency.

    A few beyond the limit that others follow within it belong to what is usual. Those of a
    slow time do not: a slow hour does not make the next one look well.
    """
    code = latency_code(seconds)
    if not code:
        return baseline
    beyond = seconds > baseline.limit(margin)
    if beyond is baseline.slow:
        usual = b"" if baseline.slow else baseline.against + bytes((code,))
        turned = replace(baseline, codes=(baseline.codes + usual)[-WINDOW:], against=b"")
    else:
        turned = _turned(replace(baseline, against=baseline.against + bytes((code,))), now)
    lasted = turned.slow_since is not None and now - turned.slow_since >= ACCEPT_AFTER
    return Baseline() if lasted else turned


def _turned(baseline: Baseline, now: float) -> Baseline:
    """Turn a baseline that enough results speak against."""
    if len(baseline.against) < TURN_AFTER:
        return baseline
    if not baseline.slow:
        return replace(baseline, against=b"", slow_since=now)
    codes = (baseline.codes + baseline.against)[-WINDOW:]
    return Baseline(codes)

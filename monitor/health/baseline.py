"""What latency is usual for a target, and whether it is slow now: robust statistics. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from monitor.health.latency import latency_code, latency_of

WINDOW = 120
"""So many usual latencies are remembered, a byte each: an hour at the usual interval. What
creeps over hours becomes usual; what jumps does not."""

WARM_UP = 10
"""Latencies that have to be known before any is called slow."""

TURN_AFTER = 3
"""So many results in a row make a target slow, and as many make it well again."""

HIGH = 0.95
"""The share of usual latencies that is not above the high mark which slow is measured from. It
holds for endpoints with two usual latencies too (a cache that misses, two addresses), for which
a deviation from the median tells nothing."""

ACCEPT_AFTER = 86_400.0
"""Seconds after which slow is the new usual: somebody moved something, and has been told for a
day."""


@dataclass(frozen=True, slots=True)
class Margin:
    """How much slower than usual still is well: ``seconds`` above the high mark, or ``times``
    the median, whichever is more."""

    seconds: float
    times: float


@dataclass(frozen=True, slots=True)
class Baseline:
    """The usual latency of one thing. ``codes`` are the last usual latencies as ``latency_code``
    has them, ``against`` those of the results in a row that speak against ``slow_since`` (Unix
    seconds, None where it is not slow)."""

    codes: bytes = b""
    against: bytes = b""
    slow_since: float | None = None

    @property
    def slow(self) -> bool:
        """Whether it is slower than usual, and has been several times in a row."""
        return self.slow_since is not None

    @property
    def usual(self) -> float | None:
        """The median in seconds; None before enough is known."""
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

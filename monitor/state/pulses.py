"""Metrics of pulses per way out: round-trip time, jitter, loss."""

from __future__ import annotations

from dataclasses import dataclass, field

from monitor.common.histogram import Histogram

RTT_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Upper bounds of round-trip times in seconds."""

_JITTER_GAIN = 1 / 16
"""Weight of the newest difference in the jitter estimate (RFC 3550 section 6.4.1)."""


def _rtt_histogram() -> Histogram:
    return Histogram(RTT_BUCKETS)


@dataclass(slots=True)
class PulseMetrics:
    """Counts of pulses of one kind, port and family. ``jitter`` is the smoothed difference of
    consecutive round-trip times to the same address, in seconds."""

    sent: int = 0
    failed: int = 0
    retransmits: int = 0
    rtt: Histogram = field(default_factory=_rtt_histogram)
    jitter: float = 0.0

    def observe(self, rtt: float, before: float | None) -> None:
        """Take in a round-trip time and the one before it from the same address (seconds)."""
        self.rtt.observe(rtt)
        if before is not None:
            self.jitter += (abs(rtt - before) - self.jitter) * _JITTER_GAIN

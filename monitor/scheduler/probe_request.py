"""Requests to probe a configured target now, within limits. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from monitor.common.rate_limit import TokenBucket
from monitor.health.status import TargetStatus

REQUESTS_PER_SECOND = 0.2
"""Sustained rate of requested probes, for all targets together: one per 5 s."""

REQUESTS_BURST = 5.0
"""Number of requested probes that may start at once."""

PAUSE = 5.0
"""Minimum time between the last probe of a target and a requested one, in seconds. A target with
an interval of its own is expensive or rate-limited by its peer; its pause is a tenth of that."""


class ProbeRequest(StrEnum):
    """Outcome of a request. Stable values of the API."""

    ACCEPTED = "accepted"
    IN_PROGRESS = "in_progress"
    TOO_SOON = "too_soon"
    NOT_PROBED = "not_probed"
    """A value of the target is missing, such as the region."""


@dataclass(slots=True)
class ProbeRequests:
    """Limits of requested probes."""

    _bucket: TokenBucket = field(
        default_factory=lambda: TokenBucket(REQUESTS_PER_SECOND, REQUESTS_BURST)
    )

    def judge(self, status: TargetStatus, wall: float, monotonic: float) -> ProbeRequest:
        """Return whether a target may be probed now. ``wall`` is Unix seconds."""
        if status.target.missing_values:
            return ProbeRequest.NOT_PROBED
        last = status.probe_result
        pause = max(PAUSE, (status.target.endpoint.interval or 0.0) / 10)
        if last is not None and 0 <= wall - last.started_at < pause:
            return ProbeRequest.TOO_SOON
        return ProbeRequest.ACCEPTED if self._bucket.try_take(monotonic) else ProbeRequest.TOO_SOON

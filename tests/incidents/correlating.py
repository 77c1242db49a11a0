"""Judging statuses without a daemon."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.health.status import TargetStatus
from monitor.incidents.inference import judge
from monitor.model.incident import Incident


def correlate(
    statuses: Sequence[TargetStatus], before: Sequence[Incident], now: float
) -> tuple[Incident, ...]:
    """Return the incidents that the statuses amount to."""
    return judge(statuses, now, before).incidents

"""Number of failures that show more than lost packets. Pure.

A connection that got no answer within a short timeout has lost only two SYNs (RFC 6298: sent at 0,
1, 3 and 7 s), which 1 % of packets lost each way brings about in one probe of 2,500. In two probes
in a row that happens within days somewhere in the catalog, in three within centuries.
"""

from __future__ import annotations

from dataclasses import replace

from monitor.health.machine import Health, HealthPolicy
from monitor.model.probe_result import Failure, FailureKind, Phase, ProbeResult
from monitor.model.state import State
from monitor.model.target import Target

ENOUGH_SYNS = 7.0
"""Seconds after which a fourth SYN is sent: two failures with such a timeout are not noise."""

_MORE = 1


def policy_after(
    policy: HealthPolicy, target: Target, result: ProbeResult, health: Health
) -> HealthPolicy:
    """Return the policy for a result of a target with this health before it: one more failure
    decides if this one may have lost two packets only. A target without a state keeps the
    policy: that lasts for its first results only."""
    failures = [result.failure, *(c.failure for c in result.connections)]
    if health.measured is State.UNKNOWN or target.timeout >= ENOUGH_SYNS:
        return policy
    if not any(map(_got_no_answer, failures)):
        return policy
    return replace(policy, down_after=policy.down_after + _MORE)


def _got_no_answer(failure: Failure | None) -> bool:
    return (
        failure is not None
        and failure.phase is Phase.CONNECT
        and failure.kind is FailureKind.TIMEOUT
    )

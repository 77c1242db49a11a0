"""Refusals that the restart of a server explains: a port closed for a second, then open. Pure."""

from __future__ import annotations

from dataclasses import replace

from monitor.health.machine import Health, HealthPolicy
from monitor.model.causes import Cause
from monitor.model.probe_result import ProbeResult
from monitor.model.state import State

RESTART = 1.5
"""Time for which connections have to be refused before a target that was up is down: 1.5 s."""

REFUSALS = frozenset({Cause.TCP_REFUSED, Cause.UDP_PORT_UNREACHABLE})
"""Causes that a server without a listener shows."""

_ERRNO = "ECONNREFUSED"


def policy_for_refusals(policy: HealthPolicy, result: ProbeResult, health: Health) -> HealthPolicy:
    """Return the policy for a result of a target with this health before it: refusals have to last,
    the duration of this probe itself not counted. A target without a state keeps the policy."""
    refused = result.failure is not None and result.failure.code == _ERRNO
    if not refused or health.measured is State.UNKNOWN:
        return policy
    return replace(policy, lasting=max(policy.lasting, RESTART + result.duration))


def may_confirm(health: Health, policy: HealthPolicy, now: float) -> bool:
    """Whether something else than a second result may confirm the last failure."""
    return now - health.failing_since >= policy.lasting

"""The result of a check: one status per target, and what these tell together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from monitor.diagnosis.clock import ClockEstimate, estimate
from monitor.health import redundancy
from monitor.health.gateways import Gateway, rollup
from monitor.health.redundancy import RedundantGroup
from monitor.health.status import TargetStatus
from monitor.health.summary import Summary, tally
from monitor.model.discovery import ChainState, UnlistedHost


@dataclass(frozen=True, slots=True)
class DiscoveryFindings:
    """What discovery found beside the stand-ins, which the targets themselves tell: how its
    chains (by id) stand, and the hosts that the allow-list misses."""

    chains: Mapping[str, ChainState] = field(default_factory=dict)
    unlisted: tuple[UnlistedHost, ...] = ()


def summarize(statuses: Sequence[TargetStatus]) -> Summary:
    """Count the results."""
    return tally((status.target, status.state) for status in statuses)


def clock_of(statuses: Sequence[TargetStatus]) -> ClockEstimate | None:
    """Return what the answers say of this host's clock."""
    newest = max((r.probe_result.started_at for r in statuses if r.probe_result), default=0.0)
    return estimate(((r.target.host, r.probe_result) for r in statuses), newest)


def gateways_of(statuses: Sequence[TargetStatus]) -> tuple[Gateway, ...]:
    """Return how the gateways stand, and which one a runner would pick."""
    gateways: tuple[Gateway, ...] = ()
    for status in statuses:
        if status.target.endpoint.gateway_entry:
            gateways = rollup(gateways, statuses, status.target.id)
    return gateways


def redundant_groups_of(statuses: Sequence[TargetStatus]) -> tuple[RedundantGroup, ...]:
    """Return how the redundant groups stand."""
    return redundancy.rollup(((r.target, r.state) for r in statuses), (), 0.0)

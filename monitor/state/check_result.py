"""The result of a check: one status per target, and what follows from all of them."""

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
    """The result of discovery apart from the wildcard samples in the targets: the state of each
    chain by id, and the hosts missing from the allow-list."""

    chains: Mapping[str, ChainState] = field(default_factory=dict)
    unlisted: tuple[UnlistedHost, ...] = ()


def summarize(statuses: Sequence[TargetStatus]) -> Summary:
    """Count the targets by state."""
    return tally((status.target, status.state) for status in statuses)


def clock_of(statuses: Sequence[TargetStatus]) -> ClockEstimate | None:
    """Return the estimate of this host's clock error from the responses."""
    newest = max((r.probe_result.started_at for r in statuses if r.probe_result), default=0.0)
    return estimate(((r.target.host, r.probe_result) for r in statuses), newest)


def gateways_of(statuses: Sequence[TargetStatus]) -> tuple[Gateway, ...]:
    """Return the state of the gateways, with the one that a runner would pick."""
    gateways: tuple[Gateway, ...] = ()
    for status in statuses:
        if status.target.endpoint.gateway_entry:
            gateways = rollup(gateways, statuses, status.target.id)
    return gateways


def redundant_groups_of(statuses: Sequence[TargetStatus]) -> tuple[RedundantGroup, ...]:
    """Return the state of the redundant groups."""
    return redundancy.rollup(((r.target, r.state) for r in statuses), (), 0.0)

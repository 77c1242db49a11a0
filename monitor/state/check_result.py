"""The result of a check: one status per target, and what these tell together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from monitor.diagnosis.clock import ClockEstimate, estimate
from monitor.health import redundancy
from monitor.health.gateways import Gateway, survey
from monitor.health.redundancy import RedundantGroup
from monitor.health.status import Standing
from monitor.health.summary import Summary, tally
from monitor.model.diagnosis import Verdict
from monitor.model.discovery import ChainState, UnlistedHost
from monitor.model.probe_result import Attempt
from monitor.model.state import State
from monitor.model.target import Target


@dataclass(frozen=True, slots=True)
class Result:
    """How one target stands after the check; no attempt where it is unknown."""

    target: Target
    state: State
    attempt: Attempt | None = None
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """What discovery found beside the stand-ins, which the targets themselves tell: how its
    chains (by id) stand, and the hosts that the allow-list misses."""

    chains: Mapping[str, ChainState] = field(default_factory=dict)
    unlisted: tuple[UnlistedHost, ...] = ()


def summarize(results: Sequence[Result]) -> Summary:
    """Count the results."""
    return tally((result.target, result.state) for result in results)


def clock_of(results: Sequence[Result]) -> ClockEstimate | None:
    """Return what the answers say of this host's clock."""
    newest = max((r.attempt.started_at for r in results if r.attempt), default=0.0)
    return estimate(((r.target.host, r.attempt) for r in results), newest)


def gateways_of(results: Sequence[Result]) -> tuple[Gateway, ...]:
    """Return how the gateways stand, and which one a runner would pick."""
    standings = [Standing(r.target, r.state, attempt=r.attempt) for r in results]
    gateways: tuple[Gateway, ...] = ()
    for result in results:
        if result.target.endpoint.gateway_entry:
            gateways = survey(gateways, standings, result.target.id)
    return gateways


def redundant_groups_of(results: Sequence[Result]) -> tuple[RedundantGroup, ...]:
    """Return how the redundant groups stand."""
    return redundancy.survey(((r.target, r.state) for r in results), (), 0.0)

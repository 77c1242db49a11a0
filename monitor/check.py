"""Measures every target once, and a failed one a second time before it is called down."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from monitor import redundancy
from monitor.diagnosis import Standing, correlate, settle
from monitor.diagnosis.clock import ClockEstimate, estimate
from monitor.diagnosis.looks import looks_for
from monitor.gateways import Gateway, survey
from monitor.health import Health, HealthPolicy, advance
from monitor.model import Attempt, ChainState, Incident, State, Target, UnlistedHost, Verdict
from monitor.redundancy import RedundantGroup
from monitor.second_look import Take, take_all
from monitor.view import Summary, tally

Measure = Callable[[Target], Awaitable[tuple[Attempt, Verdict]]]

OnResult = Callable[["Result"], None]

RETRY_AFTER = 1.0
"""Seconds before a failed target is measured again: a lost packet is not an outage."""


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


async def check_all(
    targets: Sequence[Target],
    measure: Measure,
    on_result: OnResult = lambda _: None,
    retry_after: float = RETRY_AFTER,
) -> tuple[Result, ...]:
    """Return a result a target, in the order given.

    ``measure`` bounds how many run at once. ``on_result`` is called as each one is done.
    """

    async def one(target: Target) -> Result:
        result = await _check(target, measure, retry_after)
        on_result(result)
        return result

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(target)) for target in targets]
    return tuple(task.result() for task in tasks)


def summarize(results: Sequence[Result]) -> Summary:
    """Count the results."""
    return tally((result.target, result.state) for result in results)


def incidents_of(results: Sequence[Result], now: float) -> tuple[Incident, ...]:
    """Return what the failures share; ``now`` is Unix seconds.

    A check is one moment: what was measured again only because it failed does not count
    as later than what worked at once.
    """
    return correlate(_standings(results, now), (), now)


async def explained(results: Sequence[Result], now: float, look: Take) -> tuple[Incident, ...]:
    """Return ``incidents_of`` after a second look at each that one look can't tell apart."""
    standings = _standings(results, now)
    targets = {result.target.id: result.target for result in results}

    async def one(incident: Incident) -> Incident:
        return settle(incident, targets, await take_all(looks_for(incident, standings), look))

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(i)) for i in correlate(standings, (), now)]
    return tuple(task.result() for task in tasks)


def _standings(results: Sequence[Result], now: float) -> list[Standing]:
    return [
        Standing(
            target=result.target,
            state=result.state,
            since=now,
            verdict=result.verdict,
            attempt=replace(result.attempt, started_at=now) if result.attempt else None,
        )
        for result in results
    ]


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


async def _check(target: Target, measure: Measure, retry_after: float) -> Result:
    if target.unknown:
        return Result(target, State.UNKNOWN)
    attempt, verdict = await measure(target)
    health = _after(Health(), verdict, attempt)
    while health.state is State.UNKNOWN:
        await asyncio.sleep(retry_after)
        attempt, verdict = await measure(target)
        health = _after(health, verdict, attempt)
    return Result(target, health.state, attempt, verdict)


def _after(health: Health, verdict: Verdict, attempt: Attempt) -> Health:
    return advance(health, verdict, attempt.started_at, HealthPolicy())

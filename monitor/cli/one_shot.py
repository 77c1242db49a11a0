"""Measures every target once, and a failed one a second time before it is called down."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from monitor.health.machine import Health, HealthPolicy, advance
from monitor.health.status import Standing
from monitor.incidents.followup_plan import looks_for
from monitor.incidents.followup_runner import Take, take_all
from monitor.incidents.followup_verdict import settle
from monitor.incidents.lifecycle import correlate
from monitor.model.diagnosis import Verdict
from monitor.model.incident import Incident
from monitor.model.probe_result import Attempt
from monitor.model.state import State
from monitor.model.target import Target
from monitor.state.check_result import Result

Measure = Callable[[Target], Awaitable[tuple[Attempt, Verdict]]]

OnResult = Callable[["Result"], None]

RETRY_AFTER = 1.0
"""Seconds before a failed target is measured again: a lost packet is not an outage."""


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

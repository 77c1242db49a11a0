"""One probe of every target, and a second one of each that failed, through the pipeline."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from itertools import count

from monitor.health.status import TargetStatus
from monitor.incidents.followup_plan import follow_ups_for
from monitor.incidents.followup_runner import Take, run_all
from monitor.incidents.followup_verdict import refine
from monitor.incidents.imposed import imposed
from monitor.incidents.inference import judge
from monitor.model.diagnosis import Diagnosis
from monitor.model.incident import Incident
from monitor.model.probe_result import ProbeResult
from monitor.model.state import State
from monitor.model.target import Target
from monitor.net.clock import SystemClock
from monitor.scheduler.pipeline import Pipeline
from monitor.state.events import Events
from monitor.state.store import StateStore

Measure = Callable[[Target], Awaitable[tuple[ProbeResult, Diagnosis]]]

OnResult = Callable[[TargetStatus], None]

VOID_TRIES = 4
"""Probes of a target after which one is counted even if this process did not run meanwhile: 4."""

RETRY_AFTER = 1.0
"""Seconds before a failed target is measured again: a lost packet is not an outage."""


async def check_all(
    targets: Sequence[Target],
    measure: Measure,
    on_result: OnResult = lambda _: None,
    retry_after: float = RETRY_AFTER,
) -> tuple[TargetStatus, ...]:
    """Return one status per target, in the order given.

    ``measure`` limits the probes in progress. ``on_result`` is called with each status.
    """

    store = StateStore(statuses={target.id: TargetStatus(target) for target in targets})
    pipeline = Pipeline(store, Events(), SystemClock())

    async def one(target: Target) -> TargetStatus:
        status = store.statuses[target.id]
        await _check(status, pipeline, measure, retry_after)
        on_result(status)
        return status

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(target)) for target in targets]
    return tuple(task.result() for task in tasks)


def incidents_of(statuses: Sequence[TargetStatus], now: float) -> tuple[Incident, ...]:
    """Return what the failures share; ``now`` is Unix seconds.

    A check is one moment: what was measured again only because it failed does not count
    as later than what worked at once.
    """
    return worst_first(judge(_at_one_moment(statuses, now), now).incidents)


def worst_first(incidents: Iterable[Incident]) -> tuple[Incident, ...]:
    """Return incidents that are down before degraded ones, the widest of each first: the start,
    which orders them in the daemon, is a matter of milliseconds here."""

    def rank(incident: Incident) -> tuple[bool, int, str]:
        return incident.state is not State.DOWN, -len(incident.affected), incident.subject

    return tuple(sorted(incidents, key=rank))


async def explained(
    statuses: Sequence[TargetStatus], now: float, follow_up: Take
) -> tuple[Incident, ...]:
    """Return ``incidents_of`` after the follow-up probes of each incident."""
    at_once = _at_one_moment(statuses, now)
    targets = {status.target.id: status.target for status in statuses}
    evaluation = judge(at_once, now)

    async def one(incident: Incident) -> Incident:
        return refine(
            incident, targets, await run_all(follow_ups_for(incident, at_once), follow_up)
        )

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(i)) for i in evaluation.incidents]
    incidents = worst_first(task.result() for task in tasks)
    owners = {name: incident for incident in incidents for name in incident.affected}
    for status in statuses:
        if (state := evaluation.states.get(status.target.id)) is not None:
            owner = owners[status.target.id]
            status.health, status.diagnosis = imposed(status, state, owner, now)
    return incidents


def _at_one_moment(statuses: Sequence[TargetStatus], now: float) -> list[TargetStatus]:
    return [
        replace(
            status,
            health=replace(status.health, since=now),
            probe_result=replace(status.probe_result, started_at=now)
            if status.probe_result
            else None,
        )
        for status in statuses
    ]


async def _check(
    status: TargetStatus, pipeline: Pipeline, measure: Measure, retry_after: float
) -> None:
    """Probe until the state is known: a single failure may be one lost packet, and a result is void
    if this process did not run meanwhile. A host that never lets it run gets a report anyway."""
    if status.target.missing_values:
        return
    for number in count(1):
        result, diagnosis = await measure(status.target)
        if number >= VOID_TRIES:
            result = replace(result, starvation=None)
        pipeline.process(status, result, diagnosis)
        if status.state is not State.UNKNOWN:
            return
        await asyncio.sleep(retry_after)

"""Runs follow-up probes: once per incident and cause, a few at a time, within their bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

from monitor.health.status import TargetStatus
from monitor.incidents.followup_plan import (
    FollowUp,
    FollowUpResult,
    Outcome,
    follow_up_result_of,
    follow_ups_for,
)
from monitor.incidents.followup_verdict import refine
from monitor.model.causes import Cause
from monitor.model.incident import Incident
from monitor.model.path import FlowTest
from monitor.model.probe_result import ProbeResult

LIMIT = 3
"""Causes of one incident that are followed up: at most 3, if its cause keeps changing."""

Take = Callable[[FollowUp], Coroutine[Any, Any, Outcome]]
_Key = tuple[str, Cause]


class FollowUpRunner:
    """Keeps the results of follow-up probes per open incident. ``explained`` is called with the
    id of an incident when its results are there, and ``on_flows`` before with the id of a target
    and the test of connections to it by source port: that is evidence, too."""

    def __init__(
        self,
        take: Take,
        explained: Callable[[str], None],
        on_flows: Callable[[str, FlowTest], None] = lambda _, __: None,
    ) -> None:
        self._take = take
        self._explained = explained
        self._on_flows = on_flows
        self._waiting: dict[_Key, tuple[FollowUp, ...]] = {}
        self._seen: dict[_Key, tuple[FollowUpResult, ...]] = {}
        self._wanted = asyncio.Event()

    def consider(
        self, incidents: Sequence[Incident], statuses: Sequence[TargetStatus]
    ) -> tuple[Incident, ...]:
        """Return the open incidents refined by the results so far, and request follow-up probes
        for those that have none yet."""
        self._forget_all_but({incident.id for incident in incidents})
        for incident in incidents:
            key = (incident.id, incident.cause)
            if key not in self._seen and self._times(incident.id) < LIMIT:
                self._seen[key] = ()
                self._waiting[key] = follow_ups_for(incident, statuses)
                self._wanted.set()
        if not any(self._seen.values()):
            return tuple(incidents)
        targets = {s.target.id: s.target for s in statuses}
        return tuple(refine(i, targets, self._seen.get((i.id, i.cause), ())) for i in incidents)

    def _times(self, incident_id: str) -> int:
        return sum(known == incident_id for known, _ in self._seen)

    def _forget_all_but(self, open_ids: set[str]) -> None:
        for kept in (self._seen, self._waiting):
            for key in [key for key in kept if key[0] not in open_ids]:
                del kept[key]

    async def run(self) -> None:
        """Run the requested follow-up probes, one incident after the other."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            while self._waiting:
                key = next(iter(self._waiting))
                follow_up_results = await run_all(self._waiting.pop(key), self._take)
                if follow_up_results and key in self._seen:
                    self._seen[key] = follow_up_results
                    for found in follow_up_results:
                        if found.flows is not None:
                            self._on_flows(found.target_id, found.flows)
                    self._explained(key[0])


async def run_all(follow_ups: Iterable[FollowUp], take: Take) -> tuple[FollowUpResult, ...]:
    """Run follow-up probes concurrently; ``take`` bounds their number and duration."""
    follow_ups = tuple(follow_ups)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(take(follow_up)) for follow_up in follow_ups]
    return tuple(
        follow_up_result_of(follow_up, task.result())
        for follow_up, task in zip(follow_ups, tasks, strict=True)
        if not (isinstance(found := task.result(), ProbeResult) and found.starvation)
    )

"""Takes second looks: once an incident and cause, few at a time, and never beyond their bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

from monitor.health.status import Standing
from monitor.incidents.followup_plan import Look, Sight, looks_for, sight_of
from monitor.incidents.followup_verdict import settle
from monitor.model.diagnosis import Cause
from monitor.model.incident import Incident
from monitor.model.probe_result import Attempt

LIMIT = 3
"""So many causes of one incident are looked into: what changes without end is not."""

Take = Callable[[Look], Coroutine[Any, Any, Attempt]]
_Key = tuple[str, Cause]


class SecondLooks:
    """Keeps what was seen of each open incident. ``explained`` is called with the id of an
    incident when its looks have been taken."""

    def __init__(self, take: Take, explained: Callable[[str], None]) -> None:
        self._take = take
        self._explained = explained
        self._waiting: dict[_Key, tuple[Look, ...]] = {}
        self._seen: dict[_Key, tuple[Sight, ...]] = {}
        self._wanted = asyncio.Event()

    def consider(
        self, incidents: Sequence[Incident], standings: Sequence[Standing]
    ) -> tuple[Incident, ...]:
        """Return the open incidents with what was seen of them, and have looks taken at those
        that nobody has looked at yet."""
        self._forget_all_but({incident.id for incident in incidents})
        for incident in incidents:
            key = (incident.id, incident.cause)
            if key not in self._seen and self._times(incident.id) < LIMIT:
                self._seen[key] = ()
                self._waiting[key] = looks_for(incident, standings)
                self._wanted.set()
        if not any(self._seen.values()):
            return tuple(incidents)
        targets = {s.target.id: s.target for s in standings}
        return tuple(settle(i, targets, self._seen.get((i.id, i.cause), ())) for i in incidents)

    def _times(self, incident_id: str) -> int:
        return sum(known == incident_id for known, _ in self._seen)

    def _forget_all_but(self, open_ids: set[str]) -> None:
        for kept in (self._seen, self._waiting):
            for key in [key for key in kept if key[0] not in open_ids]:
                del kept[key]

    async def run(self) -> None:
        """Take the looks that are wanted, those of one incident after those of another."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            while self._waiting:
                key = next(iter(self._waiting))
                sights = await take_all(self._waiting.pop(key), self._take)
                if sights and key in self._seen:
                    self._seen[key] = sights
                    self._explained(key[0])


async def take_all(looks: Iterable[Look], take: Take) -> tuple[Sight, ...]:
    """Take looks all at once; ``take`` bounds how many run and how long one may take."""
    looks = tuple(looks)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(take(look)) for look in looks]
    return tuple(sight_of(look, task.result()) for look, task in zip(looks, tasks, strict=True))

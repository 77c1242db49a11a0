"""Investigates each incident once when it opens: what changed, and where on the path packets stop.

The trace uses the very port that fails, next to a control trace to a target that works on the same
port. It goes only to addresses that probes of configured targets used.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from random import Random

import structlog

from monitor.diagnosis.changes import Change, changes_between
from monitor.health.status import TargetStatus
from monitor.model.causes import Cause
from monitor.model.incident import Incident, Scope
from monitor.model.path import PathTrace, Transport
from monitor.model.probe_result import Connection, ProbeResult
from monitor.model.state import State
from monitor.net.clock import Clock
from monitor.net.nebula import INDEX_BITS, encode_test
from monitor.net.path.hop import Destination
from monitor.net.path.reset import find_reset
from monitor.net.path.trace import TraceLimits, trace
from monitor.state.events import Event, EventKind, Events, incident_investigated
from monitor.state.investigation import LIMIT, Investigation
from monitor.state.store import StateStore

TRACED = frozenset(
    {
        Cause.ADMIN_PROHIBITED,
        Cause.HOST_UNREACHABLE,
        Cause.TCP_REFUSED,
        Cause.TCP_RESET,
        Cause.TCP_TIMEOUT,
        Cause.TLS_RESET_ON_HELLO,
        Cause.TLS_TIMEOUT_ON_HELLO,
        Cause.UDP_NO_REPLY,
    }
)
"""Causes for which the place on the path matters."""

DELAY = 3.0
"""Seconds from the opening of an incident to its investigation: it may still become a wider one."""

WAITING = 16
"""Incidents that wait for an investigation; with more, the newest are not investigated."""

LIMITS = TraceLimits(max_hops=24, probes=2)

log = structlog.get_logger(__name__)


class Investigator:
    """Investigates one incident after another while ``run`` is running."""

    def __init__(self, store: StateStore, events: Events, clock: Clock, random: Random) -> None:
        self._store = store
        self._events = events
        self._clock = clock
        self._random = random
        self._waiting: asyncio.Queue[str] = asyncio.Queue(WAITING)
        events.subscribe(self._take_in)

    def _take_in(self, event: Event) -> None:
        if event.kind is EventKind.INCIDENT_OPENED and not self._waiting.full():
            self._waiting.put_nowait(event.subject)

    async def run(self) -> None:
        """Investigate until cancelled."""
        while True:
            incident_id = await self._waiting.get()
            await asyncio.sleep(DELAY)
            incident = next((i for i in self._store.incidents if i.id == incident_id), None)
            if incident is not None:
                await self._investigate(incident)

    async def _investigate(self, incident: Incident) -> None:
        speaker = speaker_of(incident, self._store)
        if speaker is None or speaker.probe_result is None:
            return
        good, bad = speaker.last_success, speaker.probe_result
        found = Investigation(
            speaker.target.id,
            speaker.target.host,
            changes=changes_between(good, bad) if good else (),
        )
        if incident.cause in TRACED and incident.scope is not Scope.HOST:
            found = await self._traced(incident, speaker, found)
        if good is not None:
            found = replace(found, changes=(*found.changes, *self._context_changes(good)))
        self._keep(incident.id, found)
        self._events.publish(incident_investigated(incident, found, self._clock.time()))

    def _context_changes(self, good: ProbeResult) -> tuple[Change, ...]:
        """Return the changes around the target since its last good result."""
        return tuple(c for c in self._store.context_changes if c.at >= good.started_at)

    async def _traced(
        self, incident: Incident, speaker: TargetStatus, found: Investigation
    ) -> Investigation:
        connection = failed_connection(speaker)
        if connection is None:
            return found
        path = await self._trace(speaker, connection)
        control_name, control = "", None
        if not path.reached:
            control_name, control = await self._control(speaker, connection)
        reset = None
        if incident.cause is Cause.TLS_RESET_ON_HELLO and connection.proxy is None:
            reset = await find_reset(
                connection.address, connection.port, speaker.target.host, within=LIMITS.timeout
            )
        return Investigation(
            found.target_id, found.name, found.changes, path, control_name, control, reset
        )

    async def _trace(self, status: TargetStatus, connection: Connection) -> PathTrace:
        udp = status.target.endpoint.prober == "nebula"
        payload = encode_test(self._random.getrandbits(INDEX_BITS)) if udp else b""
        transport = Transport.UDP if udp else Transport.TCP
        place = Destination(connection.address, connection.port, transport, payload)
        return await trace(place, LIMITS)

    async def _control(
        self, speaker: TargetStatus, failed: Connection
    ) -> tuple[str, PathTrace | None]:
        """Trace a target that works on the same transport and port, if there is one."""
        for status in self._store.statuses.values():
            if status.state is not State.UP or status.transport != speaker.transport:
                continue
            primary = status.probe_result.primary if status.probe_result else None
            if primary is None or primary.proxy != failed.proxy:
                continue
            if primary.address != failed.address and primary.family is failed.family:
                return status.target.host, await self._trace(status, primary)
        return "", None

    def _keep(self, incident_id: str, found: Investigation) -> None:
        kept = self._store.investigations
        kept[incident_id] = found
        for oldest in list(kept)[: max(0, len(kept) - LIMIT)]:
            del kept[oldest]


def speaker_of(incident: Incident, store: StateStore) -> TargetStatus | None:
    """Return the first affected target that fails with the cause of the incident."""
    affected: Iterable[TargetStatus] = (
        store.statuses[name] for name in incident.affected if name in store.statuses
    )
    return next((s for s in affected if s.cause is incident.cause and s.probe_result), None)


def failed_connection(status: TargetStatus) -> Connection | None:
    """Return the first failed connection of the last result."""
    result = status.probe_result
    return next(iter(result.failed), None) if result else None

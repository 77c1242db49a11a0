"""A wrong clock is seen while everything is up, and forgotten once it is set."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from random import Random

from monitor.model.causes import Cause
from monitor.model.incident import Scope
from monitor.model.probe_result import Connection, Family, HttpFacts, Phase, ProbeResult, TlsFacts
from monitor.model.settings import ScheduleSettings
from monitor.model.target import Target
from monitor.probes.context import ProbeContext
from monitor.scheduler.engine import Engine
from monitor.scheduler.loop import ProbeLoop
from monitor.state.events import Event, EventKind, Events
from monitor.state.history_store import HistoryStore
from monitor.state.store import StateStore
from tests.probe_results import target
from tests.probes.support import make_probe_context


class Sites:
    """Three sites whose answers are dated by a clock that is ``skew`` seconds from ours."""

    def __init__(self, skew: float) -> None:
        self.skew = skew
        self.targets = [
            replace(made, endpoint=replace(made.endpoint, host=f"app.{name}.test"), interval=0.1)
            for name in ("one", "two", "three")
            if (made := target(name))
        ]

    async def probe(self, target: Target, probe_context: ProbeContext) -> ProbeResult:
        http = HttpFacts("1.1", 200, {}, None, 0, date_offset=self.skew)
        tls = TlsFacts("TLSv1.3", None, None, True, None, ())
        phases = {Phase.FIRST_BYTE: 0.01}
        connection = Connection("192.0.2.1", 443, Family.IPV4, phases, tls=tls, http=http)
        return ProbeResult(target.id, probe_context.clock.time(), 0.01, None, (connection,))


async def told(queue: asyncio.Queue[Event], kind: EventKind) -> Event:
    async with asyncio.timeout(10):
        while (event := await queue.get()).kind is not kind:
            pass
        return event


async def test_an_incident_opens_although_all_targets_are_up_and_closes_once_the_clock_is_set():
    sites, store, events = Sites(120.0), StateStore(), Events()
    queue: asyncio.Queue[Event] = asyncio.Queue()
    events.subscribe(queue.put_nowait)
    probe_context = make_probe_context()
    engine = Engine(probe_context, ScheduleSettings(), find_prober=lambda _: sites.probe)
    history_store = HistoryStore(None, store, probe_context.clock)
    watch = ProbeLoop(
        store,
        engine,
        events,
        history_store=history_store,
        clock=probe_context.clock,
        random=Random(1),
    )
    watch.apply(sites.targets)

    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(watch.probe_forever(group))

    running = asyncio.create_task(run())
    opened = await told(queue, EventKind.INCIDENT_OPENED)
    assert (opened.facts["scope"], opened.facts["cause"]) == (Scope.HOST, Cause.CLOCK_SKEW)
    assert store.clock is not None
    assert store.clock.offset == 120.0
    sites.skew = 0.2
    closed = await told(queue, EventKind.INCIDENT_CLOSED)
    assert closed.subject == opened.subject
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running

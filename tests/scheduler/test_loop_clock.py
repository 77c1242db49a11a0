"""A wrong clock is seen while everything is up, and forgotten once it is set."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from random import Random

from monitor.model.diagnosis import Cause
from monitor.model.incident import Scope
from monitor.model.probe_result import Attempt, Connection, Family, HttpFacts, Phase, TlsFacts
from monitor.model.settings import ScheduleSettings
from monitor.model.target import Target
from monitor.probes.context import Tools
from monitor.scheduler.engine import Engine
from monitor.scheduler.loop import Watch
from monitor.state.events import Event, EventKind, Events
from monitor.state.history_store import Memory
from monitor.state.store import Board
from tests.attempts import target
from tests.probes.support import make_tools


class Sites:
    """Three sites whose answers are dated by a clock that is ``skew`` seconds from ours."""

    def __init__(self, skew: float) -> None:
        self.skew = skew
        self.targets = [
            replace(made, endpoint=replace(made.endpoint, host=f"app.{name}.test"), interval=0.1)
            for name in ("one", "two", "three")
            if (made := target(name))
        ]

    async def probe(self, target: Target, tools: Tools) -> Attempt:
        http = HttpFacts("1.1", 200, {}, None, 0, date_offset=self.skew)
        tls = TlsFacts("TLSv1.3", None, None, True, None, ())
        phases = {Phase.FIRST_BYTE: 0.01}
        connection = Connection("192.0.2.1", 443, Family.IPV4, phases, tls=tls, http=http)
        return Attempt(target.id, tools.clock.time(), 0.01, None, (connection,))


async def told(queue: asyncio.Queue[Event], kind: EventKind) -> Event:
    async with asyncio.timeout(10):
        while (event := await queue.get()).kind is not kind:
            pass
        return event


async def test_an_incident_opens_although_all_targets_are_up_and_closes_once_the_clock_is_set():
    sites, board, events = Sites(120.0), Board(), Events()
    queue: asyncio.Queue[Event] = asyncio.Queue()
    events.listen(queue.put_nowait)
    tools = make_tools()
    engine = Engine(tools, ScheduleSettings(), find_prober=lambda _: sites.probe)
    memory = Memory(None, board, tools.clock)
    watch = Watch(board, engine, events, memory=memory, clock=tools.clock, random=Random(1))
    watch.apply(sites.targets)

    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(watch.probe_forever(group))

    running = asyncio.create_task(run())
    opened = await told(queue, EventKind.INCIDENT_OPENED)
    assert (opened.facts["scope"], opened.facts["cause"]) == (Scope.HOST, Cause.CLOCK_SKEW)
    assert board.clock is not None
    assert board.clock.offset == 120.0
    sites.skew = 0.2
    closed = await told(queue, EventKind.INCIDENT_CLOSED)
    assert closed.subject == opened.subject
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running

"""What is expensive to probe is probed in its turn, whatever happens to the others.

Covers: monitor/scheduler/incident_tracker.py, monitor/scheduler/rollup.py
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from random import Random

import pytest

from monitor.health.machine import Health
from monitor.model.probe_result import Connection, Family, HttpFacts, ProbeResult
from monitor.model.settings import ScheduleSettings
from monitor.model.state import State
from monitor.model.target import Target
from monitor.net.clock import SystemClock
from monitor.scheduler.engine import Engine
from monitor.scheduler.loop import ProbeLoop
from monitor.scheduler.probe_request import ProbeRequest
from monitor.scheduler.spacing import preferred_fraction
from monitor.state.events import Events
from monitor.state.history_store import HistoryStore
from monitor.state.store import StateStore
from tests.probe_results import probe_result, target
from tests.probes.support import make_probe_context

DEAR = next(name for n in range(9999) if preferred_fraction(name := f"ami-{n}") < 0.01)
CHEAP = next(name for n in range(9999) if preferred_fraction(name := f"cheap-{n}") < 0.06)
OTHER = next(name for n in range(9999) if preferred_fraction(name := f"other-{n}") > 0.9)
"""Ids whose first probe comes at once, and late: sooner only for the sake of another target."""


Probe = Callable[[Target, object], Awaitable[ProbeResult]]


def loop_with(probe: Probe, store: StateStore) -> ProbeLoop:
    clock = SystemClock()
    engine = Engine(make_probe_context(), ScheduleSettings(), find_prober=lambda _: probe)
    history = HistoryStore(None, store, clock)
    return ProbeLoop(store, engine, Events(), history_store=history, clock=clock, random=Random(1))


async def test_what_is_expensive_is_not_asked_for_the_sake_of_another_target() -> None:
    asked: Counter[str] = Counter()
    enough = asyncio.Event()

    async def probe(target: Target, _: object) -> ProbeResult:
        asked[target.id] += 1
        if asked[CHEAP] >= 2 and asked[OTHER]:
            enough.set()
        return probe_result(target.id, ok=target.id != CHEAP, started_at=SystemClock().time())

    store = StateStore()
    watch = loop_with(probe, store)
    dear = target(DEAR, "ami_access")
    dear = replace(dear, interval=3600.0, endpoint=replace(dear.endpoint, interval=3600.0))
    cheap = replace(target(CHEAP), interval=60.0)
    watch.apply([dear, cheap, replace(target(OTHER, "scm"), interval=60.0)])
    for status in store.statuses.values():
        status.health = Health(State.UP)
    async with asyncio.timeout(4), asyncio.TaskGroup() as group:
        probing = group.create_task(watch.probe_forever(group))
        await enough.wait()
        probing.cancel()
    assert asked[DEAR] == 1


async def test_a_requested_probe_starts_at_once_and_again_only_after_a_pause() -> None:
    probed: Counter[str] = Counter()
    done = asyncio.Event()

    async def probe(target: Target, _: object) -> ProbeResult:
        probed[target.id] += 1
        done.set()
        return probe_result(target.id, started_at=SystemClock().time())

    store = StateStore()
    loop = loop_with(probe, store)
    loop.apply([replace(target(OTHER), interval=3600.0)])
    with pytest.raises(KeyError):
        loop.probe_now("missing")
    async with asyncio.timeout(4), asyncio.TaskGroup() as group:
        probing = group.create_task(loop.probe_forever(group))
        assert loop.probe_now(OTHER) is ProbeRequest.ACCEPTED
        await done.wait()
        await asyncio.sleep(0)
        assert loop.probe_now(OTHER) is not ProbeRequest.ACCEPTED
        probing.cancel()
    assert probed[OTHER] == 1


@pytest.mark.timeout(60)
async def test_the_extent_of_a_wide_incident_is_measured_at_once() -> None:
    """60 hosts that are probed once an hour: every one is probed within seconds of the incident."""
    broken = False
    reached: set[str] = set()
    failed: set[str] = set()
    all_reached, all_failed = asyncio.Event(), asyncio.Event()

    async def probe(target: Target, _: object) -> ProbeResult:
        (failed if broken else reached).add(target.id)
        if len(reached) == len(targets):
            all_reached.set()
        if len(failed) == len(targets):
            all_failed.set()
        return probe_result(target.id, ok=not broken, started_at=SystemClock().time())

    store = StateStore()
    loop = loop_with(probe, store)
    targets = [replace(target(f"host-{n}"), interval=3600.0) for n in range(60)]
    loop.apply(targets)
    async with asyncio.timeout(25), asyncio.TaskGroup() as group:
        probing = group.create_task(loop.probe_forever(group))
        await all_reached.wait()
        broken = True
        loop.way_out_changed([one.id for one in targets[:4]], ok=False)
        await all_failed.wait()
        probing.cancel()
    assert store.incidents


@pytest.mark.parametrize(("status", "soon"), [(503, True), (429, False)])
async def test_what_a_restart_broke_is_probed_again_before_its_next_slot(
    monkeypatch: pytest.MonkeyPatch, status: int, soon: bool
) -> None:
    """A server that answers 429 asks for fewer requests: it is not probed again at once."""
    monkeypatch.setattr("monitor.scheduler.schedule.RECHECK_AFTER", 0.1)
    connection = Connection(
        "192.0.2.1", 443, Family.IPV4, {}, http=HttpFacts("1.1", status, {}, 0, 0)
    )
    probed = 0
    recovered = asyncio.Event()

    async def probe(target: Target, _: object) -> ProbeResult:
        nonlocal probed
        probed += 1
        ok = probed > 2
        if ok:
            recovered.set()
        result = probe_result(target.id, ok=ok, started_at=SystemClock().time())
        return result if ok else replace(result, connections=(connection,))

    loop = loop_with(probe, StateStore())
    loop.apply([replace(target(CHEAP), interval=3600.0)])
    async with asyncio.TaskGroup() as group:
        probing = group.create_task(loop.probe_forever(group))
        with suppress(TimeoutError):
            async with asyncio.timeout(30 if soon else 3):
                await recovered.wait()
        probing.cancel()
    assert probed == (3 if soon else 1)


async def test_a_target_that_is_requested_while_it_is_probed_is_probed_once_more() -> None:
    """Its probe may have begun before what the request is to show."""
    probed = 0
    begun, go_on, again = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def probe(target: Target, _: object) -> ProbeResult:
        nonlocal probed
        probed += 1
        begun.set()
        await go_on.wait()
        if probed == 2:
            again.set()
        return probe_result(target.id, started_at=SystemClock().time())

    loop = loop_with(probe, StateStore())
    loop.apply([replace(target(CHEAP), interval=3600.0)])
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        probing = group.create_task(loop.probe_forever(group))
        await begun.wait()
        loop.suspect_way_out([CHEAP])
        go_on.set()
        await again.wait()
        await asyncio.sleep(0.5)
        probing.cancel()
    assert probed == 2


async def test_what_stays_down_in_a_round_of_recovery_has_another_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A server that restarts answers to one target, and a moment later to the others."""
    monkeypatch.setattr("monitor.scheduler.schedule.RECHECK_AFTER", 3600.0)
    monkeypatch.setattr("monitor.scheduler.loop.RECOVERY_PAUSE", 0.5)
    working: set[str] = set()

    async def probe(target: Target, _: object) -> ProbeResult:
        return probe_result(target.id, ok=target.id in working, started_at=SystemClock().time())

    store = StateStore()
    loop = loop_with(probe, store)
    loop.apply([replace(target(name), interval=3600.0) for name in ("one", "two", "three")])

    async def until(state: State, *names: str) -> None:
        while any(  # noqa: ASYNC110 - the store has no event
            store.statuses[name].health.measured is not state for name in names
        ):
            await asyncio.sleep(0.02)

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        probing = group.create_task(loop.probe_forever(group))
        await until(State.DOWN, "one", "two", "three")
        for name in ("one", "two"):
            working.add(name)
            loop.way_out_changed([name], ok=True)
            await until(State.UP, name)
        working.add("three")
        await until(State.UP, "three")
        probing.cancel()

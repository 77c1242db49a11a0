"""An incident is investigated once when it opens: what changed, and where packets stop.

Covers: monitor/state/investigation.py
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from random import Random

import pytest

from monitor.diagnosis.changes import Change
from monitor.health.status import TargetStatus
from monitor.model.causes import Cause
from monitor.model.incident import Incident, Scope
from monitor.model.probe_result import ProbeResult
from monitor.model.state import State
from monitor.net.clock import SystemClock
from monitor.present.incident_view import investigation_in_words
from monitor.scheduler import investigator
from monitor.scheduler.investigator import Investigator
from monitor.state.egress_address import EgressPath
from monitor.state.events import Event, EventKind, Events, incidents_changed
from monitor.state.store import StateStore
from tests.probe_results import FILTERED, probe_result, target


def at(result: ProbeResult, address: str, port: int) -> ProbeResult:
    assert result.resolution is not None
    resolution = replace(result.resolution, addresses=(address,))
    connections = tuple(replace(c, address=address, port=port) for c in result.connections)
    return replace(result, resolution=resolution, connections=connections)


def incident(cause: Cause = Cause.TCP_TIMEOUT, scope: Scope = Scope.ENDPOINT) -> Incident:
    return Incident(
        "i1", cause, scope, "a.example", State.DOWN, 100.0, ("a",), "A fails.", "Fix it."
    )


async def investigated(
    opened: Incident,
    status: TargetStatus,
    context: tuple[Change, ...] = (),
    paths: tuple[EgressPath, ...] = (),
) -> tuple[StateStore, list[Event]]:
    store = StateStore(statuses={"a": status}, incidents=(opened,), egress_paths=paths)
    store.context_changes.extend(context)
    heard: list[Event] = []
    events = Events()
    done = asyncio.Event()

    def listen(event: Event) -> None:
        heard.append(event)
        if event.kind is EventKind.INCIDENT_INVESTIGATED:
            done.set()

    events.subscribe(listen)
    working = Investigator(store, events, SystemClock(), Random(1))
    task = asyncio.create_task(working.run())
    events.publish(*incidents_changed((), (opened,), 100.0))
    try:
        async with asyncio.timeout(30):
            await done.wait()
    finally:
        task.cancel()
    return store, heard


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(investigator, "DELAY", 0.0)


async def test_changes_and_the_path_are_kept_announced_and_put_into_words() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        status = TargetStatus.of(
            target("a"), State.DOWN, at(probe_result("a", ok=False), "127.0.0.1", port), FILTERED
        )
        status.last_success = at(probe_result("a"), "192.0.2.7", 443)
        store, heard = await investigated(incident(), status)
    found = store.investigations["i1"]
    assert [change.aspect for change in found.changes] == ["addresses"]
    assert found.path is not None
    assert (found.path.address, found.path.reached) == ("127.0.0.1", False)
    facts = heard[-1].facts
    assert "resolves to 127.0.0.1 instead of 192.0.2.7" in str(facts["changes"])
    assert facts["path_reached"] is False
    words = dict(investigation_in_words(found))
    assert words["What changed"].startswith("Changed at ")
    assert words["Path"] == (
        f"a.example port {port} is refused by 127.0.0.1, or in its name by a device at hop 1 or "
        "before."
    )


async def test_a_cause_without_a_place_on_the_path_is_not_traced() -> None:
    status = TargetStatus.of(
        target("a"), State.DOWN, probe_result("a", ok=False),
        replace(FILTERED, cause=Cause.TLS_EXPIRED),
    )  # fmt: skip
    store, _ = await investigated(incident(Cause.TLS_EXPIRED), status)
    assert store.investigations["i1"].path is None
    assert list(investigation_in_words(store.investigations["i1"])) == []


async def test_an_incident_that_ended_meanwhile_is_not_investigated() -> None:
    store = StateStore()
    events = Events()
    working = Investigator(store, events, SystemClock(), Random(1))
    events.publish(*incidents_changed((), (incident(),), 100.0))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await working.run()
    assert store.investigations == {}


def test_a_flood_of_incidents_is_bounded() -> None:
    events = Events()
    working = Investigator(StateStore(), events, SystemClock(), Random(1))
    for number in range(100):
        opened = replace(incident(), id=f"i{number}")
        events.publish(*incidents_changed((), (opened,), 100.0))
    assert working._waiting.qsize() == investigator.WAITING

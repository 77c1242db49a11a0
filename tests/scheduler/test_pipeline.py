"""One result goes through the pipeline in one order, in the daemon and in a check."""

from __future__ import annotations

from dataclasses import replace

from monitor.health.status import TargetStatus
from monitor.model.causes import Cause
from monitor.model.probe_result import HttpFacts
from monitor.model.state import State
from monitor.net.clock import SystemClock
from monitor.scheduler.pipeline import Pipeline
from monitor.state.events import Event, EventKind, Events
from monitor.state.store import StateStore
from tests.probe_results import FILTERED, REACHED, probe_result, target


def pipeline_of(status: TargetStatus, told: list[Event], **callbacks: object) -> Pipeline:
    events = Events()
    events.subscribe(told.append)
    store = StateStore(statuses={status.target.id: status})
    return Pipeline(store, events, SystemClock(), **callbacks)  # type: ignore[arg-type]


def test_a_success_is_counted_remembered_and_announced_once() -> None:
    status, told = TargetStatus(target("a")), list[Event]()
    pipeline = pipeline_of(status, told)
    before = pipeline.process(status, probe_result("a"), REACHED)
    assert (before.state, status.state) == (State.UNKNOWN, State.UP)
    assert (status.probes, status.durations.count, dict(status.failures)) == (1, 1, {})
    assert status.timeline.open.results == 1
    assert [event.kind for event in told] == [EventKind.TARGET_STATE]
    pipeline.process(status, probe_result("a"), REACHED)
    assert len(told) == 1


def test_a_failure_keeps_its_diagnosis_after_the_recovery() -> None:
    status = TargetStatus(target("a"))
    pipeline = pipeline_of(status, [])
    for _ in range(2):
        pipeline.process(status, probe_result("a", ok=False), FILTERED)
    assert (status.state, status.cause) == (State.DOWN, Cause.TCP_TIMEOUT)
    pipeline.process(status, probe_result("a"), REACHED)
    assert (status.state, status.cause, status.last_failure) == (State.UP, None, FILTERED)
    assert status.failures == {Cause.TCP_TIMEOUT: 2}


def test_the_state_is_known_before_incidents_and_listeners_read_it() -> None:
    status, seen = TargetStatus(target("a")), list[tuple[str, State]]()
    pipeline = pipeline_of(
        status,
        [],
        on_state=lambda s, _: seen.append(("incidents", s.state)),
        on_result=lambda s: seen.append(("listeners", s.state)),
    )
    pipeline.process(status, probe_result("a"), REACHED)
    assert seen == [("incidents", State.UP), ("listeners", State.UP)]


def test_bodies_do_not_stay_in_memory_on_either_proxy_path() -> None:
    answered = probe_result("a")
    http = HttpFacts("1.1", 200, {}, None, 4, b"body")
    connections = tuple(replace(c, http=http) for c in answered.connections)
    answered = replace(answered, connections=connections)
    status = TargetStatus(target("a"))
    pipeline_of(status, []).process(status, replace(answered, alternate=answered), REACHED)
    kept = status.probe_result
    assert kept is not None
    assert kept.alternate is not None
    for result in (kept, kept.alternate):
        assert [c.http.body for c in result.connections if c.http] == [b""]

"""Guard: an exception in one part is counted and logged, and the rest goes on.

Covers: monitor/state/self_metrics.py
"""

from __future__ import annotations

import asyncio

import pytest
import structlog

from monitor.diagnosis.causes import diagnose
from monitor.health.status import TargetStatus
from monitor.model.endpoint import Protocol
from monitor.model.state import State
from monitor.net.clock import SystemClock
from monitor.scheduler.engine import Engine
from monitor.scheduler.pipeline import Pipeline
from monitor.state.events import Event, EventKind, Events
from monitor.state.guard import Guard
from monitor.state.self_metrics import GuardedPart, SelfMetrics
from monitor.state.store import StateStore
from tests.probe_results import probe_result
from tests.probes.support import make_target


def test_an_exception_is_suppressed_counted_and_logged_once_a_minute():
    metrics, now = SelfMetrics(), [0.0]
    guard = Guard(metrics, lambda: now[0])
    with structlog.testing.capture_logs() as logs:
        for now[0] in (0.0, 10.0, 59.0, 61.0):
            with guard(GuardedPart.HEALTH):
                raise KeyError("a")
        with guard(GuardedPart.HEALTH):
            raise ValueError
        with guard(GuardedPart.HEALTH):
            pass
    assert metrics.internal_errors == {GuardedPart.HEALTH: 5}
    assert len(logs) == 3
    assert {entry["part"] for entry in logs} == {"health"}


@pytest.mark.parametrize("passing", [asyncio.CancelledError, KeyboardInterrupt, SystemExit])
def test_cancellation_passes(passing: type[BaseException]):
    guard = Guard(SelfMetrics())
    with pytest.raises(passing), guard(GuardedPart.HEALTH):
        raise passing


def test_a_listener_that_raises_does_not_keep_an_event_from_the_others():
    heard: list[Event] = []
    failed: list[Exception] = []
    events = Events(failed.append)

    def bad(_: Event) -> None:
        raise RuntimeError

    events.subscribe(bad)
    events.subscribe(heard.append)
    events.publish(Event(EventKind.TARGET_STATE, 0.0, "a", "t"))
    assert len(heard) == len(failed) == 1


@pytest.mark.parametrize(
    ("step", "part"),
    [
        ("_assess_quality", GuardedPart.HEALTH),
        ("_advance_health", GuardedPart.HEALTH),
        ("_remember", GuardedPart.HISTORY),
        ("_announce", GuardedPart.LISTENER),
        ("_on_state", GuardedPart.INCIDENTS),
        ("_on_result", GuardedPart.EXPORTER),
    ],
)
def test_every_step_of_the_pipeline_may_fail(
    step: str, part: GuardedPart, monkeypatch: pytest.MonkeyPatch
):
    store = StateStore()
    exported: list[TargetStatus] = []
    pipeline = Pipeline(store, Events(), SystemClock(), on_result=exported.append)

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(pipeline, step, fail)
    result = probe_result("under-test")
    status = TargetStatus(make_target(Protocol.TCP, "a.test", 1))
    pipeline.process(status, result, diagnose(status.target, result))
    assert store.self_metrics.internal_errors == {part: 1}
    if part is not GuardedPart.EXPORTER:
        assert exported == [status]
    if step != "_advance_health":
        assert status.state is State.UP


async def test_a_diagnosis_that_raises_is_an_internal_error(monkeypatch: pytest.MonkeyPatch):
    from monitor.model.settings import ScheduleSettings
    from tests.probes.support import make_probe_context

    metrics, calls = SelfMetrics(), iter([True, False])

    def diagnosing(target, result):  # type: ignore[no-untyped-def]
        if next(calls):
            raise ZeroDivisionError
        return diagnose(target, result)

    async def works(target, context):  # type: ignore[no-untyped-def]
        return probe_result("under-test")

    monkeypatch.setattr("monitor.scheduler.engine.diagnose", diagnosing)
    engine = Engine(
        make_probe_context(), ScheduleSettings(), guard=Guard(metrics), find_prober=lambda _: works
    )
    _, diagnosis = await engine.measure(make_target(Protocol.TCP, "a.test", 1))
    assert diagnosis.cause is not None
    assert diagnosis.cause.value == "internal_error"
    assert metrics.internal_errors == {GuardedPart.DIAGNOSIS: 1}

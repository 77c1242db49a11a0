"""Health and diagnosis of a target to which an incident gives a state."""

from __future__ import annotations

from dataclasses import replace

from monitor.health.flapping import Flaps
from monitor.health.status import TargetStatus
from monitor.incidents.imposed import imposed, released
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.incident import Incident, Scope
from monitor.model.state import State
from tests.probe_results import FILTERED, REACHED, probe_result, target

INCIDENT = Incident(
    "1", Cause.HTTP_BLOCKED_PAGE, Scope.PATH, "portal.test", State.DOWN, 100.0, ("a",),
    "A portal answers.", "Log in.", {"portal": "portal.test"},
)  # fmt: skip
EXPLAINED = Diagnosis(
    Cause.HTTP_BLOCKED_PAGE, "A portal answers.", "Log in.", {"portal": "portal.test"}
)


def status(*, ok: bool, flapping: bool = False) -> TargetStatus:
    made = TargetStatus.of(
        target("a"),
        State.UP if ok else State.DOWN,
        probe_result("a", ok=ok),
        REACHED if ok else FILTERED,
        since=50.0,
    )
    made.health = replace(made.health, flaps=Flaps(flapping=flapping))
    return made


def test_a_result_that_reached_the_endpoint_is_explained_by_the_incident() -> None:
    health, diagnosis = imposed(status(ok=True), State.DEGRADED, INCIDENT, 110.0)
    assert (health.state, health.since, health.measured) == (State.DEGRADED, 110.0, State.UP)
    assert diagnosis == EXPLAINED


def test_a_result_that_failed_explains_itself_unless_something_else_answered() -> None:
    assert imposed(status(ok=False), State.DEGRADED, INCIDENT, 110.0)[1] == FILTERED
    assert imposed(status(ok=False), State.DOWN, INCIDENT, 110.0)[1] == EXPLAINED
    bare = status(ok=True)
    bare.probe_result = None
    assert imposed(bare, State.DEGRADED, INCIDENT, 110.0)[1] == REACHED


def test_a_flapping_target_keeps_its_own_explanation() -> None:
    flapping = status(ok=True, flapping=True)
    assert imposed(flapping, State.DEGRADED, INCIDENT, 110.0)[1] == REACHED
    assert imposed(flapping, State.DOWN, INCIDENT, 110.0)[1] == EXPLAINED


def test_a_target_that_is_released_has_its_own_state_and_no_cause() -> None:
    held = status(ok=True)
    held.health, held.diagnosis = imposed(held, State.DOWN, INCIDENT, 110.0)
    health, diagnosis = released(held, 120.0)
    assert (health.state, health.since) == (State.UP, 120.0)
    assert diagnosis == Diagnosis(None, evidence={"portal": "portal.test"})


def test_a_failure_is_released_with_its_own_diagnosis() -> None:
    assert released(status(ok=False), 120.0)[1] == FILTERED
    assert released(status(ok=True, flapping=True), 120.0)[1] is REACHED
    bare = status(ok=True)
    bare.probe_result = bare.diagnosis = None
    assert released(bare, 120.0)[1] is None

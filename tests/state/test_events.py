"""Events: which changes are told, in what order, and what they say."""

from __future__ import annotations

from dataclasses import replace

from monitor.health.machine import Health
from monitor.health.status import TargetStatus
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.incident import PROVEN, Incident, Scope
from monitor.model.state import State
from monitor.state.events import Event, EventKind, Events, incidents_changed, state_changed
from tests.probe_results import target

NOW = 1000.0
INCIDENT = Incident(
    "a1",
    Cause.TCP_TIMEOUT,
    Scope.ENDPOINT,
    "a.test",
    State.DOWN,
    900.0,
    ("a",),
    "Dropped.",
    "Open.",
)


def kinds(events: tuple[Event, ...]) -> list[EventKind]:
    return [event.kind for event in events]


def test_every_listener_is_told_every_event_in_order():
    first, second, events = [], [], Events()
    events.subscribe(first.append)
    events.subscribe(second.append)
    told = incidents_changed((), (INCIDENT, replace(INCIDENT, id="b2")), NOW)
    events.publish(*told)
    assert first == second == list(told)


def test_a_target_that_went_down_is_serious_and_says_why_and_what_to_do():
    status = TargetStatus(target("a"), health=Health(State.DOWN, NOW))
    event = state_changed(status, Diagnosis(Cause.TCP_TIMEOUT, "Dropped.", "Open it."), NOW)
    assert (event.kind, event.serious, event.title) == (
        EventKind.TARGET_STATE,
        True,
        "target is down",
    )
    assert event.facts["cause"] == "tcp_timeout"
    assert (event.facts["detail"], event.facts["remediation"]) == ("Dropped.", "Open it.")


def test_a_recovery_is_not_serious_and_names_no_cause():
    event = state_changed(
        TargetStatus(target("a"), health=Health(State.UP, NOW)), Diagnosis(None), NOW
    )
    assert not event.serious
    assert "cause" not in event.facts


def test_an_open_incident_shows_its_confidence():
    (event,) = incidents_changed((), (replace(INCIDENT, confidence=PROVEN),), NOW)
    assert event.facts["confidence"] == PROVEN


def test_an_incident_opens_changes_and_closes():
    wider = replace(INCIDENT, scope=Scope.PORT)
    assert kinds(incidents_changed((), (INCIDENT,), NOW)) == [EventKind.INCIDENT_OPENED]
    assert kinds(incidents_changed((INCIDENT,), (wider,), NOW)) == [EventKind.INCIDENT_CHANGED]
    (closed,) = incidents_changed((INCIDENT,), (), NOW)
    assert (closed.kind, closed.facts["seconds"]) == (EventKind.INCIDENT_CLOSED, 100.0)


def test_an_incident_that_only_grew_is_not_told_again():
    grown = replace(INCIDENT, affected=("a", "b"), detail="More.")
    assert incidents_changed((INCIDENT,), (grown,), NOW) == ()

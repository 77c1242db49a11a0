"""The incident of a host that does not let the monitor run."""

from __future__ import annotations

from dataclasses import replace

from monitor.incidents.starved_host import starved_host
from monitor.model.causes import Cause
from monitor.model.incident import Scope
from monitor.model.starvation import HostStarvation, Starvation
from monitor.net.clock import SystemClock
from monitor.scheduler.incident_tracker import IncidentTracker
from monitor.state.events import Event, EventKind, Events
from monitor.state.store import StateStore

STARVED = HostStarvation(Starvation.CPU_THROTTLED, 1000.0, 0.96, 4.2, 20.0, 2)


def test_it_names_figures_and_a_remediation():
    (incident,) = starved_host(STARVED, ())
    assert incident.cause is Cause.STARVED_HOST
    assert incident.scope is Scope.HOST
    assert "96% of the last 30 s" in incident.detail
    assert "up to 4.2 s" in incident.detail
    assert "CPU limit" in incident.detail
    assert "Raise the CPU" in incident.remediation
    assert incident.evidence["load average"] == "20.0 on 2 CPUs"


async def test_one_incident_opens_and_closes_however_long_it_lasts():
    store, events, heard = StateStore(), Events(), list[Event]()
    events.subscribe(heard.append)

    async def never(_: object) -> None:
        raise AssertionError

    tracker = IncidentTracker(store, events, SystemClock(), never)  # type: ignore[arg-type]
    for share in (0.5, 0.7, 0.9):
        starvation = HostStarvation(Starvation.STOPPED, 1000.0, share, 4.2, 20.0, 2)
        tracker.take_in_starvation(starvation)
        tracker.evaluate()
        assert [i.cause for i in store.incidents] == [Cause.STARVED_HOST]
        assert f"{share:.0%}" in store.incidents[0].detail
    tracker.take_in_starvation(None)
    assert store.incidents == ()
    assert {e.kind for e in heard} >= {EventKind.INCIDENT_OPENED, EventKind.INCIDENT_CLOSED}
    assert sum(e.kind is EventKind.INCIDENT_OPENED for e in heard) == 1
    assert sum(e.kind is EventKind.INCIDENT_CLOSED for e in heard) == 1


def test_an_incident_of_another_cause_is_not_continued():
    starvation = HostStarvation(Starvation.STOPPED, 1000.0, 0.5, 4.2, 20.0, 2)
    (first,) = starved_host(starvation, ())
    other = replace(first, id="other", cause=Cause.TCP_TIMEOUT, started_at=5.0)
    later = replace(starvation, since=2000.0)
    assert [(i.id, i.started_at) for i in starved_host(later, (other, first))] == [
        (first.id, 1000.0)
    ]
    (new,) = starved_host(later, (other,))
    assert (new.id, new.started_at) == ("host-starved-2000", 2000.0)

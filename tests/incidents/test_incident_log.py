"""The log keeps each incident at its widest, open ones always, and the latest ended ones."""

from __future__ import annotations

from dataclasses import replace

from monitor.incidents.incident_log import PAST_INCIDENTS, IncidentRecord, updated_incident_log
from monitor.model.causes import Cause
from monitor.model.incident import Incident, Scope
from monitor.model.state import State


def incident(name: str, *affected: str, at: float = 100.0) -> Incident:
    return Incident(
        name, Cause.TCP_TIMEOUT, Scope.PORT, "tcp/443", State.DOWN, at, affected or ("a",), "", ""
    )


def test_an_incident_is_open_and_then_ended() -> None:
    first = updated_incident_log((), (incident("1"),), 110.0)
    assert first == (IncidentRecord(incident("1")),)
    ended = updated_incident_log(first, (), 120.0)
    assert ended == (IncidentRecord(incident("1"), 120.0),)
    assert updated_incident_log(ended, (), 130.0) == ended


def test_an_incident_is_kept_at_its_widest() -> None:
    log = updated_incident_log((), (incident("1", "a", "b"),), 110.0)
    assert updated_incident_log(log, (incident("1", "a"),), 120.0)[0].incident.affected == (
        "a",
        "b",
    )
    (wider,) = updated_incident_log(log, (incident("1", "a", "b", "c"),), 120.0)
    assert wider.incident.affected == ("a", "b", "c")


def test_of_two_that_are_as_wide_the_latest_is_kept() -> None:
    log = updated_incident_log((), (incident("1"),), 110.0)
    told = replace(incident("1"), detail="It came and went.")
    assert updated_incident_log(log, (told,), 120.0)[0].incident.detail == "It came and went."


def test_the_oldest_ended_ones_are_forgotten_and_open_ones_never() -> None:
    log: tuple[IncidentRecord, ...] = (IncidentRecord(incident("open", at=1.0)),)
    log += tuple(
        IncidentRecord(incident(f"{n}", at=float(n)), n + 1.0) for n in range(PAST_INCIDENTS + 3)
    )
    kept = updated_incident_log(log, (incident("open", at=1.0),), 999.0)
    assert len(kept) == PAST_INCIDENTS + 1
    names = {record.incident.id for record in kept}
    assert "open" in names
    assert not {"0", "1", "2"} & names
    assert "3" in names


def test_an_incident_that_comes_back_under_its_id_is_open_again() -> None:
    log = (IncidentRecord(incident("1"), 110.0),)
    again = updated_incident_log(log, (incident("1"),), 120.0)
    assert [record.ended_at for record in again if record.incident.id == "1"].count(None) == 1

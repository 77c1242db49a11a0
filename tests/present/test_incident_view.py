"""View of an incident: title, timeline, commands, contact and ticket as values.

Covers: monitor/present/ticket.py, monitor/present/confidence.py
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.incidents.incident_log import IncidentRecord
from monitor.model.causes import Cause
from monitor.model.incident import Incident, Scope
from monitor.model.state import State
from monitor.present.incident_view import (
    TIMELINE_LIMIT,
    evidence_in_words,
    filled,
    incident_page_view,
    timeline,
    title_of,
)
from monitor.state.events import Event, EventKind
from tests.stores import NOW, hostile_board, lost_egress, realistic_board

INCIDENT = realistic_board().incidents[0]


def of(cause: Cause, scope: Scope = Scope.ENDPOINT, group: str = "") -> Incident:
    names = tuple(n for n, s in realistic_board().statuses.items() if s.target.group == group)
    return replace(INCIDENT, cause=cause, scope=scope, affected=names or INCIDENT.affected)


def test_a_title_is_one_line_with_at_most_three_names() -> None:
    long = replace(INCIDENT, detail="a, b, c, d, e and f fail. Open the port.")
    assert title_of(long) == "a, b, c and 2 more"
    assert title_of(replace(INCIDENT, detail="Nothing answers; all is lost.")) == "Nothing answers"


def test_placeholders_are_filled_in_code_only() -> None:
    values = {"HOST": "a.example", "PORT": "443"}
    text = "HOST: `nc -vz HOST PORT`, `dig HOST @SERVER` and `SSL_CERT_FILE`"
    assert filled(text, values) == (
        "HOST: `nc -vz a.example 443`, `dig a.example @SERVER` and `SSL_CERT_FILE`"
    )


def test_commands_name_the_host_and_no_peer_chooses_what_is_run() -> None:
    view = incident_page_view(realistic_board(), IncidentRecord(INCIDENT), NOW)
    assert "nc -vz -w 5 logs.eu-central-1.amazonaws.com 443" in view.commands
    hostile = hostile_board()
    evil = replace(hostile.incidents[0], evidence={"address": "$(reboot)", "server": "; rm -rf /"})
    commands = incident_page_view(hostile, IncidentRecord(evil), NOW).commands
    assert not any("reboot" in command or "rm -rf" in command for command in commands)


@pytest.mark.parametrize(
    ("incident", "contact"),
    [
        (of(Cause.TCP_TIMEOUT), "the team that owns the firewall"),
        (of(Cause.HTTP_STATUS, group="release_artifacts"), "Ona support"),
        (of(Cause.HTTP_STATUS, group="aws_api"), "AWS Support"),
        (of(Cause.TCP_TIMEOUT, Scope.REGION, "aws_api"), "AWS Support"),
        (of(Cause.HTTP_STATUS, group="scm"), "the owner of the endpoint"),
        (of(Cause.TCP_TIMEOUT, Scope.HOST), "the team that operates this host"),
    ],
)
def test_the_contact_is_whoever_can_fix_it(incident: Incident, contact: str) -> None:
    view = incident_page_view(realistic_board(), IncidentRecord(incident), NOW)
    assert view.contact.who.startswith(contact)
    assert view.ticket.startswith(f"To: {view.contact.who}\nSubject: ")


def test_a_ticket_has_everything_that_its_reader_needs() -> None:
    store = lost_egress(realistic_board())
    view = incident_page_view(store, IncidentRecord(store.incidents[0]), NOW)
    for said in (
        "Impact: Environments cannot be", "Since: 2027-01-15 07:55:50 UTC, still going on",
        "account 123456789012, region eu-central-1, VPC vpc-1, subnet subnet-1", "Affected (53):",
        "and 33 more", "Please allow the following outbound connections",
    ):  # fmt: skip
        assert said in view.ticket


def test_a_timeline_is_in_order_bounded_and_about_this_incident() -> None:
    events = [
        Event(EventKind.TARGET_STATE, NOW - n, INCIDENT.affected[0], "", facts={"state": state})
        for n, state in enumerate(["down", "up"] * 30)
    ]
    events.append(Event(EventKind.TARGET_STATE, NOW, "another", "", facts={"state": "down"}))
    events.append(
        Event(EventKind.INCIDENT_OPENED, NOW - 45, INCIDENT.id, "", facts={"affected": 3})
    )
    entries = timeline(events, IncidentRecord(INCIDENT, NOW + 5))
    assert len(entries) == TIMELINE_LIMIT + 1
    times = [entry.at for entry in entries if entry.at is not None]
    assert times == sorted(times)
    assert not any("another" in entry.text for entry in entries)
    assert entries[-1].text.startswith("Over: ")
    (left_out,) = [entry.text for entry in entries if entry.at is None]
    assert left_out == "39 more entries"


def test_targets_that_take_the_same_state_together_are_one_entry() -> None:
    incident = replace(INCIDENT, affected=("a", "b", "c", "d", "e"), started_at=NOW - 5)

    def change(name: str, at: float, state: str, **facts: object) -> Event:
        return Event(EventKind.TARGET_STATE, at, name, "", facts={"state": state, **facts})

    events = [change(name, NOW - 9, "up") for name in ("a", "b")]
    events += [change(name, NOW, "down", cause="tcp_timeout") for name in "abcde"]
    events += [change("a", NOW + 1, "down", cause="dns_timeout"), change("a", NOW + 2, "up")]
    texts = [entry.text for entry in timeline(events, IncidentRecord(incident))]
    assert texts == [
        "a, b are up",
        f"First failure: {incident.detail.rstrip('.')}",
        "a, b, c and 2 more are down (tcp_timeout)",
        "a is down (dns_timeout)",
        "a is up",
    ]


def test_a_timeline_shows_what_the_investigation_found() -> None:
    facts = {
        "target": "a:443", "changes": "Changed at 03:12 UTC: the address is new.",
        "path_reached": False, "last_responding_hop": 3, "last_responding_address": "192.0.2.3",
    }  # fmt: skip
    found = Event(EventKind.INCIDENT_INVESTIGATED, NOW, INCIDENT.id, "", facts=facts)
    texts = [entry.text for entry in timeline([found], IncidentRecord(INCIDENT))]
    assert (
        "Investigated a:443: Changed at 03:12 UTC: the address is new; "
        "the last router that responds is 192.0.2.3 (hop 3)"
    ) in texts


def test_evidence_has_names_in_plain_words() -> None:
    told = dict(evidence_in_words({"other_way": "works", "something_new": "1"}))
    assert told == {"Other path (with or without proxy)": "works", "Something new": "1"}


def test_the_state_of_a_past_incident_does_not_matter() -> None:
    past = replace(INCIDENT, state=State.DEGRADED)
    view = incident_page_view(realistic_board(), IncidentRecord(past, NOW), NOW)
    assert view.impact == "Everything works, but slower or less reliably."

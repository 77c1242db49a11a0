"""The shape that every output shares: agreed keys, no secret, nothing that JSON has not."""

import json
from dataclasses import replace

from monitor.health.summary import tally
from monitor.model.state import State
from monitor.present.json_view import (
    incident_view,
    rounded,
    summary_view,
    target_details,
    target_view,
)
from tests.boards import hostile_board, realistic_board

AGREED = [
    "id",
    "group",
    "host",
    "port",
    "protocol",
    "required",
    "state",
    "cause",
    "detail",
    "cure",
    "addresses",
    "phases",
    "rtt_seconds",
]


def test_every_target_has_the_agreed_keys_first() -> None:
    for record in realistic_board().records.values():
        view = target_view(record.target, record.health.state, record.attempt, record.verdict)
        assert list(view)[: len(AGREED)] == AGREED


def test_a_query_is_never_shown() -> None:
    record = hostile_board().records["hostile"]
    view = target_view(record.target, State.DOWN, record.attempt, record.verdict)
    assert view["path"] == "/p"
    assert "hunter2" not in repr({**view, **target_details(record.attempt)})


def test_hostile_values_are_json_all_the_same() -> None:
    record = hostile_board().records["hostile"]
    view = target_view(record.target, State.DOWN, record.attempt, record.verdict)
    document = {**view, **target_details(record.attempt)}
    read = json.loads(json.dumps(document, allow_nan=False))
    assert read["phases"] == {"connect": None, "tls": None}
    (connection,) = read["attempt"]["connections"]
    assert (connection["rtt_seconds"], connection["tls"]["expires_at"]) == (None, None)


def test_details_hold_the_certificate_the_answers_and_each_connection() -> None:
    records = realistic_board().records.values()
    record = next(r for r in records if r.attempt and r.attempt.connections[0].tls)
    attempt = target_details(record.attempt)["attempt"]
    assert isinstance(attempt, dict)
    assert [answer["qtype"] for answer in attempt["answers"]] == ["A", "AAAA"]
    assert [c["family"] for c in attempt["connections"]] == ["ipv4", "ipv6"]
    assert attempt["connections"][0]["tls"]["issuer"] == "O=CA"
    assert target_details(None) == {"attempt": None}


def test_required_targets_that_were_not_reached_are_missing() -> None:
    record = hostile_board().records["hostile"]
    optional = replace(record.target, endpoint=replace(record.target.endpoint, required=False))
    standings = [
        (record.target, State.UP),
        (record.target, State.DEGRADED),
        (record.target, State.DOWN),
        (record.target, State.UNKNOWN),
        (optional, State.DOWN),
    ]
    summary = tally(standings)
    assert (summary.up, summary.degraded, summary.down, summary.unknown) == (1, 1, 2, 1)
    assert (summary.targets, summary.required_missing, summary.ok) == (5, 2, False)
    assert summary_view(tally(standings[:2]))["ok"] is True


def test_an_incident_names_what_it_affects() -> None:
    (incident,) = realistic_board().incidents
    view = incident_view(incident)
    assert (view["cause"], view["scope"], view["state"]) == ("tcp_timeout", "port", "down")
    assert view["affected"] == list(incident.affected)


def test_durations_are_rounded_to_the_microsecond() -> None:
    assert rounded(0.0123456789) == 0.012346
    assert rounded(float("nan")) is None

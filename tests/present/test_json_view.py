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
from tests.stores import hostile_board, realistic_board

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
    "remediation",
    "addresses",
    "phases",
    "rtt_seconds",
]


def test_every_target_has_the_agreed_keys_first() -> None:
    for status in realistic_board().statuses.values():
        view = target_view(
            status.target, status.health.state, status.probe_result, status.diagnosis
        )
        assert list(view)[: len(AGREED)] == AGREED


def test_a_query_is_never_shown() -> None:
    status = hostile_board().statuses["hostile"]
    view = target_view(status.target, State.DOWN, status.probe_result, status.diagnosis)
    assert view["path"] == "/p"
    assert "hunter2" not in repr({**view, **target_details(status.probe_result)})


def test_hostile_values_are_json_all_the_same() -> None:
    status = hostile_board().statuses["hostile"]
    view = target_view(status.target, State.DOWN, status.probe_result, status.diagnosis)
    document = {**view, **target_details(status.probe_result)}
    read = json.loads(json.dumps(document, allow_nan=False))
    assert read["phases"] == {"connect": None, "tls": None}
    (connection,) = read["probe_result"]["connections"]
    assert (connection["rtt_seconds"], connection["tls"]["expires_at"]) == (None, None)


def test_details_hold_the_certificate_the_answers_and_each_connection() -> None:
    statuses = realistic_board().statuses.values()
    status = next(r for r in statuses if r.probe_result and r.probe_result.connections[0].tls)
    probe_result = target_details(status.probe_result)["probe_result"]
    assert isinstance(probe_result, dict)
    assert [answer["qtype"] for answer in probe_result["answers"]] == ["A", "AAAA"]
    assert [c["family"] for c in probe_result["connections"]] == ["ipv4", "ipv6"]
    assert probe_result["connections"][0]["tls"]["issuer"] == "O=CA"
    assert target_details(None) == {"probe_result": None}


def test_required_targets_that_were_not_reached_are_missing() -> None:
    status = hostile_board().statuses["hostile"]
    optional = replace(status.target, endpoint=replace(status.target.endpoint, required=False))
    statuses = [
        (status.target, State.UP),
        (status.target, State.DEGRADED),
        (status.target, State.DOWN),
        (status.target, State.UNKNOWN),
        (optional, State.DOWN),
    ]
    summary = tally(statuses)
    assert (summary.up, summary.degraded, summary.down, summary.unknown) == (1, 1, 2, 1)
    assert (summary.targets, summary.required_missing, summary.ok) == (5, 2, False)
    assert summary_view(tally(statuses[:2]))["ok"] is True


def test_an_incident_names_what_it_affects() -> None:
    (incident,) = realistic_board().incidents
    view = incident_view(incident)
    assert (view["cause"], view["scope"], view["state"]) == ("tcp_timeout", "port", "down")
    assert view["affected"] == list(incident.affected)


def test_durations_are_rounded_to_the_microsecond() -> None:
    assert rounded(0.0123456789) == 0.012346
    assert rounded(float("nan")) is None

"""What the server answers, as values: documents, health and readiness."""

import json
from dataclasses import replace

import pytest

from monitor.model.state import State
from monitor.net.proxy.audit import ProxyAudit
from monitor.present.json_view import target_view
from monitor.state.store import Board
from monitor.web.api import (
    health,
    incidents_document,
    readiness,
    target_document,
    targets_pieces,
)
from tests.boards import NOW, realistic_board


def targets_document(board: Board) -> dict[str, object]:
    document: dict[str, object] = json.loads("".join(targets_pieces(board, NOW)))
    return document


def test_targets_have_the_shape_of_check_and_what_a_daemon_knows_beside() -> None:
    board = realistic_board()
    document = targets_document(board)
    assert (document["version"], document["generated_at"]) == (1, NOW)
    assert isinstance(document["targets"], list)
    for shown, record in zip(document["targets"], board.records.values(), strict=True):
        same = target_view(record.target, record.health.state, record.attempt, record.verdict)
        assert {key: shown[key] for key in same} == same
        assert shown["interval_seconds"] == record.target.interval
        assert shown["probes"] == record.probes


def test_the_proxies_in_use_are_told_beside_the_targets() -> None:
    board = realistic_board()
    board.proxies = ProxyAudit(http="p.corp:1", missing=("app.gitpod.io",))
    shown = targets_document(board)["proxies"]
    assert isinstance(shown, dict)
    assert (shown["http"], shown["no_proxy_missing"]) == ("p.corp:1", ["app.gitpod.io"])


def test_targets_are_summed_up() -> None:
    board = realistic_board()
    summary = targets_document(board)["summary"]
    assert isinstance(summary, dict)
    assert summary["targets"] == len(board.records)
    assert summary["unknown"] == 2
    assert summary["ok"] is False


def test_a_state_has_a_since_once_it_is_known() -> None:
    board = realistic_board()
    waiting = target_document(board.records["not-yet"])
    assert (waiting["since"], waiting["last_probe_at"], waiting["attempt"]) == (None, None, None)
    record = next(r for r in board.records.values() if r.health.state is State.DOWN)
    known = target_document(record)
    assert (known["since"], known["last_probe_at"]) == (NOW - 50, NOW - 30)


def test_incidents_are_listed() -> None:
    (incident,) = incidents_document(realistic_board(), NOW)["incidents"]  # type: ignore[misc]
    assert (incident["id"], incident["started_at"]) == ("i-1", NOW - 50)


@pytest.mark.parametrize(("silence", "ok"), [(0, True), (99, True), (100, False)])
def test_the_monitor_is_well_while_probes_are_finished(silence: float, ok: bool) -> None:
    """Three times interval and timeout (30 s and 3 s) may pass without one."""
    board = realistic_board()
    board.vitals.last_completed_at = NOW
    condition = health(board, NOW + silence)
    assert condition.ok is ok
    assert condition.document["seconds_since_last_probe"] == silence
    assert (condition.text == "ok") is ok


def test_one_target_that_is_probed_seldom_does_not_make_a_standstill_look_well() -> None:
    board = realistic_board()
    board.vitals.last_completed_at = NOW
    record = board.records["aws-ec2"]
    record.target = replace(record.target, interval=3600.0)
    assert not health(board, NOW + 121).ok


def test_before_the_first_result_silence_counts_from_the_start() -> None:
    board = realistic_board()
    board.vitals.last_completed_at = 0.0
    board.vitals.started_at = NOW
    assert health(board, NOW + 99).ok
    assert not health(board, NOW + 200).ok


def test_a_monitor_with_nothing_to_probe_is_well() -> None:
    board = realistic_board()
    board.records = {"nameless": board.records["nameless"]}
    assert health(board, NOW + 10_000).ok
    assert health(Board(), NOW).ok


def test_a_clock_that_was_set_back_is_no_illness() -> None:
    condition = health(realistic_board(), NOW - 10_000)
    assert condition.ok
    assert condition.document["seconds_since_last_probe"] == 0


def test_ready_means_that_every_target_had_a_result_or_cannot_be_probed() -> None:
    board = realistic_board()
    condition = readiness(board)
    assert (condition.ok, condition.document["waiting"]) == (False, 1)
    del board.records["not-yet"]
    assert readiness(board).ok


def test_a_monitor_that_has_not_started_is_not_ready() -> None:
    assert not readiness(Board()).ok
    board = realistic_board()
    board.vitals = replace(board.vitals, started_at=0.0)
    assert not readiness(board).ok

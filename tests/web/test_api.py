"""What the server answers, as values: documents, health and readiness."""

import json
from dataclasses import replace

import pytest

from monitor.model.state import State
from monitor.net.proxy.audit import ProxyAudit
from monitor.present.json_view import target_view
from monitor.state.store import StateStore
from monitor.web.api import (
    health,
    incidents_pieces,
    readiness,
    target_document,
    targets_pieces,
)
from tests.stores import NOW, realistic_board


def targets_document(store: StateStore) -> dict[str, object]:
    document: dict[str, object] = json.loads("".join(targets_pieces(store, NOW)))
    return document


def test_targets_have_the_shape_of_check_and_what_a_daemon_knows_beside() -> None:
    store = realistic_board()
    document = targets_document(store)
    assert (document["version"], document["generated_at"]) == (1, NOW)
    assert isinstance(document["targets"], list)
    for shown, status in zip(document["targets"], store.statuses.values(), strict=True):
        same = target_view(
            status.target, status.health.state, status.probe_result, status.diagnosis
        )
        assert {key: shown[key] for key in same} == same
        assert shown["interval_seconds"] == status.target.interval
        assert shown["probes"] == status.probes


def test_the_proxies_in_use_are_told_beside_the_targets() -> None:
    store = realistic_board()
    store.proxies = ProxyAudit(http="p.corp:1", missing=("app.gitpod.io",))
    shown = targets_document(store)["proxies"]
    assert isinstance(shown, dict)
    assert (shown["http"], shown["no_proxy_missing"]) == ("p.corp:1", ["app.gitpod.io"])


def test_targets_are_summed_up() -> None:
    store = realistic_board()
    summary = targets_document(store)["summary"]
    assert isinstance(summary, dict)
    assert summary["targets"] == len(store.statuses)
    assert summary["unknown"] == 2
    assert summary["ok"] is False


def test_a_state_has_a_since_once_it_is_known() -> None:
    store = realistic_board()
    waiting = target_document(store.statuses["not-yet"])
    assert (waiting["since"], waiting["last_probe_at"], waiting["probe_result"]) == (
        None,
        None,
        None,
    )
    status = next(r for r in store.statuses.values() if r.health.state is State.DOWN)
    known = target_document(status)
    assert (known["since"], known["last_probe_at"]) == (NOW - 50, NOW - 30)
    assert (known["last_probe_ok"], waiting["last_probe_ok"]) == (False, None)


def test_incidents_are_listed() -> None:
    (incident,) = json.loads("".join(incidents_pieces(realistic_board(), NOW)))["incidents"]
    assert (incident["id"], incident["started_at"]) == ("i-1", NOW - 50)


@pytest.mark.parametrize(("silence", "ok"), [(0, True), (99, True), (100, False)])
def test_the_monitor_is_well_while_probes_are_finished(silence: float, ok: bool) -> None:
    """Three times interval and timeout (30 s and 3 s) may pass without one."""
    store = realistic_board()
    store.self_metrics.last_completed_at = NOW
    condition = health(store, NOW + silence)
    assert condition.ok is ok
    assert condition.document["seconds_since_last_probe"] == silence
    assert (condition.text == "ok") is ok


def test_one_target_that_is_probed_seldom_does_not_make_a_standstill_look_well() -> None:
    store = realistic_board()
    store.self_metrics.last_completed_at = NOW
    status = store.statuses["aws-ec2"]
    status.target = replace(status.target, interval=3600.0)
    assert not health(store, NOW + 121).ok


def test_before_the_first_result_silence_counts_from_the_start() -> None:
    store = realistic_board()
    store.self_metrics.last_completed_at = 0.0
    store.self_metrics.started_at = NOW
    assert health(store, NOW + 99).ok
    assert not health(store, NOW + 200).ok


def test_a_monitor_with_nothing_to_probe_is_well() -> None:
    store = realistic_board()
    store.statuses = {"nameless": store.statuses["nameless"]}
    assert health(store, NOW + 10_000).ok
    assert health(StateStore(), NOW).ok


def test_a_clock_that_was_set_back_is_no_illness() -> None:
    condition = health(realistic_board(), NOW - 10_000)
    assert condition.ok
    assert condition.document["seconds_since_last_probe"] == 0


def test_ready_means_that_every_target_had_a_result_or_cannot_be_probed() -> None:
    store = realistic_board()
    condition = readiness(store)
    assert (condition.ok, condition.document["waiting"]) == (False, 1)
    del store.statuses["not-yet"]
    assert readiness(store).ok


def test_a_monitor_that_has_not_started_is_not_ready() -> None:
    assert not readiness(StateStore()).ok
    store = realistic_board()
    store.self_metrics = replace(store.self_metrics, started_at=0.0)
    assert not readiness(store).ok

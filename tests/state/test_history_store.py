"""What the daemon remembers of the time before its restart, and what stops it from that."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from monitor.health.quality import Quality
from monitor.health.timeline import WEEK, Timeline, observe
from monitor.incidents.incident_log import IncidentRecord
from monitor.model.state import State
from monitor.state import history_store as memory_module
from monitor.state.history_file import NAME, load
from monitor.state.history_store import REOPEN_WITHIN, HistoryStore
from monitor.state.store import StateStore
from tests.internet.process import wait_until
from tests.stores import NOW, realistic_board
from tests.web.serving import StoppedClock


def board_with_a_past() -> StateStore:
    store = realistic_board()
    for status in store.statuses.values():
        if status.probe_result:
            status.timeline = observe(Timeline(), State.UP, 0.01, NOW)
            status.hours = observe(Timeline(), State.UP, 0.02, NOW, WEEK)
            status.issuers = ("Amazon", "Example Corp")
    (incident,) = store.incidents
    ended = replace(incident, id="i-0")
    store.incident_log = (IncidentRecord(ended, NOW - 500), IncidentRecord(incident))
    return store


def test_a_restart_brings_back_traces_past_and_open_incidents(tmp_path: Path):
    before = board_with_a_past()
    HistoryStore(tmp_path, before, StoppedClock()).save()
    after = StateStore()
    history_store = HistoryStore(tmp_path, after, StoppedClock(NOW + 60))
    history_store.load()
    assert after.incident_log == before.incident_log
    assert after.incidents == before.incidents
    for status in before.statuses.values():
        assert history_store.timeline_of(status.target) == status.timeline
        assert history_store.hours_of(status.target) == status.hours
        assert history_store.issuers_of(status.target) == status.issuers
        assert history_store.quality_of(status.target) == status.quality


def test_after_a_long_absence_an_incident_has_ended_with_the_monitor(tmp_path: Path):
    HistoryStore(tmp_path, board_with_a_past(), StoppedClock()).save()
    after = StateStore()
    HistoryStore(tmp_path, after, StoppedClock(NOW + REOPEN_WITHIN + 1)).load()
    assert after.incidents == ()
    assert [c.ended_at for c in after.incident_log] == [NOW - 500, NOW]


def test_a_target_that_asks_elsewhere_has_another_history(tmp_path: Path):
    store = board_with_a_past()
    HistoryStore(tmp_path, store, StoppedClock()).save()
    history_store = HistoryStore(tmp_path, StateStore(), StoppedClock())
    history_store.load()
    target = store.statuses["aws-sts"].target
    moved = replace(target, endpoint=replace(target.endpoint, host="other.example"))
    assert history_store.timeline_of(moved) == Timeline()
    assert history_store.quality_of(moved) == Quality()


def test_no_query_is_kept(tmp_path: Path):
    store = board_with_a_past()
    store.statuses["not-yet"].timeline = observe(Timeline(), State.UP, 0.01, NOW)
    HistoryStore(tmp_path, store, StoppedClock()).save()
    assert b"not-yet" in (tmp_path / NAME).read_bytes()
    assert b"hunter2" not in (tmp_path / NAME).read_bytes()


def test_a_damaged_file_is_ignored_and_said_once(tmp_path: Path):
    (tmp_path / NAME).write_bytes(b"rubbish")
    store = StateStore()
    with capture_logs() as logs:
        history_store = HistoryStore(tmp_path, store, StoppedClock())
        history_store.load()
        history_store.save()
    (line,) = logs
    assert (line["event"], line["log_level"]) == ("history ignored", "warning")
    assert line["reason"] == "the history is of another version"
    assert load(tmp_path) is not None


def test_a_disk_that_cannot_be_written_is_said_once_and_again_after_it_could(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    broken = tmp_path / "file" / "below"
    history_store = HistoryStore(broken, board_with_a_past(), StoppedClock())
    with capture_logs() as logs:
        history_store.save()
        history_store.save()
    (line,) = logs
    assert line["event"] == "history not saved"
    assert "state.directory" in line["remediation"]


async def test_it_is_saved_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(memory_module, "SAVE_EVERY", 0.01)
    history_store = HistoryStore(tmp_path, board_with_a_past(), StoppedClock())
    task = asyncio.create_task(history_store.run())
    await asyncio.to_thread(wait_until, lambda: load(tmp_path) is not None, "it was saved")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_without_a_directory_nothing_is_kept():
    store = board_with_a_past()
    history_store = HistoryStore(None, store, StoppedClock())
    before = store.incident_log
    history_store.load()
    await history_store.run()
    history_store.save()
    assert store.incident_log == before
    assert history_store.timeline_of(store.statuses["aws-sts"].target) == Timeline()

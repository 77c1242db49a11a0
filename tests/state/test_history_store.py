"""What the daemon remembers of the time before its restart, and what stops it from that."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from monitor.health.quality import Quality
from monitor.model.state import State
from monitor.state import history_store as memory_module
from monitor.state.history import Chapter, Trace, observe
from monitor.state.history_file import NAME, load
from monitor.state.history_store import REOPEN_WITHIN, Memory
from monitor.state.store import Board
from tests.boards import NOW, realistic_board
from tests.internet.process import wait_until
from tests.web.serving import StoppedClock


def board_with_a_past() -> Board:
    board = realistic_board()
    for record in board.records.values():
        if record.attempt:
            record.trace = observe(Trace(), State.UP, 0.01, NOW)
            record.issuers = ("Amazon", "Example Corp")
    (incident,) = board.incidents
    ended = replace(incident, id="i-0")
    board.chapters = (Chapter(ended, NOW - 500), Chapter(incident))
    return board


def test_a_restart_brings_back_traces_past_and_open_incidents(tmp_path: Path):
    before = board_with_a_past()
    Memory(tmp_path, before, StoppedClock()).save()
    after = Board()
    memory = Memory(tmp_path, after, StoppedClock(NOW + 60))
    memory.recall()
    assert after.chapters == before.chapters
    assert after.incidents == before.incidents
    for record in before.records.values():
        assert memory.trace_of(record.target) == record.trace
        assert memory.issuers_of(record.target) == record.issuers
        assert memory.quality_of(record.target) == record.quality


def test_after_a_long_absence_an_incident_has_ended_with_the_monitor(tmp_path: Path):
    Memory(tmp_path, board_with_a_past(), StoppedClock()).save()
    after = Board()
    Memory(tmp_path, after, StoppedClock(NOW + REOPEN_WITHIN + 1)).recall()
    assert after.incidents == ()
    assert [c.ended_at for c in after.chapters] == [NOW - 500, NOW]


def test_a_target_that_asks_elsewhere_has_another_history(tmp_path: Path):
    board = board_with_a_past()
    Memory(tmp_path, board, StoppedClock()).save()
    memory = Memory(tmp_path, Board(), StoppedClock())
    memory.recall()
    target = board.records["aws-sts"].target
    moved = replace(target, endpoint=replace(target.endpoint, host="other.example"))
    assert memory.trace_of(moved) == Trace()
    assert memory.quality_of(moved) == Quality()


def test_no_query_is_kept(tmp_path: Path):
    board = board_with_a_past()
    board.records["not-yet"].trace = observe(Trace(), State.UP, 0.01, NOW)
    Memory(tmp_path, board, StoppedClock()).save()
    assert b"not-yet" in (tmp_path / NAME).read_bytes()
    assert b"hunter2" not in (tmp_path / NAME).read_bytes()


def test_a_damaged_file_is_ignored_and_said_once(tmp_path: Path):
    (tmp_path / NAME).write_bytes(b"rubbish")
    board = Board()
    with capture_logs() as logs:
        memory = Memory(tmp_path, board, StoppedClock())
        memory.recall()
        memory.save()
    (line,) = logs
    assert (line["event"], line["log_level"]) == ("history ignored", "warning")
    assert line["reason"] == "it is no history of this version"
    assert load(tmp_path) is not None


def test_a_disk_that_cannot_be_written_is_said_once_and_again_after_it_could(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    broken = tmp_path / "file" / "below"
    memory = Memory(broken, board_with_a_past(), StoppedClock())
    with capture_logs() as logs:
        memory.save()
        memory.save()
    (line,) = logs
    assert line["event"] == "history not saved"
    assert "state.directory" in line["cure"]


async def test_it_is_saved_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(memory_module, "SAVE_EVERY", 0.01)
    memory = Memory(tmp_path, board_with_a_past(), StoppedClock())
    task = asyncio.create_task(memory.run())
    await asyncio.to_thread(wait_until, lambda: load(tmp_path) is not None, "it was saved")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_without_a_directory_nothing_is_kept():
    board = board_with_a_past()
    memory = Memory(None, board, StoppedClock())
    before = board.chapters
    memory.recall()
    await memory.run()
    memory.save()
    assert board.chapters == before
    assert memory.trace_of(board.records["aws-sts"].target) == Trace()

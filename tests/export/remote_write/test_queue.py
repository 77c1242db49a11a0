"""The durable queue: order, restarts, bounds, damage at every byte, and disks that fail."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from monitor.export.remote_write import queue as module
from monitor.export.remote_write import segment as segment_module
from monitor.export.remote_write.drops import Drops
from monitor.export.remote_write.queue import GRACE, Bounds, Queue, Reader
from monitor.export.remote_write.series import STALE, Point, is_stale
from monitor.net.clock import SystemClock
from monitor.state.self_metrics import DropReason, RemoteWriteMetrics
from tests.export.remote_write.points import MOMENT, NOW, points, series

BOUNDS = Bounds(64 * 1024 * 1024, 86_400.0)
LABELS = (("region", "eu-central-1"),)


class Held:
    """A queue with its reader and its figures."""

    def __init__(self, directory: Path | None, bounds: Bounds = BOUNDS, now: float = NOW) -> None:
        self.self_metrics = RemoteWriteMetrics()
        self.elapsed = 0.0
        drops = Drops("test", self.self_metrics, SystemClock())
        self.queue = Queue(
            "test",
            directory,
            bounds,
            self.self_metrics,
            drops=drops,
            monotonic=lambda: self.elapsed,
        )
        self.reader: Reader = self.queue.open(now)

    def append(self, some: list[Point], now: float = NOW) -> None:
        self.queue.append(some, LABELS, now)

    def take(self, limit: int = 1000, now: float = NOW) -> list[tuple[str, int, float]]:
        """Read and commit one batch."""
        batch = self.queue.read(self.reader, limit, now)
        if batch is None:
            return []
        self.queue.commit(self.reader, batch)
        return [(s.key, at, v) for s, rows in batch.series.items() for at, v in rows]

    def drain(self, now: float = NOW) -> list[tuple[str, int, float]]:
        every: list[tuple[str, int, float]] = []
        while some := self.take(now=now):
            every += some
        return every


def plain(some: list[Point]) -> list[tuple[str, int, float]]:
    return sorted((one.key, at, value) for one, at, value in some)


@pytest.fixture(params=["disk", "memory"])
def held(request: pytest.FixtureRequest, tmp_path: Path) -> Held:
    return Held(tmp_path / "q" if request.param == "disk" else None)


def test_what_is_appended_is_read_in_order_and_leaves(held: Held) -> None:
    some = points(3, each=4)
    for number in range(4):
        held.append(some[3 * number : 3 * number + 3])
    assert held.self_metrics.pending == held.self_metrics.queued == 12
    found = held.drain()
    assert sorted(found) == plain(some)
    for name in {key for key, _, _ in found}:
        times = [at for key, at, _ in found if key == name]
        assert times == sorted(times)
    assert held.self_metrics.pending == 0
    assert held.take() == []


def test_series_keep_their_labels_family_and_stale_marker(held: Held) -> None:
    held.append([(series(), MOMENT, STALE)])
    batch = held.queue.read(held.reader, 10, NOW)
    assert batch is not None
    ((one, ((_, value),)),) = batch.series.items()
    assert is_stale(value)
    assert dict(one.labels())["region"] == "eu-central-1"
    assert one.family == series().family


def test_what_was_not_committed_is_there_after_a_restart(tmp_path: Path) -> None:
    first = Held(tmp_path)
    first.append(points(5))
    first.append(points(5, at=MOMENT + 60_000))
    assert len(first.take(limit=5)) == 5
    first.queue.close(NOW)
    second = Held(tmp_path, now=NOW + 100)
    assert second.self_metrics.pending == 5
    second.append(points(5, at=MOMENT + 120_000))
    assert [at - MOMENT for _, at, _ in second.drain()] == [60_000] * 5 + [120_000] * 5
    assert second.self_metrics.dropped == dict.fromkeys(DropReason, 0)


def test_nothing_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    """Neither closed nor synced: what a write has returned for is in the kernel's hands."""
    first = Held(tmp_path)
    first.append(points(50))
    os.close(first.queue._lock)  # type: ignore[arg-type] # what the end of a process does
    assert len(Held(tmp_path, now=NOW + 1).drain()) == 50


def test_a_second_monitor_on_the_same_directory_stays_in_memory(tmp_path: Path) -> None:
    first, second = Held(tmp_path), Held(tmp_path)
    assert (first.self_metrics.on_disk, second.self_metrics.on_disk) == (True, False)
    second.append(points(2))
    assert len(second.drain()) == 2


def test_other_external_labels_make_other_series(held: Held) -> None:
    one = series()
    held.queue.append([(one, MOMENT, 1.0)], (), NOW)
    held.queue.append([(one, MOMENT + 1, 1.0)], LABELS, NOW)
    batch = held.queue.read(held.reader, 10, NOW)
    assert batch is not None
    assert ["region" in dict(s.labels()) for s in batch.series] == [False, True]


def test_it_drops_the_oldest_beyond_its_size_and_counts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEGMENT_BYTES", 1024)
    held = Held(tmp_path, Bounds(8192, 86_400.0))
    for number in range(200):
        held.append(points(20, at=MOMENT + number))
    assert sum(file.stat().st_size for file in tmp_path.glob("*.seg")) < 10_000
    dropped = held.self_metrics.dropped[DropReason.QUEUE_FULL]
    assert dropped > 0
    kept = held.drain()
    assert len(kept) + dropped == 200 * 20
    assert max(at for _, at, _ in kept) == MOMENT + 199, "the newest stay"


def test_it_drops_what_waited_too_long(tmp_path: Path) -> None:
    held = Held(tmp_path, Bounds(BOUNDS.size, 3600.0))
    for elapsed in (0.0, 3000.0, 4000.0):
        held.elapsed = elapsed
        held.append(points(5, at=MOMENT + int(1000 * elapsed)))
    assert held.self_metrics.dropped[DropReason.TOO_OLD] == 5
    held.elapsed = 7000.0
    assert len(held.drain()) == 5, "and what has waited too long before it is sent"
    assert held.self_metrics.dropped[DropReason.TOO_OLD] == 10
    assert held.self_metrics.pending == 0


@pytest.mark.parametrize("jump", [25 * 3600.0, -25 * 3600.0, 400 * 86_400.0])
def test_a_jump_of_the_clock_deletes_nothing(tmp_path: Path, jump: float) -> None:
    held = Held(tmp_path)
    held.append(points(5))
    held.queue.split(Reader(), NOW + 1)
    held.append(points(5, at=MOMENT + 2000), now=NOW + jump)
    held.queue.split(Reader(), NOW + jump)
    held.append(points(5, at=MOMENT + 4000), now=NOW + 4)
    held.queue.close(NOW + 5)
    again = Held(tmp_path, now=NOW + jump)
    again.append(points(5, at=MOMENT + 6000), now=NOW + jump)
    assert len(again.drain(now=NOW + jump)) == 20
    assert again.self_metrics.dropped == held.self_metrics.dropped == dict.fromkeys(DropReason, 0)


def test_what_is_found_at_the_start_expires_when_the_clock_has_had_time_to_be_set(
    tmp_path: Path,
) -> None:
    held = Held(tmp_path)
    held.append(points(5))
    held.queue.close(NOW)
    again = Held(tmp_path, now=NOW + 2 * 86_400)
    again.elapsed = GRACE - 1
    again.append(points(1, at=MOMENT + 1))
    assert again.self_metrics.pending == 6
    again.elapsed = GRACE + 1
    again.append(points(1, at=MOMENT + 2))
    assert again.self_metrics.dropped[DropReason.TOO_OLD] == 5


def test_what_comes_from_now_on_can_be_read_beside_the_backlog(tmp_path: Path) -> None:
    held = Held(tmp_path)
    held.append(points(5))
    fresh = held.queue.split(held.reader, NOW)
    held.append(points(5, at=MOMENT + 60_000))
    batch = held.queue.read(fresh, 100, NOW)
    assert batch is not None
    assert batch.oldest == MOMENT + 60_000
    held.queue.commit(fresh, batch)
    assert [at for _, at, _ in held.drain()] == [MOMENT] * 5
    assert held.queue.read(held.reader, 100, NOW) is None, "the backlog ends where fresh began"
    held.queue.join(fresh)
    held.append(points(1, at=MOMENT + 90_000))
    held.reader = fresh
    assert [at for _, at, _ in held.drain()] == [MOMENT + 90_000]


def damaged(tmp_path: Path, data: bytes) -> Held:
    folder = tmp_path / "damaged"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "000000000007.seg").write_bytes(data)
    return Held(folder)


def a_segment(tmp_path: Path) -> tuple[bytes, list[tuple[str, int, float]]]:
    held = Held(tmp_path / "whole")
    every = [points(2, at=MOMENT + 1000 * number) for number in range(4)]
    for some in every:
        held.append(some)
    held.queue.close(NOW)
    (file,) = (tmp_path / "whole").glob("*.seg")
    return file.read_bytes(), plain([point for some in every for point in some])


def test_damage_at_any_byte_costs_that_record_only(tmp_path: Path) -> None:
    data, every = a_segment(tmp_path)
    behind_series = next(segment_module.read_records(data)).end
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 0x55
        held = damaged(tmp_path, bytes(changed))
        found = held.drain()
        held.queue.close(NOW)
        assert set(found) < set(every)
        if place >= behind_series:
            assert len(found) == len(every) - 2
        counted = held.self_metrics.corrupt_records + held.self_metrics.dropped[DropReason.CORRUPT]
        assert counted > 0, place
        assert held.self_metrics.pending == 0


def test_a_segment_cut_off_anywhere_gives_what_was_whole(tmp_path: Path) -> None:
    data, every = a_segment(tmp_path)
    ends = [record.end for record in segment_module.read_records(data)]
    for length in range(len(data)):
        held = damaged(tmp_path, data[:length])
        whole = sum(end <= length for end in ends)
        found = held.drain()
        held.queue.close(NOW)
        assert len(found) == 2 * max(0, whole - 1), "the first record names the series"
        assert set(found) <= set(every)


@pytest.mark.parametrize("rubbish", [b"", b"EMQ1", os.urandom(5000), b"EMQ1" * 2000])
def test_a_file_of_rubbish_is_no_more_than_that(tmp_path: Path, rubbish: bytes) -> None:
    held = damaged(tmp_path, rubbish)
    held.append(points(3))
    assert len(held.drain()) == 3


def test_a_record_of_a_later_version_is_passed_over_and_counted(tmp_path: Path) -> None:
    data, every = a_segment(tmp_path)
    later = segment_module.write_record(77, 1, 1, b"of a kind that is not known yet")  # type: ignore[arg-type]
    held = damaged(tmp_path, later + data)
    assert held.drain() == every
    assert held.self_metrics.corrupt_records > 0


def test_only_its_owner_may_read_what_is_kept(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        held = Held(tmp_path / "queue")
        held.append(points(3))
        held.take()
        held.append(points(3, at=MOMENT + 1))
        held.queue.close(NOW)
    finally:
        os.umask(before)
    kept = [tmp_path / "queue", *(tmp_path / "queue").iterdir()]
    assert {path.name for path in kept} >= {"queue", "lock", "position"}
    assert not [path for path in kept if path.stat().st_mode & 0o077]


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", ["position", "lock", "000000000007.seg", "position.new"])
@pytest.mark.parametrize("kind", ["fifo", "link"])
def test_files_of_another_user_neither_block_nor_are_followed(
    tmp_path: Path, name: str, kind: str
) -> None:
    directory, victim = tmp_path / "queue", tmp_path / "victim"
    directory.mkdir()
    victim.write_text("untouched")
    if kind == "fifo":
        os.mkfifo(directory / name)
    else:
        (directory / name).symlink_to(victim)
    held = Held(directory)
    held.append(points(3))
    assert len(held.drain()) == 3
    held.queue.close(NOW)
    assert victim.read_text() == "untouched"


@pytest.mark.parametrize("text", ["", "x", "7 0", "7 0 00000000", "-1 -1 x", "\xff"])
def test_a_damaged_position_means_from_the_beginning(tmp_path: Path, text: str) -> None:
    held = Held(tmp_path)
    held.append(points(3))
    held.take()
    held.append(points(3, at=MOMENT + 1))
    held.queue.close(NOW)
    (tmp_path / "position").write_text(text)
    assert len(Held(tmp_path, now=NOW + 1).drain()) == 6


def test_a_full_disk_means_memory_until_it_has_room_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(tmp_path)
    held.append(points(3))
    with monkeypatch.context() as patched:

        def full(*_: object) -> int:
            raise OSError(28, "No space left on device")

        patched.setattr(segment_module.os, "write", full)
        held.append(points(3, at=MOMENT + 1))
        held.elapsed = 60.0
        held.append(points(3, at=MOMENT + 2), now=NOW + 60)
        assert not held.self_metrics.on_disk
    held.elapsed = 120.0
    held.append(points(3, at=MOMENT + 3), now=NOW + 120)
    assert held.self_metrics.on_disk
    held.queue.close(NOW)
    found = Held(tmp_path, now=NOW + 200).drain()
    assert sorted(at - MOMENT for _, at, _ in found) == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3


def test_memory_is_bounded_and_the_oldest_goes_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MEMORY_BYTES", 4096)
    monkeypatch.setattr(module, "_MEMORY_SEGMENT_BYTES", 1024)
    held = Held(None)
    for number in range(200):
        held.append(points(4, at=MOMENT + number))
    assert held.self_metrics.queue_bytes < 6000
    kept = held.drain()
    assert len(kept) + held.self_metrics.dropped[DropReason.QUEUE_FULL] == 800
    assert max(at for _, at, _ in kept) == MOMENT + 199


def test_a_directory_that_cannot_be_made_is_memory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    held = Held(tmp_path / "file" / "queue")
    assert not held.self_metrics.on_disk
    held.append(points(2))
    (tmp_path / "file").unlink()
    held.elapsed = 60.0
    held.append(points(2, at=MOMENT + 1), now=NOW + 60)
    assert held.self_metrics.on_disk
    assert len(held.drain()) == 4


def test_segments_that_vanish_are_counted_and_passed_over(tmp_path: Path) -> None:
    held = Held(tmp_path)
    held.append(points(3))
    held.queue.split(Reader(), NOW + 1)
    held.append(points(2, at=MOMENT + 1), now=NOW + 1)
    min(tmp_path.glob("*.seg")).unlink()
    assert len(held.drain()) == 2
    assert held.self_metrics.dropped[DropReason.CORRUPT] == 3
    assert held.self_metrics.pending == 0


def test_a_clock_far_off_breaks_nothing(held: Held) -> None:
    some = [(series(), MOMENT, 1.0), (series("b"), 0, 2.0), (series("c"), 2**62, 3.0)]
    held.append(some, now=0.0)
    assert len(held.drain(now=0.0)) == 3

"""A file counts as changed if its content, its metadata or the file behind a link changes."""

from __future__ import annotations

import os
from pathlib import Path

from monitor.common.watched_file import stamp_of, stamps_of


def test_a_file_that_stays_has_the_same_stamp(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("1")
    assert stamp_of(path) == stamp_of(path) is not None


def test_a_change_of_the_content_with_the_same_size_and_time_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("1")
    before, times = stamp_of(path), (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    replacement = tmp_path / "b"
    replacement.write_text("2")
    os.utime(replacement, ns=times)
    replacement.replace(path)
    assert stamp_of(path) != before


def test_a_link_that_is_swapped_is_a_change(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config").write_text("same")
    data = tmp_path / "..data"
    data.symlink_to("one")
    before = stamp_of(data / "config")
    swapped = tmp_path / "..new"
    swapped.symlink_to("two")
    swapped.replace(data)
    assert stamp_of(data / "config") != before


def test_a_file_that_is_not_there_has_no_stamp(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("1")
    missing = tmp_path / "missing"
    assert stamp_of(missing) is None
    assert stamp_of(Path("a\0b")) is None
    assert stamps_of([path, missing]) == {path: stamp_of(path), missing: None}

"""Files that are replaced as a whole."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from monitor.common.state_file import StateFile, read_file, replace_file, writable_by_others


def test_only_its_owner_may_read_a_file_whatever_the_umask_and_a_crash_left(tmp_path: Path):
    path = tmp_path / "made" / "state" / "history.json"
    before = os.umask(0)
    try:
        replace_file(path, b"old")
        left = path.with_name("history.json.new")
        left.write_bytes(b"half of what a crash cut off")
        left.chmod(0o666)
        replace_file(path, b"new")
    finally:
        os.umask(before)
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [folder.stat().st_mode & 0o777 for folder in path.parents[:2]] == [0o700, 0o700]


def test_a_link_in_place_of_the_new_file_is_not_followed(tmp_path: Path):
    victim, path = tmp_path / "victim", tmp_path / "history.json"
    victim.write_text("precious\n")
    victim.chmod(0o644)
    path.with_name("history.json.new").symlink_to(victim)
    replace_file(path, b"new")
    assert (victim.read_text(), victim.stat().st_mode & 0o777) == ("precious\n", 0o644)
    assert path.read_bytes() == b"new"
    assert not path.is_symlink()


def test_a_directory_in_place_of_the_new_file_is_an_error(tmp_path: Path):
    (tmp_path / "history.json.new").mkdir()
    assert not StateFile(tmp_path / "history.json", "history").save(b"new")


@pytest.mark.timeout(10)
def test_a_pipe_a_socket_or_a_directory_is_refused_without_waiting(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "directory").mkdir()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "socket"))
        for name in ("pipe", "directory", "socket"):
            with pytest.raises(OSError, match=r".*"):
                read_file(tmp_path / name, 100)


def test_a_link_in_place_of_a_file_is_refused(tmp_path: Path):
    (tmp_path / "elsewhere").write_bytes(b"x")
    (tmp_path / "history.json").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r".*"):
        read_file(tmp_path / "history.json", 100)


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path):
    with (tmp_path / "large").open("wb") as file:
        file.truncate(2**40)  # a sparse file of one terabyte
    with pytest.raises(OSError, match="too large"):
        read_file(tmp_path / "large", 100)
    (tmp_path / "small").write_bytes(b"x" * 100)
    assert read_file(tmp_path / "small", 100) == b"x" * 100
    assert read_file(tmp_path / "none", 100) is None


@pytest.mark.parametrize(
    ("mode", "open_to_others"), [(0o700, False), (0o755, False), (0o777, True), (0o770, True)]
)
def test_a_directory_that_others_may_write_to_is_recognised(
    tmp_path: Path, mode: int, open_to_others: bool
):
    tmp_path.chmod(mode)
    assert writable_by_others(tmp_path) is open_to_others
    assert not writable_by_others(tmp_path / "none")

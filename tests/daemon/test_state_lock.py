"""The state directory's lock: one process at a time, whatever is there in place of the file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.daemon.state_lock import StateInUseError, StateLock

HOLDER = """
import sys
from pathlib import Path
from monitor.daemon.state_lock import StateLock
lock = StateLock(Path(sys.argv[1]))
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


def test_only_one_process_holds_it_and_the_other_is_named(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(directory)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as holder:  # fmt: skip
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        lock = StateLock(directory)
        with pytest.raises(StateInUseError, match=f"process {holder.pid} "):
            lock.acquire()
        holder.kill()
        holder.wait()
        lock.acquire()
    assert lock.path.read_text() == f"{os.getpid()}\n"
    assert lock.path.stat().st_mode & 0o777 == 0o600
    lock.release()
    StateLock(directory).acquire()


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "lock").symlink_to(victim)
    with pytest.raises(OSError, match="symbolic links"):
        StateLock(tmp_path).acquire()
    assert victim.read_text() == "precious"


def test_a_fifo_in_its_place_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "lock")
    with pytest.raises(OSError, match="not a regular file"):
        StateLock(tmp_path).acquire()

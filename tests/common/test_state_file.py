"""Files that are replaced as a whole."""

from __future__ import annotations

import os
from pathlib import Path

from monitor.common.state_file import replace_file


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

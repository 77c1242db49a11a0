"""``check`` in a real terminal: it fits, and the verdict is on the screen."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.daemon.processes import QUIET, endpoints, environment
from tests.internet.process import free_port

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def in_terminal(columns: int, rows: int, *arguments: str | Path, status: int = 1) -> list[str]:
    """Return the lines of standard output on a terminal, without colors, of a command that ends
    with ``status``. The progress bar is on standard error and erases itself."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    command = [sys.executable, "-m", "monitor", *map(str, arguments)]
    environ = environment(TERM="xterm-256color")
    environ.pop("COLUMNS", None)
    environ.pop("LINES", None)
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=quiet, env=environ) as process:
        os.close(slave)
        data = b"".join(_until_closed(master))
        os.close(master)
        assert process.wait(30) == status
    text = _ESCAPES.sub("", data.decode()).replace("\r\n", "\n")
    return text.splitlines()


def _until_closed(master: int) -> list[bytes]:
    parts: list[bytes] = []
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # EIO on Linux: the last process closed the terminal
            return parts
        if not part:
            return parts
        parts.append(part)


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (120, 40), (40, 24)])
@pytest.mark.parametrize("everything", [(), ("--all",)])
def test_the_verdict_is_on_the_first_and_on_the_last_screen(
    tmp_path: Path, columns: int, rows: int, everything: tuple[str, ...]
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(QUIET + endpoints(30, free_port()))
    lines = in_terminal(columns, rows, "check", "--config", config, *everything)
    assert max(map(len, lines)) <= columns
    assert lines[0].startswith("✘")
    totals = "  30 targets: 30 down."
    assert any(line.startswith(totals) for line in lines[: rows - 1])
    assert any(line.startswith(totals) for line in lines[1 - rows :])
    assert not any("\x1b" in line or "?" in line for line in lines)


@pytest.mark.parametrize("columns", [20, 40, 80])
@pytest.mark.parametrize("command", ["endpoints", "explain", "explain tls_expired", "validate"])
def test_other_commands_fit_a_narrow_terminal_too(
    tmp_path: Path, columns: int, command: str
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(QUIET + endpoints(2, free_port()))
    named = () if command.startswith("explain") else ("--config", config)
    lines = in_terminal(columns, 24, *command.split(), *named, status=0)
    assert lines
    assert max(map(len, lines)) <= columns

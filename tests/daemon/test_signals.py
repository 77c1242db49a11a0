"""Signals at any moment of the process's life."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.daemon import signals
from tests.daemon.processes import Daemon, daemon, environment
from tests.internet.process import wait_until


@pytest.fixture
def monitor(tmp_path: Path) -> Iterator[Daemon]:
    with daemon(tmp_path) as found:
        yield found


def caught(pid: int) -> int:
    """Return the bits of the signals that a process has handlers for."""
    text = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in text.splitlines() if line.startswith("SigCgt:"))
    return int(line.split()[1], 16)


def wait_for_handlers(pid: int) -> None:
    wanted = 1 << (signal.SIGTERM - 1) | 1 << (signal.SIGHUP - 1)
    wait_until(lambda: caught(pid) & wanted == wanted, "the handlers are there")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_stop_before_the_imports_are_done_ends_it(
    monitor: Daemon, number: signal.Signals
) -> None:
    process = monitor.start()
    wait_for_handlers(process.pid)
    process.send_signal(number)
    assert process.wait(10) == 0
    assert monitor.said() == ""


@pytest.mark.parametrize(
    "number", [signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGPIPE]
)
def test_other_signals_end_it_neither_early_nor_late(
    monitor: Daemon, number: signal.Signals
) -> None:
    process = monitor.start()
    wait_for_handlers(process.pid)
    process.send_signal(number)
    monitor.wait_healthy()
    process.send_signal(number)
    monitor.wait_healthy()
    if number is signal.SIGHUP:
        monitor.wait(lambda: len(monitor.lines("configuration reloaded")) == 2, "both are reloads")
    assert monitor.stop()[0] == 0


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="process 1 of a PID namespace takes root")
@pytest.mark.parametrize("moment", ["imports", "running"])
def test_as_process_1_it_ends(monitor: Daemon, moment: str) -> None:
    with monitor.log.open("wb") as output:
        outer = subprocess.Popen(
            ["unshare", "--pid", "--fork", "--kill-child", *monitor.command],
            env=environment(), stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    monitor.process = outer
    children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")
    wait_until(lambda: bool(children.read_text()), "the process is there")
    inner = int(children.read_text().split()[0])
    wait_for_handlers(inner)
    if moment == "running":
        monitor.wait_healthy()
    os.kill(inner, signal.SIGTERM)
    assert outer.wait(12) == 0


def test_what_hangs_at_the_end_is_cut_off() -> None:
    code = (
        "import threading, time\nfrom monitor.daemon import signals\n"
        "signals.end_at_the_latest(0.2, 7)\nthreading.Event().wait()\n"
    )
    begun = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=30)
    assert done.returncode == 7
    assert time.monotonic() - begun < 20
    assert signals.STOP_SECONDS < 10

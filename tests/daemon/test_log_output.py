"""The daemon's log output: whatever happens to its reader, probing and /healthz go on.

Covers: monitor/daemon/log_writer.py
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.processes import Daemon, daemon, endpoints
from tests.internet.process import free_port

DEBUG = '[log]\nlevel = "debug"\nformat = "json"\n'


@pytest.fixture
def monitor(tmp_path: Path) -> Iterator[Daemon]:
    with daemon(tmp_path) as found:
        found.configure(endpoints(200, free_port()) + DEBUG)
        yield found


def probes(monitor: Daemon) -> int:
    """Return how many probes the metrics count."""
    _, body = monitor.get("/metrics")
    lines = body.decode().splitlines()
    return int(sum(float(v.split()[-1]) for v in lines if v.startswith("egress_probes_total")))


def assert_probing(monitor: Daemon) -> None:
    before = probes(monitor)
    monitor.wait(lambda: probes(monitor) > before + 60, "probes are counted")
    assert monitor.get("/healthz")[0] == 200


def dropped(monitor: Daemon) -> float:
    _, body = monitor.get("/metrics")
    for line in body.decode().splitlines():
        if line.startswith("egress_log_lines_dropped_total"):
            return float(line.split()[-1])
    return 0.0


@pytest.mark.parametrize("both", [False, True], ids=["stdout", "stdout and stderr"])
def test_a_reader_that_never_reads_stops_nothing(monitor: Daemon, both: bool) -> None:
    reading, writing = os.pipe()
    monitor.start(stdout=writing, stderr=subprocess.STDOUT if both else subprocess.DEVNULL)
    os.close(writing)
    try:
        monitor.wait_healthy()
        monitor.wait(lambda: dropped(monitor) > 0, "lines are dropped", 90)
        assert_probing(monitor)
        assert "log" in monitor.health()["problems"]
        got = b""
        while b'"log lines dropped"' not in got:
            got += os.read(reading, 65_536)
        monitor.wait(lambda: "log" not in monitor.health()["problems"], "the log works again")
    finally:
        status, seconds = monitor.stop()
        os.close(reading)
    assert (status, seconds < 10) == (0, True)


def test_it_ends_although_its_log_is_stuck(monitor: Daemon) -> None:
    reading, writing = os.pipe()
    monitor.start(stdout=writing, stderr=writing)
    os.close(writing)
    monitor.wait_healthy()
    monitor.wait(lambda: "log" in monitor.health()["problems"], "the log is stuck", 60)
    status, seconds = monitor.stop()
    os.close(reading)
    assert (status, seconds < 10) == (0, True)


def test_a_reader_that_is_gone_stops_nothing(monitor: Daemon) -> None:
    reading, writing = os.pipe()
    monitor.start(stdout=writing, stderr=writing)
    os.close(writing)
    monitor.wait_healthy()
    os.close(reading)
    monitor.wait(
        lambda: "broken pipe" in str(monitor.health().get("problems")), "the loss is shown"
    )
    assert_probing(monitor)


def test_a_full_disk_stops_nothing(monitor: Daemon) -> None:
    with Path("/dev/full").open("wb") as full:
        monitor.start(stdout=full, stderr=full)
    monitor.wait_healthy()
    monitor.wait(
        lambda: "no space left" in str(monitor.health().get("problems")), "the loss is shown"
    )
    assert_probing(monitor)


def test_output_that_is_closed_from_the_start_goes_to_no_peer(monitor: Daemon) -> None:
    monitor.start(stdout=None, preexec_fn=lambda: os.closerange(0, 3))
    monitor.wait_healthy()
    assert_probing(monitor)
    process = monitor.process
    assert process is not None
    for number in range(3):
        assert Path(f"/proc/{process.pid}/fd/{number}").readlink() == Path("/dev/null")


def test_output_that_does_not_block_is_complete(monitor: Daemon) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    monitor.start(stdout=writing, stderr=subprocess.DEVNULL)
    os.close(writing)
    parts: list[bytes] = []

    def read_slowly() -> None:
        while data := os.read(reading, 512):
            parts.append(data)
            time.sleep(0.001)

    reader = threading.Thread(target=read_slowly)
    reader.start()
    monitor.wait_healthy()
    before = probes(monitor)
    monitor.wait(lambda: probes(monitor) > before + 400, "lines are written")
    status, _ = monitor.stop()
    reader.join(30)
    os.close(reading)
    lines = [json.loads(line) for line in b"".join(parts).splitlines()]
    assert status == 0
    assert lines[0]["event"] == "started"
    assert lines[-1]["event"] == "stopped"

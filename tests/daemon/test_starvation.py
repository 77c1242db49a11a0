"""Daemon that does not get to run: stopped, limited to 2 % of a CPU, beside 20 busy programs.

Nothing except the incident about the host may be reported.

Covers: monitor/scheduler/loop_lag.py
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from monitor.catalog import load_catalog
from tests.internet.process import free_port, running, wait_until

TARGETS = 30
NO_CATALOG = "".join(
    f"[groups.{group}]\nenabled = false\n" for group in sorted({e.group for e in load_catalog()})
)


ORIGIN = """
import os, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Slow(BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(0.4)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass

class Origin(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

if os.geteuid() == 0:
    os.nice(-20)
server = Origin(("127.0.0.1", 0), Slow)
print(server.server_port, flush=True)
server.serve_forever()
"""
"""An endpoint that answers after 0.4 s. It gets the CPU before everything else, as one on another
host has a CPU of its own."""


@pytest.fixture
def origin() -> Iterator[int]:
    command = [sys.executable, "-c", ORIGIN]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


class Daemon:
    """A daemon that probes ``TARGETS`` endpoints every 2 s, with 1 s for each."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, page: int) -> None:
        self.process = process
        self._log = log
        self._page = page

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._page}{path}", timeout=60) as page:
            return str(page.read().decode())

    def metric(self, name: str) -> float:
        """The sum of a metric's samples."""
        found = re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", self.get("/metrics"), re.MULTILINE)
        return sum(map(float, found))

    def reported(self) -> set[str]:
        """The causes of all incidents and targets that the log names."""
        lines = [json.loads(line) for line in self._log.read_text().splitlines() if line[:1] == "{"]
        assert not [line for line in lines if "exception" in line or line["level"] == "critical"]
        return {line["cause"] for line in lines if line.get("cause")}


@contextmanager
def daemon(folder: Path, origin: int) -> Iterator[Daemon]:
    page = free_port()
    rows = "".join(
        f'[[endpoint]]\nid = "e{n}"\nhost = "127.0.0.1"\nport = {origin}\nprotocol = "http"\n'
        for n in range(TARGETS)
    )
    path = folder / "config.toml"
    path.write_text(
        'region = "eu-central-1"\naccount_id = "123456789012"\n[discovery]\nenabled = false\n'
        f'[web]\nlisten = "127.0.0.1:{page}"\n[schedule]\ninterval = "2s"\ntimeout = "1s"\n'
        f"[metadata]\ndiscover_identity = false\n[dns]\nprobe_servers = false\n{NO_CATALOG}{rows}"
    )
    command = [sys.executable, "-m", "monitor", "run", "--config", str(path)]
    log = folder / "monitor.log"
    with running(command, log, env={**os.environ, "NO_PROXY": "*"}) as process:
        yield Daemon(process, log, page)


def up(daemon: Daemon) -> bool:
    try:
        return (
            daemon.get("/metrics").count(" 1.0\n") > 0 and daemon.metric("probe_success") == TARGETS
        )
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_stopped_daemon_reports_nothing_else(tmp_path: Path, origin: int):
    with daemon(tmp_path, origin) as running:
        wait_until(lambda: up(running), "all targets are up", 120)
        for _ in range(3):
            running.process.send_signal(signal.SIGSTOP)
            time.sleep(4)
            running.process.send_signal(signal.SIGCONT)
            time.sleep(2)
        assert running.metric("egress_inadmissible_probes_total") > 0
        assert running.metric("egress_host_starved") == 1
        assert running.metric("egress_internal_errors_total") == 0
        assert running.metric("egress_probe_failures_total") == 0
        opened = json.loads(running.get("/api/v1/incidents"))
        assert [i["cause"] for i in opened["incidents"]] == ["starved_host"]
        assert running.reported() <= {"starved_host"}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.root
def test_a_daemon_limited_to_two_percent_of_a_cpu_reports_nothing_else(tmp_path: Path, origin: int):
    with daemon(tmp_path, origin) as running:
        wait_until(lambda: up(running), "all targets are up", 120)
        with limited(running.process.pid, milliseconds=2):
            wait_until(lambda: "starved_host" in running.reported(), "the incident", 150)
            time.sleep(20)
        assert running.metric("egress_probe_failures_total") == 0
        assert running.metric("egress_inadmissible_probes_total") > 0
        assert running.reported() == {"starved_host"}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.root
def test_a_daemon_beside_twenty_busy_programs_reports_nothing_else(tmp_path: Path, origin: int):
    with daemon(tmp_path, origin) as running:
        wait_until(lambda: up(running), "all targets are up", 120)
        with busy_programs(20):
            time.sleep(25)
        assert running.metric("egress_probe_failures_total") == 0
        assert running.reported() <= {"starved_host"}


@contextmanager
def limited(pid: int, milliseconds: int) -> Iterator[None]:
    """Let a process run for so many milliseconds of each 100 (a cgroup of its own)."""
    for root in ("/sys/fs/cgroup", "/sys/fs/cgroup/cpu"):
        group = Path(root) / f"egress-monitor-test-{pid}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            if (group / "cpu.max").exists():
                (group / "cpu.max").write_text(f"{milliseconds * 1000} 100000")
            elif (group / "cpu.cfs_quota_us").exists():
                (group / "cpu.cfs_quota_us").write_text(str(milliseconds * 1000))
            else:
                continue
            procs = group.parent / "cgroup.procs"
            (group / "cgroup.procs").write_text(str(pid))
            try:
                yield
            finally:
                procs.write_text(str(pid))
        finally:
            wait_until(lambda group=group: removed(group), "the cgroup is gone")
        return
    pytest.skip("no cgroup with a CPU limit can be made here")


def removed(group: Path) -> bool:
    try:
        group.rmdir()
    except OSError:
        return not group.exists()
    return True


@contextmanager
def busy_programs(count: int) -> Iterator[None]:
    """Run programs that use all of the CPU."""
    programs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()

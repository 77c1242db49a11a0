"""The demonstration, fast-forwarded: every fault is named right, and nothing is left behind.

Covers: monitor/demo/*.py
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from monitor.daemon.app import Monitor
from monitor.demo.faults import FAULTS, Fault
from monitor.demo.internet import Internet, small_internet
from monitor.demo.show import catalogue, configuration
from monitor.model.causes import Cause
from monitor.model.incident import Incident, Scope
from monitor.model.state import State
from monitor.present.json_view import incident_view
from monitor.web.api import status_view
from tests.internet.process import free_port, open_descriptors, running, wait_until
from tests.simulation.api_truth import Checker

WIDE = {Scope.ALL_EGRESS, Scope.RESOLVER}
NARROW = tuple(fault for fault in FAULTS if fault.scope not in WIDE)


async def checked(monitor: Monitor, checker: Checker) -> None:
    """Check every sentence until cancelled."""
    store = monitor.store
    while True:
        await store.settle()
        incidents = [incident_view(incident) for incident in store.incidents]
        targets = [status_view(status) for status in store.statuses.values()]
        checker.check(incidents, targets, asyncio.get_running_loop().time())
        await asyncio.sleep(0.5)


@asynccontextmanager
async def watched(folder: Path) -> AsyncIterator[tuple[Internet, Monitor]]:
    """The small internet and a monitor of it that has found everything up."""
    async with small_internet(catalogue(folder), folder) as internet:
        monitor = Monitor(configuration(internet, folder, 9242, "2s"), {})
        done = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(monitor.run(done, asyncio.Event()))
            await until(lambda: states(monitor) == {State.UP}, monitor)
            checker = Checker()
            checking = group.create_task(checked(monitor, checker))
            yield internet, monitor
            checking.cancel()
            done.set()
        assert list(checker.untrue.values()) == []


def states(monitor: Monitor) -> set[State]:
    return {status.health.state for status in monitor.store.statuses.values()}


def named(monitor: Monitor) -> set[tuple[Cause, Scope]]:
    return {(i.cause, i.scope) for i in of_the_network(monitor)}


def of_the_network(monitor: Monitor) -> list[Incident]:
    """The incidents but that of a machine on which too much else runs."""
    return [i for i in monitor.store.incidents if i.cause is not Cause.STARVED_HOST]


async def until(holds: Callable[[], bool], monitor: Monitor) -> None:
    try:
        async with asyncio.timeout(60):
            while not holds():  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"{states(monitor)}, {monitor.store.incidents}") from None


async def test_faults_of_one_thing_each_are_told_apart_and_recover(tmp_path: Path):
    async with watched(tmp_path) as (internet, monitor):
        for fault in NARROW:
            await fault.act(internet, True)
        expected = {(fault.cause, fault.scope) for fault in NARROW}
        await until(lambda: named(monitor) == expected, monitor)
        assert len(of_the_network(monitor)) == len(NARROW)
        for fault in NARROW:
            await fault.act(internet, False)
        await until(lambda: states(monitor) == {State.UP}, monitor)
        await until(lambda: of_the_network(monitor) == [], monitor)


@pytest.mark.parametrize("fault", [f for f in FAULTS if f.scope in WIDE], ids=lambda f: f.scope)
async def test_a_fault_of_everything_is_one_incident(tmp_path: Path, fault: Fault):
    async with watched(tmp_path) as (internet, monitor):
        await fault.act(internet, True)
        await until(lambda: named(monitor) == {(fault.cause, fault.scope)}, monitor)
        await fault.act(internet, False)
        await until(lambda: states(monitor) == {State.UP}, monitor)


async def test_the_small_internet_leaves_nothing(tmp_path: Path):
    before = open_descriptors()
    async with small_internet(catalogue(tmp_path), tmp_path):
        pass
    await asyncio.sleep(0)
    assert open_descriptors() <= before


def test_the_command_shows_the_page_and_ends_with_ctrl_c(tmp_path: Path):
    port = free_port()
    # Where the tests run in the background, SIGINT is ignored, and children inherit that.
    command = ["env", "--default-signal=INT", sys.executable, "-m", "monitor", "demo"]
    command += ["--port", str(port), "--every", "10"]
    environ = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    log = tmp_path / "log"
    with running(command, log, env=environ) as process:
        wait_until(lambda: "break" in log.read_text(), "something is broken", 20)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as page:
            assert page.status == 200
        wait_until(lambda: "dns_timeout" in log.read_text(), "it is named", 60)
        wait_until(lambda: "over " in log.read_text(), "it is over", 60)
        assert "Confidence: " in log.read_text()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert "Traceback" not in log.read_text()
    assert list(tmp_path.iterdir()) == [log]


def test_a_port_that_is_taken_is_said(tmp_path: Path):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        command = [sys.executable, "-m", "monitor", "demo", "--port", str(taken.getsockname()[1])]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 2
    assert "--port" in done.stderr
    assert "choose another port" in done.stderr
    assert done.stderr.count("127.0.0.1") == 1

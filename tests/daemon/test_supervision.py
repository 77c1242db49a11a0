"""Parts that fail are run again, and problems are reported."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress

import pytest

from monitor.daemon import supervision
from monitor.daemon.log_writer import LogWriter
from monitor.daemon.supervision import Supervision, keep_running
from monitor.daemon.systemd import Notifier
from monitor.state.guard import Guard
from monitor.state.self_metrics import GuardedPart, Part, SelfMetrics


async def test_a_part_that_fails_runs_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "_RESTART", (0.001, 0.01))
    metrics, runs = SelfMetrics(), 0

    async def fail_twice() -> None:
        nonlocal runs
        runs += 1
        if runs < 3:
            raise RuntimeError("a bug")

    async with asyncio.timeout(20):
        await keep_running("part", fail_twice, Guard(metrics))
    assert runs == 3
    assert metrics.internal_errors[GuardedPart.TASK] == 2


async def test_the_end_of_the_process_ends_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "_RESTART", (60.0, 60.0))

    async def fail() -> None:
        raise RuntimeError("a bug")

    task = asyncio.create_task(keep_running("part", fail, Guard(SelfMetrics())))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_the_trouble_of_the_log_is_a_problem_while_it_lasts() -> None:
    reading, writing = os.pipe()
    now = [0.0]
    writer = LogWriter(writing, limit=100_000, clock=lambda: now[0])
    metrics = SelfMetrics()
    watcher = Supervision(metrics, writer, Notifier({}))
    watcher.report()
    assert metrics.problems == {}
    for _ in range(40):
        writer.write("x" * 9_999 + "\n")
    while Part.LOG not in metrics.problems:  # the test's own timeout bounds this
        now[0] += 1.0
        time.sleep(0.01)
        watcher.report()
    assert metrics.problems[Part.LOG].startswith("log lines cannot be written")
    assert metrics.log_lines_dropped == writer.dropped > 0
    os.set_blocking(reading, False)
    while Part.LOG in metrics.problems:
        with suppress(BlockingIOError):
            os.read(reading, 65_536)
        watcher.report()
    writer.close()
    os.close(writing)
    os.close(reading)

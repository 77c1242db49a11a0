"""``check --watch``: what the screen shows while the daemon's own watching goes on."""

from __future__ import annotations

import asyncio
import io
from contextlib import suppress
from dataclasses import replace

import pytest
from rich.console import Console

from monitor.cli.watch_view import statuses_of, watch
from monitor.health.status import TargetStatus
from monitor.model.probe_result import Failure, FailureKind, Phase, ProbeResult
from monitor.model.settings import ScheduleSettings
from monitor.model.state import State
from monitor.model.target import Target
from monitor.present.terminal import overview
from monitor.probes.context import ProbeContext
from monitor.scheduler.engine import Engine
from monitor.state.store import StateStore
from tests.probe_results import FILTERED, REACHED, probe_result, target
from tests.probes.support import make_probe_context

FAST = ScheduleSettings(max_in_flight=8, max_connections_per_second=1e6)


def shown(*statuses: TargetStatus) -> str:
    out = io.StringIO()
    Console(file=out, width=120).print(overview(statuses, ()))
    return out.getvalue()


async def answer(target: Target, probe_context: ProbeContext) -> ProbeResult:
    now = probe_context.clock.time()
    if target.id != "b":
        return ProbeResult(target.id, now, 0.01)
    refused = Failure(Phase.CONNECT, FailureKind.OS_ERROR, "refused", 111, "ECONNREFUSED")
    return ProbeResult(target.id, now, 0.01, failure=refused)


async def test_it_probes_on_the_schedule_and_shows_what_is_wrong_until_it_is_ended(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("TERM", "xterm")
    store, out = StateStore(), io.StringIO()
    engine = Engine(make_probe_context(), FAST, find_prober=lambda _: answer)
    targets = [replace(target(name), interval=0.2, timeout=0.1) for name in ("a", "b")]
    console = Console(file=out, width=120, height=40, force_terminal=True)
    task = asyncio.create_task(watch(targets, engine, console, store))
    async with asyncio.timeout(20):
        while "✘ down" not in out.getvalue():  # noqa: ASYNC110 - a screen tells nobody
            await asyncio.sleep(0.02)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    states = {status.target.id: status.state for status in statuses_of(store)}
    assert states == {"a": State.UP, "b": State.DOWN}


def test_a_group_that_is_well_takes_one_line_and_another_one_its_targets():
    up = [
        TargetStatus.of(target(f"v{n}"), State.UP, probe_result(f"v{n}"), REACHED) for n in range(5)
    ]
    bad = TargetStatus.of(
        target("j1", "jetbrains"), State.DOWN, probe_result("j1", ok=False), FILTERED
    )
    good = TargetStatus.of(target("j2", "jetbrains"), State.UP, probe_result("j2"), REACHED)
    text = shown(*up, bad, good)
    assert "all 5" in text
    assert "v0" not in text
    assert "j1" in text
    assert "j2" in text


def test_without_a_terminal_it_says_what_to_do(capsys: pytest.CaptureFixture[str]):
    from monitor.cli import main as cli

    assert cli.main(["check", "--watch", "--config", "config.toml"]) == 2
    assert "--watch: standard output is not a terminal" in capsys.readouterr().err

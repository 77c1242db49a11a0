"""``check --watch``: the daemon's own watching, shown on a terminal instead of being served."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random

from rich.console import Console
from rich.live import Live

from monitor.model.target import Target
from monitor.present.terminal import overview
from monitor.scheduler.engine import Engine
from monitor.scheduler.loop import Watch
from monitor.state.check_result import Result
from monitor.state.events import Events
from monitor.state.history_store import Memory
from monitor.state.store import Board

FRAME_SECONDS = 0.5


async def watch(targets: Sequence[Target], engine: Engine, console: Console, board: Board) -> None:
    """Probe ``targets`` on their schedule and show ``board`` until cancelled."""
    clock = engine.tools.clock
    watching = Watch(
        board,
        engine,
        Events(),
        memory=Memory(None, board, clock),
        clock=clock,
        random=Random(),  # noqa: S311 - jitter, not secrets
    )
    watching.apply(targets)
    with Live(console=console, auto_refresh=False, screen=True) as live:
        async with asyncio.TaskGroup() as group:
            group.create_task(watching.probe_forever(group))
            group.create_task(watching.second_looks.run())
            group.create_task(_show(live, board))


async def _show(live: Live, board: Board) -> None:
    while True:
        live.update(overview(results_of(board), board.incidents), refresh=True)
        await asyncio.sleep(FRAME_SECONDS)


def results_of(board: Board) -> tuple[Result, ...]:
    """Return how each target stands on ``board``."""
    return tuple(
        Result(r.target, r.health.state, r.attempt, r.verdict) for r in board.records.values()
    )

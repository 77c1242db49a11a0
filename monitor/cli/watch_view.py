"""``check --watch``: the daemon's own watching, shown on a terminal instead of being served."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random

from rich.console import Console
from rich.live import Live

from monitor.health.status import TargetStatus
from monitor.model.target import Target
from monitor.present.terminal import overview
from monitor.scheduler.engine import Engine
from monitor.scheduler.loop import ProbeLoop
from monitor.state.events import Events
from monitor.state.history_store import HistoryStore
from monitor.state.store import StateStore

FRAME_SECONDS = 0.5


async def watch(
    targets: Sequence[Target], engine: Engine, console: Console, store: StateStore
) -> None:
    """Probe ``targets`` on their schedule and show ``store`` until cancelled."""
    clock = engine.probe_context.clock
    watching = ProbeLoop(
        store,
        engine,
        Events(),
        history_store=HistoryStore(None, store, clock),
        clock=clock,
        random=Random(),  # noqa: S311 - jitter, not secrets
    )
    watching.apply(targets)
    with Live(console=console, auto_refresh=False, screen=True) as live:
        async with asyncio.TaskGroup() as group:
            group.create_task(watching.probe_forever(group))
            group.create_task(watching.follow_ups.run())
            group.create_task(_show(live, store))


async def _show(live: Live, store: StateStore) -> None:
    while True:
        live.update(overview(statuses_of(store), store.incidents), refresh=True)
        await asyncio.sleep(FRAME_SECONDS)


def statuses_of(store: StateStore) -> tuple[TargetStatus, ...]:
    """Return how each target stands on ``store``."""
    return tuple(store.statuses.values())

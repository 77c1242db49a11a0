"""A step of the host's clock is recorded as context of incidents; drift is not."""

from __future__ import annotations

import asyncio

import pytest

from monitor.net.clock import SystemClock
from monitor.scheduler import clock_steps
from monitor.scheduler.clock_steps import ClockSteps
from monitor.state.store import StateStore


class SteppingClock(SystemClock):
    """The system's clock with an offset that a test sets."""

    offset = 0.0

    def time(self) -> float:
        return super().time() + self.offset


@pytest.mark.parametrize(
    ("step", "recorded"), [(-3600.0, ["-3600 s"]), (0.5, []), (90.0, ["+90 s"])]
)
async def test_only_a_step_is_recorded(
    monkeypatch: pytest.MonkeyPatch, step: float, recorded: list[str]
) -> None:
    monkeypatch.setattr(clock_steps, "PERIOD", 0.01)
    store, clock = StateStore(), SteppingClock()
    task = asyncio.create_task(ClockSteps(store, clock).run())
    await asyncio.sleep(0.05)
    clock.offset = step
    await asyncio.sleep(0.2)
    task.cancel()
    assert [change.after for change in store.context_changes] == recorded

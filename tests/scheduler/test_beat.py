"""Periodic work wakes the process together."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.scheduler.beat import BEAT, beat_at, next_beat, sleep_until


@given(st.floats(0, 1e7))
def test_beats_are_the_same_for_everybody_and_at_most_one_apart(moment: float) -> None:
    first, following = beat_at(moment), next_beat(moment)
    assert moment - 1e-6 <= first <= moment + BEAT + 1e-6
    assert moment < following + 1e-6 <= moment + BEAT + 1e-5
    assert beat_at(first) == first
    assert next_beat(first) == beat_at(first + BEAT / 2)


@pytest.mark.parametrize(
    ("moment", "at", "after"), [(0.0, 0.0, 0.1), (0.05, 0.1, 0.1), (0.3, 0.3, 0.4), (7.0, 7.0, 7.1)]
)
def test_a_moment_on_the_beat_is_its_own_beat(moment: float, at: float, after: float) -> None:
    assert beat_at(moment) == pytest.approx(at)
    assert next_beat(moment) == pytest.approx(after)


async def test_those_who_wait_for_the_same_beat_run_in_the_same_iteration() -> None:
    loop = asyncio.get_running_loop()
    beat = next_beat(loop.time() + BEAT)
    order: list[str] = []

    async def wait(name: str) -> None:
        await sleep_until(beat)
        order.append(name)
        loop.call_soon(order.append, "next iteration")

    await asyncio.gather(wait("one"), wait("two"))
    assert loop.time() >= beat - 0.001
    assert order[:2] == ["one", "two"]


async def test_a_wait_that_is_cancelled_leaves_no_timer() -> None:
    waiting = asyncio.create_task(sleep_until(asyncio.get_running_loop().time() + 3600))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

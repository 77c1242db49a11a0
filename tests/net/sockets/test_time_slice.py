"""Time slices: how much of the event loop one connection, and all that flood together, may take."""

from __future__ import annotations

import asyncio
import time

from monitor.net.sockets.time_slice import SLICE, TimeSlice


def work(seconds: float) -> None:
    """Use CPU time of this thread, however busy the machine is."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


async def test_a_slice_is_over_after_its_time_and_new_after_a_pause():
    time_slice = TimeSlice(asyncio.get_running_loop())
    work(2 * SLICE)
    assert time_slice.over
    await time_slice.pause()
    time_slice.renew()
    assert not time_slice.over


async def test_others_run_at_each_pause():
    time_slice, ran = TimeSlice(asyncio.get_running_loop()), 0

    async def other() -> None:
        nonlocal ran
        while True:
            ran += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    for expected in range(1, 5):
        await time_slice.pause()
        assert ran >= expected
    task.cancel()


async def test_all_that_flood_take_a_small_share_of_the_cpu_together():
    """Forty connections that always have data: what they do not take is left for others."""
    loop = asyncio.get_running_loop()
    used = 0.0

    async def flooded() -> None:
        nonlocal used
        time_slice = TimeSlice(loop)
        while True:
            before = time.thread_time()
            work(SLICE)
            used += time.thread_time() - before
            await time_slice.pause()

    tasks = [asyncio.create_task(flooded()) for _ in range(40)]
    await asyncio.sleep(1)
    begun, used = time.monotonic(), 0.0
    await asyncio.sleep(2)
    share = used / (time.monotonic() - begun)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert share < 0.3
    assert TimeSlice.resting == 0

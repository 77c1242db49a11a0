"""Pulses check each way out once, start full probes when one changes, and count what they see.

Covers: monitor/state/pulses.py
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from itertools import pairwise
from random import Random

import pytest

from monitor.model.pulse import PulseKind, PulsePoint, PulseResult
from monitor.scheduler.pulse import BATCH, Pulses, _batches, late_after
from monitor.state.pulses import PulseMetrics
from monitor.state.store import StateStore
from tests.scheduler.test_pulse_plan import status_at


class Recorder:
    """Notes what the pulses request."""

    def __init__(self) -> None:
        self.suspected: list[tuple[str, ...]] = []
        self.changes: list[tuple[tuple[str, ...], bool]] = []
        self.changed = asyncio.Event()

    def suspect(self, ids: Sequence[str]) -> None:
        self.suspected.append(tuple(ids))

    def note(self, ids: Sequence[str], ok: bool) -> None:
        self.changes.append((tuple(ids), ok))
        self.changed.set()


async def test_a_way_out_that_fails_and_recovers_starts_full_probes_each_time() -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    store = StateStore(statuses={"a": status_at("a", ("127.0.0.1", port))})
    recorder = Recorder()
    pulses = Pulses(store, Random(1), recorder.suspect, recorder.note)
    labels = ("tcp", str(port), "ipv4")
    running = asyncio.create_task(pulses.run(lambda: 0.05))
    try:
        async with asyncio.timeout(20):
            while labels not in store.pulses:  # noqa: ASYNC110 - the store has no event
                await asyncio.sleep(0.01)
            server.close()
            await server.wait_closed()
            await recorder.changed.wait()
            assert recorder.changes == [(("a",), False)]
            recorder.changed.clear()
            server = await asyncio.start_server(lambda *_: None, "127.0.0.1", port)
            await recorder.changed.wait()
    finally:
        running.cancel()
        server.close()
    assert recorder.changes == [(("a",), False), (("a",), True)]
    metrics = store.pulses[labels]
    assert metrics.sent > metrics.failed > 0
    assert metrics.rtt.count == metrics.sent - metrics.failed


async def test_a_pulse_that_fails_is_sent_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = [True, False, True]
    sent = 0

    async def lossy(*_: object) -> PulseResult:
        nonlocal sent
        sent += 1
        return PulseResult(outcomes[sent - 1])

    monkeypatch.setattr("monitor.scheduler.pulse.pulse", lossy)
    store = StateStore(statuses={"a": status_at("a", ("192.0.2.1", 443))})
    recorder = Recorder()
    pulses = Pulses(store, Random(1), recorder.suspect, recorder.note)
    running = asyncio.create_task(pulses.run(lambda: 3600.0 if sent else 0.01))
    try:
        async with asyncio.timeout(20):
            while len(recorder.changes) < 2:
                recorder.changed.clear()
                await recorder.changed.wait()
    finally:
        running.cancel()
    assert recorder.changes == [(("a",), False), (("a",), True)]
    assert sent == 3


async def test_without_an_interval_nothing_is_sent() -> None:
    store = StateStore(statuses={"a": status_at("a", ("127.0.0.1", 9))})
    pulses = Pulses(store, Random(1), lambda _: None, lambda *_: None)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await pulses.run(lambda: 0.0)
    assert store.pulses == {}


def test_jitter_follows_the_differences_of_one_address() -> None:
    metrics = PulseMetrics()
    metrics.observe(0.010, None)
    assert metrics.jitter == 0.0
    for _ in range(200):
        metrics.observe(0.012, 0.010)
    assert metrics.jitter == pytest.approx(0.002, rel=0.01)


async def test_a_way_out_that_fails_before_its_first_pulse_starts_a_full_probe() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    store = StateStore(statuses={"a": status_at("a", ("127.0.0.1", port))})
    recorder = Recorder()
    pulses = Pulses(store, Random(1), recorder.suspect, recorder.note)
    running = asyncio.create_task(pulses.run(lambda: 0.05))
    try:
        async with asyncio.timeout(20):
            await recorder.changed.wait()
    finally:
        running.cancel()
    assert recorder.changes == [(("a",), False)]


@pytest.mark.parametrize(("rtt", "seconds"), [(None, 0.5), (0.001, 0.1), (0.05, 0.2), (0.4, 0.5)])
def test_a_reply_is_late_after_four_round_trips(rtt: float | None, seconds: float) -> None:
    assert late_after(rtt) == seconds


@pytest.mark.parametrize("count", [0, 1, 4, 5, 31, 200])
def test_batches_hold_each_way_out_once_and_keep_neighbors_apart(count: int) -> None:
    points = {
        PulsePoint(PulseKind.TCP, f"192.0.2.{number}", 443): (str(number),)
        for number in range(count)
    }
    batches = list(_batches(points))
    assert sorted(p.address for batch in batches for p in batch) == sorted(
        p.address for p in points
    )
    assert all(0 < len(batch) <= BATCH for batch in batches)
    assert max((len(b) for b in batches), default=0) - min((len(b) for b in batches), default=0) < 2
    place = {point: number for number, point in enumerate(points)}
    gaps = [b - a for batch in batches for a, b in pairwise(place[point] for point in batch)]
    assert all(gap == len(batches) for gap in gaps)

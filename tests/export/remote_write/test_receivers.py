"""Real receivers: Prometheus 2 (1.0), Prometheus 3 (2.0), VictoriaMetrics of Debian and current.

Covers: monitor/export/remote_write/delivery.py
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from monitor.export.remote_write.negotiation import FIRST_PAUSE
from monitor.export.remote_write.rows import Rows
from monitor.export.remote_write.series import STALE, Series
from monitor.state.self_metrics import DropReason
from tests.export.remote_write.delivering import VirtualClock, delivering
from tests.export.remote_write.points import FAMILY
from tests.internet.process import free_port
from tests.internet.real_receivers import KINDS, RealReceiver, get, real_receiver

NO_DROPS = dict.fromkeys(DropReason, 0)
VERSIONS = {"prometheus-2": "1.0", "prometheus-3": "2.0", "victoria-metrics-debian": "1.0"}


@pytest.fixture(params=KINDS)
def real(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RealReceiver]:
    receiver = real_receiver(request.param, tmp_path)
    with receiver.started():
        yield receiver


def prometheus(kind: str, folder: Path) -> tuple[ExitStack, RealReceiver]:
    receiver, stack = real_receiver(kind, folder), ExitStack()
    stack.enter_context(receiver.started())
    return stack, receiver


def one(number: int) -> Series:
    return Series(f"real\0number\0{number}", FAMILY, (("region", "eu-central-1"),))


def now() -> int:
    return int(time.time() * 1000)


def stored(receiver: RealReceiver) -> dict[int, list[float]]:
    """Return the values of each series by its number."""
    found = receiver.samples("real")
    return {int(dict(labels)["number"]): [v for _, v in s] for labels, s in found.items()}


async def test_samples_arrive_with_their_times_values_and_labels(real: RealReceiver) -> None:
    at = now()
    rows: Rows = {one(n): [(at - 5000, float(n)), (at - 1000, n + 0.5)] for n in range(300)}
    async with delivering(real.url) as (delivery, metrics):
        await delivery.deliver(rows)
    assert (metrics.sent, metrics.dropped) == (600, NO_DROPS)
    assert metrics.version == VERSIONS.get(real.kind, metrics.version)
    found = real.samples("real")
    assert len(found) == 300
    for labels, samples in found.items():
        number = int(dict(labels)["number"])
        assert dict(labels)["region"] == "eu-central-1"
        assert samples == [(at - 5000, float(number)), (at - 1000, number + 0.5)]


async def test_a_sample_that_is_sent_twice_is_stored_once(real: RealReceiver) -> None:
    at = now()
    async with delivering(real.url) as (delivery, metrics):
        for _ in range(3):
            await delivery.deliver({one(1): [(at - 2000, 1.0)], one(2): [(at - 2000, 1.0)]})
    assert metrics.dropped == NO_DROPS
    assert {number: set(values) for number, values in stored(real).items()} == {1: {1.0}, 2: {1.0}}


@pytest.mark.parametrize("kind", ["prometheus-2", "prometheus-3"])
async def test_one_rejected_series_costs_no_other(kind: str, tmp_path: Path) -> None:
    stack, receiver = prometheus(kind, tmp_path)
    at = now()
    with stack:
        async with delivering(receiver.url) as (delivery, metrics):
            await delivery.deliver({one(7): [(at, 1.0)]})
            rows: Rows = {one(n): [(at - 5000, 2.0), (at - 1000, 3.0)] for n in range(200)}
            await delivery.deliver(rows)
        assert metrics.version == VERSIONS[kind]
        assert metrics.sent == 1 + 2 * 199
        assert metrics.dropped[DropReason.REFUSED] == 2
        explanation = metrics.drops[DropReason.REFUSED].explanation
        assert "order" in explanation
        found = stored(receiver)
    assert found.pop(7) == [1.0]
    assert found == {n: [2.0, 3.0] for n in range(200) if n != 7}


@pytest.mark.parametrize("kind", ["prometheus-2", "prometheus-3"])
async def test_a_stale_marker_ends_a_series(kind: str, tmp_path: Path) -> None:
    stack, receiver = prometheus(kind, tmp_path)
    at = now()
    with stack:
        async with delivering(receiver.url) as (delivery, _):
            await delivery.deliver({one(1): [(at - 2000, 1.0)], one(2): [(at - 2000, 1.0)]})
            await delivery.deliver({one(1): [(at - 1000, STALE)]})
        answer = json.loads(get(f"{receiver.base}/api/v1/query?query=real"))
    assert [found["metric"]["number"] for found in answer["data"]["result"]] == ["2"]


async def test_the_order_that_a_receiver_wants_is_found_out(real: RealReceiver) -> None:
    at = now()
    async with delivering(real.url) as (delivery, _):
        assert await delivery.accepts({one(1): [(at - 60_000, 1.0)]})
        assert await delivery.accepts({one(1): [(at - 120_000, 1.0)]}) is not real.in_order


async def test_a_receiver_is_rolled_back_and_upgraded_again(tmp_path: Path) -> None:
    port, clock = free_port(), VirtualClock()
    before = real_receiver("prometheus-3", tmp_path, port)
    old = real_receiver("prometheus-2", tmp_path, port)
    at, spoken = now(), []
    async with delivering(before.url, clock) as (delivery, metrics):
        for number, receiver in enumerate((before, old, before)):
            with receiver.started():
                clock.now += FIRST_PAUSE
                for step in range(2):
                    await delivery.deliver({one(number): [(at + 10 * number + step, 1.0)]})
                spoken.append(metrics.version)
                assert stored(receiver)[number] == [1.0, 1.0]
        assert metrics.dropped == NO_DROPS
    assert spoken == ["2.0", "1.0", "2.0"]

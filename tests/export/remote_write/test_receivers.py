"""Real receivers: Prometheus, which wants order and takes all or nothing, and VictoriaMetrics."""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.export.remote_write.series import STALE, Series
from monitor.state.self_metrics import DropReason
from tests.export.remote_write.points import FAMILY
from tests.export.remote_write.test_delivery import delivering
from tests.internet.process import accepts, free_port, program, running


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    (tmp_path / "prometheus.yml").touch()
    command = [
        program("prometheus"),
        f"--config.file={tmp_path}/prometheus.yml",
        f"--storage.tsdb.path={tmp_path}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-remote-write-receiver",
    ]
    with running(command, tmp_path / "log", lambda: ready(port)):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def victoria(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    command = [
        program("victoria-metrics"),
        f"-storageDataPath={tmp_path}/data",
        f"-httpListenAddr=127.0.0.1:{port}",
    ]
    with running(command, tmp_path / "log", lambda: accepts(port)):
        yield f"http://127.0.0.1:{port}"


def ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def one(number: int) -> Series:
    return Series(f"real\0number\0{number}", FAMILY, (("region", "eu-central-1"),))


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return bytes(answer.read())


def queried(base: str, query: str) -> list[dict[str, dict[str, str]]]:
    """What Prometheus answers to a query now."""
    answer = get(f"{base}/api/v1/query?query={urllib.parse.quote(query)}")
    found: list[dict[str, dict[str, str]]] = json.loads(answer)["data"]["result"]
    return found


async def test_a_real_prometheus_that_refuses_one_series_gets_all_the_others(
    prometheus: str,
) -> None:
    now = int(time.time() * 1000)
    async with delivering(f"{prometheus}/api/v1/write") as (delivery, self_metrics):
        await delivery.deliver({one(7): [(now, 1.0)]})
        assert self_metrics.version == "1.0"
        rows = {one(n): [(now - 5000, 2.0), (now - 1000, 3.0)] for n in range(200)}
        await delivery.deliver(rows)
    assert self_metrics.sent == 1 + 2 * 199
    assert self_metrics.dropped[DropReason.REFUSED] == 2
    found = {
        int(s["metric"]["number"]): [value for _, value in s["values"]]
        for s in queried(prometheus, "real[1h]")
    }
    assert found.pop(7) == ["1"]
    assert found == {n: ["2", "3"] for n in range(200) if n != 7}


async def test_a_real_prometheus_takes_a_sample_twice_and_ends_a_series(prometheus: str) -> None:
    now = int(time.time() * 1000)
    async with delivering(f"{prometheus}/api/v1/write") as (delivery, self_metrics):
        for _ in range(2):
            await delivery.deliver({one(1): [(now - 2000, 1.0)], one(2): [(now - 2000, 1.0)]})
        await delivery.deliver({one(1): [(now - 1000, STALE)]})
    assert self_metrics.dropped == dict.fromkeys(DropReason, 0)
    assert [series["metric"]["number"] for series in queried(prometheus, "real")] == ["2"]


async def test_a_real_prometheus_wants_order(prometheus: str) -> None:
    now = int(time.time() * 1000)
    async with delivering(f"{prometheus}/api/v1/write") as (delivery, _):
        assert await delivery.accepts({one(1): [(now - 60_000, 1.0)]})
        assert not await delivery.accepts({one(1): [(now - 120_000, 1.0)]})


async def test_a_real_victoria_metrics_takes_any_order(victoria: str) -> None:
    now = int(time.time() * 1000)
    async with delivering(f"{victoria}/api/v1/write") as (delivery, self_metrics):
        for age in (1000, 7_200_000, 3_600_000):
            await delivery.deliver({one(1): [(now - age, float(age))]})
    assert (self_metrics.sent, self_metrics.version) == (3, "1.0")

    get(f"{victoria}/internal/force_flush")
    exported = json.loads(get(f"{victoria}/api/v1/export?match[]=real"))
    assert exported["values"] == [7_200_000.0, 3_600_000.0, 1000.0]

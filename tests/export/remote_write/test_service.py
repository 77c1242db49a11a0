"""Remote write as a whole: sampling, queue and delivery, to a receiver and over restarts.

Covers: monitor/export/metrics/write_families.py, monitor/export/remote_write/destination.py
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from monitor.export.metrics.families import families
from monitor.export.remote_write import destination, sampling, service
from monitor.export.remote_write.series import is_stale
from monitor.export.remote_write.service import RemoteWrite, external_labels
from monitor.model.identity import Identity
from monitor.model.settings import (
    ProxyMode,
    ProxySettings,
    RemoteWriteSettings,
    Settings,
    StateSettings,
    WriteOrder,
)
from monitor.state.store import StateStore
from tests.export.remote_write.points import points
from tests.export.remote_write.test_queue import Held
from tests.internet.ca import Authority
from tests.internet.receiver import Receiver, Request, receiver
from tests.probes.support import make_probe_context
from tests.stores import NOW, realistic_board


class Time:
    """A clock that goes on from the board's moment."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self.jump = 0.0

    def monotonic(self) -> float:
        return time.monotonic()

    def time(self) -> float:
        return NOW + self.jump + time.monotonic() - self._began


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "SAMPLE_EVERY", 0.01)
    monkeypatch.setattr(destination, "WRITE_EVERY", 0.01)


def to(url: str, name: str = "one", **changes: object) -> RemoteWriteSettings:
    return replace(RemoteWriteSettings(name, url, url, send_interval=0.02), **changes)  # type: ignore[arg-type]


def settings(state: Path | None, *writes: RemoteWriteSettings) -> Settings:
    return Settings(
        Path("config.toml"),
        proxy=ProxySettings(ProxyMode.NONE),
        state=StateSettings(state),
        remote_write=writes,
    )


@pytest.fixture(autouse=True)
def _time_to_finish(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loaded machine may take longer than the two seconds that a monitor has to stop."""
    monkeypatch.setattr(destination, "FINISH_SECONDS", 60.0)


@asynccontextmanager
async def writing(
    store: StateStore, wanted: Settings, clock: Time | None = None
) -> AsyncIterator[RemoteWrite]:
    """Run remote write for the length of the block."""
    clock = clock or Time()
    remote = RemoteWrite(store, clock, {})
    remote.identity_is_known()
    remote.apply(wanted, make_probe_context())
    task = asyncio.create_task(remote.run())
    await until(lambda: len(store.writes) == len(wanted.remote_write))
    try:
        yield remote
    finally:
        task.cancel()
        await asyncio.wait([task])
        await remote.finish()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(90):
        while not holds():  # noqa: ASYNC110 - what is waited for is at the other end
            await asyncio.sleep(0.01)


def names(receives: Receiver) -> set[str]:
    return {row.name for row in receives.accepted}


async def test_the_board_arrives_with_external_labels_and_ends_at_the_end(tmp_path: Path) -> None:
    store = realistic_board()
    async with receiver() as (receives, url):
        async with writing(store, settings(tmp_path, to(url))):
            await until(lambda: "probe_success" in names(receives))
        row = next(row for row in receives.accepted if row.name == "probe_success")
        labels = dict(row.labels)
        assert labels["job"] == "egress-monitor"
        assert labels["availability_zone"] == "eu-central-1a"
        assert series_of(receives) <= ended(receives), "each series has ended"
        assert store.writes == {}


async def test_what_an_outage_kept_arrives_after_a_kill(tmp_path: Path) -> None:
    store = realistic_board()
    everything = sum(len(metric.samples) for metric in families(store))
    left = tmp_path / "left"
    async with receiver() as (receives, url):
        receives.rule = lambda _: web.Response(status=503)
        async with writing(store, settings(tmp_path / "state", to(url))):
            writes = store.writes["one"]
            await until(lambda: writes.retried > 0 and writes.queued >= everything)
            queued = writes.queued
            shutil.copytree(tmp_path / "state", left)  # what a kill at this moment leaves
    async with receiver() as (receives, url), writing(StateStore(), settings(left, to(url))):
        await until(lambda: sum(len(row.samples) for row in receives.accepted) >= queued)
    probed = sum(record.probe_result is not None for record in store.statuses.values())
    arrived = {row.labels for row in receives.accepted if row.name == "probe_success"}
    assert len(arrived) == probed


async def test_destinations_do_not_wait_for_each_other(tmp_path: Path) -> None:
    store = realistic_board()
    async with receiver() as (dead, first), receiver() as (alive, second):
        dead.rule = lambda _: web.Response(status=500)
        wanted = settings(tmp_path, to(first, "dead"), to(second, "alive"))
        async with writing(store, wanted):
            await until(lambda: store.writes["alive"].sent > 1000)
            assert store.writes["dead"].sent == 0
            assert store.writes["dead"].pending > 1000
    assert "probe_success" in names(alive)


async def test_a_reload_keeps_what_stays_and_ends_what_leaves(tmp_path: Path) -> None:
    store = realistic_board()
    async with receiver() as (_, first), receiver() as (_, second), receiver() as (third, url):
        wanted = settings(tmp_path, to(first, "stays"), to(second, "leaves"))
        async with writing(store, wanted) as remote:
            await until(lambda: all(v.sent > 1000 for v in store.writes.values()))
            stays = store.writes["stays"]
            remote.apply(
                settings(tmp_path, to(first, "stays"), to(url, "comes")), make_probe_context()
            )
            await until(lambda: "probe_success" in names(third))
            assert store.writes.keys() == {"stays", "comes"}
            assert store.writes["stays"] is stays


async def test_labels_that_change_at_a_reload_end_the_series_under_the_old_ones(
    tmp_path: Path,
) -> None:
    store = realistic_board()
    async with receiver() as (receives, url):
        async with writing(store, settings(tmp_path, to(url))) as remote:
            await until(lambda: "probe_success" in names(receives))
            before = series_of(receives)
            labels = (("site", "frankfurt"),)
            remote.apply(settings(tmp_path, to(url, external_labels=labels)), make_probe_context())
            await until(lambda: any("site" in dict(row.labels) for row in receives.accepted))
            await until(lambda: before <= ended(receives))
        assert store.writes == {}


async def test_an_identity_that_becomes_known_late_ends_the_series_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "OWN_EVERY", 0.05)
    store = realistic_board()
    known, store.identity = store.identity, Identity()
    async with (
        receiver() as (receives, url),
        writing(store, settings(tmp_path, to(url))) as remote,
    ):
        await until(lambda: "probe_success" in names(receives))
        before = series_of(receives)
        store.identity = known
        await until(lambda: any("region" in dict(row.labels) for row in receives.accepted))
        try:
            await until(lambda: before <= ended(receives))
        except TimeoutError:
            pytest.fail(f"these have not ended: {before - ended(receives)}")
        assert remote is not None


async def test_series_that_vanish_as_the_labels_change_end_under_the_old_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "OWN_EVERY", 0.05)
    store = realistic_board()
    known, store.identity = store.identity, Identity()
    async with (
        receiver() as (receives, url),
        writing(store, settings(tmp_path, to(url))),
    ):
        await until(lambda: "probe_success" in names(receives))
        gone = next(iter(store.statuses))
        before = {row for row in series_of(receives) if dict(row).get("target") == gone}
        assert before
        del store.statuses[gone]
        store.identity = known
        await until(lambda: before <= ended(receives))


def series_of(receives: Receiver) -> set[tuple[tuple[str, str], ...]]:
    """The labels of everything accepted, except the series that tests the order."""
    check = "egress_remote_write_order_check"
    return {row.labels for row in receives.accepted if row.name != check}


def ended(receives: Receiver) -> set[tuple[tuple[str, str], ...]]:
    """The labels of the series of which the last sample is a stale marker."""
    newest: dict[tuple[tuple[str, str], ...], tuple[int, float]] = {}
    for row in receives.accepted:
        last = row.samples[-1][0], row.values[-1]
        newest[row.labels] = max(newest.get(row.labels, last), last, key=lambda sample: sample[0])
    return {labels for labels, (_, value) in newest.items() if is_stale(value)}


async def test_a_destination_that_is_removed_ends_its_series(tmp_path: Path) -> None:
    store = realistic_board()
    async with (
        receiver() as (receives, url),
        writing(store, settings(tmp_path, to(url))) as remote,
    ):
        await until(lambda: "probe_success" in names(receives))
        remote.apply(settings(tmp_path), make_probe_context())
        await until(lambda: store.writes == {})
        labels = {row.labels for row in receives.accepted if row.name == "probe_success"}
        assert labels <= ended(receives)


@pytest.mark.parametrize("jump", [25 * 3600.0, -25 * 3600.0])
async def test_a_clock_that_jumps_for_a_moment_spoils_no_sample_and_deletes_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    monkeypatch.setattr(sampling, "OWN_EVERY", 0.02)
    store, clock = realistic_board(), Time()
    # On a loaded host the samples fall behind, and AUTO sends fresh ones first.
    ordered = {"order": WriteOrder.OLDEST_FIRST}
    async with (
        receiver() as (receives, url),
        writing(store, settings(tmp_path, to(url, **ordered)), clock),
    ):
        await until(lambda: "probe_success" in names(receives))
        clock.jump = jump
        before = len(receives.samples("egress_build_info"))
        await until(lambda: len(receives.samples("egress_build_info")) > before + 5)
        clock.jump = 0.0
        before = len(receives.samples("egress_build_info"))
        await until(lambda: len(receives.samples("egress_build_info")) > before + 5)
        assert sum(store.writes["one"].dropped.values()) == 0
    # A request that the end interrupts is sent again; a receiver takes equal samples once.
    samples = dict.fromkeys(receives.samples("egress_build_info"))
    times = [at / 1000 - NOW for at, _ in samples]
    assert -1 <= min(times) <= max(times) < 60
    assert times == sorted(times)
    assert len(set(times)) == len(times)


async def test_a_certificate_that_is_not_there_yet_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "START_AGAIN_AFTER", 0.05)
    authority = Authority(tmp_path)
    missing = tmp_path / "later.pem"
    store = realistic_board()
    async with receiver() as (receives, url):
        wanted = settings(tmp_path / "state", to(url, ca_file=missing))
        async with writing(store, wanted):
            await asyncio.sleep(0.1)
            assert receives.requests == []
            shutil.copy(authority.file, missing)
            await until(lambda: "probe_success" in names(receives))


async def test_beside_a_backlog_what_is_fresh_arrives_where_the_receiver_bears_it(
    tmp_path: Path,
) -> None:
    backlog(tmp_path)
    store = realistic_board()
    async with receiver() as (receives, url):
        wanted = to(url, max_samples_per_send=100, backfill_rate=1000.0)
        async with writing(store, settings(tmp_path, wanted)):
            await until(lambda: "egress_build_info" in names(receives))
            assert store.writes["one"].pending > 0, "the backlog is still being sent"
            await until(lambda: len(receives.samples("m0")) == 50)
    assert [at for at, _ in receives.samples("m0")] == sorted(
        at for at, _ in receives.samples("m0")
    )
    check = receives.samples("egress_remote_write_order_check")
    assert [int(NOW * 1000) - at > 3_000_000 for at, _ in check] == [True, True]
    assert check[1][0] < check[0][0]


def backlog(state: Path) -> None:
    """A queue with fifty samples of ten series, an hour old."""
    held = Held(state / "remote-write" / "one", now=NOW - 3600)
    for number in range(50):
        held.append(points(10, at=int((NOW - 3600 + number) * 1000)), now=NOW - 3600)
    held.queue.close(NOW)


@pytest.mark.parametrize("order", [WriteOrder.AUTO, WriteOrder.OLDEST_FIRST])
async def test_a_receiver_that_wants_order_gets_the_oldest_first(
    tmp_path: Path, order: WriteOrder
) -> None:
    backlog(tmp_path)
    newest: dict[str, int] = {}

    def in_order(request: Request) -> web.Response | None:
        for row in request.message.rows:
            key = str(row.labels)
            if row.samples[0][0] < newest.get(key, 0):
                return web.Response(
                    status=400, headers={"X-Prometheus-Remote-Write-Samples-Written": "0"}
                )
            newest[key] = row.samples[-1][0]
        return None

    async with receiver() as (receives, url):
        receives.rule = in_order
        async with writing(realistic_board(), settings(tmp_path, to(url, order=order))):
            await until(lambda: "egress_build_info" in names(receives))
        rows = [row.name for row in receives.accepted]
        assert len(receives.samples("m0")) == 50
        last = max(number for number, name in enumerate(rows) if name == "m0")
        assert rows.index("egress_build_info") > last


def test_external_labels_are_what_is_known_and_the_users_own_come_before() -> None:
    mine = replace(to("http://x/"), external_labels=(("region", "mine"), ("site", "fra")))
    labels = dict(external_labels(Identity(region="eu-central-1", runner_id="r"), "host", mine))
    assert labels == {
        "job": "egress-monitor",
        "instance": "host",
        "region": "mine",
        "runner_id": "r",
        "site": "fra",
    }

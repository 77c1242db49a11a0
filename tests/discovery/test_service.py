"""Discovery in the daemon: what it serves, when it asks again, and what outlives a restart.

Covers: monitor/catalog/wildcard_samples.py
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from monitor.catalog.wildcard_samples import REDIRECTS
from monitor.discovery import service
from monitor.discovery.cache import NAME
from monitor.discovery.service import Discovery
from monitor.health.machine import Health
from monitor.health.status import TargetStatus
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.discovery import FoundBy
from monitor.model.settings import DiscoverySettings, Shard, TargetSettings
from monitor.model.state import State
from monitor.model.target import Target
from monitor.scheduler.shard import owns, share_of
from monitor.state.events import Event, EventKind, Events
from monitor.state.store import StateStore
from tests.discovery.support import CHAINS, SETTINGS, by_id, engine, targets
from tests.discovery.test_redirects import DOWNLOADS, answered
from tests.internet import origins as real
from tests.internet.ca import Authority
from tests.internet.origins import Origins, Said, serving

LAYERS = "registry-public-ecr-layers"
ONLY = replace(SETTINGS, registries=())


class Clock:
    """The time of day, which a test sets; nothing waits for it."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


class House:
    """A discovery with what the daemon puts around it."""

    def __init__(self, web: Origins, ca_file: Path, directory: Path | None = None) -> None:
        self.settings = ONLY
        self.clock = Clock()
        self.store = StateStore()
        self.told: list[Event] = []
        events = Events()
        events.subscribe(self.told.append)
        self._port, self._ca = web.server_port, ca_file
        self.changes = asyncio.Event()
        self.discovery = Discovery(
            directory,
            self.store,
            events,
            clock=self.clock,
            random=Random(1),
            on_change=self.apply,
        )
        self.discovery.load()
        self.engine = engine(ca_file)

    def apply(self) -> None:
        self.rows = targets(self._port, self.settings, self.discovery.found)
        probed = share_of((r for r in self.rows if r.endpoint.enabled), self.settings.shard)
        self.discovery.use(self.settings, self.engine, self.rows, probed)
        self.changes.set()

    @property
    def targets(self) -> dict[str, Target]:
        return dict(by_id(tuple(row for row in self.rows if row.endpoint.enabled)))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        self.apply()
        task = asyncio.create_task(self.discovery.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            self.discovery.save()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for what a change brings about."""
        async with asyncio.timeout(60):
            while not holds():
                self.changes.clear()
                await self.changes.wait()

    def sees(self, target_id: str, redirect: str) -> None:
        target = self.targets[target_id]
        self.discovery.look_at(TargetStatus(target, probe_result=answered(redirect)))


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "SOON", (0.0, 0.0))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def web(authority: Authority) -> Iterator[Origins]:
    with serving(authority) as server:
        yield server


def kinds(told: list[Event]) -> list[EventKind]:
    return [event.kind for event in told]


async def test_every_wildcard_with_a_chain_gets_a_stand_in(
    web: Origins, authority: Authority
) -> None:
    house = House(web, authority.file)
    async with house.running():
        await house.until(lambda: len(house.store.chains) == 6)
    found_by = {t.id: t.wildcard_sample.found_by for t in house.rows if t.wildcard_sample}
    of_gateways = {"gateway-us01-environments", "gateway-eu01-environments"}
    assert {name for name, by in found_by.items() if by is FoundBy.CATALOG} == of_gateways
    assert set(found_by.values()) == {FoundBy.CHAIN, FoundBy.CATALOG}
    assert house.targets[LAYERS].host == real.LAYERS
    assert all(state.broken is None for state in house.store.chains.values())
    assert real.TOKEN not in repr(house.store) + repr(house.discovery.found)


async def test_a_chain_that_breaks_keeps_the_last_good_stand_in_and_is_said_once(
    web: Origins, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "RETRY_AFTER", 0.01)
    house = House(web, authority.file)
    house.settings = replace(ONLY, discovery=DiscoverySettings(lifetime=0.2))
    async with house.running():
        await house.until(lambda: house.targets[LAYERS].host == real.LAYERS)
        web.answers["public.ecr.aws"] = lambda *_: Said(503)
        await house.until(lambda: "public-ecr-layers" in broken(house))
        asked = len(web.asked)
        await house.until(lambda: len(web.asked) > asked + 5)
        wildcard_sample = house.targets[LAYERS].wildcard_sample
        assert wildcard_sample is not None
        assert (wildcard_sample.host, wildcard_sample.found_by) == (real.LAYERS, FoundBy.CHAIN)
        assert wildcard_sample.broken is not None
        assert wildcard_sample.broken.number == 1
        assert broken(house) == {"public-ecr-layers"}
        assert kinds(house.told).count(EventKind.CHAIN_BROKEN) == 1
        web.answers["public.ecr.aws"] = real.origins()["public.ecr.aws"]
        await house.until(lambda: not broken(house))
        assert kinds(house.told).count(EventKind.CHAIN_MENDED) == 1
        wildcard_sample = house.targets[LAYERS].wildcard_sample
        assert wildcard_sample is not None
        assert wildcard_sample.broken is None


def broken(house: House) -> set[str]:
    return {name for name, state in house.store.chains.items() if state.broken}


async def test_what_the_configuration_names_is_not_looked_for(
    web: Origins, authority: Authority
) -> None:
    house = House(web, authority.file)
    own = TargetSettings(host="d999.cloudfront.net")
    house.settings = replace(ONLY, targets={LAYERS: own})
    async with house.running():
        await house.until(lambda: len(house.store.chains) == 5)
    assert not any(asked.startswith("public.ecr.aws") for asked in web.asked)
    wildcard_sample = house.targets[LAYERS].wildcard_sample
    assert wildcard_sample is not None
    assert (wildcard_sample.host, wildcard_sample.found_by) == (
        "d999.cloudfront.net",
        FoundBy.CONFIG,
    )


async def test_a_shard_finds_what_its_own_targets_need(web: Origins, authority: Authority) -> None:
    house = House(web, authority.file)
    shard = Shard(1, 3)
    house.settings = replace(ONLY, shard=shard)
    own = {c.id for c in CHAINS.values() if any(owns(shard, name) for name in c.serves)}
    expected = own - {"docker-hub-layers", "ghcr-layers"}
    async with house.running():
        await house.until(lambda: house.store.chains.keys() == expected)
    assert 0 < len(expected) < 6


async def test_switched_off_it_asks_nobody_and_the_catalogue_stands(
    web: Origins, authority: Authority
) -> None:
    house = House(web, authority.file)
    house.settings = replace(
        ONLY, discovery=DiscoverySettings(enabled=False, audit_redirects=False)
    )
    async with house.running():
        house.sees("vscode-server-x64", DOWNLOADS)
        await asyncio.sleep(0)
    assert web.asked == []
    assert house.store.unlisted == ()
    assert {t.wildcard_sample.found_by for t in house.rows if t.wildcard_sample} == {
        FoundBy.CATALOG
    }


async def test_an_unlisted_host_is_told_once_and_probed_and_the_configuration_can_switch_it_off(
    web: Origins, authority: Authority
) -> None:
    house = House(web, authority.file)
    name = f"redirect-{real.VSCODE_DOWNLOADS}"
    async with house.running():
        for _ in range(3):
            house.sees("vscode-server-x64", DOWNLOADS)
            house.sees("vscode-server-arm64", DOWNLOADS)
            await house.until(lambda: name in house.targets)
        told = [event for event in house.told if event.kind is EventKind.UNLISTED_HOST]
        subjects = [event.subject for event in told]
        assert subjects.count(real.VSCODE_DOWNLOADS) == 1
        off = TargetSettings(enabled=False)
        house.settings = replace(ONLY, targets={name: off})
        house.apply()
        assert name not in house.targets


@pytest.mark.parametrize("imposed", [State.DOWN, None])
async def test_a_page_that_is_called_a_portal_is_probed_no_longer(
    web: Origins, authority: Authority, imposed: State | None
) -> None:
    """By an incident about many targets, or by the diagnosis of the target itself."""
    house = House(web, authority.file)
    portal = "login.portal.example"
    async with house.running():
        house.sees("vscode-server-x64", f"https://{portal}/guest")
        await house.until(lambda: f"redirect-{portal}" in house.targets)
        target = house.targets["vscode-server-x64"]
        blocked = Diagnosis(Cause.HTTP_BLOCKED_PAGE, "A login page answers.", "Log in.")
        house.discovery.look_at(
            TargetStatus(
                target,
                health=Health(State.DOWN, imposed=imposed),
                probe_result=answered(f"https://{portal}/guest"),
                diagnosis=blocked,
            )
        )
        await house.until(lambda: f"redirect-{portal}" not in house.targets)
        assert portal not in {host.host for host in house.store.unlisted}


async def test_a_registrys_data_host_is_reported_though_no_probe_is_redirected_there(
    web: Origins, authority: Authority
) -> None:
    house = House(web, authority.file)
    async with house.running():
        await house.until(lambda: f"redirect-{real.MCR_DATA}" in house.targets)
    (host,) = [h for h in house.store.unlisted if h.host == real.MCR_DATA]
    assert host.sources == ("registry-mcr",)


async def test_a_flood_of_redirects_makes_few_targets(web: Origins, authority: Authority) -> None:
    house = House(web, authority.file)
    async with house.running():
        for number in range(10_000):
            house.sees("app-ona-com", f"https://h{number}.example.com/")
        await house.until(lambda: bool(house.store.unlisted))
        for number in range(10_000):
            house.sees("app-gitpod-io", f"https://g{number}.example.com/")
        await house.until(lambda: any("app-gitpod-io" in h.sources for h in house.store.unlisted))
    derived = [t for t in house.rows if t.group == REDIRECTS]
    assert len(derived) <= 2 * 4 + 1  # and the data host of mcr.microsoft.com


async def test_what_was_found_outlives_a_restart_and_is_not_asked_for_again(
    web: Origins, authority: Authority, tmp_path: Path
) -> None:
    before = House(web, authority.file, tmp_path)
    async with before.running():
        before.sees("vscode-server-x64", DOWNLOADS)
        await before.until(lambda: len(before.store.chains) == 6)
        await before.until(lambda: bool(before.store.unlisted))
    text = (tmp_path / NAME).read_text()
    assert real.TOKEN not in text
    assert real.SIGNATURE not in text
    web.asked.clear()
    after = House(web, authority.file, tmp_path)
    after.clock.now += 60
    async with after.running():
        assert after.targets[LAYERS].host == real.LAYERS
        assert f"redirect-{real.VSCODE_DOWNLOADS}" in after.targets
        await asyncio.sleep(0)
    assert web.asked == []
    assert kinds(after.told) == []


async def test_a_spoiled_file_is_said_and_discovery_begins_anew(
    web: Origins, authority: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / NAME).write_bytes(b"{}")
    house = House(web, authority.file, tmp_path)
    assert "findings ignored" in capsys.readouterr().out
    async with house.running():
        await house.until(lambda: house.targets[LAYERS].host == real.LAYERS)


async def test_a_disk_that_is_full_costs_only_the_memory(
    web: Origins, authority: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = tmp_path / "file"
    directory.write_text("no directory")
    house = House(web, authority.file, directory)
    async with house.running():
        await house.until(lambda: len(house.store.chains) == 6)
    assert capsys.readouterr().out.count("findings not saved") == 1

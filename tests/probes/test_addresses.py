"""Every address of a name: each is probed, and the dead one among several is named.

Covers: monitor/probes/measure.py
"""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.common.rate_limit import TokenBucket
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.endpoint import Protocol
from monitor.model.probe_result import ProbeResult
from monitor.model.settings import FamilyChoice, ProxyMode, ProxySettings, ScheduleSettings
from monitor.model.target import Addresses, Target
from monitor.probes import prober
from monitor.probes.lanes import ADDRESSES_LIMIT, by_turns, lanes_of
from monitor.scheduler.engine import Engine
from tests.internet.ca import Authority
from tests.internet.nginx import Site, nginx
from tests.internet.process import free_port
from tests.internet.rude import closing, rude, saying
from tests.probes.support import make_probe_context, make_target

HTTP, HTTPS = Protocol.HTTP, Protocol.HTTPS
LIVING = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
DEAD = "127.0.0.4"


@dataclass(frozen=True)
class Several:
    """An nginx at each of ``LIVING``."""

    authority: Authority
    port: int

    def target(self, **options: object) -> Target:
        made = make_target(HTTPS, "several.test", self.port, **options)
        return replace(made, addresses=Addresses.ALL)

    async def probe(
        self, *addresses: str, target: Target | None = None
    ) -> tuple[ProbeResult, Diagnosis]:
        probe_context = make_probe_context(
            table={"several.test": addresses}, ca_file=self.authority.file
        )
        return await Engine(probe_context, ScheduleSettings()).measure(target or self.target())


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Several]:
    folder = tmp_path_factory.mktemp("several")
    authority, port = Authority(folder), free_port()
    certificate = authority.issue("several.test")
    sites = [Site(("several.test",), port, certificate, address=a) for a in LIVING]
    with nginx(folder / "nginx", sites):
        yield Several(authority, port)


async def test_all_addresses_work(several: Several):
    probe_result, diagnosis = await several.probe(*LIVING)
    assert [c.address for c in probe_result.connections] == list(LIVING)
    assert probe_result.ok
    assert diagnosis.cause is None


async def test_one_dead_address_is_named_while_the_endpoint_counts_as_reached(several: Several):
    probe_result, diagnosis = await several.probe(DEAD, *LIVING)
    assert probe_result.ok
    assert [c.address for c in probe_result.failed] == [DEAD]
    assert diagnosis.cause is Cause.ADDRESS_FAILED
    assert f"fails at 1 of 4 addresses on TCP {several.port}: {DEAD} (" in diagnosis.detail
    assert probe_result.primary is not None
    assert probe_result.primary.address == LIVING[0]


async def test_an_address_that_breaks_in_tls_is_named_too(several: Several):
    async with rude(closing, host=DEAD, port=several.port):
        probe_result, diagnosis = await several.probe(LIVING[0], DEAD)
    assert [c.address for c in probe_result.failed] == [DEAD]
    assert diagnosis.cause is Cause.ADDRESS_FAILED


async def test_no_address_that_works_is_the_usual_failure(several: Several):
    _, diagnosis = await several.probe(DEAD, "127.0.0.5")
    assert diagnosis.cause is Cause.TCP_REFUSED


async def test_a_connection_that_breaks_once_makes_no_address_dead(several: Several):
    answer = saying(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    habits = iter([closing])

    async def once_broken(reader: StreamReader, writer: StreamWriter) -> None:
        await next(habits, answer)(reader, writer)

    async with rude(answer) as port, rude(once_broken, DEAD, port):
        target = replace(
            several.target(), endpoint=make_target(HTTP, "several.test", port).endpoint
        )
        probe_result, diagnosis = await several.probe("127.0.0.1", DEAD, target=target)
    assert next(habits, None) is None, "it never broke"
    assert [c.address for c in probe_result.connections] == ["127.0.0.1", DEAD]
    assert diagnosis.cause is None


def first_only(target: Target) -> Target:
    return replace(target, addresses=Addresses.FIRST)


async def test_the_next_address_is_dialed_if_one_refuses(several: Several):
    probe_result, diagnosis = await several.probe(
        DEAD, "127.0.0.5", LIVING[0], LIVING[1], target=first_only(several.target())
    )
    assert probe_result.ok
    assert [c.address for c in probe_result.connections] == [LIVING[0], "127.0.0.5", DEAD]
    assert diagnosis.cause is Cause.ADDRESS_FAILED
    assert DEAD in diagnosis.detail
    assert "127.0.0.5" in diagnosis.detail


async def test_a_failure_after_connecting_is_not_hidden_by_another_address(several: Several):
    """Nor does Go dial another address then: the runner's request fails."""
    async with rude(closing, host=DEAD, port=several.port):
        probe_result, diagnosis = await several.probe(
            DEAD, LIVING[0], target=first_only(several.target())
        )
    assert [c.address for c in probe_result.connections] == [DEAD]
    assert diagnosis.cause is Cause.TLS_RESET_ON_HELLO


async def test_no_address_that_connects_is_the_first_ones_failure(several: Several):
    probe_result, diagnosis = await several.probe(
        DEAD, "127.0.0.5", target=first_only(several.target())
    )
    assert diagnosis.cause is Cause.TCP_REFUSED
    assert {c.address for c in probe_result.connections} == {DEAD, "127.0.0.5"}


async def test_the_next_address_of_a_proxy_is_dialed_too():
    answer = saying(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    async with rude(answer) as port:
        context = make_probe_context(
            table={"proxy.test": (DEAD, "127.0.0.1")},
            proxy=ProxySettings(ProxyMode.CONFIG, http=f"http://proxy.test:{port}"),
        )
        target = make_target(HTTP, "several.test")
        probe_result, diagnosis = await Engine(context, ScheduleSettings()).measure(target)
    assert probe_result.ok
    assert [c.address for c in probe_result.connections] == ["127.0.0.1", DEAD]
    assert diagnosis.cause is Cause.ADDRESS_FAILED


async def test_only_the_first_is_probed_unless_told(several: Several):
    first = replace(several.target(), addresses=Addresses.FIRST)
    probe_result, diagnosis = await several.probe(LIVING[0], DEAD, target=first)
    assert [c.address for c in probe_result.connections] == [LIVING[0]]
    assert diagnosis.cause is None


async def test_further_addresses_count_as_connections_of_the_rate(several: Several):
    starts = TokenBucket(rate=1.0, burst=10.0)
    probe_context = make_probe_context(
        table={"several.test": LIVING}, ca_file=several.authority.file
    )
    await prober("http")(several.target(), replace(probe_context, starts=starts))
    now = asyncio.get_running_loop().time()
    taken = [starts.try_take(now) for _ in range(10)]
    assert taken.count(True) == 8


ADDRESSES = st.lists(
    st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str),
    unique=True,
    max_size=40,
)


@given(ADDRESSES)
def test_the_number_of_addresses_is_bounded_and_no_family_is_crowded_out(addresses: list[str]):
    chosen = by_turns(lanes_of(addresses, FamilyChoice.BOTH, lambda address: address))
    assert len(chosen) == min(len(addresses), ADDRESSES_LIMIT)
    assert len(set(chosen)) == len(chosen)
    assert {":" in a for a in chosen} == {":" in a for a in addresses}

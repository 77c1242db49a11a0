"""No input of any peer holds the event loop: every protocol against every kind of junk.

Measured is the CPU time of the longest callback, which does not depend on how busy the machine
that runs the tests is.

Covers: monitor/net/sockets/stream.py, monitor/net/sockets/tls_records.py, monitor/net/stopwatch.py
"""

from __future__ import annotations

import asyncio
import gc
import time
from asyncio.events import Handle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from random import Random

import pytest

from monitor.model.endpoint import Protocol
from monitor.model.probe_result import FailureKind, ProbeResult
from monitor.model.settings import DnsSettings, ProxyMode, ProxySettings, ScheduleSettings
from monitor.model.target import Launch, Target
from monitor.net.clock import SystemClock
from monitor.net.dns.resolver import DnsResolver
from monitor.net.sockets.trust_store import TrustStore
from monitor.probes.context import ProbeContext
from monitor.scheduler.engine import Engine
from tests.internet.ca import Authority
from tests.internet.flood import PLAIN, TLS, UDP, flood
from tests.probes.support import make_probe_context, make_target

Ports = Mapping[str, int]

HELD_LIMIT = 0.1
"""CPU seconds that one callback may take. It was minutes; it is 3 ms."""

TIMEOUT = 2.0


class Holds:
    """The longest callback of the event loop, in CPU seconds."""

    longest = 0.0


@contextmanager
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Holds]:
    holds, run = Holds(), Handle._run

    def measured(self: Handle) -> None:
        before = time.thread_time()
        run(self)
        holds.longest = max(holds.longest, time.thread_time() - before)

    gc.disable()  # the heap that it walks is the test run's
    try:
        with monkeypatch.context() as patch:
            patch.setattr(Handle, "_run", measured)
            yield holds
    finally:
        gc.enable()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("flood"))


@pytest.fixture(scope="module")
def ports(authority: Authority) -> Iterator[Ports]:
    with flood(authority.issue("e.test")) as ports:
        yield ports


class Prober:
    """Probes; fails if a callback held the loop, or a deadline did not fire."""

    def __init__(self, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
        self._trust = TrustStore(authority.file, system_store=False)
        self._monkeypatch = monkeypatch

    def context(self, proxy: str = "") -> ProbeContext:
        settings = ProxySettings(mode=ProxyMode.CONFIG, https=proxy, http=proxy) if proxy else None
        table = {"proxy.test": ("127.0.0.1",)}
        return replace(make_probe_context(proxy=settings, table=table), trust_store=self._trust)

    async def probe(self, target: Target, proxy: str = "") -> ProbeResult:
        engine = Engine(self.context(proxy), ScheduleSettings())
        begun = time.monotonic()
        with watched(self._monkeypatch) as holds:
            result, _ = await engine.measure(target)
        took = time.monotonic() - begun
        assert holds.longest < HELD_LIMIT, f"{holds.longest * 1000:.0f} ms held"
        assert took < TIMEOUT + 60, result
        assert result.failure is None or result.failure.kind is not FailureKind.INTERNAL, result
        return result


@pytest.fixture
def prober(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Prober:
    return Prober(authority, monkeypatch)


def a_target(port: int, protocol: Protocol, prober: str | None = None, query: str = "") -> Target:
    return make_target(
        protocol, "e.test", port, address="127.0.0.1", timeout=TIMEOUT, prober=prober, query=query
    )


@pytest.mark.parametrize("kind", [*PLAIN, *TLS])
@pytest.mark.parametrize("protocol", [Protocol.HTTP, Protocol.HTTPS])
async def test_no_peer_by_tcp_holds_the_loop(
    kind: str, protocol: Protocol, ports: Ports, prober: Prober
):
    await prober.probe(a_target(ports[kind], protocol))


@pytest.mark.parametrize("kind", TLS)
async def test_a_flood_of_records_is_refused_by_number(kind: str, ports: Ports, prober: Prober):
    """What no real server sends is refused, at the latest when the time is up; it has taken a
    tenth of the CPU until then, and other probes had the rest."""
    before = time.process_time()
    result = await prober.probe(a_target(ports[kind], Protocol.HTTPS))
    assert time.process_time() - before < 0.5 * TIMEOUT
    allowed = {FailureKind.TLS_PROTOCOL, FailureKind.HTTP_FORMAT, FailureKind.TIMEOUT}
    assert result.failure is None or result.failure.kind in allowed


@pytest.mark.parametrize("kind", [*PLAIN, *TLS])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_no_proxy_holds_the_loop(kind: str, scheme: str, ports: Ports, prober: Prober):
    target = make_target(Protocol.HTTPS, "e.test", timeout=TIMEOUT)
    result = await prober.probe(target, f"{scheme}://proxy.test:{ports[kind]}")
    assert result.proxy


@pytest.mark.parametrize("kind", PLAIN)
@pytest.mark.parametrize("name", ["imds", "ami"])
async def test_no_aws_service_holds_the_loop(kind: str, name: str, ports: Ports, prober: Prober):
    asked = a_target(ports[kind], Protocol.HTTP, name, "123456789012/x*")
    await prober.probe(replace(asked, launch=Launch(region="us-east-1")))


@pytest.mark.parametrize("kind", UDP)
@pytest.mark.parametrize("protocol", [Protocol.DNS, Protocol.NTP, Protocol.UDP])
async def test_no_peer_by_udp_holds_the_loop(
    kind: str, protocol: Protocol, ports: Ports, prober: Prober
):
    result = await prober.probe(a_target(ports[kind], protocol, query="e.test"))
    assert result.failure is not None


@pytest.mark.parametrize("kind", [*UDP, *PLAIN])
async def test_no_name_server_holds_the_loop(
    kind: str, ports: Ports, monkeypatch: pytest.MonkeyPatch
):
    """The kinds over TCP are behind an answer by UDP that is cut short."""
    settings = DnsSettings(servers=(f"127.0.0.1:{ports[kind]}",))
    resolver = DnsResolver.from_settings(settings, SystemClock(), Random(1))
    with watched(monkeypatch) as holds:
        resolution = await resolver.resolve("some.name.test", TIMEOUT)
    assert holds.longest < HELD_LIMIT
    assert resolution.failure is not None


async def test_a_hundred_flooding_peers_at_once_delay_no_deadline(ports: Ports, prober: Prober):
    """One turn of the loop, in which each of them has its share, takes little CPU."""
    engine = Engine(
        prober.context(), ScheduleSettings(max_in_flight=200, max_connections_per_second=1000)
    )
    kinds = ["key updates between bytes", "records of one byte with padding", "body by TLS"]
    asked = [a_target(ports[kind], Protocol.HTTPS) for kind in kinds for _ in range(34)]
    turns: list[float] = []

    async def turn() -> None:
        while True:
            before = time.thread_time()
            await asyncio.sleep(0)
            turns.append(time.thread_time() - before)

    async with asyncio.TaskGroup() as group:
        turning = group.create_task(turn())
        await asyncio.gather(*(engine.measure(each) for each in asked))
        turning.cancel()
    assert max(turns) < 1.0, max(turns)

"""The DNS prober: one name server, asked for one name."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from monitor.diagnosis.causes import diagnose
from monitor.model.causes import Cause
from monitor.model.endpoint import Protocol
from monitor.model.probe_result import FailureKind, Family, Phase, ProbeResult, ResolutionSource
from monitor.model.settings import FamilyChoice
from monitor.model.target import Target
from monitor.probes import prober
from tests.internet.nameserver import nameserver, reply
from tests.internet.process import free_port
from tests.internet.unbound import NameServer, unbound
from tests.probes.support import make_probe_context, make_target


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NameServer]:
    with unbound(
        tmp_path_factory.mktemp("unbound"),
        [
            "both.test. 60 A 192.0.2.1",
            "both.test. 60 AAAA 2001:db8::1",
            "v4.test. 60 A 192.0.2.2",
            "text.test. 60 TXT words",
            "zero.test. 60 A 0.0.0.0",
            *(f"big.test. 60 A 192.0.2.{i}" for i in range(120)),
        ],
        zones={"closed.test.": "refuse"},
        failing=["broken.test."],
    ) as running:
        yield running


def target(server: tuple[str, int], query: str, timeout: float = 5.0) -> Target:
    return make_target(Protocol.DNS, *server, query=query, timeout=timeout)


async def probe(
    server: tuple[str, int], query: str, within: float = 5.0
) -> tuple[ProbeResult, Cause | None]:
    asked = target(server, query, within)
    probe_result = await prober("dns")(asked, make_probe_context())
    return probe_result, diagnose(asked, probe_result).cause


async def test_a_name_server_that_answers(server: NameServer):
    probe_result, cause = await probe(server.server, "both.test")
    assert (probe_result.failure, cause) == (None, None)
    assert probe_result.resolution is not None
    assert (probe_result.resolution.host, probe_result.resolution.source) == (
        "both.test",
        ResolutionSource.DNS,
    )
    assert probe_result.resolution.addresses == ("192.0.2.1", "2001:db8::1")
    assert [(a.server, a.rcode) for a in probe_result.resolution.answers] == [
        (str(server), "NOERROR")
    ] * 2
    [connection] = probe_result.connections
    assert (connection.address, connection.port) == server.server
    assert connection.family is Family.IPV4
    assert connection.rtt is not None
    assert 0 < connection.rtt <= connection.phases[Phase.EXCHANGE] <= probe_result.duration < 5


@pytest.mark.parametrize("query", ["v4.test", "big.test"])
async def test_one_family_is_enough(server: NameServer, query: str):
    probe_result, cause = await probe(server.server, query)
    assert (probe_result.failure, cause) == (None, None)


@pytest.mark.parametrize(
    ("query", "kind", "code", "cause"),
    [
        ("missing.test", FailureKind.DNS_RCODE, "NXDOMAIN", Cause.DNS_NXDOMAIN),
        ("closed.test", FailureKind.DNS_RCODE, "REFUSED", Cause.DNS_REFUSED),
        ("x.broken.test", FailureKind.DNS_RCODE, "SERVFAIL", Cause.DNS_SERVFAIL),
        ("text.test", FailureKind.DNS_NODATA, None, Cause.DNS_NODATA),
        ("zero.test", FailureKind.DNS_SINKHOLE, "0.0.0.0", Cause.DNS_SINKHOLED),
    ],
)
async def test_an_answer_without_address(
    server: NameServer, query: str, kind: FailureKind, code: str | None, cause: Cause
):
    probe_result, found = await probe(server.server, query)
    assert probe_result.failure is not None
    assert (probe_result.failure.phase, probe_result.failure.kind) == (Phase.EXCHANGE, kind)
    assert (probe_result.failure.code, found) == (code, cause)
    assert probe_result.connections[0].failure == probe_result.failure
    assert probe_result.connections[0].rtt is not None  # it did answer


async def test_silence_is_asked_twice_and_ends_in_time():
    asked: list[bytes] = []

    def udp(query: bytes) -> list[bytes]:
        asked.append(query)
        return []

    async with nameserver(udp) as server:
        started = time.monotonic()
        probe_result, cause = await probe(server, "both.test", within=3)
    assert time.monotonic() - started < 6
    assert cause is Cause.DNS_TIMEOUT
    assert len(asked) == 4
    assert probe_result.resolution is not None
    assert len(probe_result.resolution.answers) == 4
    assert probe_result.connections[0].rtt is None


async def test_one_lost_datagram_is_no_outage():
    asked: list[bytes] = []

    def udp(query: bytes) -> list[bytes]:
        asked.append(query)
        return [] if len(asked) == 1 else [reply(query, "both.test 60 IN A 192.0.2.1")]

    async with nameserver(udp) as server:
        probe_result, cause = await probe(server, "both.test", within=6)
    assert (probe_result.failure, cause) == (None, None)
    assert len(asked) == 3
    assert probe_result.connections[0].rtt is not None
    assert probe_result.connections[0].rtt < 2.4


async def test_a_slow_answer_is_an_answer():
    def udp(query: bytes) -> list[bytes]:
        return [reply(query, "both.test 60 IN A 192.0.2.1")]

    async with nameserver(udp, delay=0.2) as server:
        probe_result, _ = await probe(server, "both.test")
    assert probe_result.failure is None
    assert probe_result.connections[0].rtt is not None
    assert 0.19 < probe_result.connections[0].rtt < 2


async def test_rubbish_is_a_failing_name_server():
    async with nameserver(lambda q: [q[:2] + b"rubbish" * 9]) as server:
        probe_result, cause = await probe(server, "both.test")
    assert probe_result.failure is not None
    assert (probe_result.failure.kind, cause) == (FailureKind.DNS_FORMAT, Cause.DNS_SERVFAIL)


async def test_a_closed_port():
    probe_result, cause = await probe(("127.0.0.1", free_port(socket.SOCK_DGRAM)), "both.test")
    assert cause is Cause.DNS_UNREACHABLE
    assert probe_result.duration < 20


async def test_tcp_that_is_refused_is_told_apart():
    """UDP 53 is allowed, TCP 53 was forgotten: a big answer can't be had."""
    async with nameserver(lambda q: [reply(q, truncated=True)]) as server:
        probe_result, cause = await probe(server, "both.test")
    assert probe_result.failure is not None
    assert (probe_result.failure.phase, cause) == (Phase.CONNECT, Cause.TCP_REFUSED)


async def test_a_server_given_by_name_is_resolved_first(server: NameServer):
    asked = make_target(Protocol.DNS, "ns.example", server.port, query="both.test")
    probe_context = make_probe_context(table={"ns.example": ("127.0.0.1",)})
    probe_result = await prober("dns")(asked, probe_context)
    assert probe_result.failure is None
    assert probe_result.resolution is not None
    assert probe_result.resolution.host == "both.test"
    lost = await prober("dns")(asked, make_probe_context())
    assert lost.failure is not None
    assert (lost.failure.phase, lost.failure.code) == (Phase.RESOLVE, "NXDOMAIN")


async def test_a_server_is_asked_whatever_families_are_probed(server: NameServer):
    probe_context = make_probe_context(families=FamilyChoice.IPV6)
    probe_result = await prober("dns")(target(server.server, "both.test"), probe_context)
    assert probe_result.failure is None


async def test_a_fixed_address_and_port_say_where_it_is(server: NameServer):
    asked = make_target(
        Protocol.DNS,
        "10.0.0.2",
        query="both.test",
        address=server.address,
        connect_port=server.port,
    )
    probe_result = await prober("dns")(asked, make_probe_context())
    assert probe_result.failure is None

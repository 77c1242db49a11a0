"""Names to addresses: several name servers, what they are judged by, and the host's files."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model.probe_result import DnsAnswer, Failure, FailureKind, Phase, ResolutionSource
from monitor.model.settings import DnsSettings, FamilyChoice
from monitor.net.clock import SystemClock
from monitor.net.dns.client import Server
from monitor.net.dns.resolver import DnsResolver, is_sinkhole, judge, judge_addresses
from tests.internet.nameserver import nameserver, reply, with_length
from tests.internet.process import free_port
from tests.internet.unbound import NameServer, unbound


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NameServer]:
    records = [
        "both.test. 60 A 192.0.2.1",
        "both.test. 60 AAAA 2001:db8::1",
        "v4.test. 60 A 192.0.2.2",
        "v6.test. 60 AAAA 2001:db8::2",
        "text.test. 60 TXT words",
        "here.test. 60 A 127.0.0.1",
        "zero.test. 60 A 0.0.0.0",
        "zero.test. 60 AAAA ::",
        "half.test. 60 A 0.0.0.0",
        "half.test. 60 A 192.0.2.3",
    ]
    with unbound(
        tmp_path_factory.mktemp("unbound"),
        records,
        zones={"closed.test.": "refuse"},
        failing=["broken.test."],
    ) as running:
        yield running


def resolver(
    *servers: Server, timeout: float = 5.0, attempts: int = 2, hosts_file: Path | None = None
) -> DnsResolver:
    return DnsResolver(
        SystemClock(), Random(7), servers, timeout=timeout, attempts=attempts, hosts_file=hosts_file
    )


@pytest.fixture
def silent() -> Iterator[Server]:
    """A name server that hears and never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()


@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        ("both.test", ("192.0.2.1", "2001:db8::1")),
        ("Both.Test.", ("192.0.2.1", "2001:db8::1")),
        ("v4.test", ("192.0.2.2",)),
        ("v6.test", ("2001:db8::2",)),
        ("here.test", ("127.0.0.1",)),
        ("half.test", ("192.0.2.3",)),
    ],
)
async def test_a_name_with_addresses(server: NameServer, host: str, addresses: tuple[str, ...]):
    resolution = await resolver(server.server).resolve(host)
    assert resolution.failure is None
    assert (resolution.host, resolution.source) == (host, ResolutionSource.DNS)
    assert resolution.addresses == addresses
    assert [(a.server, a.qtype, a.rcode) for a in resolution.answers] == [
        (str(server), "A", "NOERROR"),
        (str(server), "AAAA", "NOERROR"),
    ]


@pytest.mark.parametrize(
    ("host", "kind", "code", "questions"),
    [
        ("missing.test", FailureKind.DNS_RCODE, "NXDOMAIN", 2),
        ("text.test", FailureKind.DNS_NODATA, None, 2),
        ("closed.test", FailureKind.DNS_RCODE, "REFUSED", 4),
        ("x.broken.test", FailureKind.DNS_RCODE, "SERVFAIL", 4),
        ("zero.test", FailureKind.DNS_SINKHOLE, "0.0.0.0", 2),
        ("a..test", FailureKind.DNS_FORMAT, None, 4),
    ],
)
async def test_a_name_without(
    server: NameServer, host: str, kind: FailureKind, code: str | None, questions: int
):
    resolution = await resolver(server.server).resolve(host)
    assert resolution.failure is not None
    assert (resolution.failure.phase, resolution.failure.kind) == (Phase.RESOLVE, kind)
    assert resolution.failure.code == code
    assert resolution.addresses == ()
    assert len(resolution.answers) == questions


async def test_of_two_servers_one_is_dead(server: NameServer, silent: Server):
    resolution = await resolver(silent, server.server, timeout=0.2).resolve("both.test")
    assert resolution.failure is None
    assert resolution.addresses == ("192.0.2.1", "2001:db8::1")
    said = [a.failure.kind if a.failure else a.rcode for a in resolution.answers]
    assert said == [FailureKind.TIMEOUT, "NOERROR"] * 2


@pytest.mark.parametrize("rcode", ["SERVFAIL", "REFUSED", "NOTIMP"])
async def test_an_error_hands_on_to_the_next_server(server: NameServer, rcode: str):
    async with nameserver(lambda q: [reply(q, rcode=rcode)]) as failing:
        resolution = await resolver(failing, server.server).resolve("v4.test")
    assert resolution.addresses == ("192.0.2.2",)
    assert [a.rcode for a in resolution.answers] == [rcode, "NOERROR"] * 2


async def test_a_closed_port_hands_on_at_once(server: NameServer):
    closed = ("127.0.0.1", free_port(socket.SOCK_DGRAM))
    started = time.monotonic()
    resolution = await resolver(closed, server.server).resolve("v4.test")
    assert resolution.addresses == ("192.0.2.2",)
    assert time.monotonic() - started < 2


async def test_no_such_name_is_final(server: NameServer, silent: Server):
    resolution = await resolver(server.server, silent).resolve("missing.test")
    assert len(resolution.answers) == 2


async def test_silence_of_all_is_a_timeout_with_every_server_named(silent: Server):
    resolution = await resolver(silent, timeout=0.1).resolve("v4.test")
    assert resolution.failure is not None
    assert resolution.failure.kind is FailureKind.TIMEOUT
    assert [a.qtype for a in resolution.answers] == ["A", "A", "AAAA", "AAAA"]


async def test_a_limit_of_time_keeps_the_answers(silent: Server):
    started = time.monotonic()
    resolution = await resolver(silent, silent, timeout=2.0).resolve("v4.test", within=3.0)
    assert 2.9 < time.monotonic() - started < 20
    assert resolution.failure is not None
    assert resolution.failure.kind is FailureKind.TIMEOUT
    assert len(resolution.answers) == 4
    assert sum(a.seconds for a in resolution.answers[:2]) == pytest.approx(3.0, abs=1.5)


async def test_the_callers_deadline_is_let_through(silent: Server):
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await resolver(silent).resolve("v4.test")
    assert time.monotonic() - started < 2
    assert len(asyncio.all_tasks()) == 1


async def test_one_family_is_enough_though_the_other_is_silent():
    def udp(query: bytes) -> list[bytes]:
        is_a = query[23:25] == b"\0\1"
        return [reply(query, "name.test 60 IN A 192.0.2.1")] if is_a else []

    async with nameserver(udp) as half:
        resolution = await resolver(half, timeout=0.2).resolve("name.test")
    assert (resolution.addresses, resolution.failure) == (("192.0.2.1",), None)
    assert resolution.answers[1].failure is not None


async def test_an_answer_is_never_remembered():
    asked: list[bytes] = []

    def udp(query: bytes) -> list[bytes]:
        asked.append(query)
        return [reply(query, "name.test 86400 IN A 192.0.2.1")]

    async with nameserver(udp) as counting:
        for _ in range(3):
            await resolver(counting).resolve("name.test")
    assert len(asked) == 6


@pytest.mark.parametrize("host", ["192.0.2.7", "2001:db8::7", "169.254.169.254"])
async def test_a_literal_needs_no_server(silent: Server, host: str):
    resolution = await resolver(silent).resolve(host)
    assert (resolution.source, resolution.addresses) == (ResolutionSource.LITERAL, (host,))
    assert resolution.failure is None


async def test_the_hosts_file_goes_first(server: NameServer, tmp_path: Path):
    hosts = tmp_path / "hosts"
    hosts.write_text("::1 both.test\n192.0.2.99 BOTH.test v4.test\n0.0.0.0 v6.test\n")
    looking = resolver(server.server, hosts_file=hosts)
    resolution = await looking.resolve("both.test")
    assert resolution.source is ResolutionSource.HOSTS
    assert resolution.addresses == ("192.0.2.99", "::1")
    assert (await looking.resolve("v4.test.")).addresses == ("192.0.2.99",)
    blocked = await looking.resolve("v6.test")
    assert blocked.failure is not None
    assert blocked.failure.kind is FailureKind.HOSTS_SINKHOLE
    hosts.unlink()
    assert (await looking.resolve("both.test")).source is ResolutionSource.DNS


async def test_resolv_conf_is_followed_when_it_changes(tmp_path: Path):
    conf = tmp_path / "resolv.conf"
    looking = DnsResolver(SystemClock(), Random(7), resolv_conf=conf, hosts_file=None)
    assert looking.servers == ("127.0.0.1:53",)
    conf.write_text("nameserver 10.0.0.2\nnameserver fd00:ec2::253\n")
    assert looking.servers == ("10.0.0.2:53", "[fd00:ec2::253]:53")


def test_settings_say_which_servers():
    settings = DnsSettings(servers=("10.0.0.2", "[fd00:ec2::253]:5353"), use_hosts_file=False)
    looking = DnsResolver.from_settings(settings, SystemClock(), Random(7))
    assert looking.servers == ("10.0.0.2:53", "[fd00:ec2::253]:5353")
    with pytest.raises(ValueError, match=r"dns\.example"):
        DnsResolver.from_settings(DnsSettings(servers=("dns.example",)), SystemClock(), Random(7))


def said(
    qtype: str, rcode: str | None, *addresses: str, kind: FailureKind | None = None
) -> DnsAnswer:
    failure = Failure(Phase.RESOLVE, kind, "as the test has it") if kind else None
    return DnsAnswer("10.0.0.2:53", qtype, rcode, addresses, 0.01, failure=failure)


SILENT = (
    said("A", None, kind=FailureKind.TIMEOUT),
    said("AAAA", None, kind=FailureKind.TIMEOUT),
)
SERVFAIL = (said("A", "SERVFAIL"), said("AAAA", "SERVFAIL"))
V6_ONLY = (said("A", "SERVFAIL"), said("AAAA", "NOERROR", "2001:db8::1"))
NODATA = (said("A", "NOERROR"), said("AAAA", "NOERROR"))


@pytest.mark.parametrize(
    ("rounds", "kind", "code"),
    [
        ([SILENT], FailureKind.TIMEOUT, None),
        ([SERVFAIL, SILENT], FailureKind.DNS_RCODE, "SERVFAIL"),
        ([SILENT, SERVFAIL], FailureKind.DNS_RCODE, "SERVFAIL"),
        ([SERVFAIL, NODATA], FailureKind.DNS_NODATA, None),
        ([SERVFAIL, V6_ONLY], None, None),
    ],
)
def test_the_most_telling_answer_to_each_question_decides(
    rounds: Sequence[tuple[DnsAnswer, ...]], kind: FailureKind | None, code: str | None
):
    lanes = tuple(zip(*rounds, strict=True))
    resolution = judge("name.test", [("name.test", lanes)], allow_loopback=False)
    failure = resolution.failure
    assert (failure and failure.kind, failure and failure.code) == (kind, code)
    assert len(resolution.answers) == 2 * len(rounds)


def test_the_name_as_given_explains_a_search_without_result():
    suffixed = ((said("A", "NXDOMAIN"),), (said("AAAA", "NXDOMAIN"),))
    plain = ((said("A", "SERVFAIL"),), (said("AAAA", "SERVFAIL"),))
    found = [("git.lab", plain), ("git.lab.corp.test", suffixed)]
    resolution = judge("git.lab", found, allow_loopback=False)
    assert resolution.failure is not None
    assert resolution.failure.code == "SERVFAIL"
    assert resolution.name == "git.lab"


def aliased(rcode: str, *aliases: str) -> DnsAnswer:
    return replace(said("A", rcode), aliases=aliases)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (aliased("NXDOMAIN", "cdn.test", "gone.example"), "gone.example"),
        (aliased("NOERROR", "cdn.test"), "cdn.test"),
    ],
)
def test_an_alias_that_leads_nowhere_is_named(answer: DnsAnswer, code: str):
    """RFC 6604 section 3: the rcode is about the last name of the chain."""
    lanes = ((answer,), (replace(answer, qtype="AAAA"),))
    failure = judge("name.test", [("name.test", lanes)], allow_loopback=False).failure
    assert failure is not None
    assert (failure.kind, failure.code) == (FailureKind.DNS_ALIAS, code)


async def test_a_name_is_searched_with_the_domains_of_resolv_conf(tmp_path: Path):
    def udp(query: bytes) -> list[bytes]:
        if b"\6gitlab\4corp\4test\0" in query:
            return [reply(query, "gitlab.corp.test 60 IN A 192.0.2.1")]
        return [reply(query, rcode="NXDOMAIN")]

    conf = tmp_path / "resolv.conf"
    async with nameserver(udp) as (host, port):
        conf.write_text(f"nameserver {host}\nsearch corp.test\n")
        looking = DnsResolver(SystemClock(), Random(7), resolv_conf=conf, hosts_file=None)
        looking.port = port
        found = await looking.resolve("gitlab")
    assert (found.host, found.name, found.addresses) == (
        "gitlab",
        "gitlab.corp.test",
        ("192.0.2.1",),
    )


async def test_use_vc_asks_by_tcp_alone(tmp_path: Path):
    def tcp(query: bytes) -> list[bytes]:
        return [with_length(reply(query, "name.test 60 IN A 192.0.2.1"))]

    conf = tmp_path / "resolv.conf"
    datagrams: list[bytes] = []

    def udp(query: bytes) -> list[bytes]:
        datagrams.append(query)
        return []

    async with nameserver(udp, tcp) as (host, port):
        conf.write_text(f"nameserver {host}\noptions use-vc\n")
        looking = DnsResolver(SystemClock(), Random(7), resolv_conf=conf, hosts_file=None)
        looking.port = port
        found = await looking.resolve("name.test")
    assert found.addresses == ("192.0.2.1",)
    assert datagrams == []


@pytest.mark.parametrize(
    ("families", "asked_for"),
    [(FamilyChoice.IPV4, ["A"]), (FamilyChoice.IPV6, ["AAAA"]), (FamilyChoice.AUTO, ["A", "AAAA"])],
)
async def test_only_the_families_that_are_probed_are_asked_for(
    families: FamilyChoice, asked_for: list[str]
):
    async with nameserver(lambda q: [reply(q, rcode="NXDOMAIN")]) as server:
        found = await resolver(server).resolve("name.test", families=families)
    assert [answer.qtype for answer in found.answers] == asked_for


async def test_a_silent_question_does_not_use_up_the_time():
    def udp(query: bytes) -> list[bytes]:
        is_a = query[23:25] == b"\0\1"
        return [reply(query, "name.test 60 IN A 192.0.2.1")] if is_a else []

    async with nameserver(udp) as half:
        started = time.monotonic()
        found = await resolver(half).resolve("name.test", within=9.0)
    assert time.monotonic() - started < 8.0
    assert found.addresses == ("192.0.2.1",)
    assert [a.qtype for a in found.answers if a.rcode is None] == ["AAAA"]


async def test_a_late_answer_counts_if_it_comes_within_its_share_of_the_time():
    loop = asyncio.get_running_loop()

    class Server(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def datagram_received(self, query: bytes, addr: tuple[str, int]) -> None:
            is_a = query[23:25] == b"\0\1"
            record = "A 192.0.2.1" if is_a else "AAAA 2001:db8::1"
            answer = reply(query, f"name.test 60 IN {record}")
            loop.call_later(0 if is_a else 0.5, self.transport.sendto, answer, addr)  # type: ignore[attr-defined]

    transport, _ = await loop.create_datagram_endpoint(Server, ("127.0.0.1", 0))
    found = await resolver(transport.get_extra_info("sockname")).resolve("name.test", within=15.0)
    transport.close()
    assert found.addresses == ("192.0.2.1", "2001:db8::1")
    assert len(found.answers) == 2


async def test_servers_take_turns_with_rotate(tmp_path: Path):
    conf = tmp_path / "resolv.conf"
    conf.write_text("nameserver 127.0.0.1\nnameserver 127.0.0.2\noptions rotate\n")
    looking = DnsResolver(SystemClock(), Random(7), resolv_conf=conf, hosts_file=None)
    looking.port = free_port(socket.SOCK_DGRAM)
    found = await looking.resolve("name.test", families=FamilyChoice.IPV4)
    again = await looking.resolve("name.test", families=FamilyChoice.IPV4)
    first = [f.answers[0].server.partition(":")[0] for f in (found, again)]
    assert first == ["127.0.0.1", "127.0.0.2"]


@pytest.mark.parametrize(
    "address",
    """
    0.0.0.0 :: ::ffff:0.0.0.0 127.0.0.1 127.9.9.9 ::1 ::ffff:127.0.0.1 255.255.255.255
    224.0.0.1 ff02::1
    """.split(),  # noqa: SIM905
)
def test_a_sinkhole_is_none_of_the_names_addresses(address: str):
    usable, failure = judge_addresses([address], allow_loopback=False)
    assert usable == ()
    assert failure is not None
    assert (failure.kind, failure.code) == (FailureKind.DNS_SINKHOLE, address)


@given(st.ip_addresses().map(str))
def test_private_addresses_are_no_sinkhole(address: str):
    """VPC endpoints resolve to them."""
    assert not is_sinkhole("10.0.0.5")
    assert not is_sinkhole("169.254.169.254")
    usable, failure = judge_addresses([address, "192.0.2.1"], allow_loopback=True)
    assert "192.0.2.1" in usable
    assert failure is None


def test_a_loopback_answer_is_right_only_where_the_server_is_local():
    assert judge_addresses(["127.0.0.1"], allow_loopback=True) == (("127.0.0.1",), None)
    assert judge_addresses(["0.0.0.0"], allow_loopback=True)[0] == ()

"""One question to one name server: a real unbound, and servers with one bad habit each.

Covers: monitor/net/clock.py
"""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import dns.edns
import dns.message
import dns.rcode
import pytest

from monitor.model.probe_result import FailureKind, Phase
from monitor.net.clock import SystemClock
from monitor.net.dns.client import DnsClient, TimeLimit, format_server, parse_server
from monitor.net.dns.message import QType
from tests.internet.nameserver import Habit, nameserver, reply, with_length
from tests.internet.process import free_port
from tests.internet.unbound import NameServer, unbound

ZONE = """$ORIGIN zone.test.
$TTL 60
@ SOA ns mail 1 3600 600 86400 60
@ NS ns
www CNAME edge
edge CNAME host
host A 192.0.2.9
"""
BIG = [f"192.0.2.{i}" for i in range(120)]
ADDRESS = "name.test 60 IN A 192.0.2.1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NameServer]:
    records = [
        "a.test. 60 A 192.0.2.1",
        "a.test. 60 AAAA 2001:db8::1",
        "text.test. 60 TXT words",
        "alias.test. 60 CNAME www.zone.test.",
        "round.test. 60 CNAME about.test.",
        "about.test. 60 CNAME round.test.",
        *(f"big.test. 60 A {address}" for address in BIG),
    ]
    with unbound(
        tmp_path_factory.mktemp("unbound"),
        records,
        zones={"closed.test.": "refuse"},
        files={"zone.test.": ZONE},
        failing=["broken.test."],
    ) as running:
        yield running


def client() -> DnsClient:
    return DnsClient(SystemClock(), Random(7))


@pytest.mark.parametrize("over_tcp", [False, True])
@pytest.mark.parametrize(
    ("name", "qtype", "rcode", "addresses"),
    [
        ("a.test", QType.A, "NOERROR", ("192.0.2.1",)),
        ("A.test.", QType.AAAA, "NOERROR", ("2001:db8::1",)),
        ("text.test", QType.A, "NOERROR", ()),
        ("missing.test", QType.A, "NXDOMAIN", ()),
        ("closed.test", QType.A, "REFUSED", ()),
        ("name.broken.test", QType.A, "SERVFAIL", ()),
        ("www.zone.test", QType.A, "NOERROR", ("192.0.2.9",)),
        ("www.zone.test", QType.AAAA, "NOERROR", ()),
        ("alias.test", QType.A, "NOERROR", ()),  # unbound does not follow its local data
    ],
)
async def test_unbound_answers(
    server: NameServer,
    name: str,
    qtype: QType,
    rcode: str,
    addresses: tuple[str, ...],
    over_tcp: bool,
):
    answer = await client().ask(server.server, name, qtype, TimeLimit(30), over_tcp=over_tcp)
    assert answer.failure is None
    assert (answer.rcode, answer.addresses) == (rcode, addresses)
    assert (answer.server, answer.qtype) == (str(server), qtype.name)
    assert answer.transport == ("tcp" if over_tcp else "udp")
    assert 0 < answer.seconds < 5


async def test_a_big_answer_comes_by_tcp(server: NameServer):
    answer = await client().ask(server.server, "big.test", QType.A, TimeLimit(30))
    assert answer.failure is None
    assert answer.transport == "tcp"
    assert sorted(answer.addresses) == sorted(BIG)


async def test_aliases_without_end_are_no_answer():
    loop = ["name.test 60 IN CNAME other.test.", "other.test 60 IN CNAME name.test."]
    async with nameserver(lambda q: [reply(q, *loop)]) as server:
        answer = await client().ask(server, "name.test", QType.A, TimeLimit(30))
    assert answer.failure is not None
    assert (answer.failure.kind, answer.failure.code) == (FailureKind.DNS_ALIAS, "")
    assert (answer.rcode, answer.aliases) == ("NOERROR", ("other.test",))
    assert answer.is_final


async def test_a_server_on_ipv6(tmp_path):
    with unbound(tmp_path, ["a.test. 60 A 192.0.2.1"], host="::1") as server:
        answer = await client().ask(server.server, "a.test", QType.A, TimeLimit(30))
    assert answer.addresses == ("192.0.2.1",)
    assert answer.server == f"[::1]:{server.port}"


async def test_the_time_is_the_kernels_not_the_loops(server: NameServer):
    """The answer lies in the socket while the event loop is busy: that is no latency."""

    async def stall() -> None:
        time.sleep(0.5)  # noqa: ASYNC251 - the point

    async with asyncio.TaskGroup() as group:
        asking = group.create_task(client().ask(server.server, "a.test", QType.A, TimeLimit(30)))
        group.create_task(stall())
    assert asking.result().rcode == "NOERROR"
    assert asking.result().seconds < 0.4


def corrupted(message: bytes, **fields: int) -> bytes:
    """Change the 16-bit fields of a header: ``id``, ``flags``, ``questions``, ``answers``."""
    words = list(struct.unpack("!6H", message[:12]))
    for name, value in fields.items():
        words[("id", "flags", "questions", "answers").index(name)] = value
    return struct.pack("!6H", *words) + message[12:]


def other_question(query: bytes) -> bytes:
    return reply(query.replace(b"\4name", b"\4evil"), "evil.test 60 IN A 203.0.113.66")


BAD_HABITS: dict[str, tuple[Habit, FailureKind]] = {
    "silence": (lambda q: [], FailureKind.TIMEOUT),
    "a wrong id": (lambda q: [corrupted(reply(q, ADDRESS), id=0xBAD)], FailureKind.TIMEOUT),
    "a wrong question": (lambda q: [other_question(q)], FailureKind.TIMEOUT),
    "another type": (lambda q: [reply(q.replace(b"\0\1\0\1", b"\0\x1c\0\1"))], FailureKind.TIMEOUT),
    "no question": (
        lambda q: [q[:2] + b"\x81\x80" + bytes(8)],
        FailureKind.TIMEOUT,
    ),
    "the query itself": (lambda q: [q], FailureKind.DNS_FORMAT),
    "nothing at all": (lambda q: [b""], FailureKind.TIMEOUT),
    "rubbish": (lambda q: [q[:2] + b"rubbish" * 20], FailureKind.DNS_FORMAT),
    "a cut answer": (lambda q: [reply(q, ADDRESS)[:-30]], FailureKind.DNS_FORMAT),
    "a pointer to itself": (
        lambda q: [q[:2] + b"\x81\x80\0\0\0\1\0\0\0\0\xc0\x0c" + bytes(10)],
        FailureKind.TIMEOUT,
    ),
    "a flood": (lambda q: [corrupted(q, id=q[0] ^ 0xFF)] * 100, FailureKind.DNS_FORMAT),
}


@pytest.mark.parametrize("habit", BAD_HABITS)
async def test_what_is_no_answer(habit: str):
    udp, kind = BAD_HABITS[habit]
    async with nameserver(udp) as server:
        answer = await client().ask(server, "name.test", QType.A, TimeLimit(0.3))
    assert answer.failure is not None
    assert (answer.failure.phase, answer.failure.kind) == (Phase.RESOLVE, kind)
    assert (answer.rcode, answer.addresses) == (None, ())
    came = habit not in {"silence", "nothing at all"}
    assert ("no answer in time" not in answer.failure.message) is came


async def test_a_forged_answer_before_the_true_one_is_not_believed():
    def udp(query: bytes) -> list[bytes]:
        forged = corrupted(reply(query, "name.test 60 IN A 203.0.113.66"), id=query[0] ^ 0xFF)
        return [forged, other_question(query), b"", reply(query, ADDRESS)]

    async with nameserver(udp) as server:
        answer = await client().ask(server, "name.test", QType.A, TimeLimit(30))
    assert answer.addresses == ("192.0.2.1",)


async def test_an_answer_of_another_server_is_not_believed():
    """It comes from another port, with everything else right."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as forger:
        forger.bind(("127.0.0.1", 0))
        asked_from: list[int] = []

        class Listener(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
                asked_from.append(addr[1])
                forger.sendto(reply(data, ADDRESS), addr)

        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(Listener, ("127.0.0.1", 0))
        server = transport.get_extra_info("sockname")
        answer = await client().ask(server, "name.test", QType.A, TimeLimit(0.3))
        transport.close()
    assert asked_from
    assert answer.failure is not None
    assert answer.failure.kind is FailureKind.TIMEOUT


async def test_each_question_has_a_port_and_an_id_of_its_own():
    seen: set[bytes] = set()
    ports: set[int] = set()

    class Server(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            seen.add(data[:2])
            ports.add(addr[1])
            self.transport.sendto(reply(data, ADDRESS), addr)  # type: ignore[attr-defined]

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Server, ("127.0.0.1", 0))
    asking = client()
    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(
                asking.ask(
                    transport.get_extra_info("sockname"), "name.test", QType.A, TimeLimit(30)
                )
            )
    transport.close()
    assert len(seen) == 20
    assert len(ports) == 20


async def test_a_closed_port_is_known_at_once():
    server = ("127.0.0.1", free_port(socket.SOCK_DGRAM))
    started = time.monotonic()
    answer = await client().ask(server, "name.test", QType.A, TimeLimit(30))
    assert time.monotonic() - started < 2
    assert answer.failure is not None
    assert (answer.failure.kind, answer.failure.errno) == (
        FailureKind.OS_ERROR,
        errno.ECONNREFUSED,
    )
    assert answer.failure.icmp == (3, 3)


async def test_truncated_and_tcp_refused():
    async with nameserver(lambda q: [reply(q, truncated=True)]) as server:
        answer = await client().ask(server, "name.test", QType.A, TimeLimit(30))
    assert answer.failure is not None
    assert (answer.failure.errno, answer.transport) == (errno.ECONNREFUSED, "tcp")
    assert answer.failure.message.endswith("(by TCP, after a truncated answer by UDP)")


@pytest.mark.parametrize(
    ("tcp", "kind"),
    [
        (lambda q: [], FailureKind.CLOSED),
        (lambda q: [b"\0"], FailureKind.CLOSED),
        (lambda q: [b"\xff\xff", reply(q, ADDRESS)], FailureKind.CLOSED),
        (lambda q: [b"\0\0"], FailureKind.DNS_FORMAT),
        (lambda q: [with_length(q)], FailureKind.DNS_FORMAT),
        (lambda q: [with_length(other_question(q))], FailureKind.DNS_FORMAT),
        (lambda q: [with_length(q[:2] + bytes(60_000))], FailureKind.DNS_FORMAT),
    ],
)
async def test_tcp_that_breaks_the_rules(tcp: Habit, kind: FailureKind):
    async with nameserver(lambda q: [reply(q, truncated=True)], tcp) as server:
        answer = await client().ask(server, "name.test", QType.A, TimeLimit(30))
    assert answer.failure is not None
    assert answer.failure.kind is kind


async def test_a_tcp_answer_may_come_in_pieces():
    def tcp(query: bytes) -> list[bytes]:
        return [bytes([byte]) for byte in with_length(reply(query, ADDRESS))]

    async with nameserver(lambda q: [reply(q, truncated=True)], tcp) as server:
        answer = await client().ask(server, "name.test", QType.A, TimeLimit(30))
    assert answer.addresses == ("192.0.2.1",)


async def test_a_server_without_edns_is_asked_without():
    def udp(query: bytes) -> list[bytes]:
        if query[10:12] != b"\0\0":  # an additional record
            return [query[:2] + b"\x81\x81" + bytes(8)]
        return [reply(query, ADDRESS)]

    async with nameserver(udp) as server:
        answer = await client().ask(server, "name.test", QType.A, TimeLimit(30))
    assert (answer.rcode, answer.addresses) == ("NOERROR", ("192.0.2.1",))
    assert answer.edns_refused == "FORMERR"


@pytest.mark.parametrize("rcode", ["NOTIMP", "BADVERS"])
async def test_a_server_that_rejects_edns_fails_as_it_does_for_go(rcode: str):
    def udp(query: bytes) -> list[bytes]:
        if query[10:12] != b"\0\0":
            return [reply(query, rcode=rcode)]
        return [reply(query, ADDRESS)]

    async with nameserver(udp) as server:
        answer = await client().ask(server, "name.test", QType.A, TimeLimit(30))
    assert answer.failure is not None
    assert (answer.failure.kind, answer.failure.code) == (FailureKind.DNS_EDNS, rcode)
    assert answer.addresses == ()
    assert not answer.is_final


async def test_a_refusal_counts_though_the_second_question_is_not_answered():
    def udp(query: bytes) -> list[bytes]:
        return [reply(query, rcode="NOTIMP")] if query[10:12] != b"\0\0" else []

    async with nameserver(udp) as server:
        answer = await client().ask(server, "name.test", QType.A, TimeLimit(0.2))
    assert (answer.rcode, answer.failure) == ("NOTIMP", None)


async def test_extended_errors_are_kept():
    def udp(query: bytes) -> list[bytes]:
        message = dns.message.make_response(dns.message.from_wire(query))
        blocked = dns.edns.EDEOption(15, "policy 7: software")
        message.use_edns(0, options=[blocked, dns.edns.EDEOption(22)])
        message.set_rcode(dns.rcode.SERVFAIL)
        return [message.to_wire()]

    async with nameserver(udp) as server:
        answer = await client().ask(server, "name.test", QType.A, TimeLimit(30))
    assert answer.extended == ((15, "policy 7: software"), (22, ""))


async def test_a_lame_server_is_a_failed_one():
    def udp(query: bytes) -> list[bytes]:
        return [query[:2] + b"\x81\x00" + query[4:6] + bytes(6) + query[12:27]]

    async with nameserver(udp) as server:
        answer = await client().ask(server, "name.test", QType.A, TimeLimit(30))
    assert answer.failure is not None
    assert answer.failure.kind is FailureKind.DNS_LAME
    assert not answer.is_final


async def test_a_datagram_may_be_larger_than_announced():
    records = b"".join(
        b"\xc0\x0c" + struct.pack("!HHIH4B", QType.A, 1, 60, 4, 10, 0, i // 200, i % 200)
        for i in range(400)
    )

    def udp(query: bytes) -> list[bytes]:
        return [query[:2] + struct.pack("!5H", 0x8180, 1, 400, 0, 0) + query[12:27] + records]

    async with nameserver(udp) as server:
        answer = await client().ask(server, "name.test", QType.A, TimeLimit(30))
    assert (answer.transport, len(answer.addresses)) == ("udp", 400)


async def test_limits_can_be_tightened_while_a_question_waits():
    async with nameserver(lambda _: []) as silent:
        limit = TimeLimit(30)
        asked = asyncio.create_task(client().ask(silent, "name.test", QType.A, limit))
        await asyncio.sleep(0.05)
        limit.tighten(0.1, asyncio.get_running_loop().time() + 9)
        answer = await asked
    assert answer.failure is not None
    assert answer.failure.kind is FailureKind.TIMEOUT
    assert answer.seconds < 20


async def test_a_formerr_that_stays_is_told():
    async with nameserver(lambda q: [q[:2] + b"\x81\x81" + bytes(8)]) as server:
        answer = await client().ask(server, "name.test", QType.A, TimeLimit(30))
    assert (answer.rcode, answer.failure) == ("FORMERR", None)


async def test_where_an_alias_leads_is_not_asked_for():
    """Nor does Go: a recursive server answers for the end of the chain (RFC 1034 4.3.1)."""
    asked: list[bytes] = []

    def udp(query: bytes) -> list[bytes]:
        asked.append(query)
        return [reply(query, "name.test 60 IN CNAME end.test.")]

    async with nameserver(udp) as server:
        answer = await client().ask(server, "name.test", QType.AAAA, TimeLimit(30))
    assert (answer.rcode, answer.addresses, answer.aliases) == ("NOERROR", (), ("end.test",))
    assert len(asked) == 1


@pytest.mark.parametrize("name", ["", "a..test", "bücher.test", "a" * 64 + ".test"])
async def test_a_name_that_can_not_be_asked_for(name: str):
    answer = await client().ask(("127.0.0.1", 9), name, QType.A, TimeLimit(30))
    assert answer.failure is not None
    assert answer.failure.kind is FailureKind.DNS_FORMAT


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("over_tcp", [False, True])
async def test_a_cancelled_question_leaves_no_socket(over_tcp: bool):
    kind = socket.SOCK_STREAM if over_tcp else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as silent:
        silent.bind(("127.0.0.1", 0))
        if over_tcp:
            silent.listen()
        server = silent.getsockname()
        before = open_files()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client().ask(server, "name.test", QType.A, TimeLimit(30), over_tcp=over_tcp)
        assert open_files() == before


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("10.0.0.2", ("10.0.0.2", 53)),
        ("10.0.0.2:5353", ("10.0.0.2", 5353)),
        ("fd00:ec2::253", ("fd00:ec2::253", 53)),
        ("[fd00:ec2::253]", ("fd00:ec2::253", 53)),
        ("[fe80::1%eth0]:5353", ("fe80::1%eth0", 5353)),
    ],
)
def test_servers_are_read_and_written(text: str, server: tuple[str, int]):
    assert parse_server(text) == server
    assert parse_server(format_server(server)) == server


@pytest.mark.parametrize(
    "text",
    [
        "dns.example",
        "10.0.0:53",
        "10.0.0.2:",
        "10.0.0.2:0",
        "10.0.0.2:65536",
        "10.0.0.2:5_3",
        "10.0.0.2:-1",
        ":53",
        "[::1",
        "[::1]53",
        "[::1]:",
        "::1]:53",
        "[]:53",
    ],
)
def test_what_is_no_server(text: str):
    with pytest.raises(ValueError, match=r"."):
        parse_server(text)

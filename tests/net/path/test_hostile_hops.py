"""Hops that lie: forged ICMP errors, floods of them, and replies with another's address.

The router r1 sees each probe and answers it with errors that quote other ports or sequence numbers,
which the kernel must not accept, or with valid ones that claim to be from somewhere else.

Covers: monitor/net/path/hop.py, monitor/net/path/trace.py
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from monitor.model.path import ReplyKind, Transport
from monitor.net.path.hop import Destination
from monitor.net.path.trace import TraceLimits, trace
from tests.net.path.chain import ROUTERS_V4, SERVER_V4, Chain, chain
from tests.net.path.test_chain import DATAGRAM, listen, run

pytestmark = pytest.mark.root

LIAR = "203.0.113.66"
LIMITS = TraceLimits(max_hops=8, probes=2, timeout=0.7)
FLOOD = 200
_TIME_EXCEEDED, _UNREACHABLE, _PROHIBITED = 11, 3, 13
_ETH_P_IP = 0x0800


@pytest.fixture(scope="module")
def lab() -> Iterator[Chain]:
    with chain() as made:
        sockets = made["server"].call(listen)
        yield made
        for sock in sockets:
            sock.close()


@pytest.fixture(autouse=True)
def without_rules(lab: Chain) -> Iterator[None]:
    yield
    lab.reset()


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def icmp_error(kind: int, code: int, quoted: bytes) -> bytes:
    """Return an ICMP error with a quoted packet, from ``LIAR`` to the sender of that packet."""
    quoted += b"\0" * (len(quoted) % 2)
    body = struct.pack("!BBHI", kind, code, 0, 0) + quoted
    body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
    head = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 1, 0, 64, 1, 0,
        socket.inet_aton(LIAR), quoted[12:16],
    )  # fmt: skip
    return head + body


def forged(packet: bytes) -> list[bytes]:
    """Return errors for a probe with one thing wrong in each: source port, destination port,
    address, and over TCP the sequence number."""
    changed = [(20, 2), (22, 2), (16, 4)]
    changed += [(24, 4)] if packet[9] == socket.IPPROTO_TCP else []
    wrong = [
        packet[:at] + bytes(b ^ 0x5A for b in packet[at : at + size]) + packet[at + size :]
        for at, size in changed
    ]
    kinds = ((_TIME_EXCEEDED, 0), (_UNREACHABLE, 3), (_UNREACHABLE, _PROHIBITED))
    return [icmp_error(kind, code, quoted[:28]) for quoted in wrong for kind, code in kinds]


def valid(packet: bytes) -> list[bytes]:
    """Return a flood of time-exceeded errors that quote a probe, from another address."""
    return [icmp_error(_TIME_EXCEEDED, 0, packet[:28])] * FLOOD


@contextmanager
def lying(lab: Chain, answers: object) -> Iterator[list[int]]:
    """Answer each TCP and UDP packet to the server that r1 receives; yields the errors sent."""
    sniffer = lab["r1"].call(
        lambda: socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_IP))
    )
    sender = lab["r1"].call(
        lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    )
    sniffer.settimeout(0.1)
    over, sent = threading.Event(), [0]

    def work() -> None:
        while not over.is_set():
            try:
                packet = sniffer.recv(2048)
            except TimeoutError:
                continue
            if packet[16:20] != socket.inet_aton(SERVER_V4) or packet[9] not in {6, 17}:
                continue
            for answer in answers(packet):  # type: ignore[operator]
                sender.sendto(answer, (socket.inet_ntoa(packet[12:16]), 0))
                sent[0] += 1

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield sent
    finally:
        over.set()
        thread.join()
        sniffer.close()
        sender.close()


@pytest.mark.parametrize(("transport", "port"), [(Transport.TCP, 443), (Transport.UDP, 9)])
def test_errors_that_quote_another_packet_are_ignored(
    lab: Chain, transport: Transport, port: int
) -> None:
    with lying(lab, forged) as sent:
        found = run(lab, trace(Destination(SERVER_V4, port, transport, DATAGRAM), LIMITS))
    assert sent[0] > 0
    assert [hop.addresses for hop in found.hops] == [(a,) for a in (*ROUTERS_V4, SERVER_V4)]
    assert found.end is not None


@pytest.mark.parametrize(("transport", "port"), [(Transport.TCP, 443), (Transport.UDP, 9)])
def test_a_flood_of_valid_errors_is_bounded_and_never_an_arrival(
    lab: Chain, transport: Transport, port: int
) -> None:
    """A device on the path can claim any address: it is shown as a hop, the trace ends as usual."""
    lab.filter("r2", f"ip daddr {SERVER_V4} drop")
    with lying(lab, valid) as sent:
        found = run(lab, trace(Destination(SERVER_V4, port, transport, DATAGRAM), LIMITS))
    assert sent[0] >= FLOOD
    assert not found.reached
    assert len(found.hops) <= LIMITS.max_hops
    assert all(len(hop.replies) == LIMITS.probes for hop in found.hops)
    assert any(LIAR in hop.addresses for hop in found.hops)
    kinds = {reply.kind for hop in found.hops for reply in hop.replies}
    assert kinds <= {ReplyKind.TIME_EXCEEDED, ReplyKind.SILENT}

"""The datagram probers: a real Nebula lighthouse, a small NTP server, and silence."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.diagnosis import diagnose
from monitor.model import Cause, FailureKind, Phase, Protocol
from monitor.net.nebula_wire import encode_test, recv_error_index
from monitor.net.ntp_wire import decode_answer, encode_request
from monitor.probes import prober
from tests.internet.nebula import lighthouse
from tests.internet.process import free_port
from tests.probes.support import make_target, make_tools

Answer = Callable[[bytes], list[bytes]]


@asynccontextmanager
async def datagrams(answer: Answer) -> AsyncIterator[int]:
    """Answer each datagram on a loopback port as ``answer`` says."""

    class Server(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: object) -> None:
            for packet in answer(data):
                self.transport.sendto(packet, addr)  # type: ignore[attr-defined]

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Server, ("127.0.0.1", 0))
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


def recv_error(packet: bytes) -> bytes:
    return b"\x12\0\0\0" + packet[4:8] + b"\0" * 8


async def test_a_real_lighthouse_proves_that_it_is_reached(tmp_path: Path):
    port = free_port(socket.SOCK_DGRAM)
    with lighthouse(tmp_path, port):
        attempt = await prober("nebula")(
            make_target(Protocol.UDP, "127.0.0.1", port, timeout=5), make_tools()
        )
    assert attempt.failure is None
    assert attempt.primary is not None
    assert attempt.primary.rtt is not None
    assert 0 < attempt.primary.rtt < 1
    assert (attempt.primary.sent, attempt.primary.received) == (16, 16)
    assert Phase.EXCHANGE in attempt.phases


async def test_a_lost_packet_is_sent_again():
    seen: list[bytes] = []

    def answer(packet: bytes) -> list[bytes]:
        seen.append(packet)
        return [recv_error(packet)] if len(seen) == 2 else []

    async with datagrams(answer) as port:
        target = make_target(Protocol.UDP, "127.0.0.1", port, timeout=0.8)
        attempt = await prober("nebula")(target, make_tools())
    assert attempt.failure is None
    assert len({packet[4:8] for packet in seen}) == 2
    assert attempt.primary is not None
    assert attempt.primary.rtt is not None
    assert attempt.primary.rtt < 0.2  # of the packet answered, not since the first


async def test_a_closed_port_is_an_icmp_error_with_its_sender():
    port = free_port(socket.SOCK_DGRAM)
    target = make_target(Protocol.UDP, "127.0.0.1", port)
    attempt = await prober("nebula")(target, make_tools())
    assert attempt.failure is not None
    assert (attempt.failure.errno, attempt.failure.icmp) == (errno.ECONNREFUSED, (3, 3))
    assert "from 127.0.0.1" in attempt.failure.message
    assert diagnose(target, attempt).cause is Cause.UDP_PORT_UNREACHABLE
    assert attempt.duration < 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (lambda packet: [], FailureKind.TIMEOUT),
        (lambda packet: [b"hello"], FailureKind.UDP_FORMAT),
        (lambda packet: [recv_error(b"\0" * 16)], FailureKind.UDP_FORMAT),
        (lambda packet: [packet], FailureKind.UDP_FORMAT),
        (lambda packet: [b"x" * 1400] * 100, FailureKind.UDP_FORMAT),
    ],
)
async def test_what_is_no_proof_is_no_success(answer: Answer, kind: FailureKind):
    async with datagrams(answer) as port:
        target = make_target(Protocol.UDP, "127.0.0.1", port, timeout=0.4)
        attempt = await prober("nebula")(target, make_tools())
    assert attempt.failure is not None
    assert (attempt.failure.phase, attempt.failure.kind) == (Phase.EXCHANGE, kind)
    assert diagnose(target, attempt).cause is Cause.UDP_NO_REPLY


async def test_junk_before_the_proof_does_no_harm():
    async with datagrams(lambda packet: [b"junk", recv_error(packet)]) as port:
        target = make_target(Protocol.UDP, "127.0.0.1", port)
        attempt = await prober("nebula")(target, make_tools())
    assert attempt.failure is None


@given(st.integers(0, 2**32 - 1))
def test_the_header_is_nebulas(index: int):
    assert encode_test(index) == b"\x14\0\0\0" + struct.pack("!I", index) + b"\0" * 8
    assert recv_error_index(recv_error(encode_test(index))) == index
    assert recv_error_index(encode_test(index)) is None


def ntp_answer(request: bytes, offset: float, stratum: int = 2, leap: int = 0) -> bytes:
    now = int((time.time() + offset + 2_208_988_800) * 2**32)
    head = struct.pack("!BBbb3I", leap << 6 | 4 << 3 | 4, stratum, 0, 0, 0, 0, 0x52415445)
    return head + struct.pack("!Q", 0) + request[40:48] + struct.pack("!QQ", now, now)


@pytest.mark.parametrize(("offset", "cause"), [(0.0, None), (60.0, Cause.CLOCK_SKEW)])
async def test_ntp_compares_the_clocks(offset: float, cause: Cause | None):
    async with datagrams(lambda request: [b"junk", ntp_answer(request, offset)]) as port:
        target = make_target(Protocol.NTP, "127.0.0.1", port)
        attempt = await prober("ntp")(target, make_tools())
    assert attempt.failure is None
    assert attempt.clock_offset == pytest.approx(offset, abs=0.5)
    assert diagnose(target, attempt).cause is cause


@pytest.mark.parametrize(("stratum", "leap"), [(0, 0), (16, 3)])
async def test_a_time_server_that_declines_is_not_believed(stratum: int, leap: int):
    async with datagrams(lambda request: [ntp_answer(request, 0, stratum, leap)]) as port:
        target = make_target(Protocol.NTP, "127.0.0.1", port)
        attempt = await prober("ntp")(target, make_tools())
    assert attempt.failure is not None
    assert attempt.failure.kind is FailureKind.UDP_FORMAT
    assert attempt.clock_offset is None


@given(st.binary(max_size=100))
def test_ntp_rubbish_is_no_answer(packet: bytes):
    assert decode_answer(packet, 1 << 63 | 12345) is None
    assert len(encode_request(7)) == 48

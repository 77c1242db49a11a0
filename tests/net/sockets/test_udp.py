"""Datagram sockets: the kernel's time of arrival, strangers, and ICMP errors told apart.

Covers: monitor/net/sockets/icmp.py, monitor/net/sockets/receive_time.py
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from monitor.model.probe_result import Phase
from monitor.net.errors import IcmpOSError, failure_of
from monitor.net.sockets.udp import UdpSocket
from tests.internet.datagrams import datagrams, send_icmp6_error, send_icmp_error
from tests.internet.process import free_port, open_descriptors

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="raw sockets need root")


@contextmanager
def connected(port: int, host: str = "127.0.0.1") -> Iterator[UdpSocket]:
    sock = UdpSocket(host, port)
    try:
        yield sock
    finally:
        sock.close()


async def within(seconds: float, sock: UdpSocket) -> tuple[bytes, float]:
    async with asyncio.timeout(seconds):
        return await sock.receive()


async def test_an_answer_has_the_time_of_its_arrival_however_late_it_is_read():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        with connected(server.getsockname()[1]) as sock:
            # The kernel begins to stamp a moment after the first socket has asked for it.
            time.sleep(0.1)  # noqa: ASYNC251
            sent_at = sock.send(b"question")
            data, peer = server.recvfrom(64)
            server.sendto(data.upper(), peer)
            time.sleep(0.3)  # noqa: ASYNC251 - a busy event loop is what is tested
            data, arrived_at = await within(5, sock)
    assert data == b"QUESTION"
    assert 0 <= arrived_at - sent_at < 0.25
    assert (sock.sent, sock.received) == (8, 8)


async def test_both_families_are_spoken():
    async with datagrams(lambda packet: [packet], "::1") as port:
        with connected(port, "::1") as sock:
            sock.send(b"six")
            assert (await within(5, sock))[0] == b"six"


async def test_what_another_sender_sends_is_not_received():
    async with datagrams(lambda packet: [b"real"]) as port:
        with connected(port) as sock, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.sendto(b"forged", sock._sock.getsockname())
            sock.send(b"question")
            assert (await within(5, sock))[0] == b"real"


async def test_a_datagram_that_is_too_long_is_cut():
    async with datagrams(lambda packet: [b"x" * 60_000]) as port:
        with connected(port) as sock:
            sock.send(b"question")
            assert len((await within(5, sock))[0]) == 2048


async def test_an_empty_datagram_is_one():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        with connected(server.getsockname()[1]) as sock:
            server.sendto(b"", sock._sock.getsockname())
            assert (await within(5, sock))[0] == b""


async def test_waiting_can_be_cancelled_and_begun_again():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        with connected(server.getsockname()[1]) as sock:
            with pytest.raises(TimeoutError):
                await within(0.01, sock)
            server.sendto(b"late", sock._sock.getsockname())
            assert (await within(5, sock))[0] == b"late"


@pytest.mark.parametrize(("host", "icmp"), [("127.0.0.1", (3, 3)), ("::1", (1, 4))])
async def test_a_closed_port_is_told_by_icmp(host: str, icmp: tuple[int, int]):
    with connected(free_port(socket.SOCK_DGRAM, host), host) as sock:
        sock.send(b"question")
        with pytest.raises(IcmpOSError) as caught:
            await within(5, sock)
    assert (caught.value.errno, caught.value.icmp) == (errno.ECONNREFUSED, icmp)
    assert caught.value.sender == host


async def test_an_icmp_error_is_told_at_the_next_send_too():
    with connected(free_port(socket.SOCK_DGRAM)) as sock:
        sock.send(b"question")
        with pytest.raises(IcmpOSError) as caught:
            sock.send(b"again")
    assert caught.value.icmp == (3, 3)


V4 = [
    ((3, 0), errno.ENETUNREACH),
    ((3, 1), errno.EHOSTUNREACH),
    ((3, 9), errno.ENETUNREACH),
    ((3, 10), errno.EHOSTUNREACH),
    ((3, 13), errno.EHOSTUNREACH),
    ((11, 0), errno.EHOSTUNREACH),
]
V6 = [
    ((1, 0), errno.ENETUNREACH),
    ((1, 1), errno.EACCES),
    ((1, 3), errno.EHOSTUNREACH),
    ((1, 5), errno.EACCES),
]


@pytest.mark.root
@needs_root
@pytest.mark.parametrize(
    ("host", "send_error", "icmp", "number"),
    [("127.0.0.1", send_icmp_error, *case) for case in V4]
    + [("::1", send_icmp6_error, *case) for case in V6],
)
async def test_every_icmp_error_is_told_by_type_and_code(
    host: str,
    send_error: Callable[[tuple[int, int], int, int], None],
    icmp: tuple[int, int],
    number: int,
):
    with socket.socket(
        socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM
    ) as mute:
        mute.bind((host, 0))
        port = mute.getsockname()[1]
        with connected(port, host) as sock:
            sock.send(b"question")
            send_error(icmp, sock._sock.getsockname()[1], port)
            with pytest.raises(IcmpOSError) as caught:
                await within(5, sock)
    failure = failure_of(caught.value, Phase.EXCHANGE)
    assert (failure.icmp, failure.errno) == (icmp, number)
    assert f"ICMP type {icmp[0]} code {icmp[1]} from {host}" in failure.message


@pytest.mark.root
@needs_root
async def test_an_icmp_error_about_another_socket_does_no_harm():
    async with datagrams(lambda packet: [packet]) as port:
        with connected(port) as sock:
            source_port = sock._sock.getsockname()[1]
            send_icmp_error((3, 3), source_port, port % 65_535 + 1)
            sock.send(b"question")
            assert (await within(5, sock))[0] == b"question"


async def test_no_descriptor_is_left_when_there_is_no_route():
    before = open_descriptors()
    with pytest.raises(PermissionError):
        UdpSocket("255.255.255.255", 9)  # a broadcast takes an option that we don't set
    assert open_descriptors() == before

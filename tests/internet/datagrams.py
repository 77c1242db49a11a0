"""A datagram server in the test's own event loop, and ICMP errors that a test makes up."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

Answer = Callable[[bytes], list[bytes]]
"""What is sent back for a datagram."""


@asynccontextmanager
async def datagrams(answer: Answer, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """Answer each datagram on a loopback port as ``answer`` says."""

    class Server(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: object) -> None:
            for packet in answer(data):
                self.transport.sendto(packet, addr)  # type: ignore[attr-defined]

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Server, (host, 0))
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


def send_icmp_error(kind: tuple[int, int], source_port: int, port: int) -> None:
    """Send the ICMP error that a router would for a datagram from ``source_port`` to
    ``port``, both on 127.0.0.1 (RFC 792). Needs root."""
    address = socket.inet_aton("127.0.0.1")
    ip = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 28, 0, 0, 64, socket.IPPROTO_UDP, 0, address, address
    )
    udp = struct.pack("!HHHH", source_port, port, 8, 0)
    body = struct.pack("!BBHI", *kind, 0, 0) + ip + udp
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
        raw.sendto(body[:2] + struct.pack("!H", _checksum(body)) + body[4:], ("127.0.0.1", 0))


def send_icmp6_error(kind: tuple[int, int], source_port: int, port: int) -> None:
    """Do the same on ::1 (RFC 4443); the kernel fills in the checksum. Needs root."""
    address = socket.inet_pton(socket.AF_INET6, "::1")
    ip = struct.pack("!IHBB16s16s", 6 << 28, 8, socket.IPPROTO_UDP, 64, address, address)
    udp = struct.pack("!HHHH", source_port, port, 8, 0)
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as raw:
        raw.sendto(struct.pack("!BBHI", *kind, 0, 0) + ip + udp, ("::1", 0))


def _checksum(data: bytes) -> int:
    """RFC 1071; ``data`` is of even length."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF

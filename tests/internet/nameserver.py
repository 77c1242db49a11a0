"""Name servers with one bad habit each, in the test's own event loop: what unbound never does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import dns.flags
import dns.message
import dns.rrset

Habit = Callable[[bytes], list[bytes]]
"""From a question to the datagrams (by TCP, the messages) that answer it."""


@asynccontextmanager
async def nameserver(
    udp: Habit, tcp: Habit | None = None, *, delay: float = 0.0, host: str = "127.0.0.1"
) -> AsyncIterator[tuple[str, int]]:
    """Answer as ``udp`` and ``tcp`` say on one loopback port; without ``tcp`` that refuses.
    Datagrams leave ``delay`` seconds late."""

    class Datagrams(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: object) -> None:
            loop.call_later(delay, self.answer, udp(data), addr)

        def answer(self, packets: list[bytes], addr: object) -> None:
            for packet in packets:
                self.transport.sendto(packet, addr)  # type: ignore[attr-defined]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        query = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
        for message in tcp(query) if tcp else ():
            writer.write(message)
        writer.close()

    loop = asyncio.get_running_loop()
    listener = await asyncio.start_server(serve, host, 0)
    server = listener.sockets[0].getsockname()
    if tcp is None:
        listener.close()
    transport, _ = await loop.create_datagram_endpoint(Datagrams, (host, server[1]))
    try:
        yield server
    finally:
        transport.close()
        listener.close()


def reply(
    query: bytes,
    *records: str,
    rcode: str = "NOERROR",
    truncated: bool = False,
    negative: bool = False,
) -> bytes:
    """Write an honest answer: records are like ``"name 60 IN A 192.0.2.1"``. ``negative``
    adds the SOA that says nothing is missing."""
    asked = dns.message.from_wire(query)
    answer = dns.message.make_response(asked)
    answer.set_rcode(dns.rcode.from_text(rcode))
    if truncated:
        answer.flags |= dns.flags.TC
    for record in records:
        name, ttl, rclass, rtype, value = record.split(maxsplit=4)
        answer.answer.append(dns.rrset.from_text(f"{name}.", int(ttl), rclass, rtype, value))
    if negative:
        soa = dns.rrset.from_text("test.", 60, "IN", "SOA", "ns.test. mail.test. 1 2 3 4 5")
        answer.authority.append(soa)
    return answer.to_wire()


def with_length(message: bytes) -> bytes:
    """Frame a message as TCP wants it."""
    return len(message).to_bytes(2, "big") + message

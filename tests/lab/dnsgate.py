"""A forwarder with a fault before a real name server.

``python -m tests.lab.dnsgate ADDRESS PORT TREATMENT``: queries to PORT of the address are passed on
to its port 53. ``delay=0.3``: every answer takes 0.3 s longer; ``lose=0.5``: half of the queries
are lost; ``aaaa``: the answer to AAAA is that the name does not exist (RFC 4074 section 4.2).
"""

from __future__ import annotations

import asyncio
import sys
from random import Random

_AAAA = 28
_NXDOMAIN = b"\x81\x83"


def qtype(query: bytes) -> int:
    """Return the type of the question (RFC 1035 section 4.1.2)."""
    position = 12
    while size := query[position]:
        position += 1 + size
    return int.from_bytes(query[position + 1 : position + 3], "big")


class Upstream(asyncio.DatagramProtocol):
    """Passes one answer on."""

    def __init__(self, gate: Gate, client: tuple[str, int], delay: float) -> None:
        self._gate, self._client, self._delay = gate, client, delay

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport
        asyncio.get_running_loop().call_later(5.0, transport.close)

    def datagram_received(self, data: bytes, addr: object) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(self._delay, self._gate.answer, data, self._client)
        self._transport.close()


class Gate(asyncio.DatagramProtocol):
    """Takes queries."""

    def __init__(self, upstream: tuple[str, int], treatment: str) -> None:
        self._upstream = upstream
        self._kind, _, figure = treatment.partition("=")
        self._figure = float(figure or 0)
        self._random = Random()
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self._kind == "lose" and self._random.random() < self._figure:
            return
        if self._kind == "aaaa" and qtype(data) == _AAAA:
            self.answer(data[:2] + _NXDOMAIN + data[4:], addr)
            return
        task = asyncio.get_running_loop().create_task(self._forward(data, addr))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def answer(self, data: bytes, client: tuple[str, int]) -> None:
        self._transport.sendto(data, client)

    async def _forward(self, data: bytes, client: tuple[str, int]) -> None:
        delay = self._figure if self._kind == "delay" else 0.0
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: Upstream(self, client, delay), remote_addr=self._upstream
        )
        transport.sendto(data)


async def main(address: str, port: str, treatment: str) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(
        lambda: Gate((address, 53), treatment), (address, int(port))
    )
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

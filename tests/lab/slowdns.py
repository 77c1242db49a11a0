"""A name server whose answers come too late: ``python -m tests.lab.slowdns ADDRESS SECONDS``."""

from __future__ import annotations

import asyncio
import sys


class Late(asyncio.DatagramProtocol):
    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: object) -> None:
        answer = data[:2] + b"\x81\x82" + data[4:]  # SERVFAIL to the same question
        loop = asyncio.get_running_loop()
        loop.call_later(self._seconds, self._transport.sendto, answer, addr)  # type: ignore[attr-defined]


async def main(address: str, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: Late(seconds), (address, 53))
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))

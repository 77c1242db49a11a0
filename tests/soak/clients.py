"""Hostile clients of the page: idle, not reading, bursting, pipelining, talking nonsense.

``python -m tests.soak.clients PORT`` attacks a page on loopback until killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import Awaitable, Callable

_METRICS = b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


async def connected(port: int, buffer: int = 0) -> socket.socket:
    """Return a connection to the page."""
    sock = socket.socket()
    if buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    sock.setblocking(False)
    async with asyncio.timeout(5):
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    return sock


async def hold(port: int, count: int, data: bytes, seconds: float, buffer: int = 0) -> None:
    """Open connections, send the same on each, read nothing, and close them after a while."""
    socks: list[socket.socket] = []
    try:
        for _ in range(count):
            with contextlib.suppress(OSError, TimeoutError):
                sock = await connected(port, buffer)
                socks.append(sock)
                sock.send(data)
        await asyncio.sleep(seconds)
    finally:
        for sock in socks:
            sock.close()


ATTACKS: tuple[Callable[[int], Awaitable[None]], ...] = (
    lambda port: hold(port, 120, b"", 20),
    lambda port: hold(port, 60, _METRICS, 15, buffer=4096),
    lambda port: hold(port, 200, b"\x16\x03\x01\xff\xff" + b"\0" * 100, 1),
    lambda port: hold(port, 20, _METRICS * 50, 5, buffer=4096),
    lambda port: hold(port, 30, b"GET / HTTP/1.1\r\nX: ", 10),
    lambda port: hold(
        port, 20, b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 20, buffer=4096
    ),
)


async def attack(port: int) -> None:
    """Attack in all ways at once, again and again."""

    async def again(one: Callable[[int], Awaitable[None]]) -> None:
        while True:
            with contextlib.suppress(OSError):
                await one(port)
            await asyncio.sleep(1)

    await asyncio.gather(*(again(one) for one in ATTACKS))


if __name__ == "__main__":
    asyncio.run(attack(int(sys.argv[1])))

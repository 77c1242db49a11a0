"""An HTTPS server with a bad habit: ``python -m tests.lab.rudeweb ADDRESS PORT HABIT CERT KEY``.

``reset``: resets each connection that it accepts; ``late``: answers after 30 s; ``short``: less
body than announced; ``headers``: they never end.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import sys

_NOW = struct.pack("ii", 1, 0)  # struct linger: closing resets the connection


async def answer(habit: str, writer: asyncio.StreamWriter) -> None:
    if habit == "late":
        await asyncio.sleep(30)
    writer.write(b"HTTP/1.1 200 OK\r\n")
    if habit == "short":
        writer.write(b"Content-Length: 1000\r\n\r\nhalf")
        await writer.drain()
        return
    while True:
        writer.write(b"X-More: yes\r\n")
        await writer.drain()
        await asyncio.sleep(0.2)


async def main(words: list[str]) -> None:
    address, port, habit, certificate, key = words
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read(4096)
            await answer(habit, writer)
        except (ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NOW)
        writer.transport.abort()

    if habit == "reset":
        server = await asyncio.start_server(refuse, address, int(port))
    else:
        server = await asyncio.start_server(handle, address, int(port), ssl=context)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))

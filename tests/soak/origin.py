"""Origins of the endurance run: one process that serves each 127.0.1.n, some of them with faults.

``python -m tests.soak.origin HEALTHY FAULTY SEED``: 127.0.1.1 … are healthy, 127.0.2.1 … change
what is wrong with them every four seconds. Prints its port.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import sys

CHANGE_EVERY = 4.0
"""Seconds between two changes of what is wrong."""

FAULTS = ("none", "none", "none", "silent", "reset", "closed", "error", "slow", "cut")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


async def behave(fault: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one connection."""
    if fault == "reset":
        sock: socket.socket = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        return
    if fault == "closed":
        return
    await reader.read(4096)
    if fault == "silent":
        await asyncio.sleep(5)
    elif fault == "slow":
        await asyncio.sleep(0.3)
    if fault == "error":
        writer.write(OK.replace(b"200 OK", b"503 Unavailable"))
    elif fault == "cut":
        writer.write(OK[:-1])
    else:
        writer.write(OK)
    await writer.drain()


async def serve(seed: int) -> None:
    """Serve until killed."""
    faults: dict[str, str] = {}

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = writer.get_extra_info("sockname")[0]
        try:
            async with asyncio.timeout(10):
                await behave(faults.get(address, "none"), reader, writer)
        except (OSError, TimeoutError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "0.0.0.0", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    chosen = random.Random(seed)
    while True:
        for number in range(1, 255):
            faults[f"127.0.2.{number}"] = chosen.choice(FAULTS)
        await asyncio.sleep(CHANGE_EVERY)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))

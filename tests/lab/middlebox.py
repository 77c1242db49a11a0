"""A middlebox for TLS: reads the name in the ClientHello and resets, drops, or opens it.

``python -m tests.lab.middlebox PORT MODE [CERT KEY] NAME-SUFFIX...`` in the middlebox's
namespace, with TCP redirected to it: names with one of the suffixes get MODE (``reset``,
``drop``, ``intercept`` with a certificate, ``alert``), all others pass unread. If the first suffix
is ``!``, names with one of the others pass, and all the rest get MODE.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import sys

_ORIGINAL_DESTINATION = 80  # SO_ORIGINAL_DST, Linux netfilter_ipv4.h
ALERT = bytes([21, 3, 3, 0, 2, 2, 70])  # TLS alert: fatal, protocol_version (RFC 8446 6.2)


def server_name(hello: bytes) -> str | None:
    """Return the name in a ClientHello (RFC 8446 4.1.2, RFC 6066 3); None if it has none."""
    try:
        position = 5 + 4 + 2 + 32
        position += 1 + hello[position]
        position += 2 + int.from_bytes(hello[position : position + 2], "big")
        position += 1 + hello[position]
        end = position + 2 + int.from_bytes(hello[position : position + 2], "big")
        position += 2
        while position < end:
            kind, length = struct.unpack_from("!HH", hello, position)
            if kind == 0:
                size = int.from_bytes(hello[position + 7 : position + 9], "big")
                return hello[position + 9 : position + 9 + size].decode("ascii")
            position += 4 + length
    except (IndexError, struct.error, UnicodeDecodeError):
        pass
    return None


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


class Middlebox:
    def __init__(self, mode: str, certificate: list[str], suffixes: list[str]) -> None:
        self._mode = mode
        self._denies = suffixes[:1] == ["!"]
        self._suffixes = tuple(suffixes[1:] if self._denies else suffixes)
        self._context = None
        if certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(*certificate)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            hello = await reader.read(4096)
            name = server_name(hello) or ""
            if name.endswith(self._suffixes) is not self._denies:
                await self._treat(hello, reader, writer)
            else:
                await self._pass_on(hello, reader, writer)
        except (ConnectionError, OSError):
            writer.close()

    async def _treat(
        self, hello: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        sock: socket.socket = writer.get_extra_info("socket")
        if self._mode == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        elif self._mode == "drop":
            await asyncio.sleep(30)
            writer.close()
        elif self._mode == "alert":
            writer.write(ALERT)
            await writer.drain()
            writer.close()
        else:
            await self._intercept(hello, reader, writer)

    async def _intercept(
        self, hello: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Finish the handshake with our own certificate; the client looks no further."""
        assert self._context is not None
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self._context.wrap_bio(incoming, outgoing, server_side=True)
        incoming.write(hello)
        answered = False
        while True:
            try:
                if not answered:
                    tls.do_handshake()
                    answered = True
                request = tls.read(4096)
                if not request:
                    break
                tls.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nx-amzn-requestid: no\r\n\r\nok")
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                break
            writer.write(outgoing.read())
            await writer.drain()
            data = await reader.read(65536)
            if not data:
                break
            incoming.write(data)
        writer.close()

    async def _pass_on(
        self, hello: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        sock: socket.socket = writer.get_extra_info("socket")
        raw = sock.getsockopt(socket.SOL_IP, _ORIGINAL_DESTINATION, 16)
        port, address = struct.unpack_from("!2xH4s", raw)
        there, to = await asyncio.open_connection(socket.inet_ntoa(address), port)
        to.write(hello)
        await asyncio.gather(pipe(reader, to), pipe(there, writer))


async def main(words: list[str]) -> None:
    port, mode, *rest = words
    certificate, suffixes = (rest[:2], rest[2:]) if mode == "intercept" else ([], rest)
    box = Middlebox(mode, certificate, suffixes)
    server = await asyncio.start_server(box.handle, "0.0.0.0", int(port))
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))

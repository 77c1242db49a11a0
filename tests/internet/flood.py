"""Peers that flood: one process with one port per kind of junk. ``python -m tests.internet.flood``
takes a chain and a key, and prints the ports by kind as JSON."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.internet import tls13
from tests.internet.ca import Issued
from tests.internet.tls13 import APPLICATION_DATA, HANDSHAKE, Writer, message, plain_record

Talk = Callable[[socket.socket], None]
_OK = b"HTTP/1.1 200 OK\r\n"
_CHUNKED = _OK + b"Transfer-Encoding: chunked\r\n\r\n"


def without_end(part: bytes, first: bytes = b"") -> Talk:
    """Wait for a request, then send ``first`` and ``part`` again and again."""

    def talk(sock: socket.socket) -> None:
        sock.recv(65_536)
        sock.sendall(first)
        block = part * max(1, 65_536 // len(part))
        while True:
            sock.sendall(block)

    return talk


def byte_by_byte(data: bytes) -> Talk:
    """Wait for a request, then send ``data`` in segments of one byte."""

    def talk(sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.recv(65_536)
        for at in range(len(data)):
            sock.sendall(data[at : at + 1])

    return talk


PLAIN: Mapping[str, Talk] = {
    "bytes": without_end(b"\0"),
    "letters": without_end(b"a"),
    "line ends": without_end(b"\r\n"),
    "status line without end": without_end(b"a", b"HTTP/1.1 200 "),
    "status line byte by byte": byte_by_byte(b"HTTP/1.1 200 " + b"a" * 600_000),
    "head byte by byte": byte_by_byte(_OK + b"a:" + b"a" * 600_000),
    "interim responses": without_end(b"HTTP/1.1 100 \r\n\r\n"),
    "header lines": without_end(b"a:\r\n", _OK),
    "the same header, then an end": without_end(b"x", _OK + b"a:\n" * 170_000 + b"\r\n"),
    "different headers": without_end(
        b"x", _OK + b"".join(b"%x:\n" % number for number in range(70_000)) + b"\r\n"
    ),
    "folded header": without_end(b" a\r\n", _OK + b"a: a\r\n"),
    "chunks of one byte": without_end(b"1\r\na\r\n", _CHUNKED),
    "chunk extensions": without_end(b"1;" + b"e" * 200 + b"\r\na\r\n", _CHUNKED),
    "chunk extension without end": without_end(b"e", _CHUNKED + b"1;"),
    "trailers": without_end(b"a:\r\n", _CHUNKED + b"0\r\n"),
    "body": without_end(b"a" * 1000, _OK + b"\r\n"),
    "body of ami tags": without_end(b"<imageId>", _OK + b"\r\n<DescribeImagesResponse>"),
    "alerts": without_end(plain_record(21, b"\x01\x00")),
    "empty handshake records": without_end(plain_record(HANDSHAKE, b"")),
    "change cipher spec": without_end(plain_record(20, b"\x01")),
    "hello requests": without_end(plain_record(HANDSHAKE, message(0, b"") * 4000)),
    "handshake message of 100 KB": without_end(
        plain_record(HANDSHAKE, b"\0"), plain_record(HANDSHAKE, b"\x02\x01\x00\x00")
    ),
    "dns message of junk": without_end(b"\0", b"\xff\xff"),
}
"""Talks over TCP without a handshake, by kind of junk."""


def _updates(sock: socket.socket, writer: Writer) -> None:
    while True:
        sock.sendall(b"".join(writer.key_update() for _ in range(500)))


def _updates_requested(sock: socket.socket, writer: Writer) -> None:
    while True:
        sock.sendall(b"".join(writer.key_update(requested=True) for _ in range(500)))


def _updates_between_data(sock: socket.socket, writer: Writer) -> None:
    sock.sendall(writer.record(APPLICATION_DATA, _OK + b"\r\n"))
    while True:
        batch = b"".join(writer.key_update() for _ in range(15))
        sock.sendall(batch + writer.record(APPLICATION_DATA, b"a"))


def _same(record: Callable[[Writer], bytes], first: bytes = b"") -> Callable[..., None]:
    def talk(sock: socket.socket, writer: Writer) -> None:
        if first:
            sock.sendall(writer.record(APPLICATION_DATA, first))
        while True:
            sock.sendall(b"".join(record(writer) for _ in range(500)))

    return talk


_TICKET = message(4, struct.pack("!IIBBH", 7200, 1, 1, 0, 32) + b"t" * 32 + b"\0\0")

TLS: Mapping[str, Callable[[socket.socket, Writer], None]] = {
    "key updates": _updates,
    "key updates that ask for one": _updates_requested,
    "key updates between bytes": _updates_between_data,
    "empty records": _same(lambda w: w.record(APPLICATION_DATA, b"")),
    "empty records with padding": _same(lambda w: w.record(APPLICATION_DATA, b"", 16_000)),
    "tickets": _same(lambda w: w.record(HANDSHAKE, _TICKET)),
    "tickets in one record": _same(lambda w: w.record(HANDSHAKE, _TICKET * 300)),
    "records of one byte": _same(lambda w: w.record(APPLICATION_DATA, b"a"), _OK + b"\r\n"),
    "records of one byte with padding": _same(
        lambda w: w.record(APPLICATION_DATA, b"a", 16_000), _OK + b"\r\n"
    ),
    "chunks of one byte by TLS": _same(
        lambda w: w.record(APPLICATION_DATA, b"1\r\na\r\n" * 2000), _CHUNKED
    ),
    "body by TLS": _same(lambda w: w.record(APPLICATION_DATA, b"a" * 16_000), _OK + b"\r\n"),
}
"""Talks behind a TLS 1.3 handshake, by kind of junk."""


def _behind_handshake(talk: Callable[[socket.socket, Writer], None], issued: Issued) -> Talk:
    return lambda sock: talk(sock, tls13.handshake(sock, issued.chain, issued.key))


def _serve(talk: Talk) -> int:
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    def one(sock: socket.socket) -> None:
        with contextlib.suppress(OSError), sock:
            sock.settimeout(20)
            talk(sock)
            sock.recv(65_536)

    def accept() -> None:
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=one, args=(sock,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return int(listener.getsockname()[1])


def _datagrams(reply: Callable[[bytes], bytes], count: int = 100_000, port: int = 0) -> int:
    """Answer each datagram with ``count`` of what ``reply`` makes of it."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", port))

    def loop() -> None:
        while True:
            data, peer = sock.recvfrom(65_536)
            junk = reply(data)
            with contextlib.suppress(OSError):
                for _ in range(count):
                    sock.sendto(junk, peer)

    threading.Thread(target=loop, daemon=True).start()
    return int(sock.getsockname()[1])


def _truncated(query: bytes) -> bytes:
    """An answer that sends the client to TCP, where the junk is."""
    return query[:2] + b"\x83\x80" + query[4:6] + bytes(6) + query[12:]


def _dns_records(query: bytes) -> bytes:
    """An answer to ``query`` of 255 aliases, each a name of 126 labels."""
    name = b"\x01a" * 126 + b"\0"
    record = b"\xc0\x0c" + struct.pack("!2HIH", 5, 1, 1, 2) + b"\xc0\x0c"
    head = struct.pack("!6H", int.from_bytes(query[:2], "big"), 0x8180, 1, 255, 0, 0)
    return head + name + struct.pack("!2H", 1, 1) + record * 255


UDP: Mapping[str, Callable[[bytes], bytes]] = {
    "datagrams of junk": lambda _: b"\xff" * 1400,
    "datagrams of their own question": lambda data: data,
    "dns answers to another question": lambda data: bytes([data[0] ^ 1]) + data[1:2] + b"\x80" * 40,
    "dns answers of 255 aliases": _dns_records,
}
"""Answers by UDP, by kind of junk."""


@contextmanager
def flood(issued: Issued) -> Iterator[Mapping[str, int]]:
    """Run the flooding peers in a process of their own; yields the port of each kind."""
    command = [sys.executable, "-m", "tests.internet.flood", str(issued.chain), str(issued.key)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.kill()


def main(chain: str, key: str) -> None:
    """Serve until killed."""
    issued = Issued(Path(chain), Path(key), None)  # type: ignore[arg-type]
    ports = {kind: _serve(talk) for kind, talk in PLAIN.items()}
    for port in ports.values():
        _datagrams(_truncated, 1, port)
    ports |= {kind: _serve(_behind_handshake(talk, issued)) for kind, talk in TLS.items()}
    ports |= {kind: _datagrams(reply) for kind, reply in UDP.items()}
    print(json.dumps(ports), flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])

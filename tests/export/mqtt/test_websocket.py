"""WebSocket frames and handshakes as RFC 6455 has them, and brokers that do not keep to it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.export.mqtt import websocket as module
from monitor.export.mqtt.transport import connect_tcp, receive, send_all
from monitor.export.mqtt.websocket import (
    IDLE_FRAMES_LIMIT,
    Opcode,
    WebSocketTransport,
    check_response,
    closed_text,
    frame_head,
    masked_frame,
)
from tests.internet.process import free_port, open_descriptors

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455 section 1.3
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
HEAD = (
    "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
)
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def unmasked(frame: bytes) -> bytes:
    """Return the payload of a client's frame."""
    size = {126: 4, 127: 10}.get(frame[1] & 127, 2)
    key, data = frame[size : size + 4], frame[size + 4 :]
    return bytes(byte ^ key[index % 4] for index, byte in enumerate(data))


def frame(data: bytes, opcode: int = Opcode.BINARY, *, first: int = 0x80) -> bytes:
    """Return a server's frame."""
    length = len(data)
    if length < 126:
        return bytes([first | opcode, length]) + data
    if length < 65_536:
        return bytes([first | opcode, 126]) + length.to_bytes(2, "big") + data
    return bytes([first | opcode, 127]) + length.to_bytes(8, "big") + data


@given(st.sampled_from(Opcode), st.binary(max_size=70_000))
def test_a_clients_frame_is_final_and_masked(opcode: Opcode, data: bytes):
    encoded = masked_frame(opcode, data)
    assert encoded[0] == 0x80 | opcode
    assert encoded[1] & 0x80
    assert unmasked(encoded) == data


@given(st.binary(max_size=20))
def test_no_bytes_of_a_server_break_the_reader_of_heads(data: bytes):
    try:
        head = frame_head(data)
    except ConnectionAbortedError:
        return
    assert head is None or head[1] <= len(data)


@pytest.mark.parametrize(
    "data",
    [b"\x81\x01a", b"\xc2\x01a", b"\x82\x81a", b"\x89\x7e\x00\xff", b"\x09\x00", b"\x83\x00"],
    ids=["text", "reserved bit", "masked", "long ping", "fragmented ping", "reserved opcode"],
)
def test_what_rfc_6455_forbids_ends_the_connection(data: bytes):
    with pytest.raises(ConnectionAbortedError, match="invalid WebSocket"):
        frame_head(data)


def test_a_close_frame_is_reported_with_code_and_reason():
    assert closed_text(b"") == "the broker closed the WebSocket"
    assert closed_text(b"\x03\xf0not\x1b allowed") == (
        "the broker closed the WebSocket: 1008 not? allowed"
    )


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (f"{HEAD}Sec-WebSocket-Accept: {ACCEPT}\r\nSec-WebSocket-Protocol: mqtt", None),
        (f"{HEAD}Sec-WebSocket-Accept: {ACCEPT}", None),
        (f"{HEAD}Sec-WebSocket-Accept: {ACCEPT}\r\nSec-WebSocket-Protocol: chat", "not carry MQTT"),
        (f"{HEAD}Sec-WebSocket-Accept: x", "wrong accept key"),
        (HEAD, "wrong accept key"),
        (f"HTTP/1.1 101 X\r\nUpgrade: h2c\r\nSec-WebSocket-Accept: {ACCEPT}", "something else"),
        ("HTTP/1.1 403 Forbidden\r\nServer: x", "answered with 403 Forbidden"),
        ("HTTP/1.1 403 For\x1bbidden\xff", "403 For?bidden"),
        ("SSH-2.0-OpenSSH_9", "not HTTP"),
    ],
)
def test_the_response_of_the_handshake_is_checked(head: str, said: str | None):
    if said is None:
        check_response(head.encode("latin-1"), KEY)
        return
    with pytest.raises(OSError, match=said.replace("?", r"\?")):
        check_response(head.encode("latin-1"), KEY)


async def accept(reader: asyncio.StreamReader) -> bytes:
    """Return the response to a request that is read here."""
    request = await reader.readuntil(b"\r\n\r\n")
    key = request.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
    digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    return HEAD.encode() + b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"


@asynccontextmanager
async def connection(serve: Serve) -> AsyncIterator[WebSocketTransport]:
    """Connect to a server that runs ``serve``, without the handshake."""
    port = free_port()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except OSError:
            return
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", port)
    tcp = await connect_tcp("127.0.0.1", port)
    try:
        yield WebSocketTransport(tcp)
    finally:
        tcp.close()
        server.close()


async def read(web: WebSocketTransport, count: int) -> bytes:
    data = b""
    while len(data) < count:
        chunk = await receive(web, count - len(data))
        assert chunk
        data += chunk
    return data


async def test_data_passes_whatever_its_frames_and_pings_are_answered():
    seen = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await accept(reader) + frame(b"a"))
        pieces = frame(b"b" * 300) + frame(b"c" * 70_000) + frame(b"", Opcode.PONG)
        pieces += frame(b"de", first=0) + frame(b"fg", Opcode.CONTINUATION)
        for start in range(0, len(pieces), 1000):
            writer.write(pieces[start : start + 1000])
            await writer.drain()
        writer.write(frame(b"hello", Opcode.PING))
        seen.set_result((await reader.readexactly(11), await reader.readexactly(9)))

    async with connection(serve) as web:
        await web.handshake("h:1", "/mqtt")
        assert await read(web, 70_305) == b"a" + b"b" * 300 + b"c" * 70_000 + b"defg"
        waiting = asyncio.create_task(receive(web, 1))
        await asyncio.sleep(0)
        await send_all(web, b"abc")
        pong, data = await seen
        assert await waiting == b""
    assert {unmasked(pong), unmasked(data)} == {b"hello", b"abc"} or unmasked(pong) == b"abc"


async def test_data_that_came_in_one_read_counts_as_activity_each_time():
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await accept(reader) + frame(b"a") + frame(b"bc"))
        await reader.read()

    async with connection(serve) as web:
        await web.handshake("h:1", "/mqtt")
        await read(web, 1)
        for expected in (b"b", b"c"):
            before = web.activity
            assert web.recv(1) == expected
            assert web.activity > before


async def test_a_handshake_that_trickles_ends_in_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "HANDSHAKE_TIMEOUT", 0.3)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"H")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with connection(serve) as web:
        with pytest.raises(TimeoutError, match=r"no WebSocket handshake within 0.3 s"):
            await web.handshake("h:1", "/mqtt")


async def test_a_handshake_that_never_ends_is_bounded_and_can_be_cancelled():
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"x" * 1000)
            await writer.drain()

    async with connection(serve) as web:
        with pytest.raises(ConnectionAbortedError, match="too long"):
            await web.handshake("h:1", "/mqtt")

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    before = open_descriptors()
    async with connection(silent) as web:
        task = asyncio.create_task(web.handshake("h:1", "/mqtt"))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert open_descriptors() <= before + 2  # the server's side is closed in its own time


async def test_frames_without_data_end_the_connection_and_hold_nothing_up():
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await accept(reader))
        while True:
            writer.write(frame(b"") * 10)
            await writer.drain()

    async with connection(serve) as web:
        await web.handshake("h:1", "/mqtt")
        with pytest.raises(ConnectionAbortedError, match="without data"):
            await receive(web, 1)
    assert web._idle_frames == IDLE_FRAMES_LIMIT + 1


async def test_of_a_frame_of_any_length_only_what_is_asked_for_is_kept():
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await accept(reader) + b"\x82\x7f" + (2**62).to_bytes(8, "big"))
        while True:
            writer.write(b"x" * 10_000)
            await writer.drain()

    async with connection(serve) as web:
        await web.handshake("h:1", "/mqtt")
        for _ in range(1000):
            await read(web, 700)
            assert len(web._received) <= 4096


async def test_a_peer_that_reads_nothing_gets_no_heap_of_pongs():
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await accept(reader))
        for _ in range(100):
            writer.write((frame(b"p" * 125, Opcode.PING) * 99 + frame(b"d")) * 10)
            await writer.drain()
        await reader.read()

    async with connection(serve) as web:
        await web.handshake("h:1", "/mqtt")
        for _ in range(1000):
            await read(web, 1)
            assert len(web._outbox) < 8192

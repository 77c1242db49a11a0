"""TCP and TLS below MQTT: deadlines, ends, and peers that flood or say nothing."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from monitor.export.mqtt import transport as module
from monitor.export.mqtt.transport import (
    BoundedTransport,
    TcpTransport,
    TlsTransport,
    Transport,
    connect_tcp,
    receive,
    send_all,
)
from tests.internet.ca import Authority
from tests.internet.process import free_port, open_descriptors


@asynccontextmanager
async def pair() -> AsyncIterator[tuple[TcpTransport, socket.socket]]:
    """Return a transport and the peer's socket, connected to each other."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    try:
        yield TcpTransport(ours), theirs
    finally:
        ours.close()
        theirs.close()


def contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the contexts of a client and of a server that it trusts."""
    authority = Authority(folder)
    leaf = authority.issue("broker.test")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(leaf.chain, leaf.key)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(authority.file)
    return client, server


async def test_a_connection_that_is_refused_says_so_without_the_address():
    with pytest.raises(ConnectionRefusedError) as raised:
        await connect_tcp("127.0.0.1", free_port())
    assert str(raised.value) == "[Errno 111] Connection refused"


async def test_a_connection_that_nobody_accepts_ends_in_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "CONNECT_TIMEOUT", 0.2)
    full = socket.create_server(("127.0.0.1", 0), backlog=0)
    address = full.getsockname()
    before = open_descriptors()
    held: list[TcpTransport] = []
    try:
        with pytest.raises(TimeoutError, match=r"no TCP connection within 0.2 s"):
            await fill(address, held)
        assert open_descriptors() == before + len(held)
    finally:
        for each in held:
            each.close()
        full.close()


async def fill(address: tuple[str, int], held: list[TcpTransport]) -> None:
    """Connect until the queue of a listener that accepts nothing is full."""
    while len(held) < 10:
        held.append(await connect_tcp(*address))


async def test_what_a_peer_sent_before_it_closed_is_read_before_the_error():
    async with pair() as (transport, peer):
        peer.send(b"why")
        peer.close()
        assert transport.send(b"lost") == 4
        assert transport.recv(10) == b"why"
        with pytest.raises(ConnectionError):
            transport.recv(10)


async def test_more_than_a_packet_may_have_is_not_even_asked_for():
    async with pair() as (transport, peer):
        peer.send(b"ab")
        bounded = BoundedTransport(transport, 100)
        assert bounded.recv(100) == b"ab"
        with pytest.raises(ConnectionAbortedError, match="a packet of 101 bytes; the limit is 100"):
            bounded.recv(101)


@asynccontextmanager
async def secure(folder: Path) -> AsyncIterator[tuple[TlsTransport, ssl.SSLSocket]]:
    """Return a TLS transport after its handshake, and the peer's TLS socket."""
    client, server = contexts(folder)
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    transport = TlsTransport(TcpTransport(ours), client, "broker.test")
    theirs.settimeout(60)
    peer, _ = await asyncio.gather(
        asyncio.to_thread(server.wrap_socket, theirs, server_side=True), transport.handshake()
    )
    try:
        yield transport, peer
    finally:
        transport.close()
        peer.close()


async def read(transport: Transport, count: int) -> bytes:
    data = b""
    while len(data) < count:
        chunk = await receive(transport, count - len(data))
        assert chunk
        data += chunk
    return data


async def test_tls_carries_data_both_ways_however_large(tmp_path: Path):
    data = bytes(range(256)) * 4000
    async with secure(tmp_path) as (transport, peer):
        sending = asyncio.create_task(asyncio.to_thread(peer.sendall, data))
        assert await read(transport, len(data)) == data
        await sending
        receiving = asyncio.create_task(asyncio.to_thread(_receive, peer, len(data)))
        await send_all(transport, data)
        assert await receiving == data
        peer.close()
        assert await receive(transport, 10) == b""


def _receive(peer: ssl.SSLSocket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += peer.recv(65_536)
    return data


def send_until_full(transport: Transport, message: bytes) -> int:
    """Return the bytes that were sent before one message was taken only in part."""
    sent = 0
    with suppress(BlockingIOError):
        while True:
            sent += transport.send(message)
    return sent


async def test_a_full_socket_takes_each_message_once(tmp_path: Path):
    async with secure(tmp_path) as (transport, peer):
        message = b"m" * 1000
        sent = send_until_full(transport, message)
        with pytest.raises(BlockingIOError):
            transport.send(message)
        receiving = asyncio.create_task(asyncio.to_thread(_receive, peer, sent + 1000))
        await send_all(transport, message)
        assert await receiving == b"m" * (sent + 1000)


async def test_a_certificate_that_does_not_fit_is_said(tmp_path: Path):
    client, server = contexts(tmp_path)
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    transport = TlsTransport(TcpTransport(ours), client, "other.test")
    theirs.settimeout(60)
    peer = asyncio.create_task(asyncio.to_thread(_shake, server, theirs))
    with pytest.raises(ssl.SSLCertVerificationError, match=r"other\.test"):
        await transport.handshake()
    assert "ALERT" in str(await peer).upper()  # the broker is told, too
    ours.close()
    theirs.close()


def _shake(context: ssl.SSLContext, sock: socket.socket) -> BaseException | None:
    try:
        context.wrap_socket(sock, server_side=True).close()
    except OSError as error:
        return error
    return None


async def test_junk_in_the_place_of_a_handshake_ends_it(tmp_path: Path):
    client, _ = contexts(tmp_path)
    async with pair() as (below, peer):
        peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        with pytest.raises(ssl.SSLError):
            await TlsTransport(below, client, "broker.test").handshake()


async def test_a_handshake_that_is_cut_off_is_said(tmp_path: Path):
    client, _ = contexts(tmp_path)
    async with pair() as (below, peer):
        peer.shutdown(socket.SHUT_WR)
        with pytest.raises(ConnectionResetError, match="closed the connection in the TLS"):
            await TlsTransport(below, client, "broker.test").handshake()


async def test_records_without_data_end_the_connection(tmp_path: Path):
    """As many session tickets as OpenSSL sends are records without application data."""
    client, server = contexts(tmp_path)
    server.num_tickets = 1000
    async with pair() as (below, theirs):
        theirs.settimeout(60)
        transport = TlsTransport(below, client, "broker.test")
        peer = asyncio.create_task(asyncio.to_thread(_shake, server, theirs))
        await transport.handshake()
        with pytest.raises(ConnectionAbortedError, match="TLS records without data"):
            await receive(transport, 100)
        below.close()
        assert isinstance(await peer, ConnectionError)
    assert transport.activity < 500

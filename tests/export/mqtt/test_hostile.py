"""Brokers that flood, lie about lengths or never finish: bounded, logged once, and survived.

Covers: monitor/export/mqtt/client.py, monitor/export/mqtt/transport.py
"""

from __future__ import annotations

import asyncio
import itertools
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import pytest
from structlog.testing import capture_logs

from monitor.export.mqtt import client as mqtt_client
from monitor.export.mqtt import websocket as mqtt_websocket
from tests.export.mqtt.scripted import packet, text, variable
from tests.export.mqtt.support import HOST, broker, exporter, running, self_metrics, until
from tests.internet.process import open_descriptors
from tests.stores import realistic_board

ACCEPTED = b"\x20\x03\x00\x00\x00"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(port: int, serve: Serve) -> AsyncIterator[None]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except OSError:
            return
        finally:
            writer.close()

    server = await asyncio.start_server(handle, HOST, port)
    try:
        yield
    finally:
        server.close()


def sends(pieces: Callable[[], Iterator[bytes]]) -> Serve:
    """Accept the connection, then send all pieces, reading nothing."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(ACCEPTED)
        for piece in pieces():
            writer.write(piece)
            await writer.drain()
        await asyncio.sleep(60)

    return serve


def announced_256_mb() -> Iterator[bytes]:
    yield b"\x30" + variable(256_000_000)
    yield from itertools.repeat(bytes(100_000), 2560)


def qos_2_without_release() -> Iterator[bytes]:
    for number in range(1, 60_000):
        yield packet(0x34, text("a") + number.to_bytes(2, "big") + b"\0" + bytes(1000))


def endless_pings() -> Iterator[bytes]:
    return itertools.repeat(b"\xc0\x00" * 1000)


def endless_retained() -> Iterator[bytes]:
    for number in itertools.count():
        topic = f"egress-monitor/m-1/targets/{number}"
        yield packet(0x31, text(topic) + b"\0" + b"x" * 1000)


def endless_connacks() -> Iterator[bytes]:
    return itertools.repeat(ACCEPTED * 100)


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        (announced_256_mb, "a packet of 256000000 bytes; the limit is 65536"),
        (qos_2_without_release, "exceeds the Receive Maximum"),
    ],
)
async def test_what_a_broker_may_not_send_ends_the_connection(
    port: int, pieces: Callable[[], Iterator[bytes]], reason: str
):
    store = realistic_board()
    with capture_logs() as logs:
        async with serving(port, sends(pieces)), running(exporter(store, broker(port))):
            await until(lambda: self_metrics(store).sessions == 2)
    lost = [line for line in logs if line["event"] == "MQTT connection lost"]
    assert len(lost) == 1
    assert reason in lost[0]["reason"]


@contextmanager
def flooding(port: int, pieces: Callable[[], Iterator[bytes]]) -> Iterator[None]:
    """Accept connections in a thread of its own and send pieces for as long as they are taken."""
    listener = socket.create_server((HOST, port))
    listener.settimeout(60)

    def flood() -> None:
        with suppress(OSError):
            while True:
                sock, _ = listener.accept()
                with sock, suppress(OSError):
                    sock.settimeout(60)
                    sock.recv(10)
                    sock.sendall(ACCEPTED)
                    for piece in pieces():
                        sock.sendall(piece)

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        yield
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(70)


@pytest.mark.parametrize("pieces", [endless_pings, endless_retained, endless_connacks])
async def test_a_flood_does_not_hold_the_event_loop_and_ends_the_connection(
    port: int, pieces: Callable[[], Iterator[bytes]], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(mqtt_client, "READS_AT_ONCE", 10_000)
    monkeypatch.setattr(mqtt_client, "READS_PER_SECOND", 100)
    store = realistic_board()
    turns = 0
    with capture_logs() as logs, flooding(port, pieces):
        async with running(exporter(store, broker(port))):
            async with asyncio.timeout(60):
                while "floods the connection" not in str(logs):
                    await asyncio.sleep(0)
                    turns += 1
    assert turns > 10_000 / mqtt_client.PACKETS_PER_TURN / 10


async def test_a_broker_that_trickles_its_connack_is_left_in_time(
    port: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(mqtt_client, "REPLY_TIMEOUT", 0.3)

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x20" + variable(50_000))
        while True:
            writer.write(b"\0")
            await writer.drain()
            await asyncio.sleep(0.01)

    with capture_logs() as logs:
        async with serving(port, trickle), running(exporter(realistic_board(), broker(port))):
            await until(lambda: any("reason" in line for line in logs))
    assert "no CONNACK within 0.3 s" in str(logs)


async def test_a_websocket_that_trickles_is_said_and_an_end_does_not_wait_for_it(
    port: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(mqtt_websocket, "HANDSHAKE_TIMEOUT", 0.3)

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"H")
            await writer.drain()
            await asyncio.sleep(0.01)

    web = broker(port, websocket_path="/mqtt")
    before = open_descriptors()
    with capture_logs() as logs:
        async with serving(port, trickle):
            async with running(exporter(realistic_board(), web)):
                await until(lambda: any("reason" in line for line in logs))
                monkeypatch.setattr(mqtt_websocket, "HANDSHAKE_TIMEOUT", 60)
                await until(lambda: open_descriptors() > before + 1)
                stopping = asyncio.get_running_loop().time()
            assert asyncio.get_running_loop().time() - stopping < 30
    assert "no WebSocket handshake within 0.3 s" in str(logs)

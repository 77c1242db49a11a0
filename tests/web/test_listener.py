"""The accept loop against real clients: silent, bursting, deaf, and speaking no TLS."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from monitor.state.self_metrics import AbortReason, WebMetrics
from monitor.web import admission, listener
from monitor.web.admission import ConnectionPhase
from monitor.web.certificate import ListenerCertificate
from monitor.web.listener import Client, Listener
from tests.internet.ca import Authority
from tests.internet.process import free_port

LIMIT = 8


class Echo(asyncio.Protocol):
    """Answers with what it gets; counts as a request in progress until then."""

    def __init__(self, client: Client, on_lost: Callable[[], None]) -> None:
        self._client, self._on_lost = client, on_lost

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._on_lost()


@asynccontextmanager
async def listening(
    certificate: ListenerCertificate | None = None,
) -> AsyncIterator[tuple[Listener, WebMetrics, int]]:
    metrics, port = WebMetrics(), free_port()
    made = Listener(Echo, limit=LIMIT, metrics=metrics, certificate=certificate)
    await made.listen("127.0.0.1", port)
    try:
        yield made, metrics, port
    finally:
        async with asyncio.timeout(2):
            await made.close()
        assert metrics.connections == 0


def connected(port: int, stack: ExitStack) -> socket.socket:
    """A client whose connection the kernel has completed."""
    client = stack.enter_context(socket.socket())
    client.setblocking(False)
    client.connect_ex(("127.0.0.1", port))
    return client


async def echo(port: int, tls: ssl.SSLContext | None = None) -> bytes:
    async with asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
        writer.write(b"hello")
        try:
            return await reader.readexactly(5)
        finally:
            writer.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.01)


async def test_a_burst_of_silent_clients_never_exceeds_the_limit() -> None:
    most = 0
    async with listening() as (_, metrics, port):
        with ExitStack() as stack:
            for number in range(1000):
                connected(port, stack)
                if number % listener.ACCEPTS_PER_TURN == 0:
                    await asyncio.sleep(0)
                    most = max(most, metrics.connections)
            assert await echo(port) == b"hello"
            most = max(most, metrics.connections)
        assert metrics.aborted[AbortReason.EVICTED] > 500
        assert most <= LIMIT + listener.CLOSING_LIMIT


async def test_clients_that_never_read_are_evicted_at_once() -> None:
    async with listening() as (_, metrics, port):
        with ExitStack() as stack:
            for _ in range(4 * LIMIT):
                client = connected(port, stack)
                await asyncio.sleep(0.01)
                for _ in range(40):
                    try:
                        client.send(b"x" * 65536)
                    except BlockingIOError:
                        await asyncio.sleep(0.001)
                    except OSError:
                        break
            await until(lambda: metrics.connections <= LIMIT)
            assert await echo(port) == b"hello"
    assert metrics.aborted[AbortReason.EVICTED] >= 3 * LIMIT


async def test_every_phase_ends_at_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "SWEEP_INTERVAL", 0.02)
    monkeypatch.setitem(admission.DEADLINES, ConnectionPhase.SILENT, 0.1)
    monkeypatch.setitem(admission.DEADLINES, ConnectionPhase.REQUEST, 0.2)
    async with listening() as (_, metrics, port):
        silent, idle = await asyncio.open_connection("127.0.0.1", port)
        slow, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"G")
        async with asyncio.timeout(5):
            for reader in (silent, slow):
                with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                    await reader.readexactly(100)
        idle.close()
        writer.close()
    assert (metrics.aborted[AbortReason.SILENT], metrics.aborted[AbortReason.REQUEST]) == (1, 1)


async def test_half_open_handshakes_cost_no_buffers_and_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "SWEEP_INTERVAL", 0.02)
    monkeypatch.setitem(admission.DEADLINES, ConnectionPhase.HANDSHAKE, 0.3)
    authority = Authority(tmp_path)
    issued = authority.issue("127.0.0.1")
    trusting = ssl.create_default_context(cafile=str(authority.file))
    certificate = ListenerCertificate(issued.chain, issued.key)
    async with listening(certificate) as (_, metrics, port):
        with ExitStack() as stack:
            for _ in range(3 * LIMIT):
                client = connected(port, stack)
                await asyncio.sleep(0)
                with suppress(OSError):
                    client.send(b"\x16\x03\x01\x02\x00")
            assert await echo(port, trusting) == b"hello"
            await until(lambda: metrics.connections == 0)


async def test_a_client_without_tls_is_told(tmp_path: Path) -> None:
    issued = Authority(tmp_path).issue("127.0.0.1")
    async with listening(ListenerCertificate(issued.chain, issued.key)) as (_, metrics, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(5):
            answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.0 400 ")
        assert answer.endswith(b"\r\n\r\nthis port expects TLS: use https://\n")
        assert metrics.connections == 0


@contextmanager
def descriptors(limit: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def test_without_descriptors_it_logs_once_gives_some_back_and_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listener, "ACCEPT_PAUSE", 0.05)
    async with listening() as (_, metrics, port):
        with ExitStack() as stack:
            clients = [connected(port, stack) for _ in range(6)]
            free = os.dup(0)
            os.close(free)
            with capture_logs() as logs, descriptors(free):
                await until(lambda: metrics.accept_errors >= 3)
            assert len(clients) == 6
        assert [line["log_level"] for line in logs] == ["warning"]
        assert await echo(port) == b"hello"


async def test_an_address_that_is_not_there_is_one_error() -> None:
    made = Listener(Echo, limit=LIMIT, metrics=WebMetrics())
    with pytest.raises(OSError, match="Cannot assign requested address"):
        await made.listen("192.0.2.1", free_port())
    await made.close()

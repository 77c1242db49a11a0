"""HTTP/2 against real TLS servers: used if negotiated, compared with HTTP/1.1 if it breaks.

Covers: monitor/net/http/http2.py, monitor/net/http/http2_exchange.py,
monitor/net/http/http2_frames.py
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived

from monitor.diagnosis.causes import diagnose
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.endpoint import Protocol
from monitor.model.probe_result import FailureKind, Phase, ProbeResult
from monitor.net.errors import ExchangeError
from monitor.net.http.http2 import INTERVAL, Http2Schedule
from monitor.net.stopwatch import Stopwatch
from monitor.probes import prober
from monitor.probes.context import ProbeContext
from monitor.probes.http2 import exchange_by_schedule
from monitor.probes.measure import ProbeConnection
from tests.internet.blocking import answering, blocking
from tests.internet.ca import Authority
from tests.probes.support import make_probe_context, make_target

HOST = "rel.test"
Handler = Callable[[ssl.SSLSocket], None]


def speaking_http2(connection: ssl.SSLSocket, status: str = "200") -> None:
    server = H2Connection(H2Configuration(client_side=False))
    server.initiate_connection()
    connection.sendall(server.data_to_send())
    while data := connection.recv(65536):
        for event in server.receive_data(data):
            if isinstance(event, RequestReceived):
                fields = [(":status", status), ("content-type", "text/plain")]
                server.send_headers(event.stream_id, fields)
                server.send_data(event.stream_id, b"ok", end_stream=True)
        connection.sendall(server.data_to_send())


def failing_http2(connection: ssl.SSLSocket) -> None:
    speaking_http2(connection, "503")


def closing(connection: ssl.SSLSocket) -> None:
    connection.recv(65536)


def going_away(connection: ssl.SSLSocket) -> None:
    connection.sendall(b"\0\0\0\x04\0\0\0\0\0")
    connection.recv(65536)
    connection.sendall(b"\0\0\x08\x07\0\0\0\0\0" + b"\0\0\0\0\0\0\0\x01")
    connection.recv(65536)


def resetting(connection: ssl.SSLSocket) -> None:
    connection.sendall(b"\0\0\0\x04\0\0\0\0\0")
    connection.recv(65536)
    connection.sendall(b"\0\0\x04\x03\0\0\0\0\x01" + b"\0\0\0\x02")
    connection.recv(65536)


def silent(connection: ssl.SSLSocket) -> None:
    while connection.recv(65536):
        pass


def rubbish(connection: ssl.SSLSocket) -> None:
    connection.sendall(b"\xff" * 64)
    connection.recv(65536)


class Peer:
    """A server that speaks HTTP/2 by ``http2`` and HTTP/1.1 properly, and counts both."""

    def __init__(self, folder: Path, http2: Handler, protocols: tuple[str, ...]) -> None:
        self.authority = Authority(folder)
        issued = self.authority.issue(HOST)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(issued.chain, issued.key)
        self.context.set_alpn_protocols(list(protocols))
        self.http2 = http2
        self.spoken: list[str] = []

    def __call__(self, connection: ssl.SSLSocket) -> None:
        protocol = connection.selected_alpn_protocol() or ""
        self.spoken.append(protocol)
        (self.http2 if protocol == "h2" else answering)(connection)


async def probed(peer: Peer, context: ProbeContext | None = None) -> tuple[ProbeResult, Diagnosis]:
    limit = 8.0 if peer.http2 is silent else 30.0
    with blocking(peer.context, peer) as port:
        target = make_target(Protocol.HTTPS, HOST, port, address="127.0.0.1", timeout=limit)
        context = context or make_probe_context(ca_file=peer.authority.file)
        result = await prober("http")(target, context)
        return result, diagnose(target, result)


async def test_http2_is_used_when_it_is_negotiated_and_http1_afterwards(tmp_path: Path):
    peer = Peer(tmp_path, speaking_http2, ("h2", "http/1.1"))
    context = make_probe_context(ca_file=peer.authority.file)
    versions = []
    for _ in range(3):
        result, diagnosis = await probed(peer, context)
        assert diagnosis.cause is None
        assert result.primary is not None
        assert result.primary.http is not None
        versions.append(result.primary.http.version)
        assert result.primary.http.body == b"ok"
    assert versions == ["2.0", "1.1", "1.1"]
    assert peer.spoken == ["h2", "http/1.1", "http/1.1"]


@pytest.mark.parametrize("broken", [closing, going_away, resetting, silent, rubbish])
async def test_http2_that_breaks_is_down_while_http1_works(tmp_path: Path, broken: Handler):
    peer = Peer(tmp_path, broken, ("h2", "http/1.1"))
    context = make_probe_context(ca_file=peer.authority.file)
    for _ in range(2):
        _, diagnosis = await probed(peer, context)
        assert diagnosis.cause is Cause.HTTP2_BROKEN
        assert "HTTP/1.1 works" in diagnosis.detail
    assert peer.spoken == ["h2", "http/1.1"] * 2


async def test_a_server_of_http2_alone_is_reached_in_every_probe(tmp_path: Path):
    peer = Peer(tmp_path, speaking_http2, ("h2",))
    context = make_probe_context(ca_file=peer.authority.file)
    for _ in range(3):
        _, diagnosis = await probed(peer, context)
        assert diagnosis.cause is None


async def test_a_status_by_http2_is_a_status(tmp_path: Path):
    peer = Peer(tmp_path, failing_http2, ("h2", "http/1.1"))
    result, diagnosis = await probed(peer)
    assert diagnosis.cause is Cause.HTTP_STATUS
    assert result.failure is not None
    assert result.failure.code == "503"


async def test_a_server_without_alpn_is_asked_by_http1(tmp_path: Path):
    peer = Peer(tmp_path, speaking_http2, ("http/1.1",))
    _, diagnosis = await probed(peer)
    assert diagnosis.cause is None
    assert peer.spoken == ["http/1.1"]


async def test_a_server_that_refuses_http1_is_asked_by_http2_in_the_same_probe(tmp_path: Path):
    context = make_probe_context(ca_file=Authority(tmp_path).file)
    target = make_target(Protocol.HTTPS, HOST)
    stopwatch = Stopwatch(context.clock, Phase.CONNECT)
    conn = ProbeConnection(target, context, "192.0.2.1", 443, stopwatch)
    offered: list[Sequence[str]] = []

    async def once(alpn: Sequence[str]) -> bool:
        offered.append(alpn)
        if "h2" not in alpn:
            raise ExchangeError(FailureKind.TLS_ALERT, "no_application_protocol", "120")
        return True

    context.http2.passed(target.id, context.clock.monotonic())
    await exchange_by_schedule(conn, once)
    assert offered == [("http/1.1",), ("h2", "http/1.1")]
    await exchange_by_schedule(conn, once)
    assert offered[2:] == [("h2", "http/1.1")]


def test_the_schedule_repeats_what_failed_and_is_bounded():
    schedule = Http2Schedule()
    assert schedule.due("a", 5.0)
    schedule.passed("a", 5.0)
    assert not schedule.due("a", 5.0 + INTERVAL - 1)
    assert schedule.due("a", 5.0 + INTERVAL)
    schedule.passed("a", 5.0)
    schedule.repeat("a")
    assert schedule.due("a", 6.0)
    for number in range(5_000):
        schedule.passed(str(number), 5.0)
    assert schedule.due("0", 6.0)
    assert not schedule.due("4999", 6.0)

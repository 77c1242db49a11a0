"""Hostile receivers: no response holds the event loop, takes long, or ends delivery.

Covers: monitor/export/remote_write/exchange.py, monitor/export/remote_write/response.py
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from monitor.state.self_metrics import RemoteWriteMetrics, RequestFailure
from tests.export.remote_write.delivering import VirtualClock, delivering, some
from tests.internet.ca import Authority
from tests.internet.flood import PLAIN, TLS, flood
from tests.internet.receiver import receiver
from tests.net.test_floods import Ports, watched

HELD_LIMIT = 0.05
"""CPU seconds that one callback may take."""

TIMEOUT = 1.0


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("flood"))


@pytest.fixture(scope="module")
def ports(authority: Authority) -> Iterator[Ports]:
    with flood(authority.issue("127.0.0.1")) as ports:
        yield ports


@pytest.mark.parametrize("kind", [*PLAIN, *TLS])
async def test_no_flood_of_a_receiver_holds_the_loop(
    kind: str, ports: Ports, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheme = "https" if kind in TLS else "http"
    failed = asyncio.Event()

    class Clock(VirtualClock):
        async def sleep(self, seconds: float) -> None:
            failed.set()
            await asyncio.Event().wait()

    url = f"{scheme}://127.0.0.1:{ports[kind]}/api/v1/write"
    secure = {"ca_file": authority.file} if kind in TLS else {}
    begun = time.monotonic()
    with watched(monkeypatch) as holds:
        async with delivering(url, Clock(), timeout=TIMEOUT, **secure) as (delivery, metrics):
            task = asyncio.create_task(delivery.deliver(some(1)))
            done = asyncio.create_task(failed.wait())
            await asyncio.wait([task, done], return_when=asyncio.FIRST_COMPLETED, timeout=20)
            assert task.done() or done.done(), "the deadline has fired"
            took = time.monotonic() - begun
            for each in (task, done):
                each.cancel()
            await asyncio.wait([task, done])
    assert metrics.sent + sum(metrics.dropped.values()) + sum(metrics.failures.values()) > 0
    assert took < 20
    assert holds.longest < HELD_LIMIT, f"{holds.longest * 1000:.0f} ms held"


@contextmanager
def served(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """Serve each connection with ``talk`` in a thread of its own; yields the URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def one(sock: socket.socket) -> None:
            with sock, contextlib.suppress(OSError):
                sock.recv(65_536)
                talk(sock)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    sock, _ = listener.accept()
                    threading.Thread(target=one, args=(sock,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        listener.shutdown(socket.SHUT_RDWR)


async def first_failure(url: str, seconds: float, samples: int = 3) -> RemoteWriteMetrics:
    """Deliver until the first failure, or success."""
    failed = asyncio.Event()

    class Clock(VirtualClock):
        async def sleep(self, seconds: float) -> None:
            failed.set()
            await asyncio.Event().wait()

    async with delivering(url, Clock(), timeout=seconds) as (delivery, metrics):
        task = asyncio.create_task(delivery.deliver(some(samples)))
        wait = asyncio.create_task(failed.wait())
        await asyncio.wait([task, wait], return_when=asyncio.FIRST_COMPLETED, timeout=20)
        for each in (task, wait):
            each.cancel()
        await asyncio.wait([task, wait])
    return metrics


@pytest.mark.parametrize("status", [200, 500])
async def test_a_body_that_trickles_does_not_delay_the_verdict(status: int) -> None:
    def trickle(sock: socket.socket) -> None:
        sock.sendall(
            f"HTTP/1.1 {status} X\r\nContent-Length: 1000\r\n"
            "X-Prometheus-Remote-Write-Samples-Written: 3\r\n\r\n".encode()
        )
        for _ in range(900):
            sock.sendall(b"a")
            time.sleep(0.05)

    begun = time.monotonic()
    with served(trickle) as url:
        metrics = await first_failure(url, seconds=40.0)
    assert metrics.sent == (3 if status == 200 else 0)
    assert metrics.failures[RequestFailure.SERVER_ERROR] == (0 if status == 200 else 1)
    assert time.monotonic() - begun < 15


async def test_headers_that_trickle_end_at_the_deadline() -> None:
    def trickle(sock: socket.socket) -> None:
        for byte in b"HTTP/1.1 204 No Content\r\n":
            sock.sendall(bytes([byte]))
            time.sleep(0.1)

    with served(trickle) as url:
        metrics = await first_failure(url, seconds=0.3)
    assert metrics.failures[RequestFailure.TIMEOUT] == 1


async def test_an_error_does_not_repeat_the_query_of_the_url() -> None:
    with served(lambda sock: sock.shutdown(socket.SHUT_RDWR)) as url:
        metrics = await first_failure(f"{url}?key=hunter2", 5.0, samples=9000)
    assert metrics.obstacle
    assert "hunter2" not in metrics.obstacle
    assert "http://" not in metrics.obstacle


async def test_a_response_that_is_lost_costs_the_same_samples_again() -> None:
    async with receiver() as (receives, url), delivering(url) as (delivery, metrics):
        receives.lose = 1
        await delivery.deliver(some(50))
    first, second = receives.accepted[:50], receives.accepted[50:]
    assert [(r.labels, r.samples) for r in first] == [(r.labels, r.samples) for r in second]
    assert metrics.sent == 50

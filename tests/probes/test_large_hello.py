"""A filter that expects the ClientHello in one segment is told from a filter of names.

Covers: monitor/net/sockets/client_hello.py
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from monitor.diagnosis.causes import diagnose
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.endpoint import Protocol
from monitor.net.sockets.client_hello import GO_SIZE, needs_padding
from monitor.net.sockets.trust_store import TrustStore
from monitor.probes import prober
from tests.internet.blocking import answering
from tests.internet.ca import Authority
from tests.probes.support import make_probe_context, make_target

SEGMENT = 1400


def resetting(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def closing(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.close()


def dropping(connection: socket.socket) -> None:
    connection.settimeout(60)
    while connection.recv(65536):
        pass


@contextlib.contextmanager
def filtered(
    context: ssl.SSLContext,
    refuse: Callable[[socket.socket], None],
    limit: int = SEGMENT,
    active: Callable[[], bool] = lambda: True,
) -> Iterator[int]:
    """Serve TLS behind a filter that refuses a ClientHello record of more than ``limit`` bytes
    while it is ``active``."""

    def one(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            head = connection.recv(5, socket.MSG_PEEK | socket.MSG_WAITALL)
            if active() and 5 + int.from_bytes(head[3:5], "big") > limit:
                refuse(connection)
                return
            connection.settimeout(60)
            with context.wrap_socket(connection, server_side=True) as secured:
                answering(secured)

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


async def seen(
    tmp_path: Path,
    refuse: Callable[[socket.socket], None],
    limit: int,
    active: Callable[[], bool] = lambda: True,
) -> Diagnosis:
    authority = Authority(tmp_path)
    issued = authority.issue("rel.test")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.chain, issued.key)
    with filtered(context, refuse, limit, active) as port:
        limit_s = 6.0 if refuse is dropping else 30.0
        target = make_target(Protocol.HTTPS, "rel.test", port, address="127.0.0.1", timeout=limit_s)
        probe_context = make_probe_context(ca_file=authority.file)
        return diagnose(target, await prober("http")(target, probe_context))


pytestmark = pytest.mark.skipif(not needs_padding(), reason="this OpenSSL's hello is large anyway")


@pytest.mark.parametrize("refuse", [resetting, closing, dropping])
async def test_a_filter_of_large_hellos_is_found(
    tmp_path: Path, refuse: Callable[[socket.socket], None]
):
    told = await seen(tmp_path, refuse, SEGMENT)
    assert told.cause is Cause.TLS_LARGE_CLIENT_HELLO
    assert "allowed by name" not in told.remediation


@pytest.mark.parametrize(
    ("refuse", "cause"),
    [
        (resetting, Cause.TLS_RESET_ON_HELLO),
        (closing, Cause.TLS_RESET_ON_HELLO),
        (dropping, Cause.TLS_TIMEOUT_ON_HELLO),
    ],
)
async def test_a_filter_of_every_hello_stays_what_it_was(
    tmp_path: Path, refuse: Callable[[socket.socket], None], cause: Cause
):
    assert (await seen(tmp_path, refuse, 0)).cause is cause


async def test_a_connection_that_breaks_once_says_nothing_about_sizes(tmp_path: Path):
    broken: list[socket.socket] = []

    def once(connection: socket.socket) -> None:
        broken.append(connection)
        resetting(connection)

    told = await seen(tmp_path, once, 0, lambda: not broken)
    assert len(broken) == 1
    assert told.cause is Cause.TLS_RESET_ON_HELLO


async def test_a_large_hello_that_passes_is_up(tmp_path: Path):
    assert (await seen(tmp_path, resetting, 4096)).cause is None


async def test_no_task_is_left_after_a_probe(tmp_path: Path):
    before = asyncio.all_tasks()
    await seen(tmp_path, dropping, SEGMENT)
    assert asyncio.all_tasks() == before


def test_the_hello_is_as_large_as_that_of_go():
    context = TrustStore(system_store=False).probe_context(alpn=("http/1.1",), padded=True)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname="git.corp.test").do_handshake()
    assert abs(outgoing.pending - GO_SIZE) < 20

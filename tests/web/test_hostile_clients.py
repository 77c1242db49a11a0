"""Hostile clients against the real daemon with the whole catalogue: whatever they do, /healthz
answers, descriptors stay free, memory stays bounded, and the log stays short.

Covers: monitor/web/listener.py, monitor/web/connection.py, monitor/web/log_limit.py
"""

from __future__ import annotations

import os
import re
import resource
import socket
import ssl
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.internet.ca import Authority
from tests.internet.process import free_port, running

MEMORY_LIMIT = 96 * 1024
"""Resident memory under every attack, in KiB."""

DESCRIPTORS = 1024
DESCRIPTORS_LIMIT = 200
"""Open descriptors under every attack: 80 of the page, and the probes that wait for an answer."""
LOG_LIMIT = 100
HOLD_SECONDS = 3.0


@dataclass
class Daemon:
    """The daemon under attack."""

    pid: int
    port: int
    log: Path
    trusting: ssl.SSLContext | None

    def healthy_within(self, seconds: float) -> bool:
        scheme = "https" if self.trusting else "http"
        request = Request(f"{scheme}://127.0.0.1:{self.port}/healthz")
        with suppress(OSError):
            return bool(urlopen(request, timeout=seconds, context=self.trusting).status == 200)
        return False

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))  # noqa: PTH208 - a number, no paths

    def status(self, name: str) -> int:
        text = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(rf"^{name}:\s+(\d+)", text, re.MULTILINE)
        assert found is not None
        return int(found[1])

    def connect(self) -> socket.socket:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.settimeout(1)
        try:
            client.connect(("127.0.0.1", self.port))
        except OSError:
            client.close()
            raise
        return client


@contextmanager
def daemon(folder: Path, *, tls: bool) -> Iterator[Daemon]:
    """``egress-monitor run`` with the whole catalogue and a name server that never answers."""
    port, silent = free_port(), free_port(socket.SOCK_DGRAM)
    log, config = folder / "daemon.log", folder / "config.toml"
    web, trusting = f'listen = "127.0.0.1:{port}"\n', None
    if tls:
        authority = Authority(folder)
        issued = authority.issue("127.0.0.1")
        trusting = ssl.create_default_context(cafile=str(authority.file))
        web += f'cert_file = "{issued.chain}"\nkey_file = "{issued.key}"\n'
    config.write_text(
        'region = "eu-central-1"\naccount_id = "123456789012"\n'
        "[metadata]\ndiscover_identity = false\n[discovery]\nenabled = false\n"
        f'[dns]\nservers = ["127.0.0.1:{silent}"]\n'
        f'[log]\nformat = "json"\nlevel = "warning"\n[web]\n{web}'
    )
    command = [sys.executable, "-m", "monitor", "run", "--config", str(config)]
    environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", silent))
        with running(command, log, env=environment, preexec_fn=limit) as process:
            made = Daemon(process.pid, port, log, trusting)
            deadline = time.monotonic() + 60
            while not made.healthy_within(1):
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
            yield made


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with daemon(tmp_path_factory.mktemp("plain"), tls=False) as made:
        yield made


@pytest.fixture(scope="module")
def by_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with daemon(tmp_path_factory.mktemp("tls"), tls=True) as made:
        yield made


Attack = Callable[[Daemon, ExitStack], None]


def hold(attacked: Daemon, stack: ExitStack, count: int, data: bytes) -> list[socket.socket]:
    """Open connections that send ``data`` and never read. Return them."""
    held = []
    for _ in range(count):
        with suppress(OSError):
            held.append(stack.enter_context(attacked.connect()))
            held[-1].settimeout(0.01)
            held[-1].sendall(data)
    return held


def drip(clients: list[socket.socket], act: Callable[[socket.socket], object]) -> None:
    """Do something slowly with every client that is still connected, for a while."""
    ends = time.monotonic() + HOLD_SECONDS
    while time.monotonic() < ends:
        for client in clients:
            with suppress(OSError):
                act(client)
        time.sleep(0.2)


def request(path: str, *fields: str, version: str = "1.1") -> bytes:
    lines = "".join(f"{field}\r\n" for field in fields)
    return f"GET {path} HTTP/{version}\r\nHost: x\r\n{lines}\r\n".encode()


def burst(attacked: Daemon, stack: ExitStack) -> None:
    hold(attacked, stack, 2000, b"")


def slow_heads(attacked: Daemon, stack: ExitStack) -> None:
    clients = hold(attacked, stack, 200, b"GET / HTTP/1.1\r\nHost: x\r\n")
    drip(clients, lambda client: client.send(b"X: y\r\n"))


def slow_bodies(attacked: Daemon, stack: ExitStack) -> None:
    clients = hold(attacked, stack, 200, request("/", "Content-Length: 1000000"))
    drip(clients, lambda client: client.send(b"x"))


def endless_bodies(attacked: Daemon, stack: ExitStack) -> None:
    clients = hold(attacked, stack, 100, request("/", "Transfer-Encoding: chunked"))
    drip(clients, lambda client: client.send(b"1000\r\n" + b"x" * 4096 + b"\r\n"))


def endless_requests(attacked: Daemon, stack: ExitStack) -> None:
    clients = hold(attacked, stack, 70, request("/") * 20)
    drip(clients, lambda client: client.send(request("/") * 200))


def endless_lines(attacked: Daemon, stack: ExitStack) -> None:
    clients = hold(attacked, stack, 200, b"GET /" + b"a" * 100)
    drip(clients, lambda client: client.send(b"a" * 65536))


def huge_heads(attacked: Daemon, stack: ExitStack) -> None:
    fields = [f"X-{number}: {'y' * 4000}" for number in range(60)]
    hold(attacked, stack, 200, request("/", *fields))


def old_protocol(attacked: Daemon, stack: ExitStack) -> None:
    hold(attacked, stack, 300, request("/", version="1.0"))


def slow_readers(attacked: Daemon, stack: ExitStack) -> None:
    clients = hold(attacked, stack, 200, request("/metrics"))
    drip(clients, lambda client: client.recv(1))


def slow_readers_of_many_documents(attacked: Daemon, stack: ExitStack) -> None:
    clients = []
    for path in ("/metrics", "/", "/api/v1/targets", "/targets/app-gitpod-io"):
        clients += hold(attacked, stack, 50, request(path))
        time.sleep(0.3)
    drip(clients, lambda client: client.recv(1))


def silent_streams(attacked: Daemon, stack: ExitStack) -> None:
    hold(attacked, stack, 200, request("/events"))


def resets(attacked: Daemon, stack: ExitStack) -> None:
    for _ in range(500):
        with suppress(OSError), attacked.connect() as client:
            linger = struct.pack("ii", 1, 0)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            client.sendall(request("/"))


def rubbish(attacked: Daemon, stack: ExitStack) -> None:
    for data in (b"\x00" * 5000, b"\x16\x03\x01\xff\xff" + b"\xff" * 9000, b"\r\n" * 5000):
        hold(attacked, stack, 100, data)


@pytest.mark.parametrize(
    "attack",
    [
        burst, slow_heads, slow_bodies, endless_bodies, endless_requests, endless_lines,
        huge_heads, old_protocol, slow_readers, slow_readers_of_many_documents, silent_streams,
        resets, rubbish,
    ],
)  # fmt: skip
def test_over_tcp(plain: Daemon, attack: Attack) -> None:
    withstands(plain, attack)


def client_hello() -> bytes:
    """A real ClientHello."""
    outgoing = ssl.MemoryBIO()
    context = ssl.create_default_context()
    tls = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="monitor.test")
    with suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def silent_handshakes(attacked: Daemon, stack: ExitStack) -> None:
    hold(attacked, stack, 500, b"")


def half_handshakes(attacked: Daemon, stack: ExitStack) -> None:
    hold(attacked, stack, 500, client_hello())


def slow_handshakes(attacked: Daemon, stack: ExitStack) -> None:
    hello = client_hello()
    clients = hold(attacked, stack, 200, hello[:6])
    drip(clients, lambda client: client.send(hello[6:7]))


def tls_that_never_reads(attacked: Daemon, stack: ExitStack) -> None:
    assert attacked.trusting is not None
    for _ in range(100):
        with suppress(OSError):
            client = stack.enter_context(attacked.connect())
            tls = attacked.trusting.wrap_socket(client, server_hostname="127.0.0.1")
            stack.enter_context(tls).sendall(request("/metrics") * 5)


@pytest.mark.parametrize(
    "attack", [silent_handshakes, half_handshakes, slow_handshakes, tls_that_never_reads, rubbish]
)
def test_over_tls(by_tls: Daemon, attack: Attack) -> None:
    withstands(by_tls, attack)


def withstands(attacked: Daemon, attack: Attack) -> None:
    """Run an attack and judge the daemon while its connections are still held."""
    lines = attacked.log.read_text().count("\n")
    with suppress(OSError):  # Not everywhere: then the peak is that of the whole module.
        Path(f"/proc/{attacked.pid}/clear_refs").write_text("5")
    with ExitStack() as stack:
        attack(attacked, stack)
        began = time.monotonic()
        while not attacked.healthy_within(3):
            assert time.monotonic() - began < 15, "/healthz does not answer"
        assert attacked.descriptors() <= DESCRIPTORS_LIMIT
    print(f"{attack.__name__}: peak RSS {attacked.status('VmHWM') / 1024:.0f} MiB")
    assert attacked.status("VmHWM") <= MEMORY_LIMIT
    text = attacked.log.read_text()
    assert text.count("\n") - lines <= LOG_LIMIT
    assert "local_resource_exhausted" not in text
    assert "Traceback" not in text

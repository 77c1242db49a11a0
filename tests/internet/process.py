"""Starts real servers for tests, waits until they answer, and ends exactly those."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest


def program(name: str) -> str:
    """Return the path of a system program; skips the test where it is not installed."""
    path = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin:/usr/local/sbin")
    if path is None:
        pytest.skip(f"{name} is not installed (`make test` installs it)")
    return path


def peer(name: str) -> str:
    """Return the path of a Go program that ``make peers`` built; skips the test without it."""
    path = Path(__file__).parents[2] / ".cache" / "peers" / name
    if not path.exists():
        pytest.skip(f"{name} of the pinned version is not there (`make peers` builds it, with go)")
    return str(path)


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM, host: str = "127.0.0.1") -> int:
    """Return a port that nothing listens on now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def free_port_of_both(host: str = "127.0.0.1") -> int:
    """Return a port that is free for TCP and for UDP."""
    for _ in range(100):
        port = free_port(host=host)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free for both")


def open_descriptors() -> int:
    """Return how many files and sockets this process has open."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a number, no paths


def accepts(port: int, host: str = "127.0.0.1") -> bool:
    """Tell whether a TCP server answers there."""
    try:
        with socket.create_connection((host, port), timeout=0.2):
            return True
    except OSError:
        return False


def wait_until(ready: Callable[[], bool], what: str, seconds: float = 10.0) -> None:
    """Return once ``ready()`` holds; fails the test when it does not within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


@contextmanager
def running(
    command: Sequence[str],
    log: Path,
    ready: Callable[[], bool] | None = None,
    **options: object,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``command`` for the length of the block, its output in ``log``."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, **options)  # type: ignore[call-overload]
    try:
        if ready is not None:
            wait_until(lambda: ready() or process.poll() is not None, f"{command[0]} is ready")
            if process.poll() is not None:
                raise AssertionError(f"{command[0]} ended: {log.read_text(errors='replace')}")
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the process and wait for it: SIGTERM, then SIGKILL after 5 s."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

"""Notifications to systemd: to a socket of our own that receives what systemd would."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.daemon.systemd import Notifier


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    name = f"@egress-monitor-test-{os.getpid()}" if request.param == "abstract" else ""
    address = name.replace("@", "\0") if name else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(address)
        receiver.setblocking(False)
        yield receiver, name or address


def test_states_are_sent_as_datagrams(systemd: tuple[socket.socket, str]) -> None:
    receiver, address = systemd
    notifier = Notifier({"NOTIFY_SOCKET": address})
    notifier.ready("probing 51\n targets")
    notifier.reloading()
    notifier.status("x" * 5_000)
    notifier.alive()
    notifier.stopping()
    got = [receiver.recv(8_192).decode() for _ in range(5)]
    assert got[0] == "READY=1\nSTATUS=probing 51 targets"
    first, second = got[1].split("\n")
    assert first == "RELOADING=1"
    assert int(second.removeprefix("MONOTONIC_USEC=")) > 0
    assert len(got[2]) < 600
    assert got[3:] == ["WATCHDOG=1", "STOPPING=1"]


@pytest.mark.parametrize("address", ["", "relative", "/nowhere/socket", "@nobody-listens-here"])
def test_without_a_receiver_nothing_happens(address: str) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": address})
    notifier.ready("on")
    notifier.alive()


def test_a_receiver_that_does_not_read_blocks_nothing(systemd: tuple[socket.socket, str]) -> None:
    _, address = systemd
    notifier = Notifier({"NOTIFY_SOCKET": address})
    for _ in range(2_000):
        notifier.alive()


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "9" * 400}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_fed_twice_in_its_time(
    environ: dict[str, str], seconds: float | None
) -> None:
    assert Notifier({"NOTIFY_SOCKET": "/x", **environ}).watchdog_interval == seconds
    assert Notifier(environ).watchdog_interval is None

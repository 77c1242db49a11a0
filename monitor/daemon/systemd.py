"""State notifications to systemd (sd_notify(3)): datagrams to the socket in NOTIFY_SOCKET."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

_STATUS_BYTES = 512


class Notifier:
    """Notifies systemd of the state of the service; does nothing without NOTIFY_SOCKET.

    Nothing here raises or blocks: a notification that cannot be sent is lost.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self.watchdog_interval = _watchdog(environ) if self._address else None
        """Seconds between two watchdog notifications; None if systemd expects none. Half of
        WATCHDOG_USEC, as sd_watchdog_enabled(3) recommends."""

    def ready(self, status: str) -> None:
        """Report that start or reload is finished."""
        self._send("READY=1", f"STATUS={_one_line(status)}")

    def reloading(self) -> None:
        """Report that the configuration is being reloaded; ``ready`` has to follow."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Report that the service is shutting down."""
        self._send("STOPPING=1")

    def status(self, status: str) -> None:
        """Set the line that ``systemctl status`` shows."""
        self._send(f"STATUS={_one_line(status)}")

    def alive(self) -> None:
        """Keep the watchdog from restarting the service."""
        self._send("WATCHDOG=1")

    def _send(self, *assignments: str) -> None:
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.setblocking(False)
                sender.sendto("\n".join(assignments).encode(), self._address)
        except OSError:
            return


def _address(name: str) -> str | None:
    """Return the socket's address: a path, or a name in the abstract namespace after "@"."""
    if name.startswith("@"):
        return f"\0{name[1:]}"
    return name if name.startswith("/") else None


def _watchdog(environ: Mapping[str, str]) -> float | None:
    """Return half of the watchdog's timeout, in seconds, if it is meant for this process."""
    microseconds, process = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not (microseconds.isascii() and microseconds.isdecimal() and len(microseconds) <= 18):
        return None
    if process and process != str(os.getpid()):
        return None
    return int(microseconds) / 2e6 or None


def _one_line(text: str) -> str:
    return " ".join(text.split())[:_STATUS_BYTES]

"""Receive times by the kernel (SO_TIMESTAMPNS): exact also while this process is late."""

from __future__ import annotations

import socket
import struct

_SO_TIMESTAMPNS = 35  # Linux include/uapi/asm-generic/socket.h
_TIMESPEC = struct.Struct("@qq")
BUFFER = socket.CMSG_SPACE(_TIMESPEC.size)
"""Room for the time in the ancillary data of recvmsg, in bytes."""


def request_receive_times(sock: socket.socket) -> None:
    """Have the kernel add the time to each received message.

    Raises:
        OSError: if the kernel has no such option.
    """
    sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)


def receive_time(messages: list[tuple[int, int, bytes]]) -> float | None:
    """Return the time in ancillary data in Unix seconds; None if there is none."""
    for level, kind, data in messages:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS) and len(data) >= _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack_from(data)
            return float(seconds + nanoseconds / 1e9)
    return None

"""ICMP errors from a socket's error queue: type, code and sender, which errno hides."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

from monitor.net.sockets.receive_time import receive_time

# Linux include/uapi/linux/in.h, in6.h, errqueue.h.
_IP_RECVERR, _IPV6_RECVERR = 11, 25
_EXTENDED_ERROR = struct.Struct("=IBBBxII")  # errno, origin, type, code, pad, info, data
_ORIGIN_ICMP, _ORIGIN_ICMP6 = 2, 3
_OPTIONS = {
    socket.AF_INET: (socket.IPPROTO_IP, _IP_RECVERR),
    socket.AF_INET6: (socket.IPPROTO_IPV6, _IPV6_RECVERR),
}


@dataclass(frozen=True, slots=True)
class IcmpError:
    """An ICMP error that came back for what a socket sent. ``sender`` is the router or
    host that sent it, "" if unknown. ``info`` is the MTU of a message that reports one. ``at`` is
    the time of its arrival (Unix seconds) if the socket requests receive times, else None."""

    errno: int
    type: int
    code: int
    sender: str
    info: int = 0
    at: float | None = None


def keep_icmp_errors(sock: socket.socket, family: socket.AddressFamily, *, on: bool = True) -> None:
    """Have the kernel queue ICMP errors for ``read_icmp_error`` (IP_RECVERR, ip(7))."""
    level, option = _OPTIONS[family]
    sock.setsockopt(level, option, int(on))


def read_icmp_error(sock: socket.socket) -> IcmpError | None:
    """Return the oldest queued ICMP error; None when there is none."""
    try:
        _, messages, _, _ = sock.recvmsg(0, 512, socket.MSG_ERRQUEUE | socket.MSG_DONTWAIT)
    except OSError:
        return None
    for level, kind, data in messages:
        if (level, kind) == _OPTIONS[sock.family] and len(data) >= _EXTENDED_ERROR.size:
            number, origin, icmp_type, code, info, _ = _EXTENDED_ERROR.unpack_from(data)
            if origin in {_ORIGIN_ICMP, _ORIGIN_ICMP6}:
                sender = _offender(data[_EXTENDED_ERROR.size :])
                return IcmpError(number, icmp_type, code, sender, info, receive_time(messages))
    return None


def _offender(address: bytes) -> str:
    """Read the ``sockaddr`` behind the error: SO_EE_OFFENDER."""
    if len(address) < 2:
        return ""
    family = int.from_bytes(address[:2], "little" if struct.pack("=H", 1)[0] else "big")
    if family == socket.AF_INET and len(address) >= 8:
        return socket.inet_ntop(socket.AF_INET, address[4:8])
    if family == socket.AF_INET6 and len(address) >= 24:
        return socket.inet_ntop(socket.AF_INET6, address[8:24])
    return ""

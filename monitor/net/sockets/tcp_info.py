"""Reads the kernel's own figures of a TCP connection: ``getsockopt(TCP_INFO)``."""

from __future__ import annotations

import socket
import struct

from monitor.model.probe_result import TcpFacts

# Linux include/uapi/linux/tcp.h, struct tcp_info: offsets in bytes. The struct only ever
# grows at its end, so an old kernel answers with fewer bytes, never with others.
_PMTU, _RTT, _RTTVAR, _TOTAL_RETRANS, _MIN_RTT = 60, 68, 72, 100, 148
_SIZE = 192
_UNMEASURED = 0xFFFFFFFF


def tcp_facts(sock: socket.socket) -> TcpFacts | None:
    """Return the connection's round-trip times (the kernel's microseconds as seconds),
    retransmitted segments and path MTU (bytes); None if the kernel does not provide them."""
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _SIZE)
    except OSError:
        return None
    if len(info) < _TOTAL_RETRANS + 4:
        return None
    min_rtt = _u32(info, _MIN_RTT) if len(info) >= _MIN_RTT + 4 else _UNMEASURED
    return TcpFacts(
        rtt=_u32(info, _RTT) / 1e6,
        rtt_variation=_u32(info, _RTTVAR) / 1e6,
        min_rtt=None if min_rtt == _UNMEASURED else min_rtt / 1e6,
        retransmits=_u32(info, _TOTAL_RETRANS),
        path_mtu=_u32(info, _PMTU),
    )


def _u32(info: bytes, offset: int) -> int:
    value: int = struct.unpack_from("=I", info, offset)[0]
    return value

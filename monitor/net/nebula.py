"""Nebula packets as a stranger may send them, and the answer that proves a node is there.

Source of the format: slackhq/nebula, header/header.go; of the answer: outside.go.
"""

from __future__ import annotations

import struct

_HEADER = struct.Struct("!BBHIQ")  # version and type, subtype, reserved, index, counter
HEADER_SIZE = _HEADER.size
INDEX_BITS = 32
_VERSION = 1
_RECV_ERROR, _TEST = 2, 4


def encode_test(index: int) -> bytes:
    """Write a test request for the tunnel ``index`` (32 bits), which the node can't know."""
    return _HEADER.pack(_VERSION << 4 | _TEST, 0, 0, index, 0)


def recv_error_index(packet: bytes) -> int | None:
    """Return the index that a node reports as unknown; None if the packet is no
    recv_error."""
    if len(packet) != HEADER_SIZE:
        return None
    kind, _, _, index, _ = _HEADER.unpack(packet)
    return int(index) if kind == _VERSION << 4 | _RECV_ERROR else None

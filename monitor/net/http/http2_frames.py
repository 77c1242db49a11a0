"""Frames of HTTP/2 (RFC 9113 section 4), with the checks of Go's frame reader."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from monitor.model.probe_result import FailureKind
from monitor.net.errors import ExchangeError

SIZE_LIMIT = 16_384
"""Payload of a frame: at most 16 KiB, the initial SETTINGS_MAX_FRAME_SIZE, as Go's client
announces it."""

WINDOW_LIMIT = 2**31 - 1
"""Largest flow-control window in bytes (RFC 9113 section 6.9.1)."""

END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20
_HEADER = struct.Struct("!HBBBI")
_STREAM_BITS = 0x7FFF_FFFF
_PRIORITY_SIZE = 5


class Type(IntEnum):
    """Frame types (RFC 9113 section 6)."""

    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


class Setting(IntEnum):
    """Parameters of SETTINGS (RFC 9113 section 6.5.2, RFC 8441 section 3)."""

    ENABLE_PUSH = 2
    INITIAL_WINDOW_SIZE = 4
    MAX_FRAME_SIZE = 5
    MAX_HEADER_LIST_SIZE = 6
    ENABLE_CONNECT_PROTOCOL = 8


CODES = (
    "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT",
    "STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR",
    "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
)  # fmt: skip
"""Error codes by number (RFC 9113 section 7)."""


def code_name(number: int) -> str:
    """Return the name of an error code."""
    return CODES[number] if number < len(CODES) else str(number)


def broken(what: str, code: str) -> ExchangeError:
    """Return the error of a peer that breaks HTTP/2 or refuses the request."""
    return ExchangeError(FailureKind.HTTP_FORMAT, f"HTTP/2: {what}", code)


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame; ``kind`` may be one that no RFC defines. ``payload`` is without padding and
    priority."""

    kind: int
    flags: int
    stream: int
    payload: bytes

    @property
    def number(self) -> int:
        """The first four bytes of the payload as a number."""
        return int.from_bytes(self.payload[:4], "big")


def encode(kind: Type, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Write a frame."""
    size = len(payload)
    return _HEADER.pack(size >> 8, size & 0xFF, kind, flags, stream) + payload


def encode_settings(values: dict[Setting, int]) -> bytes:
    """Write a SETTINGS frame."""
    parts = (struct.pack("!HI", name, value) for name, value in values.items())
    return encode(Type.SETTINGS, 0, 0, b"".join(parts))


def settings_of(frame: Frame) -> Iterator[tuple[int, int]]:
    """Yield the parameters of a SETTINGS frame with their values."""
    yield from struct.iter_unpack("!HI", frame.payload)


class FrameReader:
    """Splits received bytes into frames."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def put(self, data: bytes) -> None:
        """Take in what the peer sent."""
        self._buffer += data

    def frames(self) -> Iterator[Frame]:
        """Yield the frames that are complete.

        Raises:
            ExchangeError: HTTP_FORMAT, if a frame is too large or malformed.
        """
        while len(self._buffer) >= _HEADER.size:
            high, low, kind, flags, stream = _HEADER.unpack_from(self._buffer)
            size = high << 8 | low
            if size > SIZE_LIMIT:
                if self._buffer.startswith(b"HTTP/1."):
                    raise broken("it answers in HTTP/1 after it negotiated HTTP/2", "HTTP1")
                raise broken("it sends a frame that is too large", "FRAME_SIZE_ERROR")
            end = _HEADER.size + size
            if len(self._buffer) < end:
                return
            payload = bytes(self._buffer[_HEADER.size : end])
            del self._buffer[:end]
            yield _checked(Frame(kind, flags, stream & _STREAM_BITS, payload))


_ON_STREAM = {Type.DATA, Type.HEADERS, Type.PRIORITY, Type.RST_STREAM, Type.CONTINUATION}
_ON_CONNECTION = {Type.SETTINGS, Type.PING, Type.GOAWAY}
_SIZES = {Type.PRIORITY: 5, Type.RST_STREAM: 4, Type.PING: 8, Type.WINDOW_UPDATE: 4}


def _checked(frame: Frame) -> Frame:
    """Return the frame without padding and priority."""
    size = len(frame.payload)
    if frame.kind in _ON_STREAM and not frame.stream:
        raise broken("it sends a frame of a stream on none", "PROTOCOL_ERROR")
    if frame.kind in _ON_CONNECTION and frame.stream:
        raise broken("it sends a frame of the connection on a stream", "PROTOCOL_ERROR")
    ack = frame.kind == Type.SETTINGS and frame.flags & ACK
    if size != _SIZES.get(frame.kind, size) or (ack and size):  # type: ignore[call-overload]
        raise broken("it sends a frame of a wrong size", "FRAME_SIZE_ERROR")
    if (frame.kind == Type.SETTINGS and size % 6) or (frame.kind == Type.GOAWAY and size < 8):
        raise broken("it sends a frame of a wrong size", "FRAME_SIZE_ERROR")
    return _stripped(frame) if frame.kind in {Type.DATA, Type.HEADERS} else frame


def _stripped(frame: Frame) -> Frame:
    start = end = 0
    payload = frame.payload
    if frame.flags & PADDED:
        if not payload:
            raise broken("it sends a padded frame without padding", "PROTOCOL_ERROR")
        start, end = 1, payload[0]
    if frame.kind == Type.HEADERS and frame.flags & PRIORITY:
        start += _PRIORITY_SIZE
    if start + end > len(payload):
        raise broken("it sends a frame with more padding than bytes", "PROTOCOL_ERROR")
    return Frame(frame.kind, frame.flags, frame.stream, payload[start : len(payload) - end])

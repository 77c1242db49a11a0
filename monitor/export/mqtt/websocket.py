"""The WebSocket client protocol (RFC 6455) as MQTT uses it (MQTT 5.0 section 6): binary frames."""

from __future__ import annotations

import base64
import errno
import hashlib
import os
import struct
from contextlib import suppress
from enum import IntEnum

from monitor.common.sanitize import sanitize
from monitor.export.mqtt.transport import (
    HANDSHAKE_TIMEOUT,
    Layer,
    Outbox,
    Transport,
    deadline,
    receive,
    send_all,
)

HEAD_LIMIT = 8192
"""Bytes of the response head of the opening handshake: 8 KiB, as web servers have it."""

CONTROL_LIMIT = 125
"""Bytes that a control frame may carry (RFC 6455 section 5.5)."""

IDLE_FRAMES_LIMIT = 1000
"""Frames in a row without data after which the connection ends."""

_READ_SIZE = 4096
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3
_FINAL, _MASKED = 0x80, 0x80


class Opcode(IntEnum):
    """Kinds of frames (RFC 6455 section 5.2)."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


class WebSocketTransport(Layer):
    """MQTT's bytes in binary frames above TCP or TLS. Frame borders mean nothing to MQTT, so
    data is passed on as it comes, whatever length a frame announces."""

    def __init__(self, below: Transport) -> None:
        super().__init__(below)
        self._outbox = Outbox(below)
        self._received = bytearray()
        self._data_left = 0
        self._idle_frames = 0
        self._reads = 0

    @property
    def activity(self) -> int:
        return self._below.activity + self._reads  # data of one read may hold several packets

    async def handshake(self, host: str, path: str) -> None:
        """Open the WebSocket (RFC 6455 section 4.1); ``host`` is the Host header.

        Raises:
            OSError: if the broker does not open it in time.
        """
        key = base64.b64encode(os.urandom(16))
        request = (
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key.decode()}\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
        )
        async with deadline(HANDSHAKE_TIMEOUT, "no WebSocket handshake"):
            await send_all(self._below, request.encode("latin-1"))
            while b"\r\n\r\n" not in self._received:
                if len(self._received) > HEAD_LIMIT:
                    raise ConnectionAbortedError("the WebSocket handshake is too long")
                if not (chunk := await receive(self._below, _READ_SIZE)):
                    raise ConnectionResetError(
                        errno.ECONNRESET, "the broker closed the connection in the handshake"
                    )
                self._received += chunk
        head, _, rest = bytes(self._received).partition(b"\r\n\r\n")
        check_response(head, key)
        self._received = bytearray(rest)

    def recv(self, limit: int, /) -> bytes:
        data = self._take(limit)
        if data is None:
            chunk = self._below.recv(_READ_SIZE)
            if not chunk:
                return b""
            self._received += chunk
            data = self._take(limit)
        if data is None:
            raise BlockingIOError
        return data

    def _take(self, limit: int) -> bytes | None:
        """Return data of frames, at most ``limit`` bytes; None if the rest is yet to come."""
        while not self._data_left:
            if not self._begin_frame():
                return None
        if not self._received:
            return None
        data = bytes(self._received[: min(limit, self._data_left)])
        del self._received[: len(data)]
        self._data_left -= len(data)
        self._reads += 1
        return data

    def _begin_frame(self) -> bool:
        """Take a data frame's head, or a control frame as a whole; False if it is incomplete.

        Raises:
            OSError: if the broker closes the WebSocket or violates RFC 6455.
        """
        head = frame_head(self._received)
        if head is None:
            return False
        opcode, size, length = head
        if opcode in {Opcode.CONTINUATION, Opcode.BINARY}:
            del self._received[:size]
            self._data_left = length
            self._idle_frames = 0 if length else self._idle_frames + 1
        else:
            if len(self._received) < size + length:
                return False
            payload = bytes(self._received[size : size + length])
            del self._received[: size + length]
            self._idle_frames += 1
            self._control(opcode, payload)
        if self._idle_frames > IDLE_FRAMES_LIMIT:
            raise ConnectionAbortedError("the broker sends WebSocket frames without data")
        return True

    def _control(self, opcode: Opcode, payload: bytes) -> None:
        """Handle a control frame (RFC 6455 section 5.5)."""
        if opcode is Opcode.CLOSE:
            raise ConnectionResetError(errno.ECONNRESET, closed_text(payload))
        # A pong may stand for all pings before it: while one waits, no other is added.
        if opcode is Opcode.PING and len(self._outbox) < _READ_SIZE:
            self._outbox.add(masked_frame(Opcode.PONG, payload))
            with suppress(BlockingIOError):
                self._outbox.flush()

    def send(self, data: bytes | bytearray, /) -> int:
        return self._outbox.send(data, lambda each: masked_frame(Opcode.BINARY, each))


def frame_head(data: bytes | bytearray) -> tuple[Opcode, int, int] | None:
    """Return a frame's opcode, the length of its head and of its payload; None if incomplete.

    Raises:
        OSError: if it violates RFC 6455 or is not binary (MQTT 5.0 section 6).
    """
    if len(data) < 2:
        return None
    first, second = data[0], data[1]
    if first & 0x70 or second & _MASKED or (first & 0x0F) not in _SERVER_OPCODES:
        raise ConnectionAbortedError("the broker sends an invalid WebSocket frame")
    opcode, length, size = Opcode(first & 0x0F), second & 0x7F, 2
    if opcode >= Opcode.CLOSE and (length > CONTROL_LIMIT or not first & _FINAL):
        raise ConnectionAbortedError("the broker sends an invalid WebSocket control frame")
    if length >= 126:
        size = 4 if length == 126 else 10
        if len(data) < size:
            return None
        length = int.from_bytes(data[2:size], "big")
    return opcode, size, length


_SERVER_OPCODES = frozenset(set(Opcode) - {Opcode.TEXT})


def masked_frame(opcode: Opcode, data: bytes | bytearray) -> bytes:
    """Return a client's frame: final and masked (RFC 6455 section 5.3)."""
    length = len(data)
    if length < 126:
        head = bytes((_FINAL | opcode, _MASKED | length))
    elif length < 65_536:
        head = struct.pack("!BBH", _FINAL | opcode, _MASKED | 126, length)
    else:
        head = struct.pack("!BBQ", _FINAL | opcode, _MASKED | 127, length)
    key = os.urandom(4)
    repeated = (key * (length // 4 + 1))[:length]
    masked = int.from_bytes(data, "big") ^ int.from_bytes(repeated, "big")
    return head + key + masked.to_bytes(length, "big")


def closed_text(payload: bytes) -> str:
    """Return the text of a close frame: its code and reason (RFC 6455 section 5.5.1)."""
    if len(payload) < 2:
        return "the broker closed the WebSocket"
    code = int.from_bytes(payload[:2], "big")
    reason = sanitize(payload[2:].decode("utf-8", "replace"), CONTROL_LIMIT)
    return f"the broker closed the WebSocket: {code} {reason}".rstrip()


def check_response(head: bytes, key: bytes) -> None:
    """Check the response of the opening handshake (RFC 6455 section 4.1).

    Raises:
        OSError: if the server did not open the WebSocket, or not for MQTT.
    """
    status, *lines = head.decode("latin-1").split("\r\n")
    if not status.startswith("HTTP/1.1 101"):
        answer = sanitize(status.partition(" ")[2], 80) or "something that is not HTTP"
        raise ConnectionRefusedError(
            errno.ECONNREFUSED, f"the WebSocket handshake is answered with {answer}"
        )
    fields = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines)
    }
    accept = base64.b64encode(hashlib.sha1(key + _GUID).digest()).decode()  # noqa: S324 - RFC 6455
    upgrades = fields.get("upgrade", "").lower() == "websocket"
    if not upgrades or "upgrade" not in fields.get("connection", "").lower():
        raise ConnectionAbortedError("the WebSocket handshake upgrades to something else")
    if fields.get("sec-websocket-accept") != accept:
        raise ConnectionAbortedError("the WebSocket handshake has a wrong accept key")
    if fields.get("sec-websocket-protocol", "mqtt") != "mqtt":
        raise ConnectionAbortedError("the WebSocket does not carry MQTT")

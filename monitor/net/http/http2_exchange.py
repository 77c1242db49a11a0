"""One request on a new HTTP/2 connection: it accepts and refuses what Go's client does.

The rules are those of Go 1.26 (net/http/h2_bundle.go: ``clientConnReadLoop``, ``readMetaFrame``,
``checkPseudos``). ``tests/oracles/http2`` holds Go's own results.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from monitor.model.probe_result import FailureKind
from monitor.net.errors import ExchangeError
from monitor.net.http import http2_frames as frames
from monitor.net.http.fields import FIELD_LINES_LIMIT, Head
from monitor.net.http.http2_frames import Frame, FrameReader, Setting, Type, broken
from monitor.net.http.response import BODY_LIMIT

if TYPE_CHECKING:
    from hpack import Decoder

STREAM = 1
HEAD_LIMIT = 65_536
"""Fields of a response, counted as RFC 9113 section 6.5.2 does: at most 64 KiB (Go: 10 MiB),
because decoding them holds the event loop."""

_STREAM_WINDOW, _CONNECTION_WINDOW = 4_194_304, 1_073_741_824
"""Flow-control windows that Go's client announces, in bytes."""

_SETTINGS = {
    Setting.ENABLE_PUSH: 0,
    Setting.INITIAL_WINDOW_SIZE: _STREAM_WINDOW,
    Setting.MAX_FRAME_SIZE: frames.SIZE_LIMIT,
    Setting.MAX_HEADER_LIST_SIZE: HEAD_LIMIT,
}
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DEFAULT_WINDOW = 65_535

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9a-z]+")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
_STATUS = re.compile(r"[+-]?[0-9]{1,9}")
_LENGTH = re.compile(r"[0-9]{1,18}")
_NOT_MODIFIED = 304


def encode_request(fields: Sequence[tuple[str, str]]) -> bytes:
    """Write the beginning of a connection with one request, which has no body."""
    from hpack import Encoder  # noqa: PLC0415 - few probes need it

    window = _CONNECTION_WINDOW.to_bytes(4, "big")
    flags = frames.END_HEADERS | frames.END_STREAM
    return (
        _PREFACE
        + frames.encode_settings(_SETTINGS)
        + frames.encode(Type.WINDOW_UPDATE, 0, 0, window)
        + frames.encode(Type.HEADERS, flags, STREAM, Encoder().encode(fields))
    )


@dataclass(slots=True)
class ResponseReader:
    """Turns received bytes into the response on the first stream; ``outgoing`` are the frames
    that the peer is owed. ``done`` once no more is needed from the peer."""

    method: str = "GET"
    head: Head | None = None
    body: bytearray = field(default_factory=bytearray)
    done: bool = False
    outgoing: bytearray = field(default_factory=bytearray)
    _frames: FrameReader = field(default_factory=FrameReader)
    _block: bytearray | None = None
    _block_start: Frame | None = None
    _decoder: Decoder | None = None
    _settled: bool = False
    _acknowledged: bool = False
    _window: int = _DEFAULT_WINDOW
    _left: int | None = None

    def feed(self, data: bytes) -> None:
        """Take in what the peer sent.

        Raises:
            ExchangeError: HTTP_FORMAT, or HTTP_TRUNCATED if the body is shorter than announced.
        """
        self._frames.put(data)
        for frame in self._frames.frames():
            if self.done:
                return
            self._take(frame)

    def _take(self, frame: Frame) -> None:
        if not self._settled:
            if frame.kind != Type.SETTINGS:
                raise broken("its first frame is not SETTINGS", "PROTOCOL_ERROR")
            self._settled = True
        if (self._block_start is not None) is not (frame.kind == Type.CONTINUATION):
            raise broken("it sends another frame within a field block", "PROTOCOL_ERROR")
        match frame.kind:
            case Type.HEADERS | Type.CONTINUATION:
                self._take_block(frame)
            case Type.DATA:
                self._take_data(frame)
            case Type.RST_STREAM if frame.stream == STREAM:
                raise broken(f"it reset the stream ({_code(frame.number)})", "RST_STREAM")
            case Type.GOAWAY:
                self._take_goaway(frame)
            case Type.PUSH_PROMISE:
                raise broken("it pushes, which was disabled", "PROTOCOL_ERROR")
            case _:
                self._take_control(frame)

    def _take_control(self, frame: Frame) -> None:
        if frame.kind == Type.SETTINGS:
            self._take_settings(frame)
        elif frame.kind == Type.PING and not frame.flags & frames.ACK:
            self.outgoing += frames.encode(Type.PING, frames.ACK, 0, frame.payload)
        elif frame.kind == Type.WINDOW_UPDATE and frame.stream in {0, STREAM}:
            increment = frame.number & frames.WINDOW_LIMIT
            if not increment:
                raise broken("it enlarges a window by nothing", "PROTOCOL_ERROR")
            self._window += 0 if frame.stream else increment
            if self._window > frames.WINDOW_LIMIT:
                raise broken("it enlarges a window too far", "FLOW_CONTROL_ERROR")

    def _take_settings(self, frame: Frame) -> None:
        if frame.flags & frames.ACK:
            if self._acknowledged:
                raise broken("it acknowledges settings twice", "PROTOCOL_ERROR")
            self._acknowledged = True
            return
        for name, value in frames.settings_of(frame):
            switch = name in {Setting.ENABLE_PUSH, Setting.ENABLE_CONNECT_PROTOCOL}
            small = name == Setting.MAX_FRAME_SIZE and not frames.SIZE_LIMIT <= value < 1 << 24
            if small or (switch and value > 1):
                raise broken("it sends a setting that is not valid", "PROTOCOL_ERROR")
            if name == Setting.INITIAL_WINDOW_SIZE and value > frames.WINDOW_LIMIT:
                raise broken("it sends a setting that is not valid", "FLOW_CONTROL_ERROR")
        self.outgoing += frames.encode(Type.SETTINGS, frames.ACK, 0)

    def _take_goaway(self, frame: Frame) -> None:
        """A server that goes away finishes the streams that it names (RFC 9113 section 6.8)."""
        if frame.number & frames.WINDOW_LIMIT >= STREAM:
            return
        raise broken(f"it sent GOAWAY ({_code(int.from_bytes(frame.payload[4:8]))})", "GOAWAY")

    def _take_block(self, frame: Frame) -> None:
        """Collect a field block; every one has to be decoded, also that of another stream."""
        if self._block is None:
            self._block, self._block_start = bytearray(), frame
        start = self._block_start
        if start is None or start.stream != frame.stream:
            raise broken("it continues the fields of another stream", "PROTOCOL_ERROR")
        self._block += frame.payload
        if len(self._block) > HEAD_LIMIT:
            raise broken(f"it sends more than {HEAD_LIMIT} bytes of fields", "HEAD_LIMIT")
        if frame.flags & frames.END_HEADERS:
            block, self._block, self._block_start = bytes(self._block), None, None
            fields = self._decoded(block)
            if start.stream == STREAM:
                self._take_fields(fields, ends=bool(start.flags & frames.END_STREAM))

    def _decoded(self, block: bytes) -> list[tuple[str, str]]:
        from hpack import Decoder, HPACKError  # noqa: PLC0415 - few probes need it
        from hpack.exceptions import OversizedHeaderListError  # noqa: PLC0415

        if self._decoder is None:
            self._decoder = Decoder(max_header_list_size=HEAD_LIMIT)
        try:
            found = self._decoder.decode(block, raw=True)
        except OversizedHeaderListError:
            raise broken(f"it sends more than {HEAD_LIMIT} bytes of fields", "HEAD_LIMIT") from None
        except (HPACKError, UnicodeDecodeError):
            raise broken("its fields can't be decoded", "COMPRESSION_ERROR") from None
        return [(_text(name), _text(value)) for name, value in islice(found, FIELD_LINES_LIMIT + 1)]

    def _take_fields(self, fields: list[tuple[str, str]], *, ends: bool) -> None:
        pseudo = _checked_fields(fields)
        if self.head is not None:
            if pseudo or not ends:
                raise broken("it sends fields within the body", "PROTOCOL_ERROR")
            self._end()
            return
        status = _status(pseudo)
        if 100 <= status < 200:
            if ends:
                raise broken("it ends the stream with an interim response", "PROTOCOL_ERROR")
            return
        lists: dict[str, tuple[str, ...]] = {}
        for name, value in fields[len(pseudo) :]:
            lists[name] = (*lists.get(name, ()), value)
        self.head = Head("2.0", status, {n: ", ".join(v) for n, v in lists.items()}, lists)
        lengths = lists.get("content-length", ())
        if len(lengths) == 1 and _LENGTH.fullmatch(lengths[0]):
            self._left = int(lengths[0])
        if ends or self.method == "HEAD":
            self._end()

    def _take_data(self, frame: Frame) -> None:
        if frame.stream != STREAM:
            raise broken("it sends data of a stream that was not asked for", "PROTOCOL_ERROR")
        if self.head is None:
            raise broken("it sends data without a response", "PROTOCOL_ERROR")
        if self._left is not None and len(frame.payload) > self._left:
            raise broken("it sends more data than announced", "PROTOCOL_ERROR")
        self._left = None if self._left is None else self._left - len(frame.payload)
        self.body += frame.payload[: BODY_LIMIT - len(self.body)]
        if len(self.body) >= BODY_LIMIT:
            self.done = True
        elif frame.flags & frames.END_STREAM:
            self._end()

    def _end(self) -> None:
        self.done = True
        bodiless = self.method == "HEAD" or (self.head and self.head.status == _NOT_MODIFIED)
        if self._left and not bodiless:
            announced = len(self.body) + self._left
            raise ExchangeError(
                FailureKind.HTTP_TRUNCATED,
                f"the body ended after {len(self.body)} bytes, {announced} were announced",
            )


def _checked_fields(fields: list[tuple[str, str]]) -> dict[str, str]:
    """Return the pseudo-header fields, which come first."""
    if len(fields) > FIELD_LINES_LIMIT:
        raise broken(f"it sends more than {FIELD_LINES_LIMIT} fields", "HEAD_LIMIT")
    pseudo: dict[str, str] = {}
    for number, (name, value) in enumerate(fields):
        if name.startswith(":"):
            if name != ":status" or pseudo or number:
                raise broken("it sends a wrong pseudo-header field", "PROTOCOL_ERROR")
            pseudo[name] = value
        elif not _NAME.fullmatch(name):
            raise broken("it sends a field name that is not valid", "PROTOCOL_ERROR")
        if not _VALUE.fullmatch(value):
            raise broken("it sends a field value that is not valid", "PROTOCOL_ERROR")
    return pseudo


def _status(pseudo: dict[str, str]) -> int:
    status = pseudo.get(":status", "")
    if not _STATUS.fullmatch(status):
        raise broken("the status is not a number", "STATUS")
    return int(status)


def _text(octets: bytes | str) -> str:
    return octets if isinstance(octets, str) else octets.decode("latin-1")


def _code(number: int) -> str:
    return frames.code_name(number)

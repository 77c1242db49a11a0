"""One HTTP/1 response, read within bounds: it accepts and refuses what Go's net/http does."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from enum import Enum, auto

from monitor.model.probe_result import FailureKind
from monitor.net.errors import ExchangeError
from monitor.net.http.chunked import ChunkedDecoder
from monitor.net.http.fields import (
    FIELD_LINES_LIMIT,
    Head,
    bad,
    parse_fields,
    parse_status_line,
)
from monitor.net.sockets.stream import Stream

HEAD_LIMIT = 524_288
"""Head of a response, interim responses included: at most 512 KiB (Go: 10 MiB, curl: 300 KiB)."""

BODY_LIMIT = 65_536
"""Body that is read of a response: at most 64 KiB."""

_INTERIM_LIMIT = 200
"""Interim responses before the final one: at most 200, because each costs time."""

_FRAMING_SHARE = 4
"""Bytes read per byte of body and head that is kept: at most 4, chunk framing included."""

_BLANK_LINE = re.compile(rb"\n\r?\n")
_HTTP2_SETTINGS = re.compile(
    rb"\x00[\x00-\x3f][\x00-\xff]\x04[\x00\x01]\x00\x00\x00\x00", re.DOTALL
)
"""The header of a SETTINGS frame of stream 0, the server preface of HTTP/2 (RFC 9113 3.4)."""

_WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}


class _Framing(Enum):
    HEAD = auto()
    LENGTH = auto()
    CHUNKED = auto()
    UNTIL_CLOSE = auto()
    DONE = auto()


@dataclass(slots=True)
class ResponseParser:
    """Turns received bytes into one response (RFC 9112), holding a bounded number of them.

    ``feed`` what was received, ``end`` when the peer closed. ``done`` once the response is
    complete or its body exceeded ``body_limit`` bytes (``capped``): no more is read then.
    """

    method: str = "GET"
    body_limit: int = BODY_LIMIT
    head: Head | None = None
    body: bytearray = field(default_factory=bytearray)
    capped: bool = False
    _buffer: bytearray = field(default_factory=bytearray)
    _framing: _Framing = _Framing.HEAD
    _left: int = 0
    _chunks: ChunkedDecoder = field(default_factory=ChunkedDecoder)
    _interim: int = 0
    _interim_bytes: int = 0
    _status_line: tuple[str, int] | None = None
    _scanned: int = 0

    @property
    def done(self) -> bool:
        """Whether nothing more is needed from the peer."""
        return self._framing is _Framing.DONE

    @property
    def started(self) -> bool:
        """Whether any byte of the response was received."""
        return self.head is not None or bool(self._buffer) or self._interim_bytes > 0

    def feed(self, data: bytes) -> None:
        """Take in what the peer sent.

        Raises:
            ExchangeError: HTTP_FORMAT.
        """
        self._buffer += data
        while not self.done and self._step():
            pass

    def end(self) -> None:
        """Take in that the peer ended the stream.

        Raises:
            EOFError: if it did so before the head was complete.
            ExchangeError: HTTP_TRUNCATED, if it did so within the body; HTTP_FORMAT, if what it
                sent is not the beginning of a response.
        """
        if self._framing is _Framing.HEAD:
            if self._buffer and self._status_line is None:
                parse_status_line(self._buffer[:HEAD_LIMIT].decode("latin-1"))
            raise EOFError
        if self._framing is _Framing.UNTIL_CLOSE:
            self._framing = _Framing.DONE
        elif not self.done:
            raise ExchangeError(
                FailureKind.HTTP_TRUNCATED,
                f"the body ended after {len(self.body)} bytes, {self._announced()} were announced",
            )

    def _announced(self) -> str:
        chunked = self._framing is _Framing.CHUNKED
        length = self.head.content_length if self.head and not chunked else None
        return "more chunks" if length is None else str(length)

    def _step(self) -> bool:
        """Consume what the framing needs next; False if more bytes are needed."""
        match self._framing:
            case _Framing.HEAD:
                return self._take_head()
            case _Framing.CHUNKED:
                return self._take_chunk()
            case _:
                return self._take_body()

    def _take_head(self) -> bool:
        if self._status_line is None:
            self._read_status_line()
        lines = self._take_lines()
        if lines is None or self._status_line is None:
            return False
        version, status = self._status_line
        fields = parse_fields(lines[1:])
        joined = {name: v[0] if len(v) == 1 else ", ".join(v) for name, v in fields.items()}
        head = Head(version, status, joined, fields)
        framing, left = self._body_framing(head)
        self._status_line = None
        # 101 is the last response of a connection that speaks HTTP (RFC 9110 section 15.2.2).
        if 100 <= status < 200 and status != 101:
            self._interim += 1
            if self._interim > _INTERIM_LIMIT:
                raise bad(f"more than {_INTERIM_LIMIT} interim responses")
            return True
        self.head, self._framing, self._left = head, framing, left
        return True

    def _read_status_line(self) -> None:
        """Refuse what is not HTTP/1 as soon as its first line is there: the peer may wait."""
        if _HTTP2_SETTINGS.match(self._buffer):
            raise ExchangeError(
                FailureKind.HTTP_FORMAT, "the peer speaks HTTP/2 without ALPN", "HTTP2"
            )
        end = self._buffer.find(b"\n", self._scanned)
        if end >= 0:
            line = self._buffer[:end].decode("latin-1").removesuffix("\r")
            self._status_line = parse_status_line(line)

    def _take_lines(self) -> list[str] | None:
        """Return the lines of a complete head, which ends at the first empty line."""
        found = _BLANK_LINE.search(self._buffer, max(0, self._scanned - 2))
        self._scanned = len(self._buffer)
        size = found.end() if found else len(self._buffer)
        if self._interim_bytes + size > HEAD_LIMIT:
            raise bad(f"a head of more than {HEAD_LIMIT} bytes")
        if found is None:
            return None
        if self._buffer.count(b"\n", 0, size) > FIELD_LINES_LIMIT + 2:
            raise bad(f"more than {FIELD_LINES_LIMIT} field lines")
        raw = self._buffer[: found.start()].decode("latin-1")
        del self._buffer[:size]
        self._interim_bytes += size
        self._scanned = 0
        return [line.removesuffix("\r") for line in raw.split("\n")]

    def _body_framing(self, head: Head) -> tuple[_Framing, int]:
        """Return how the end of the body is found (RFC 9112 section 6.3)."""
        chunked, length = head.chunked, head.content_length
        if self.method in {"HEAD", "CONNECT"} or head.status in {204, 304}:
            return _Framing.DONE, 0
        if head.status // 100 == 1:
            return _Framing.DONE, 0
        if chunked:
            return _Framing.CHUNKED, 0
        if length is None:
            return _Framing.UNTIL_CLOSE, 0
        return (_Framing.LENGTH, length) if length else (_Framing.DONE, 0)

    def _take_body(self) -> bool:
        if not self._buffer:
            return False
        bounded = self._framing is _Framing.LENGTH
        count = min(len(self._buffer), self._left) if bounded else len(self._buffer)
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        self._left -= count if bounded else 0
        if bounded and not self._left:
            self._framing = _Framing.DONE
        self._keep(data)
        return True

    def _take_chunk(self) -> bool:
        data = self._chunks.take(self._buffer)
        if data is None:
            return False
        if self._chunks.done:
            self._framing = _Framing.DONE
        self._keep(data)
        return True

    def _keep(self, data: bytes) -> None:
        room = self.body_limit - len(self.body)
        self.body += data[:room]
        if len(data) > room:
            self.capped = True
            self._framing = _Framing.DONE


async def read_response(stream: Stream, parser: ResponseParser) -> Head:
    """Read from ``stream`` until the parser has its response; the bytes read are bounded.

    Raises:
        EOFError: if the peer ended the stream before the head was complete.
        ExchangeError: HTTP_FORMAT, HTTP_TRUNCATED, or TLS_PROTOCOL.
        OSError: if the connection broke.
    """
    received, limit = 0, _FRAMING_SHARE * (HEAD_LIMIT + parser.body_limit)
    while not parser.done:
        data = await stream.receive()
        received += len(data)
        if received > limit:
            raise bad("framing without end")
        parser.feed(data) if data else parser.end()
    if parser.head is None:
        raise EOFError
    return parser.head


def check_gzip(head: Head, body: bytes | bytearray, *, whole: bool) -> None:
    """Check a body that is coded with gzip, as far as it yields 64 KiB: Go, which asks for that
    coding, fails to read one that is damaged. ``whole``: all of the body was received.

    Raises:
        ExchangeError: HTTP_FORMAT, if it is not gzip; HTTP_TRUNCATED, if it ends early.
    """
    if head.headers.get("content-encoding", "").strip().lower() != "gzip":
        return
    rest, room = bytes(body), BODY_LIMIT
    for _ in range(_MEMBERS_LIMIT):
        if not rest or room <= 0:
            return
        member = zlib.decompressobj(_WINDOW_BITS["gzip"])
        try:
            room -= len(member.decompress(rest, room))
        except zlib.error:
            raise bad("a damaged body, or one that is not gzip as announced") from None
        if not member.eof:
            if whole and room > 0 and not member.unconsumed_tail:
                raise ExchangeError(FailureKind.HTTP_TRUNCATED, "its gzip coding ends early")
            return
        rest = member.unused_data


_MEMBERS_LIMIT = 64
"""Members of a gzip body (RFC 1952 section 2.2) that are checked: 64."""


def decoded(head: Head, body: bytes | bytearray, limit: int = BODY_LIMIT) -> bytes:
    """Return a body without its content coding (RFC 9110 section 8.4), at most ``limit`` bytes.

    A body that is cut short gives what there is of it. What is coded otherwise, or is not
    coded as announced, is returned as it is.
    """
    bits = _WINDOW_BITS.get(head.headers.get("content-encoding", "").strip().lower())
    if bits is None:
        return bytes(body[:limit])
    for window in (bits, -15) if bits == 15 else (bits,):  # some send deflate without zlib's frame
        try:
            return zlib.decompressobj(window).decompress(bytes(body), limit)
        except zlib.error:
            continue
    return bytes(body[:limit])

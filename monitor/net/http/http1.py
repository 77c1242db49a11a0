"""HTTP/1.1 as a probe speaks it: one request, one bounded answer, no state kept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from monitor import __version__
from monitor.model.probe_result import FailureKind
from monitor.net.errors import ExchangeError
from monitor.net.sockets.stream import Stream

USER_AGENT = f"egress-monitor/{__version__}"
HEAD_LIMIT = 32_768
BODY_LIMIT = 65_536
_INTERIM_LIMIT = 8
_VISIBLE = re.compile(r"[!-~]+")
_CHUNK_LINE_LIMIT = 256
_MESSAGE_LIMIT = 4 * (HEAD_LIMIT + BODY_LIMIT)


def authority(host: str, port: int, default_port: int | None = None) -> str:
    """Write host and port as RFC 3986 section 3.2 has them, an IPv6 literal in brackets."""
    name = f"[{host}]" if ":" in host else host
    return name if port == default_port else f"{name}:{port}"


def encode_request(
    method: str, target: str, host: str, headers: Mapping[str, str] | None = None
) -> bytes:
    """Write a request without a body (RFC 9112 section 3).

    Raises:
        ValueError: if a part holds what would end it early (control characters, spaces).
    """
    lines = {
        "Host": host,
        "User-Agent": USER_AGENT,
        "Accept": "*/*",
        "Connection": "close",
        **(headers or {}),
    }
    for part in (method, target, host):
        if not _VISIBLE.fullmatch(part):
            raise ValueError("a request line takes visible ASCII only")
    if not all(value.isprintable() for value in lines.values()):
        raise ValueError("a header value takes printable characters only")
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1")


@dataclass(frozen=True, slots=True)
class Head:
    """Status line and headers of an answer; names are lower-case, repeated ones joined."""

    version: str
    status: int
    headers: Mapping[str, str]

    @property
    def content_length(self) -> int | None:
        """The announced length of the body in bytes; None when it is not announced.

        Raises:
            ExchangeError: HTTP_FORMAT, if it is no number.
        """
        text = self.headers.get("content-length")
        if text is None:
            return None
        values = {value.strip() for value in text.split(",")}
        value = values.pop()
        if values or not value.isdecimal() or not value.isascii() or len(value) > 18:
            raise _bad("a Content-Length that is no number")
        return int(value)

    @property
    def chunked(self) -> bool:
        """Whether the body comes in chunks (RFC 9112 section 7.1)."""
        codings = self.headers.get("transfer-encoding", "").lower()
        return codings.rpartition(",")[2].strip() == "chunked"


class _Framing(Enum):
    HEAD = auto()
    LENGTH = auto()
    CHUNK_SIZE = auto()
    CHUNK_DATA = auto()
    TRAILERS = auto()
    UNTIL_CLOSE = auto()
    DONE = auto()


@dataclass(slots=True)
class ResponseParser:
    """Turns received bytes into one answer (RFC 9112), holding a bounded number of them.

    ``feed`` what came, ``end`` when the peer closed. ``done`` once the answer is whole or
    its body went past ``body_limit`` bytes (``capped``): no more is read then.
    """

    method: str = "GET"
    body_limit: int = BODY_LIMIT
    head: Head | None = None
    body: bytearray = field(default_factory=bytearray)
    capped: bool = False
    _buffer: bytearray = field(default_factory=bytearray)
    _framing: _Framing = _Framing.HEAD
    _left: int = 0
    _interim: int = 0

    @property
    def done(self) -> bool:
        """Whether nothing more is needed from the peer."""
        return self._framing is _Framing.DONE

    @property
    def started(self) -> bool:
        """Whether any byte of the answer has come."""
        return self.head is not None or bool(self._buffer) or self._interim > 0

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
            EOFError: if it did so before the head was whole.
            ExchangeError: HTTP_TRUNCATED, if it did so within the body.
        """
        if self._framing is _Framing.HEAD:
            raise EOFError
        if self._framing is _Framing.UNTIL_CLOSE:
            self._framing = _Framing.DONE
        elif not self.done:
            raise ExchangeError(
                FailureKind.HTTP_TRUNCATED,
                f"the body ended after {len(self.body)} bytes, {self._announced()} were announced",
            )

    def _announced(self) -> str:
        length = self.head.content_length if self.head else None
        return "more chunks" if length is None else str(length)

    def _step(self) -> bool:
        """Consume what the framing wants next; False when more bytes are needed."""
        match self._framing:
            case _Framing.HEAD:
                return self._take_head()
            case _Framing.CHUNK_SIZE:
                return self._take_chunk_size()
            case _Framing.TRAILERS:
                return self._take_trailer()
            case _:
                return self._take_body()

    def _take_head(self) -> bool:
        raw = self._take_until_blank_line()
        if raw is None:
            return False
        head = parse_head(raw)
        if 100 <= head.status < 200:
            self._interim += 1
            if self._interim > _INTERIM_LIMIT or head.status == 101:
                raise _bad("interim answers without end")
            return True
        self.head = head
        self._framing, self._left = self._body_framing(head)
        return True

    def _take_until_blank_line(self) -> bytes | None:
        end = self._buffer.find(b"\r\n\r\n")
        skip = 4
        if end < 0:
            end, skip = self._buffer.find(b"\n\n"), 2
        if end > HEAD_LIMIT or (end < 0 and len(self._buffer) > HEAD_LIMIT):
            raise _bad(f"a head of more than {HEAD_LIMIT} bytes")
        if end < 0:
            return None
        raw = bytes(self._buffer[:end])
        del self._buffer[: end + skip]
        return raw

    def _body_framing(self, head: Head) -> tuple[_Framing, int]:
        """RFC 9112 section 6.3: what says where the body ends."""
        if self.method in {"HEAD", "CONNECT"} or head.status in {204, 304}:
            return _Framing.DONE, 0
        if head.chunked:
            return _Framing.CHUNK_SIZE, 0
        length = head.content_length
        if length is None:
            return _Framing.UNTIL_CLOSE, 0
        return (_Framing.LENGTH, length) if length else (_Framing.DONE, 0)

    def _take_body(self) -> bool:
        if not self._buffer:
            return False
        bounded = self._framing is not _Framing.UNTIL_CLOSE
        count = min(len(self._buffer), self._left) if bounded else len(self._buffer)
        self._keep(count)
        if bounded and not self.done:
            self._left -= count
            if self._left == 0:
                chunk = self._framing is _Framing.CHUNK_DATA
                self._framing = _Framing.CHUNK_SIZE if chunk else _Framing.DONE
        return True

    def _keep(self, count: int) -> None:
        room = self.body_limit - len(self.body)
        self.body += self._buffer[: min(count, room)]
        del self._buffer[:count]
        if count > room:
            self.capped = True
            self._framing = _Framing.DONE

    def _take_chunk_size(self) -> bool:
        line = self._take_line()
        if line is None:
            return False
        if not line:  # the line end behind the chunk before
            return True
        size = line.partition(b";")[0].strip()
        if not size or len(size) > 15 or not all(c in b"0123456789abcdefABCDEF" for c in size):
            raise _bad("a chunk size that is no number")
        self._left = int(size, 16)
        self._framing = _Framing.CHUNK_DATA if self._left else _Framing.TRAILERS
        return True

    def _take_trailer(self) -> bool:
        line = self._take_line()
        if line is None:
            return False
        if not line:
            self._framing = _Framing.DONE
        return True

    def _take_line(self) -> bytes | None:
        end = self._buffer.find(b"\n")
        if end > _CHUNK_LINE_LIMIT or (end < 0 and len(self._buffer) > _CHUNK_LINE_LIMIT):
            raise _bad("a chunk line without end")
        if end < 0:
            return None
        line = bytes(self._buffer[:end]).rstrip(b"\r")
        del self._buffer[: end + 1]
        return line


def parse_head(raw: bytes) -> Head:
    """Read a status line and headers, without the blank line behind them.

    Raises:
        ExchangeError: HTTP_FORMAT.
    """
    first, *lines = raw.decode("latin-1").replace("\r\n", "\n").split("\n")
    version, _, rest = first.partition(" ")
    status = rest[:3]
    if not version.startswith("HTTP/1.") or not (status.isascii() and status.isdecimal()):
        raise _bad("an answer that is not HTTP/1.1")
    return Head(version.removeprefix("HTTP/")[:3], int(status), _headers(lines))


async def read_response(stream: Stream, parser: ResponseParser) -> Head:
    """Read from ``stream`` until the parser has its answer; what it needs is bounded.

    Raises:
        EOFError: if the peer ended the stream before the head was whole.
        ExchangeError: HTTP_FORMAT, HTTP_TRUNCATED, or TLS_PROTOCOL.
        OSError: if the connection broke.
    """
    received = 0
    while not parser.done:
        data = await stream.receive()
        received += len(data)
        if received > _MESSAGE_LIMIT:
            raise _bad("framing without end")
        parser.feed(data) if data else parser.end()
    if parser.head is None:
        raise EOFError
    return parser.head


def _headers(lines: Iterable[str]) -> Mapping[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            continue
        key, value = name.strip().lower(), value.strip()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


def _bad(what: str) -> ExchangeError:
    return ExchangeError(FailureKind.HTTP_FORMAT, f"the peer sent {what}")

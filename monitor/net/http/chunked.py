"""The chunked transfer coding (RFC 9112 section 7.1), read as strictly as Go reads it."""

from __future__ import annotations

from enum import Enum, auto

from monitor.net.http.fields import bad, parse_fields

LINE_LIMIT = 4096
"""Length of a chunk-size line with its extensions and CRLF: at most 4,096 bytes, as in Go."""

TRAILER_LIMIT = 4096
"""Length of the trailer section: at most 4,096 bytes, as in Go."""

_EXCESS_LIMIT = 16_384
"""Bytes of extensions beyond twice the data (and 16 per chunk) after which Go gives up."""

_SIZE_DIGITS = 16
_HEX = frozenset(b"0123456789abcdefABCDEF")


class _State(Enum):
    SIZE = auto()
    DATA = auto()
    DATA_END = auto()
    TRAILER = auto()
    DONE = auto()


class ChunkedDecoder:
    """Takes chunks from a buffer. ``take`` removes what it consumed and returns the data."""

    __slots__ = ("_excess", "_left", "_state")

    def __init__(self) -> None:
        self._state = _State.SIZE
        self._left = 0
        self._excess = 0

    @property
    def done(self) -> bool:
        """Whether the last chunk and the trailer section were read."""
        return self._state is _State.DONE

    def take(self, buffer: bytearray) -> bytes | None:
        """Return the next data of the body; empty bytes after framing, None if more bytes are
        needed.

        Raises:
            ExchangeError: HTTP_FORMAT.
        """
        match self._state:
            case _State.SIZE:
                return self._take_size(buffer)
            case _State.DATA:
                return self._take_data(buffer)
            case _State.DATA_END:
                return self._take_data_end(buffer)
            case _:
                return self._take_trailer(buffer)

    def _take_size(self, buffer: bytearray) -> bytes | None:
        end = buffer.find(b"\n", 0, LINE_LIMIT)
        if end < 0:
            if len(buffer) >= LINE_LIMIT:
                raise bad("a chunk-size line that is too long")
            return None
        line = bytes(buffer[: end + 1])
        if line.find(b"\r") != end - 1:
            raise bad("a chunk-size line that does not end with CRLF")
        del buffer[: end + 1]
        self._begin(line[:-2])
        return b""

    def _begin(self, line: bytes) -> None:
        # Go trims the end of the line before it cuts the extensions off, so that a space
        # between size and extension is an error.
        size = line.rstrip(b" \t").partition(b";")[0]
        if not size or len(size) > _SIZE_DIGITS or not _HEX.issuperset(size):
            raise bad("a chunk size that is not a number")
        self._left = int(size, 16)
        self._excess = max(0, self._excess + len(line) + 2 - 16 - 2 * self._left)
        if self._excess > _EXCESS_LIMIT:
            raise bad("more chunk extensions than data")
        self._state = _State.DATA if self._left else _State.TRAILER

    def _take_data(self, buffer: bytearray) -> bytes | None:
        if not buffer:
            return None
        data = bytes(buffer[: self._left])
        del buffer[: len(data)]
        self._left -= len(data)
        if not self._left:
            self._state = _State.DATA_END
        return data

    def _take_data_end(self, buffer: bytearray) -> bytes | None:
        if len(buffer) < 2:
            return None
        if buffer[:2] != b"\r\n":
            raise bad("a chunk that does not end with CRLF")
        del buffer[:2]
        self._state = _State.SIZE
        return b""

    def _take_trailer(self, buffer: bytearray) -> bytes | None:
        """Read the trailer section: it has to end with CRLF CRLF, even if its lines end in LF."""
        if buffer[:2] == b"\r\n":
            end = 0
        else:
            end = buffer.find(b"\r\n\r\n", 0, TRAILER_LIMIT)
            if end < 0:
                if len(buffer) >= TRAILER_LIMIT:
                    raise bad("a trailer section that is too long")
                return None
            lines = buffer[:end].decode("latin-1").split("\n")
            parse_fields([line.removesuffix("\r") for line in lines])
            end += 2
        del buffer[: end + 2]
        self._state = _State.DONE
        return b""

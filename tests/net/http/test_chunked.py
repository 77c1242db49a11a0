"""Chunks are read as strictly as Go reads them, in pieces of any size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.net.errors import ExchangeError
from monitor.net.http.chunked import LINE_LIMIT, TRAILER_LIMIT, ChunkedDecoder


def decoded(data: bytes, piece: int | None = None) -> tuple[bytes, bool, bytes]:
    """Return the body, whether it is complete, and what is left of the input."""
    decoder, buffer, body = ChunkedDecoder(), bytearray(), b""
    step = piece or max(1, len(data))
    for start in range(0, len(data), step):
        buffer += data[start : start + step]
        while not decoder.done and (taken := decoder.take(buffer)) is not None:
            body += taken
    return body, decoder.done, bytes(buffer)


def encoded(*chunks: bytes) -> bytes:
    framed = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return framed + b"0\r\n\r\n"


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.integers(1, 9))
def test_a_body_is_the_same_in_pieces_of_any_size(chunks: list[bytes], piece: int) -> None:
    data = encoded(*chunks)
    assert decoded(data) == decoded(data, piece) == (b"".join(chunks), True, b"")


def test_what_follows_the_body_is_left() -> None:
    assert decoded(encoded(b"abc") + b"HTTP/1.1 200") == (b"abc", True, b"HTTP/1.1 200")
    assert decoded(b"5\r\nabc") == (b"abc", False, b"")


def test_extensions_and_trailers_are_read_and_dropped() -> None:
    data = b'3;name="x"\r\nabc\r\n0\r\nX-A: 1\r\nX-B: 2\r\n\r\n'
    assert decoded(data) == (b"abc", True, b"")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"3\nabc", "does not end with CRLF"),
        (b"\r\n", "not a number"),
        (b"-1\r\n", "not a number"),
        (b"0x3\r\nabc", "not a number"),
        (b"3 ;x\r\nabc", "not a number"),
        (b"1" * 17 + b"\r\n", "not a number"),
        (b"3\r\nabcXX", "does not end with CRLF"),
        (b"1" * LINE_LIMIT, "too long"),
        (b"0\r\n" + b"x" * TRAILER_LIMIT, "too long"),
        ((b"1;" + b"x" * 4000 + b"\r\na\r\n") * 5, "more chunk extensions than data"),
    ],
)
def test_bad_framing_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(ExchangeError, match=message):
        decoded(data)

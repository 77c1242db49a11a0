"""The HTTP/2 reader under floods: no frames hold the event loop, and memory stays bounded.

Covers: monitor/net/http/http2_frames.py
"""

from __future__ import annotations

import time

import pytest

from monitor.net.errors import ExchangeError
from monitor.net.http.http2_exchange import HEAD_LIMIT, ResponseReader, encode_request
from monitor.net.http.http2_frames import SIZE_LIMIT, Type, encode
from monitor.net.sockets.stream import DATA_CHUNK
from tests.oracles.http2.inputs import PING, SETTINGS, block, data, frame, head, number

HELD_LIMIT = 0.1
"""CPU seconds that one piece of input may take: 100 ms; it takes 2 ms, a field block 40 ms."""

_LITERAL = b"\x00\x01a\x01b"
_INDEXED = b"\x40\x01x\x7f\xa1\x1e" + b"y" * 4_000


def fields(payload: bytes) -> bytes:
    """Encode one field block in as many frames as it takes."""
    pieces = [payload[n : n + SIZE_LIMIT] for n in range(0, len(payload), SIZE_LIMIT)]
    last = len(pieces) - 1
    return b"".join(
        frame(9 if n else 1, 4 if n == last else 0, 1, piece) for n, piece in enumerate(pieces)
    )


FLOODS = {
    "pings": PING,
    "settings": SETTINGS,
    "windows": number(8, 0, 1),
    "priorities": frame(2, 0, 3, b"\0\0\0\0\x10"),
    "unknown frames": frame(0xFA, 0, 0),
    "resets of other streams": number(3, 3, 8),
    "fields of other streams": frame(1, 4, 3, b"\x88"),
    "interim responses": head(status="103"),
    "empty data": head() + data(b"", ends=False),
    "continuations": frame(1, 0, 1, b"\x88") + frame(9, 0, 1),
    "literal fields": fields(b"\x88" + _LITERAL * 1_900),
    "literal fields beyond the limit": fields(b"\x88" + _LITERAL * 12_000),
    "indexed fields": fields(b"\x88" + _INDEXED + b"\xbe" * 60_000),
    "table sizes": fields(b"\x20" * 60_000),
}


@pytest.mark.parametrize("kind", FLOODS)
def test_no_flood_of_frames_holds_the_loop(kind: str):
    reader = ResponseReader()
    raw = SETTINGS + FLOODS[kind] * max(1, 200_000 // len(FLOODS[kind]))
    longest = 0.0
    try:
        for start in range(0, len(raw), DATA_CHUNK):
            before = time.thread_time()
            reader.feed(raw[start : start + DATA_CHUNK])
            longest = max(longest, time.thread_time() - before)
            assert len(reader.outgoing) <= 2 * DATA_CHUNK
            reader.outgoing.clear()
    except ExchangeError:
        longest = max(longest, time.thread_time() - before)
    assert longest < HELD_LIMIT
    held = reader.head.headers.values() if reader.head else ()
    assert sum(map(len, held)) <= HEAD_LIMIT


def test_a_request_is_that_of_gos_client():
    """The preface, SETTINGS, an enlarged window of the connection, and one field block."""
    fields = [(":authority", "a.test"), (":method", "GET"), (":path", "/"), (":scheme", "https")]
    raw = encode_request(fields)
    assert raw.startswith(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert encode(Type.WINDOW_UPDATE, 0, 0, (1 << 30).to_bytes(4, "big")) in raw
    kinds, position = [], 24
    while position < len(raw):
        kinds.append(raw[position + 3])
        position += 9 + int.from_bytes(raw[position : position + 3], "big")
    assert kinds == [Type.SETTINGS, Type.WINDOW_UPDATE, Type.HEADERS]


def test_fields_of_a_response_are_kept_apart_and_joined():
    more = block([(":status", "200"), ("via", "a"), ("via", "b")])
    reader = ResponseReader()
    reader.feed(SETTINGS + frame(1, 5, 1, more))
    assert reader.head is not None
    assert reader.head.lists["via"] == ("a", "b")
    assert reader.head.headers["via"] == "a, b"

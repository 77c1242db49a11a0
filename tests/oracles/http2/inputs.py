"""Frames for the oracle of HTTP/2: each answer has a name, a request method, and its bytes."""

# ruff: noqa: E501
from __future__ import annotations

import base64
import json
import struct
from pathlib import Path

from tests.oracles.http.inputs import Verdict

Fields = list[tuple[str, str]]


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Encode a frame (RFC 9113 section 4.1)."""
    return struct.pack("!I", len(payload))[1:] + struct.pack("!BBI", kind, flags, stream) + payload


def block(fields: Fields) -> bytes:
    """Encode fields as literals without indexing (RFC 7541 section 6.2.2)."""
    return b"".join(b"\0" + _text(name) + _text(value) for name, value in fields)


def _text(text: str) -> bytes:
    octets, size = text.encode("latin-1"), bytearray()
    count = len(octets)
    if count < 127:
        return bytes([count]) + octets
    count -= 127
    while count >= 128:
        size.append(count % 128 | 128)
        count //= 128
    return bytes([127, *size, count]) + octets


def head(*more: tuple[str, str], status: str = "200", ends: bool = False) -> bytes:
    """Encode HEADERS on stream 1."""
    return frame(1, 5 if ends else 4, 1, block([(":status", status), *more]))


def fields_only(*fields: tuple[str, str], ends: bool = False) -> bytes:
    """Encode HEADERS on stream 1 without a status of their own."""
    return frame(1, 5 if ends else 4, 1, block(list(fields)))


def data(body: bytes = b"ok", *, ends: bool = True) -> bytes:
    """Encode DATA on stream 1."""
    return frame(0, int(ends), 1, body)


def setting(name: int, value: int) -> bytes:
    """Encode SETTINGS with one parameter."""
    return frame(4, 0, 0, struct.pack("!HI", name, value))


def goaway(code: int, last: int = 1) -> bytes:
    """Encode GOAWAY (RFC 9113 section 6.8)."""
    return frame(7, 0, 0, struct.pack("!II", last, code) + b"debug")


def number(kind: int, stream: int, value: int) -> bytes:
    """Encode RST_STREAM or WINDOW_UPDATE."""
    return frame(kind, 0, stream, struct.pack("!I", value))


SETTINGS, ACK, PING = frame(4, 0, 0), frame(4, 1, 0), frame(6, 0, 0, b"12345678")
_S = SETTINGS + ACK
_OK = head() + data()
_PROMISE = [(":method", "GET"), (":path", "/"), (":scheme", "https"), (":authority", "x")]
_LONG = block([("x", "y" * 4000)])

FLOW = {
    "plain": _S + _OK,
    "no-settings": _OK,
    "ping-first": PING + _S + _OK,
    "settings-not-acknowledged": SETTINGS + _OK,
    "acknowledged-twice": _S + ACK + _OK,
    "going-away-finishes": _S + goaway(0) + _OK,
    "going-away-in-two-steps": _S + goaway(0, 2**31 - 1) + goaway(0) + _OK,
    "going-away-with-an-error-finishes": _S
    + head()
    + data(b"o", ends=False)
    + goaway(2)
    + data(b"k"),
    "going-away-without-the-stream": _S + goaway(0, 0),
    "enhance-your-calm": _S + goaway(11, 0),
    "going-away-afterwards": _S + _OK + goaway(0),
    "reset-afterwards": _S + _OK + number(3, 1, 0),
    "reset-without-error": _S + head() + data(ends=False) + number(3, 1, 0),
    "reset-cancel": _S + number(3, 1, 8),
    "reset-http-1-1-required": _S + number(3, 1, 13),
    "reset-of-another-stream": _S + number(3, 3, 8) + _OK,
    "pushed": _S + frame(5, 4, 1, struct.pack("!I", 2) + block(_PROMISE)) + _OK,
    "other-stream": _S + frame(1, 4, 3, block([(":status", "200")])) + _OK,
    "data-of-another-stream": _S + head() + frame(0, 0, 3, b"x") + data(),
    "http-1": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "end-before-response": SETTINGS,
    "reserved-bit": _S + frame(1, 4, 1 | 1 << 31, b"\x88") + data(),
    "pings": _S + PING * 300 + _OK,
    "settings-300": SETTINGS * 300 + ACK + _OK,
    "window-of-the-connection-by-0": _S + number(8, 0, 0) + _OK,
    "window-of-the-stream-by-0": _S + number(8, 1, 0) + _OK,
    "window-too-large": _S + number(8, 0, 2**31 - 1) + _OK,
    "window-of-an-idle-stream": _S + number(8, 5, 10) + _OK,
}

SETTING = {
    "unknown": setting(0x99, 5) + ACK + _OK,
    "enable-push": setting(2, 1) + ACK + _OK,
    "enable-push-2": setting(2, 2) + ACK + _OK,
    "no-streams": setting(3, 0) + ACK + _OK,
    "window-2-31": setting(4, 2**31) + ACK + _OK,
    "frame-size-100": setting(5, 100) + ACK + _OK,
    "frame-size-2-24": setting(5, 2**24) + ACK + _OK,
    "field-list-100": setting(6, 100) + ACK + _OK,
    "connect-protocol": setting(8, 1) + ACK + _OK,
    "connect-protocol-2": setting(8, 2) + ACK + _OK,
    "of-5-bytes": frame(4, 0, 0, b"12345"),
    "on-a-stream": frame(4, 0, 1) + _OK,
    "acknowledgment-with-payload": SETTINGS + frame(4, 1, 0, b"123456") + _OK,
}

FRAMES = {
    "unknown-type": _S + frame(0xFA, 0xFF, 0, b"zzz") + _OK,
    "alt-svc": _S + frame(0x0A, 0, 0, b"\xff\xff") + _OK,
    "priority": _S + frame(2, 0, 1, b"\0\0\0\0\x10") + _OK,
    "priority-short": _S + frame(2, 0, 1, b"12") + _OK,
    "ping-short": _S + frame(6, 0, 0, b"1234") + _OK,
    "ping-on-a-stream": _S + frame(6, 0, 1, b"12345678") + _OK,
    "ping-answer-unasked": _S + frame(6, 1, 0, b"12345678") + _OK,
    "reset-short": _S + frame(3, 0, 1, b"12"),
    "goaway-short": _S + frame(7, 0, 0, b"1234"),
    "data-on-no-stream": _S + frame(0, 0, 0, b"x"),
    "headers-on-no-stream": _S + frame(1, 4, 0, b"\x88"),
    "data-padded": _S + head() + frame(0, 9, 1, b"\x03ok\0\0\0"),
    "data-all-padding": _S + head() + frame(0, 8, 1, b"\x03\0\0\0") + data(),
    "data-too-much-padding": _S + head() + frame(0, 9, 1, b"\x09ok"),
    "data-padded-empty": _S + head() + frame(0, 9, 1),
    "headers-padded": _S + frame(1, 12, 1, b"\x02\x88\0\0") + data(),
    "headers-with-priority": _S + frame(1, 36, 1, b"\0\0\0\1\x10\x88") + data(),
    "headers-with-short-priority": _S + frame(1, 36, 1, b"\0\0") + data(),
    "frame-of-16385": _S + head() + data(b"x" * 16_385),
    "frame-announced-too-large": _S + b"\xff\xff\xff\0\0\0\0\0\1" + b"x" * 100,
    "continued": _S + frame(1, 0, 1, b"\x88") + frame(9, 4, 1, block([("x", "y")])) + data(),
    "continued-by-nothing": _S
    + frame(1, 0, 1, b"\x88")
    + frame(9, 0, 1) * 3
    + frame(9, 4, 1)
    + data(),
    "continued-after-a-ping": _S + frame(1, 0, 1, b"\x88") + PING + frame(9, 4, 1) + data(),
    "continued-on-another-stream": _S + frame(1, 0, 1, b"\x88") + frame(9, 4, 3) + data(),
    "continuation-first": _S + frame(9, 4, 1, b"\x88") + data(),
    "16-kilobytes-of-fields": _S
    + frame(1, 0, 1, b"\x88" + _LONG * 3)
    + frame(9, 4, 1, _LONG)
    + data(),
    "index-too-large": _S + frame(1, 4, 1, b"\xff\xff\xff\x0f") + data(),
    "fields-cut-short": _S + frame(1, 4, 1, b"\x88\x40\x85\xff") + data(),
    "table-size-4096": _S + frame(1, 4, 1, b"\x3f\xe1\x1f\x88") + data(),
    "table-size-too-large": _S + frame(1, 4, 1, b"\x3f\xff\xff\x7f\x88") + data(),
}

FIELDS = {
    **{
        f"field-{name}": _S + head((name, value)) + data()
        for name, value in {
            "connection": "keep-alive", "keep-alive": "timeout=5", "transfer-encoding": "chunked",
            "upgrade": "h2,h2c", "proxy-connection": "close", "te": "gzip", "X-Upper": "a", "x y": "a",
            "": "a", "x:y": "a", "x_y": "a", ":foo": "a", ":path": "/", "location": "",
        }.items()
    },
    **{
        f"value-{name}": _S + head(("x", value)) + data()
        for name, value in {
            "spaces": " a ", "nul": "a\0b", "line-end": "a\r\nb", "tab": "a\tb", "latin-1": "caf\xe9",
            "delete": "a\x7f", "empty": "",
        }.items()
    },
    **{
        f"status-{status}": _S + head(status=status) + data()
        for status in ("20", "2000", "abc", "", "099", "999", "+20", "2 0", "101")
    },
    "status-last": _S + fields_only(("x", "a"), (":status", "200")) + data(),
    "status-twice": _S + fields_only((":status", "200"), (":status", "200")) + data(),
    "status-missing": _S + fields_only(("x", "a")) + data(),
    "early-hints": _S + head(("link", "</x>"), status="103") * 6 + _OK,
    "early-hints-at-the-end": _S + head(status="103", ends=True),
    "switching-then-200": _S + head(status="101") + _OK,
}  # fmt: skip

BODIES = {
    "length": _S + head(("content-length", "2")) + data(),
    "length-too-large": _S + head(("content-length", "5")) + data(),
    "length-too-small": _S + head(("content-length", "1")) + data(),
    "length-not-a-number": _S + head(("content-length", "x")) + data(),
    "length-negative": _S + head(("content-length", "-2")) + data(),
    "length-twice": _S + head(("content-length", "2"), ("content-length", "2")) + data(),
    "length-twice-different": _S + head(("content-length", "2"), ("content-length", "3")) + data(),
    "length-without-body": _S + head(("content-length", "5"), ends=True),
    "no-body": _S + head(ends=True),
    "204-with-body": _S + head(status="204") + data(),
    "304-with-length": _S + head(("content-length", "500"), status="304", ends=True),
    "empty-data": _S + head() + data(b"", ends=False) * 50 + data(),
    "data-first": _S + data(),
    "data-after-the-end": _S + _OK + data(b"more"),
    "two-responses": _S + head() + _OK,
    "trailers": _S + head() + data(ends=False) + fields_only(("x-sum", "1"), ends=True),
    "trailers-with-status": _S + head() + data(ends=False) + head(ends=True),
    "trailers-without-end": _S + head() + data(ends=False) + fields_only(("x-sum", "1")),
    "body-of-40-kilobytes": _S + head() + data(b"x" * 16_384, ends=False) * 2 + data(b"x" * 8_192),
}

HEAD_REQUESTS = {
    "head": _S + head(("content-length", "1000"), ends=True),
    "head-with-data": _S + head() + data(),
    "head-with-empty-data": _S + head() + data(b""),
}

ANSWERS: dict[str, tuple[str, bytes]] = {
    **{
        name: ("GET", raw)
        for group in (FLOW, {f"setting-{n}": r for n, r in SETTING.items()}, FRAMES, FIELDS, BODIES)
        for name, raw in group.items()
    },
    **{name: ("HEAD", raw) for name, raw in HEAD_REQUESTS.items()},
}

DIFFERENCES = {
    "304-with-length": (
        "Go's client expects the body that a 304 announces, which never comes (RFC 9110 section "
        "8.6); the status is known, so the monitor accepts it"
    ),
}
"""Answers that the monitor judges differently from Go, each with the reason."""


def for_go() -> list[dict[str, str]]:
    """Return the inputs as the Go program reads them."""
    return [
        {"name": name, "method": method, "raw": base64.b64encode(raw).decode()}
        for name, (method, raw) in ANSWERS.items()
    ]


def verdicts() -> dict[str, Verdict]:
    """Return the recorded verdicts by name."""
    recorded = json.loads(Path(__file__).with_name("verdicts.json").read_text())["verdicts"]
    return {
        name: Verdict(v["accepted"], v["status"], v["body_bytes"]) for name, v in recorded.items()
    }

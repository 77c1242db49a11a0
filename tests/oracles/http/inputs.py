"""Responses for the oracle of HTTP/1: each one has a name, a request method, and its bytes."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path

OK = b"HTTP/1.1 200 OK\r\n"
_LENGTH = b"Content-Length: 2\r\n"
_CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What net/http made of a response: whether response and body were read without an error."""

    accepted: bool
    status: int
    body_bytes: int


def _with(fields: bytes, body: bytes = b"ok") -> bytes:
    return OK + fields + b"\r\n" + body


def _status(line: bytes) -> bytes:
    return line + b"\r\n" + _LENGTH + b"\r\nok"


def _interim(number: int, line: bytes = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n") -> bytes:
    return line * number + _with(_LENGTH)


STATUS_LINES = {
    "plain": _status(b"HTTP/1.1 200 OK"),
    "no-reason": _status(b"HTTP/1.1 200"),
    "empty-reason": _status(b"HTTP/1.1 200 "),
    "spaces-before-status": _status(b"HTTP/1.1   200 OK"),
    "tab-before-status": _status(b"HTTP/1.1\t200 OK"),
    "tab-after-status": _status(b"HTTP/1.1 200\tOK"),
    "four-digits": _status(b"HTTP/1.1 2000 OK"),
    "two-digits": _status(b"HTTP/1.1 20 OK"),
    "status-and-reason-joined": _status(b"HTTP/1.1 200OK"),
    "letters-for-status": _status(b"HTTP/1.1 abc OK"),
    "signed-status": _status(b"HTTP/1.1 +20 OK"),
    "negative-status": _status(b"HTTP/1.1 -20 OK"),
    "arabic-digits": _status("HTTP/1.1 ٢٠٠ OK".encode()),
    "status-099": _status(b"HTTP/1.1 099 Odd"),
    "status-999": _status(b"HTTP/1.1 999 Odd"),
    "status-000": _status(b"HTTP/1.1 000 Odd"),
    "version-1.0": _status(b"HTTP/1.0 200 OK"),
    "version-1.2": _status(b"HTTP/1.2 200 OK"),
    "version-2.0": _status(b"HTTP/2.0 200 OK"),
    "version-2": _status(b"HTTP/2 200 OK"),
    "version-0.9": _status(b"HTTP/0.9 200 OK"),
    "version-1.xyz": _status(b"HTTP/1.xyz 200 OK"),
    "version-1.10": _status(b"HTTP/1.10 200 OK"),
    "version-lower-case": _status(b"http/1.1 200 OK"),
    "version-missing": _status(b"200 OK"),
    "icy": _status(b"ICY 200 OK"),
    "ssh": b"SSH-2.0-OpenSSH_9.2p1\r\n",
    "smtp": b"220 mail.example.test ESMTP\r\n",
    "empty-line-first": b"\r\n" + _status(b"HTTP/1.1 200 OK"),
    "space-first": b" " + _status(b"HTTP/1.1 200 OK"),
    "nothing": b"",
    "html-only": b"<html><body>hello</body></html>\n",
    "reason-latin-1": _status(b"HTTP/1.1 200 Tr\xe8s bien"),
    "reason-with-nul": _status(b"HTTP/1.1 200 O\x00K"),
    "bare-cr-in-status": _status(b"HTTP/1.1 200 O\rK"),
    "status-line-only": b"HTTP/1.1 200 OK\r\n",
    "status-line-cut": b"HTTP/1.1 20",
    "http2-frame": b"\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    "tls-alert": b"\x15\x03\x03\x00\x02\x02\x28",
}

FIELDS = {
    "no-fields": OK + b"\r\nok",
    "lf-only": b"HTTP/1.1 200 OK\nContent-Length: 12\n\nab\r\n\r\ncdefgh",
    "lf-mixed": b"HTTP/1.1 200 OK\r\nServer: x\nContent-Length: 2\r\n\nok",
    "lf-then-crlf": b"HTTP/1.1 200 OK\nContent-Length: 2\n\r\nok",
    "cr-cr-lf": b"HTTP/1.1 200 OK\r\r\nContent-Length: 2\r\n\r\nok",
    "fold": _with(b"X-A: one\r\n two\r\n" + _LENGTH),
    "fold-tab": _with(b"X-A: one\r\n\ttwo\r\n" + _LENGTH),
    "fold-of-spaces": _with(b"X-A: one\r\n   \r\n" + _LENGTH),
    "fold-of-length": _with(b"Content-Length:\r\n 2\r\n"),
    "fold-first": _with(b" X-A: one\r\n" + _LENGTH),
    "fold-without-colon-before": _with(b"X-A\r\n : one\r\n" + _LENGTH),
    "no-colon": _with(b"garbage\r\n" + _LENGTH),
    "empty-name": _with(b": value\r\n" + _LENGTH),
    "space-in-name": _with(b"X A: one\r\n" + _LENGTH),
    "space-before-colon": _with(b"X-A : one\r\n" + _LENGTH),
    "space-before-colon-of-length": _with(b"Content-Length : 2\r\n"),
    "tab-in-name": _with(b"X\tA: one\r\n" + _LENGTH),
    "underscore-in-name": _with(b"X_A: one\r\n" + _LENGTH),
    "latin-1-in-name": _with(b"X-\xe9: one\r\n" + _LENGTH),
    "slash-in-name": _with(b"X/A: one\r\n" + _LENGTH),
    "latin-1-in-value": _with(b"X-A: caf\xe9\r\n" + _LENGTH),
    "utf-8-in-value": _with("X-A: 漢字\r\n".encode() + _LENGTH),
    "nul-in-value": _with(b"X-A: o\x00ne\r\n" + _LENGTH),
    "control-in-value": _with(b"X-A: o\x01ne\r\n" + _LENGTH),
    "del-in-value": _with(b"X-A: o\x7fne\r\n" + _LENGTH),
    "cr-in-value": _with(b"X-A: o\rne\r\n" + _LENGTH),
    "empty-value": _with(b"X-A:\r\n" + _LENGTH),
    "no-space-after-colon": _with(b"Content-Length:2\r\n"),
    "spaces-around-value": _with(b"Content-Length: \t 2 \t \r\n"),
    "upper-case-names": _with(b"CONTENT-LENGTH: 2\r\n"),
    "head-cut": OK + b"Content-Length: 2\r\nServ",
    "head-without-blank-line": OK + b"Content-Length: 2\r\n",
    "large-head-45k": _with(b"Content-Security-Policy: " + b"a" * 46_080 + b"\r\n" + _LENGTH),
    "large-head-200k": _with(b"X-Field: " + b"a" * 200_000 + b"\r\n" + _LENGTH),
    "many-fields": _with(b"".join(b"X-%d: y\r\n" % n for n in range(2000)) + _LENGTH),
    "date-rfc850": _with(b"Date: Sunday, 06-Nov-94 08:49:37 GMT\r\n" + _LENGTH),
}

LENGTHS = {
    "length": _with(_LENGTH),
    "length-zero": _with(b"Content-Length: 0\r\n", b""),
    "length-short": _with(b"Content-Length: 5\r\n"),
    "length-extra-bytes": _with(_LENGTH, b"okextra"),
    "length-negative": _with(b"Content-Length: -2\r\n"),
    "length-plus": _with(b"Content-Length: +2\r\n"),
    "length-hex": _with(b"Content-Length: 0x2\r\n"),
    "length-leading-zeros": _with(b"Content-Length: 0002\r\n"),
    "length-decimal": _with(b"Content-Length: 2.0\r\n"),
    "length-underscore": _with(b"Content-Length: 0_2\r\n"),
    "length-empty": _with(b"Content-Length: \r\n"),
    "length-letters": _with(b"Content-Length: two\r\n"),
    "length-arabic-digit": _with("Content-Length: ٢\r\n".encode()),
    "length-list-same": _with(b"Content-Length: 2, 2\r\n"),
    "length-list-other": _with(b"Content-Length: 2, 3\r\n"),
    "length-twice-same": _with(_LENGTH + _LENGTH),
    "length-twice-other": _with(_LENGTH + b"Content-Length: 3\r\n"),
    "length-over-63-bits": _with(b"Content-Length: 9223372036854775808\r\n"),
    "until-close": _with(b""),
    "until-close-1.0": b"HTTP/1.0 200 OK\r\n\r\nok",
    "keep-alive-1.0-without-length": b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nok",
    "keep-alive-without-length": _with(b"Connection: keep-alive\r\n"),
    "204-with-body": b"HTTP/1.1 204 No Content\r\n\r\nok",
    "204-with-length": b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok",
    "204-with-bad-length": b"HTTP/1.1 204 No Content\r\nContent-Length: x\r\n\r\n",
    "304-with-length": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 200\r\n\r\n",
    "304-chunked": b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
    "205-with-body": b"HTTP/1.1 205 Reset Content\r\nContent-Length: 2\r\n\r\nok",
    "redirect-without-location": b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
    "gzip-unasked": _with(b"Content-Encoding: gzip\r\n" + _LENGTH),
}

CHUNKS = {
    "chunked": _CHUNKED + b"2\r\nok\r\n0\r\n\r\n",
    "chunked-upper-case": _with(b"Transfer-Encoding: CHUNKED\r\n", b"2\r\nok\r\n0\r\n\r\n"),
    "chunked-1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "chunked-with-length": _with(
        b"Transfer-Encoding: chunked\r\nContent-Length: 9\r\n", b"2\r\nok\r\n0\r\n\r\n"
    ),
    "chunked-with-bad-length": _with(
        b"Transfer-Encoding: chunked\r\nContent-Length: x\r\n", b"2\r\nok\r\n0\r\n\r\n"
    ),
    "chunked-twice": _with(b"Transfer-Encoding: chunked\r\n" * 2, b"2\r\nok\r\n0\r\n\r\n"),
    "gzip-chunked": _with(b"Transfer-Encoding: gzip, chunked\r\n", b"2\r\nok\r\n0\r\n\r\n"),
    "encoding-identity": _with(b"Transfer-Encoding: identity\r\n" + _LENGTH),
    "encoding-gzip": _with(b"Transfer-Encoding: gzip\r\n" + _LENGTH),
    "encoding-empty": _with(b"Transfer-Encoding:\r\n" + _LENGTH),
    "encoding-semicolon": _with(b"Transfer-Encoding: chunked;q=1\r\n", b"2\r\nok\r\n0\r\n\r\n"),
    "chunk-upper-hex": _CHUNKED + b"A\r\n0123456789\r\n0\r\n\r\n",
    "chunk-leading-zeros": _CHUNKED + b"0002\r\nok\r\n0\r\n\r\n",
    "chunk-16-digits": _CHUNKED + b"0000000000000002\r\nok\r\n0\r\n\r\n",
    "chunk-17-digits": _CHUNKED + b"00000000000000002\r\nok\r\n0\r\n\r\n",
    "chunk-size-missing": _CHUNKED + b"\r\nok\r\n0\r\n\r\n",
    "chunk-size-letters": _CHUNKED + b"zz\r\nok\r\n0\r\n\r\n",
    "chunk-size-0x": _CHUNKED + b"0x2\r\nok\r\n0\r\n\r\n",
    "chunk-size-negative": _CHUNKED + b"-2\r\nok\r\n0\r\n\r\n",
    "chunk-space-before": _CHUNKED + b" 2\r\nok\r\n0\r\n\r\n",
    "chunk-space-after": _CHUNKED + b"2 \t\r\nok\r\n0\r\n\r\n",
    "chunk-extension": _CHUNKED + b"2;a=b;c\r\nok\r\n0\r\n\r\n",
    "chunk-space-before-extension": _CHUNKED + b"2 ;a=b\r\nok\r\n0\r\n\r\n",
    "chunk-extension-300": _CHUNKED + b"2;a=" + b"x" * 300 + b"\r\nok\r\n0\r\n\r\n",
    "chunk-extension-4090": _CHUNKED + b"2;a=" + b"x" * 4090 + b"\r\nok\r\n0\r\n\r\n",
    "chunk-extension-5000": _CHUNKED + b"2;a=" + b"x" * 5000 + b"\r\nok\r\n0\r\n\r\n",
    "chunk-extensions-without-end": _CHUNKED
    + (b"1;a=" + b"x" * 3000 + b"\r\nx\r\n") * 10
    + b"0\r\n\r\n",
    "chunk-line-lf": _CHUNKED + b"2\nok\r\n0\r\n\r\n",
    "chunk-line-cr-inside": _CHUNKED + b"2;a\rb\r\nok\r\n0\r\n\r\n",
    "chunk-data-lf": _CHUNKED + b"2\r\nok\n0\r\n\r\n",
    "chunk-data-without-line-end": _CHUNKED + b"2\r\nok0\r\n\r\n",
    "chunk-last-lf": _CHUNKED + b"2\r\nok\r\n0\n\n",
    "chunk-last-then-lf": _CHUNKED + b"2\r\nok\r\n0\r\n\n",
    "chunk-last-several-zeros": _CHUNKED + b"2\r\nok\r\n000\r\n\r\n",
    "chunk-last-extension": _CHUNKED + b"2\r\nok\r\n0;a=b\r\n\r\n",
    "chunk-last-missing": _CHUNKED + b"2\r\nok\r\n",
    "chunk-cut": _CHUNKED + b"5\r\nok",
    "chunk-end-cut": _CHUNKED + b"2\r\nok\r\n0\r\n",
    "chunk-huge-size": _CHUNKED + b"fffffffffffffff\r\nok",
    "chunk-none": _CHUNKED,
    "chunk-bytes-behind": _CHUNKED + b"2\r\nok\r\n0\r\n\r\nrubbish",
    "chunk-one-byte-each": _CHUNKED + b"1\r\nx\r\n" * 4000 + b"0\r\n\r\n",
    "trailer": _CHUNKED + b"2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n",
    "trailer-360": _CHUNKED + b"2\r\nok\r\n0\r\nX-Sum: " + b"1" * 360 + b"\r\n\r\n",
    "trailer-5000": _CHUNKED + b"2\r\nok\r\n0\r\nX-Sum: " + b"1" * 5000 + b"\r\n\r\n",
    "trailer-without-colon": _CHUNKED + b"2\r\nok\r\n0\r\nrubbish\r\n\r\n",
    "trailer-lf": _CHUNKED + b"2\r\nok\r\n0\r\nX-Sum: 1\n\n",
    "trailer-fold-first": _CHUNKED + b"2\r\nok\r\n0\r\n X-Sum: 1\r\n\r\n",
    "trailer-cut": _CHUNKED + b"2\r\nok\r\n0\r\nX-Sum: 1\r\n",
    "trailer-announced": _with(
        b"Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n",
        b"2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n",
    ),
    "trailer-announces-length": _with(
        b"Transfer-Encoding: chunked\r\nTrailer: Content-Length\r\n", b"2\r\nok\r\n0\r\n\r\n"
    ),
    "trailer-announces-length-unchunked": _with(b"Trailer: Content-Length\r\n" + _LENGTH),
}

INTERIM = {
    "100-continue": _interim(1, b"HTTP/1.1 100 Continue\r\n\r\n"),
    "103-early-hints": _interim(1),
    "103-nine": _interim(9),
    "103-hundred": _interim(100),
    "102-with-length": _interim(1, b"HTTP/1.1 102 Processing\r\nContent-Length: 5\r\n\r\n"),
    "100-only": b"HTTP/1.1 100 Continue\r\n\r\n",
    "101": b"HTTP/1.1 101 Switching Protocols\r\nContent-Length: 2\r\n\r\nok",
    "199": _interim(1, b"HTTP/1.1 199 Odd\r\n\r\n"),
}

HEAD_RESPONSES = {
    "head": _with(b"Content-Length: 1000\r\n", b""),
    "head-chunked": _CHUNKED,
    "head-with-body": _with(_LENGTH),
    "head-bad-length": _with(b"Content-Length: x\r\n", b""),
    "head-without-length": _with(b"", b""),
    "head-bad-encoding": _with(b"Transfer-Encoding: gzip\r\n", b""),
}

RESPONSES: dict[str, tuple[str, bytes]] = {
    name: (method, raw)
    for method, group in (
        ("GET", STATUS_LINES | FIELDS | LENGTHS | CHUNKS | INTERIM),
        ("HEAD", HEAD_RESPONSES),
    )
    for name, raw in group.items()
}


def for_go() -> list[dict[str, str]]:
    """Return the inputs as the Go program reads them."""
    return [
        {"name": name, "method": method, "raw": base64.b64encode(raw).decode()}
        for name, (method, raw) in RESPONSES.items()
    ]


def verdicts() -> dict[str, Verdict]:
    """Return the recorded verdicts by name."""
    recorded = json.loads(Path(__file__).with_name("verdicts.json").read_text())["verdicts"]
    return {
        name: Verdict(v["accepted"], v["status"], v["body_bytes"]) for name, v in recorded.items()
    }

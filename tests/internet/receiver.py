"""A strict remote-write receiver, written from the specifications.

It understands prometheus.WriteRequest (1.0) and io.prometheus.write.v2.Request (2.0), and notes
every violation of the specification; ``receiver`` fails if there was one.
"""

from __future__ import annotations

import asyncio
import re
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import cramjam
from aiohttp import web
from aiohttp.test_utils import TestServer

V1 = "application/x-protobuf"
V2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
WRITTEN = "X-Prometheus-Remote-Write-{}-Written"

Labels = tuple[tuple[str, str], ...]


@dataclass
class Row:
    """One series of a request, in the order of the wire. Values are their eight bytes."""

    labels: Labels = ()
    samples: list[tuple[int, bytes]] = field(default_factory=list)
    type: int = 0
    help: str = ""
    histograms: int = 0
    start_times: list[int] = field(default_factory=list)

    @property
    def name(self) -> str:
        return dict(self.labels)["__name__"]

    @property
    def values(self) -> list[float]:
        return [struct.unpack("<d", raw)[0] for _, raw in self.samples]


@dataclass
class Message:
    """A decoded request."""

    rows: list[Row]
    families: dict[str, tuple[int, str]] = field(default_factory=dict)
    symbols: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        return sum(len(row.samples) for row in self.rows)


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Read a base-128 number; returns it and the place behind it."""
    number = shift = 0
    while True:
        byte = data[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield number and value of each field of a message."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == 0:
            value, at = varint(data, at)
            yield tag >> 3, value
        elif tag & 7 == 1:
            yield tag >> 3, data[at : at + 8]
            at += 8
        elif tag & 7 == 2:
            length, at = varint(data, at)
            assert at + length <= len(data), "a field ends behind its message"
            yield tag >> 3, data[at : at + length]
            at += length
        else:
            raise AssertionError(f"wire type {tag & 7}")


def _sample(data: bytes, row: Row) -> tuple[int, bytes]:
    found = dict(fields(data))
    if isinstance(started := found.get(3), int):
        row.start_times.append(started)
    at = found.get(2, 0)
    value = found.get(1, bytes(8))
    assert isinstance(at, int)
    assert isinstance(value, bytes)
    return at - (1 << 64) if at >= 1 << 63 else at, value


def decode_v1(data: bytes) -> Message:
    """Read a prometheus.WriteRequest."""
    message = Message([])
    for number, value in fields(data):
        assert isinstance(value, bytes)
        if number == 1:
            row = Row()
            for inner, part in fields(value):
                assert isinstance(part, bytes)
                if inner == 1:
                    pair = dict(fields(part))
                    row.labels += ((pair[1].decode(), pair[2].decode()),)  # type: ignore[union-attr]
                elif inner == 2:
                    row.samples.append(_sample(part, row))
                elif inner == 4:
                    row.histograms += 1
            message.rows.append(row)
        elif number == 3:
            about = dict(fields(value))
            message.families[about[2].decode()] = about.get(1, 0), about[4].decode()  # type: ignore
    return message


def decode_v2(data: bytes) -> Message:
    """Read an io.prometheus.write.v2.Request."""
    symbols, rows = [], []
    for number, value in fields(data):
        assert isinstance(value, bytes)
        if number == 4:
            symbols.append(value.decode())
        elif number == 5:
            rows.append(value)
    assert symbols[0] == "", "the first symbol is empty"
    assert len(set(symbols)) == len(symbols), "a symbol is there once"
    return Message([_row_v2(row, symbols) for row in rows], symbols=symbols)


def _row_v2(data: bytes, symbols: list[str]) -> Row:
    row = Row()
    for number, value in fields(data):
        assert isinstance(value, bytes)
        if number == 1:
            references, at = [], 0
            while at < len(value):
                reference, at = varint(value, at)
                references.append(symbols[reference])
            row.labels = tuple(zip(references[::2], references[1::2], strict=True))
        elif number == 2:
            row.samples.append(_sample(value, row))
        elif number == 3:
            row.histograms += 1
        elif number == 5:
            about = dict(fields(value))
            row.type, row.help = int(about.get(1, 0)), symbols[int(about.get(3, 0))]  # type: ignore
    return row


@dataclass
class Request:
    """A request as it came."""

    headers: dict[str, str]
    message: Message
    path: str
    body: bytes = b""
    method: str = "POST"


_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_VERSIONS = {V1: "0.1.0", V2: "2.0.0"}


def violations(request: Request) -> Iterator[str]:
    """Yield violations of the specifications ("Protocol", "Labels", "Ordering")."""
    headers = request.headers
    kind = headers.get("Content-Type", "")
    if headers.get("X-Prometheus-Remote-Write-Version") != _VERSIONS.get(kind):
        yield f"{kind} with version {headers.get('X-Prometheus-Remote-Write-Version')}"
    if headers.get("Content-Encoding") != "snappy":
        yield "no Content-Encoding: snappy"
    if not headers.get("User-Agent"):
        yield "no User-Agent"
    if request.body.startswith(b"\xff\x06\x00\x00sNaPpY"):
        yield "framed instead of block format"
    if not request.message.rows:
        yield "no series"
    for row in request.message.rows:
        yield from _violations_of(row)


def _violations_of(row: Row) -> Iterator[str]:
    names = [name for name, _ in row.labels]
    if names != sorted(names):
        yield f"labels are not sorted: {names}"
    if len(set(names)) < len(names):
        yield f"a label is there twice: {names}"
    if not all(value for _, value in row.labels):
        yield f"a label is empty: {row.labels}"
    if not _METRIC.fullmatch(dict(row.labels).get("__name__", "")):
        yield f"not the name of a metric: {row.labels}"
    if bad := [n for n in names if n != "__name__" and not _LABEL.fullmatch(n)]:
        yield f"not names of labels: {bad}"
    times = [at for at, _ in row.samples]
    if not times or times != sorted(times):
        yield f"no samples, or not in the order of time: {times}"


Rule = Callable[[Request], web.Response | None]


class Receiver:
    """Keeps what it accepted; ``rule`` may answer in its place. ``versions`` are the content
    types that it takes, ``counts`` whether it sends counts; ``cut`` whether it closes the
    connection instead of responding; ``lose`` responses to lose after accepting; ``raw`` bytes
    to send instead of the next responses; ``stall`` responses not to send at all; ``server``
    its Server header."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.accepted: list[Row] = []
        self.versions = {V1, V2}
        self.counts = True
        self.violations: list[str] = []
        self.cut: Callable[[Message], bool] = lambda _: False
        self.server = "strict"
        self.raw: list[bytes] = []
        self.stall = 0
        self.lose = 0
        self.rule: Rule = lambda _: None

    async def handle(self, request: web.Request) -> web.Response:
        raw = await request.read()
        body = bytes(cramjam.snappy.decompress_raw(raw))
        kind = request.headers["Content-Type"]
        message = (decode_v2 if kind == V2 else decode_v1)(body)
        seen = Request(dict(request.headers), message, request.path_qs, raw, request.method)
        self.requests.append(seen)
        self.violations += violations(seen)
        assert request.transport is not None
        if self.cut(message):
            request.transport.abort()
        if self.raw:
            request.transport.write(self.raw.pop())  # type: ignore[attr-defined]
            request.transport.close()
            return web.Response()
        if self.stall:
            self.stall -= 1
            await asyncio.sleep(3600)  # until the connection is closed
        response = self._respond(seen, kind)
        if self.lose:
            self.lose -= 1
            request.transport.abort()
        response.headers["Server"] = self.server
        return response

    def _respond(self, seen: Request, kind: str) -> web.Response:
        message = seen.message
        if (answer := self.rule(seen)) is not None:
            return answer
        if kind not in self.versions:
            return web.Response(status=415, text="unsupported")
        self.accepted += message.rows
        return self.written(message.count, kind=kind)

    def written(self, count: int, status: int = 204, *, kind: str = V2) -> web.Response:
        """Return an answer that says how many samples were written."""
        headers = {}
        if self.counts and kind == V2:
            headers = {WRITTEN.format("Samples"): str(count)}
            headers |= {WRITTEN.format(name): "0" for name in ("Histograms", "Exemplars")}
        return web.Response(status=status, headers=headers)

    def samples(self, name: str) -> list[tuple[int, float]]:
        """Return what was accepted of the series with a name, in the order of arrival."""
        rows = [row for row in self.accepted if row.name == name]
        return [(at, v) for row in rows for (at, _), v in zip(row.samples, row.values, strict=True)]


@asynccontextmanager
async def receiver() -> AsyncIterator[tuple[Receiver, str]]:
    """Serve on loopback for the length of the block; yields it and its URL."""
    received = Receiver()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", received.handle)
    async with TestServer(app, handler_cancellation=True) as server:
        yield received, f"http://127.0.0.1:{server.port}/api/v1/write"
    assert received.violations == []

"""Remote-Write messages as bytes: prometheus.WriteRequest and io.prometheus.write.v2.Request.

Sources: Prometheus Remote-Write specifications 1.0 and 2.0 ("Proto Message"); Protocol Buffers
documentation, "Encoding". A field's tag is its number * 8 + wire type (0 varint, 1 eight
bytes, 2 length and bytes). Pure.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from monitor.export.remote_write.series import Family, Series, Timed
from monitor.model.settings import WriteVersion

Rows = Mapping[Series, Sequence[Timed]]


HEADERS: Mapping[WriteVersion, Mapping[str, str]] = {
    WriteVersion.V1: {
        "Content-Encoding": "snappy",
        "Content-Type": "application/x-protobuf",
        "X-Prometheus-Remote-Write-Version": "0.1.0",
    },
    WriteVersion.V2: {
        "Content-Encoding": "snappy",
        "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request",
        "X-Prometheus-Remote-Write-Version": "2.0.0",
    },
}

_double = struct.Struct("<d").pack


def encode(version: WriteVersion, rows: Rows, families: Iterable[Family] = ()) -> bytes:
    """Return the message that holds ``rows``. ``families`` are described beside them in 1.0;
    2.0 describes each series in any case."""
    return _encode_v1(rows, families) if version is WriteVersion.V1 else _encode_v2(rows)


def _encode_v1(rows: Rows, families: Iterable[Family]) -> bytes:
    """``timeseries`` = 1 {``labels`` = 1 {name = 1, value = 2}, ``samples`` = 2};
    ``metadata`` = 3 {type = 1, metric_family_name = 2, help = 4}."""
    parts = []
    for series, points in rows.items():
        labels = b"".join(
            _field(b"\x0a", _text(b"\x0a", name) + _text(b"\x12", value))
            for name, value in series.labels()
        )
        parts.append(_field(b"\x0a", labels + _samples(points)))
    for family in families:
        described = _text(b"\x12", family.name) + _text(b"\x22", family.help)
        parts.append(_field(b"\x1a", b"\x08" + _varint(family.type) + described))
    return b"".join(parts)


def _encode_v2(rows: Rows) -> bytes:
    """``symbols`` = 4; ``timeseries`` = 5 {``labels_refs`` = 1 packed, ``samples`` = 2,
    ``metadata`` = 5 {type = 1, help_ref = 3}}. The first symbol is the empty text."""
    symbols: dict[str, int] = {"": 0}
    parts = []
    for series, points in rows.items():
        references = bytearray()
        for pair in series.labels():
            for text in pair:
                references += _varint(symbols.setdefault(text, len(symbols)))
        family = series.family
        about = b"\x08%b\x18%b" % (
            _varint(family.type),
            _varint(symbols.setdefault(family.help, len(symbols))),
        )
        body = _field(b"\x0a", references) + _samples(points) + _field(b"\x2a", about)
        parts.append(_field(b"\x2a", body))
    return b"".join((*(_text(b"\x22", symbol) for symbol in symbols), *parts))


def _samples(points: Sequence[Timed]) -> bytes:
    """``samples`` = 2 {value = 1, timestamp = 2}, the same in both messages."""
    parts: list[bytes] = []
    for at, value in points:
        before, after = _around_value(at)
        parts += (before, _double(value), after)
    return b"".join(parts)


@lru_cache(maxsize=1024)
def _around_value(at: int) -> tuple[bytes, bytes]:
    """Return what stands before and behind the eight bytes of a sample's value."""
    after = b"\x10" + _varint(at & 0xFFFF_FFFF_FFFF_FFFF)
    return b"\x12%c\x09" % (9 + len(after)), after


def _field(tag: bytes, body: bytes | bytearray) -> bytes:
    return b"".join((tag, _varint(len(body)), body))


def _text(tag: bytes, text: str) -> bytes:
    return _field(tag, text.encode("utf-8", "replace"))


def _varint(number: int) -> bytes:
    if number < 0x80:
        return _SMALL[number]
    parts = bytearray()
    while number >= 0x80:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


_SMALL = tuple(bytes([number]) for number in range(0x80))

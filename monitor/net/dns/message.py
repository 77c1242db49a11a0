"""DNS messages as bytes: questions written, answers read, within bounds and without trust."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from socket import AF_INET, AF_INET6, inet_ntop

UDP_PAYLOAD = 1232
"""The EDNS buffer size that is announced, in bytes: fits any path without fragments."""

_HEADER = struct.Struct("!HHHHHH")
_QUESTION = struct.Struct("!HH")
_RECORD = struct.Struct("!HHIH")
_CLASS_IN = 1
_FLAG_RESPONSE, _FLAG_TRUNCATED, _FLAG_RECURSION = 0x8000, 0x0200, 0x0100
_FLAG_AUTHORITATIVE, _FLAG_RECURSION_AVAILABLE = 0x0400, 0x0080
_OPTION = struct.Struct("!HH")
_EXTENDED_ERROR = 15  # EDNS option code of RFC 8914 section 2
_EXTENDED_ERRORS_LIMIT = 4
_EXTENDED_TEXT_LIMIT = 256
_NAME_LIMIT = 255
_POINTER_LIMIT = 127  # a name of 255 bytes has no more labels than that
_RECORD_LIMIT = 512


class QType(IntEnum):
    """Record types that are asked for or read (RFC 1035, RFC 3596, RFC 6891)."""

    A = 1
    CNAME = 5
    SOA = 6
    AAAA = 28
    OPT = 41


RCODES = {
    0: "NOERROR",
    1: "FORMERR",
    2: "SERVFAIL",
    3: "NXDOMAIN",
    4: "NOTIMP",
    5: "REFUSED",
    16: "BADVERS",
}


_SHORT = "the message is cut short"


class DnsFormatError(ValueError):
    """A message is not a valid DNS message, or exceeds a bound."""


@dataclass(frozen=True, slots=True)
class ResourceRecord:
    """A record of the answer section. ``ttl`` is in seconds; ``value`` is an address or a
    name, "" for types (and classes) that are not looked into."""

    name: str
    rtype: int
    ttl: int
    value: str


@dataclass(frozen=True, slots=True)
class Message:
    """The parts of a DNS response that a stub resolver uses. Names are lower-case, without the
    final dot.

    ``rcode`` is the name of the code, or ``RCODE23`` for a code without a name. ``negative``:
    the authority section holds an SOA record, so what the response lacks does not exist
    (RFC 2308 section 2). ``lame``: the server neither resolves recursively nor is an authority
    for the name, and returned nothing (RFC 1034 section 4.3.1; Go treats it as a failed
    server). ``extended`` holds the Extended DNS Errors as (code, text) pairs (RFC 8914).
    ``damaged`` is the format error at which reading the answers ended, "" if there is none:
    like Go, a client may use the records before it.
    """

    id: int
    rcode: str
    truncated: bool
    question: tuple[str, int] | None
    answers: tuple[ResourceRecord, ...]
    negative: bool = False
    lame: bool = False
    extended: tuple[tuple[int, str], ...] = ()
    damaged: str = ""


def normal_name(name: str) -> str:
    """Return a name as names of a ``Message`` are written."""
    return name.removesuffix(".").lower()


def encode_query(message_id: int, name: str, qtype: QType, *, edns: bool = True) -> bytes:
    """Write a question with recursion desired (RFC 1035 section 4.1), and EDNS(0) that
    announces ``UDP_PAYLOAD`` (RFC 6891 section 6.1.2).

    Raises:
        DnsFormatError: if ``name`` is not a valid host name in DNS.
    """
    header = _HEADER.pack(message_id, _FLAG_RECURSION, 1, 0, 0, int(edns))
    query = header + encode_name(name) + _QUESTION.pack(qtype, _CLASS_IN)
    return query + b"\0" + _RECORD.pack(QType.OPT, UDP_PAYLOAD, 0, 0) if edns else query


def encode_name(name: str) -> bytes:
    """Write a name as labels (RFC 1035 section 3.1).

    Raises:
        DnsFormatError: if a label is empty or longer than 63 bytes, or the name than 255.
    """
    try:
        labels = name.removesuffix(".").encode("ascii").split(b".")
    except UnicodeEncodeError:
        raise DnsFormatError("a DNS name takes ASCII only (write the xn-- form)") from None
    if not all(0 < len(label) <= 63 for label in labels):
        raise DnsFormatError("a DNS label has 1 to 63 bytes")
    conn = b"".join([bytes((len(label),)) + label for label in labels]) + b"\0"
    if len(conn) > _NAME_LIMIT:
        raise DnsFormatError("a DNS name has at most 255 bytes")
    return conn


def decode(data: bytes) -> Message:
    """Decode a response (RFC 1035 section 4.1), at most 512 records per section.

    Raises:
        DnsFormatError: if it is not a response, or its header or question cannot be read.
    """
    try:
        return _decode(data)
    except (struct.error, IndexError):
        raise DnsFormatError(_SHORT) from None


def _decode(data: bytes) -> Message:
    message_id, flags, questions, answers, authorities, extras = _HEADER.unpack_from(data)
    if not flags & _FLAG_RESPONSE:
        raise DnsFormatError("the message is not a response")
    if questions > 1:
        raise DnsFormatError("the message holds more than one question")
    reader = _Reader(data, _HEADER.size)
    question = reader.question() if questions else None
    damaged = reader.sections(answers, authorities, extras)
    rcode = flags & 0x000F | reader.extended_rcode << 4
    unserved = not flags & (_FLAG_AUTHORITATIVE | _FLAG_RECURSION_AVAILABLE)
    return Message(
        id=message_id,
        rcode=RCODES.get(rcode, f"RCODE{rcode}"),
        truncated=bool(flags & _FLAG_TRUNCATED),
        question=question,
        answers=tuple(reader.answers),
        negative=reader.negative,
        lame=unserved and not rcode and not answers and not extras,
        extended=tuple(reader.extended),
        damaged=damaged,
    )


class _Reader:
    """Goes through a message, and keeps what it found when the message breaks off."""

    __slots__ = ("_data", "_position", "answers", "extended", "extended_rcode", "negative")

    def __init__(self, data: bytes, position: int) -> None:
        self._data = data
        self._position = position
        self.answers: list[ResourceRecord] = []
        self.extended: list[tuple[int, str]] = []
        self.extended_rcode = 0
        self.negative = False

    def question(self) -> tuple[str, int]:
        name, position = decode_name(self._data, self._position)
        qtype, qclass = _QUESTION.unpack_from(self._data, position)
        if qclass != _CLASS_IN:
            raise DnsFormatError("the question is not of class IN")
        self._position = position + _QUESTION.size
        return name, qtype

    def sections(self, answers: int, authorities: int, extras: int) -> str:
        """Read the sections behind the question; returns the format error in the answers.

        An error behind them costs what stands there and nothing else: Go does not look there.
        """
        try:
            self._answers(answers)
        except (DnsFormatError, struct.error, IndexError) as error:
            return str(error) if isinstance(error, DnsFormatError) else _SHORT
        with suppress(DnsFormatError, struct.error, IndexError):
            self._others(authorities, extras)
        return ""

    def _answers(self, count: int) -> None:
        for _ in range(min(count, _RECORD_LIMIT)):
            name, rtype, rclass, ttl, start = self._record()
            value = _value(self._data, start, self._position, rtype) if rclass == _CLASS_IN else ""
            self.answers.append(ResourceRecord(name, rtype, ttl if ttl < 1 << 31 else 0, value))
        for _ in range(_RECORD_LIMIT, count):
            self._record()

    def _others(self, authorities: int, extras: int) -> None:
        for _ in range(authorities):
            self.negative |= self._record()[1] == QType.SOA
        for _ in range(extras):
            _, rtype, _, ttl, start = self._record()
            if rtype == QType.OPT:
                self.extended_rcode = ttl >> 24  # RFC 6891 section 6.1.3
                self._options(start, self._position)

    def _options(self, position: int, end: int) -> None:
        """Read the Extended DNS Errors among the EDNS options (RFC 6891 section 6.1.2). An
        option that does not fit its record ends the list: the response itself stays valid."""
        while position + _OPTION.size <= end and len(self.extended) < _EXTENDED_ERRORS_LIMIT:
            code, length = _OPTION.unpack_from(self._data, position)
            position += _OPTION.size
            value = self._data[position : min(position + length, end)]
            position += length
            if code == _EXTENDED_ERROR and len(value) == length >= 2:
                text = value[2 : 2 + _EXTENDED_TEXT_LIMIT].decode("utf-8", "replace")
                self.extended.append((int.from_bytes(value[:2], "big"), text.rstrip("\0")))

    def _record(self) -> tuple[str, int, int, int, int]:
        """Step over a record; returns name, type, class, TTL and where its data starts."""
        name, position = decode_name(self._data, self._position)
        rtype, rclass, ttl, length = _RECORD.unpack_from(self._data, position)
        start = position + _RECORD.size
        if start + length > len(self._data):
            raise DnsFormatError("a record is cut short")
        self._position = start + length
        return name, rtype, rclass, ttl, start


def _value(data: bytes, start: int, end: int, rtype: int) -> str:
    if rtype == QType.CNAME:
        name, behind = decode_name(data, start)
        if behind != end:
            raise DnsFormatError("an alias is not as long as its record")
        return name
    if rtype in _ADDRESSES:
        family, size = _ADDRESSES[rtype]
        if end - start != size:
            raise DnsFormatError("an address is not as long as its type")
        return inet_ntop(family, data[start:end])
    return ""


_ADDRESSES: Mapping[int, tuple[int, int]] = {QType.A: (AF_INET, 4), QType.AAAA: (AF_INET6, 16)}


def decode_name(data: bytes, position: int) -> tuple[str, int]:
    """Read a name and return it with the position behind it.

    A compression pointer may only point backwards (RFC 1035 section 4.1.4), so no chain
    of them can loop. Letters become lower-case as RFC 4343 has it; a byte that no host
    name has, a dot within a label among them, becomes ``?``.

    Raises:
        DnsFormatError: if a pointer does not, or the name is too long or of unknown labels.
        IndexError: if the message ends within the name.
    """
    labels: list[bytes] = []
    behind = length = pointers = 0
    earliest = position
    while size := data[position]:
        if size < 0x40:
            position += 1
            label = data[position : position + size]
            position += size
            length += size + 1
            if len(label) < size or length >= _NAME_LIMIT:
                raise DnsFormatError("a name is cut short or too long")
            labels.append(label)
            continue
        if size < 0xC0:
            raise DnsFormatError("a label of an unknown kind")
        pointers += 1
        pointer = (size & 0x3F) << 8 | data[position + 1]
        behind = behind or position + 2
        if pointer >= earliest or pointers > _POINTER_LIMIT:
            raise DnsFormatError("a compression pointer loops or points forwards")
        position = earliest = pointer
    name = ".".join([label.translate(_SAFE).decode("ascii") for label in labels])
    return name, behind or position + 1


_SAFE = bytes(
    ord(chr(byte).lower()) if 0x21 <= byte <= 0x7E and byte != ord(".") else ord("?")
    for byte in range(256)
)

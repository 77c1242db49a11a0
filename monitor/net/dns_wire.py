"""DNS messages as bytes: questions written, answers read, within bounds and without trust."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass
from enum import IntEnum

UDP_PAYLOAD = 1232
"""The EDNS buffer size that is announced, in bytes: fits any path without fragments."""

_HEADER = struct.Struct("!HHHHHH")
_RECORD = struct.Struct("!HHIH")
_CLASS_IN = 1
_FLAG_RESPONSE, _FLAG_TRUNCATED, _FLAG_RECURSION = 0x8000, 0x0200, 0x0100
_NAME_LIMIT = 255
_RECORD_LIMIT = 256


class QType(IntEnum):
    """Record types that are asked for or looked at (RFC 1035, RFC 3596, RFC 6891)."""

    A = 1
    CNAME = 5
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


class DnsFormatError(ValueError):
    """A message is no DNS message, or goes past a bound."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record of the answer section: ``value`` is an address or a name, "" for others."""

    name: str
    rtype: int
    ttl: int
    value: str


@dataclass(frozen=True, slots=True)
class Message:
    """What of an answer matters. Names are lower-case, without the last dot."""

    id: int
    rcode: str
    truncated: bool
    question: tuple[str, int] | None
    answers: tuple[Record, ...]


def encode_query(message_id: int, name: str, qtype: QType) -> bytes:
    """Write a question with recursion desired and EDNS(0) (RFC 1035 4.1, RFC 6891 6.1).

    Raises:
        ValueError: if ``name`` is no host name that fits DNS.
    """
    header = _HEADER.pack(message_id, _FLAG_RECURSION, 1, 0, 0, 1)
    question = encode_name(name) + struct.pack("!HH", qtype, _CLASS_IN)
    opt = b"\0" + struct.pack("!HHIH", QType.OPT, UDP_PAYLOAD, 0, 0)
    return header + question + opt


def encode_name(name: str) -> bytes:
    """Write a name as labels (RFC 1035 3.1).

    Raises:
        ValueError: if a label is empty or longer than 63 bytes, or the name than 255.
    """
    try:
        labels = [label.encode("ascii") for label in name.rstrip(".").split(".")]
    except UnicodeEncodeError:
        raise ValueError("a DNS name takes ASCII only (write the xn-- form)") from None
    if not all(0 < len(label) <= 63 for label in labels):
        raise ValueError("a DNS label has 1 to 63 bytes")
    wire = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    if len(wire) > _NAME_LIMIT:
        raise ValueError("a DNS name has at most 255 bytes")
    return wire


def decode(data: bytes) -> Message:
    """Read an answer.

    Raises:
        DnsFormatError: if it is no response that can be read.
    """
    try:
        return _decode(data)
    except (struct.error, IndexError):
        raise DnsFormatError("the message is cut short") from None


def _decode(data: bytes) -> Message:
    message_id, flags, questions, answers, authorities, extras = _HEADER.unpack_from(data)
    if not flags & _FLAG_RESPONSE:
        raise DnsFormatError("the message is no response")
    if questions > 1 or answers + authorities + extras > _RECORD_LIMIT:
        raise DnsFormatError("the message holds too many records")
    position = _HEADER.size
    question = None
    if questions:
        name, position = decode_name(data, position)
        question = (name, struct.unpack_from("!H", data, position)[0])
        position += 4
    truncated = bool(flags & _FLAG_TRUNCATED)
    records, extended = _records(data, position, answers, authorities + extras, cut=truncated)
    rcode = flags & 0x000F | extended << 4
    return Message(
        message_id, RCODES.get(rcode, f"RCODE{rcode}"), truncated, question, tuple(records)
    )


def _records(
    data: bytes, position: int, answers: int, others: int, *, cut: bool
) -> tuple[list[Record], int]:
    """Read the answer section, and the extended rcode out of the OPT record behind it."""
    records: list[Record] = []
    extended = 0
    try:
        for index in range(answers + others):
            name, position = decode_name(data, position)
            rtype, _, ttl, length = _RECORD.unpack_from(data, position)
            position += _RECORD.size
            if position + length > len(data):
                raise DnsFormatError("a record is cut short")
            if index < answers:
                value = _value(data, position, rtype, length)
                records.append(Record(name, rtype, ttl & 0x7FFFFFFF, value))
            elif rtype == QType.OPT:
                extended = ttl >> 24
            position += length
    except (DnsFormatError, struct.error, IndexError):
        if not cut:
            raise
    return records, extended


def _value(data: bytes, position: int, rtype: int, length: int) -> str:
    if rtype == QType.A and length == 4:
        return str(ipaddress.IPv4Address(data[position : position + 4]))
    if rtype == QType.AAAA and length == 16:
        return str(ipaddress.IPv6Address(data[position : position + 16]))
    if rtype == QType.CNAME:
        return decode_name(data, position)[0]
    return ""


def decode_name(data: bytes, position: int) -> tuple[str, int]:
    """Read a name and return it with the position behind it. A compression pointer may
    only point backwards (RFC 1035 4.1.4), so no chain of them can loop.

    Raises:
        DnsFormatError: if it does not, or the name is too long.
    """
    labels: list[bytes] = []
    behind = 0
    length, earliest = 0, position
    while size := data[position]:
        if size & 0xC0 == 0xC0:
            pointer = (size & 0x3F) << 8 | data[position + 1]
            behind = behind or position + 2
            if pointer >= earliest:
                raise DnsFormatError("a compression pointer does not point backwards")
            position = earliest = pointer
            continue
        if size & 0xC0:
            raise DnsFormatError("a label of an unknown kind")
        label = data[position + 1 : position + 1 + size]
        length += size + 1
        if len(label) < size or length > _NAME_LIMIT:
            raise DnsFormatError("a name is cut short or too long")
        labels.append(label)
        position += size + 1
    name = b".".join(labels).decode("latin-1").lower()
    return "".join(c if c.isprintable() else "?" for c in name), behind or position + 1

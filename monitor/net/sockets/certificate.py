"""X.509 certificates of a chain (RFC 5280): bounded decoding, cached by digest.

The peer chooses every byte. Python's own decoder (``ssl``) converts all of a certificate: one of
80 KB holds the event loop for 10 ms, and a name that is not UTF-8 or a date that no calendar has
raises. This one reads the fields that are reported, and skips what it cannot read.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from ipaddress import ip_address

from monitor.common.sanitize import sanitize
from monitor.model.probe_result import Certificate
from monitor.net.sockets import der

_NAME_LIMIT = 256
_NAMES_KEPT = 20
_NAMES_READ = 100
_ATTRIBUTES_READ = 32
_SERIAL_LIMIT = 64

CHAIN_LIMIT = 16
"""Certificates of one chain that are kept: 16, from the leaf on. Real chains have at most 6."""

CACHE_LIMIT = 1_048_576
"""Memory of the cache of decoded certificates, counted in bytes of their text: 1 MiB."""

_ENTRY_OVERHEAD = 1_024

_ATTRIBUTES = {
    b"\x55\x04\x06": "C",
    b"\x55\x04\x0a": "O",
    b"\x55\x04\x0b": "OU",
    b"\x55\x04\x03": "CN",
}
"""Attribute types (RFC 5280 appendix A.1) that are shown, by object identifier."""

_ENCODINGS = {0x1E: "utf-16-be", 0x1C: "utf-32-be", 0x14: "latin-1"}
"""Encodings of BMPString, UniversalString and TeletexString; every other string is UTF-8."""

_SET = 0x31
_UTC_TIME = 0x17
_GENERALIZED_TIME = 0x18
_OCTET_STRING = 0x04
_EXPLICIT_VERSION = 0xA0
_EXTENSIONS = 0xA3
_SUBJECT_ALT_NAME = b"\x55\x1d\x11"
_ALT_TEXT = frozenset({0x81, 0x82, 0x86})  # rfc822Name, dNSName, URI
_ALT_ADDRESS = 0x87


class CertificateCache:
    """Decoded certificates by SHA-256 of their DER, bounded by bytes. The least recently used
    ones leave first, so a peer that shows a new certificate each time displaces only itself."""

    def __init__(self, limit: int = CACHE_LIMIT) -> None:
        self._limit = limit
        self._known: OrderedDict[bytes, tuple[Certificate | None, int]] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._known)

    def get(self, data: bytes) -> Certificate | None:
        """Return the certificate with this DER; None if its validity cannot be read."""
        digest = hashlib.sha256(data).digest()
        found = self._known.get(digest)
        if found is not None:
            self._known.move_to_end(digest)
            return found[0]
        certificate = decode_certificate(data, digest.hex())
        size = _ENTRY_OVERHEAD + _text_size(certificate)
        self._known[digest] = certificate, size
        self.bytes += size
        while self.bytes > self._limit:
            self.bytes -= self._known.popitem(last=False)[1][1]
        return certificate

    def chain(self, chain: Iterable[bytes]) -> tuple[Certificate, ...]:
        """Return the certificates of a chain, leaf first, without those that cannot be read:
        what is not on the verified path does not matter (RFC 5280 section 6)."""
        found = (self.get(data) for _, data in zip(range(CHAIN_LIMIT), chain, strict=False))
        return tuple(certificate for certificate in found if certificate is not None)


def decode_certificate(data: bytes, sha256: str) -> Certificate | None:
    """Decode the fields that are reported; None if it is not X.509 or has no readable validity."""
    try:
        start, _ = der.content(data, 0, der.SEQUENCE)  # Certificate
        fields = list(_fields(data, start))
        serial, issuer, validity, subject = fields[0], fields[2], fields[3], fields[4]
        times = list(der.elements(data, *validity[1:]))
        not_before, not_after = (_time(data, *each) for each in times[:2])
    except (IndexError, ValueError):
        return None
    return Certificate(
        subject=_distinguished_name(data, *subject[1:]),
        issuer=_distinguished_name(data, *issuer[1:]),
        names=_alternative_names(data, fields),
        not_before=not_before,
        not_after=not_after,
        serial=_serial(data[serial[1] : serial[2]]),
        sha256=sha256,
        spki_sha256=der.spki_sha256(data),
    )


def _fields(data: bytes, start: int) -> Iterator[tuple[int, int, int]]:
    """Yield the fields of tbsCertificate without its version, serialNumber first."""
    position, end = der.content(data, start, der.SEQUENCE)
    if data[position] == _EXPLICIT_VERSION:
        position = der.skip(data, position)
    for number, field in enumerate(der.elements(data, position, end)):
        if number > 10:  # RFC 5280 section 4.1 has ten
            return
        yield field


def _time(data: bytes, tag: int, start: int, end: int) -> float:
    """Return a Time (RFC 5280 section 4.1.2.5) as Unix seconds.

    Raises:
        ValueError: if it is not a date of the calendar.
    """
    text = data[start:end].decode("ascii")
    if tag == _UTC_TIME:
        text = ("20" if text[:2] < "50" else "19") + text  # RFC 5280 section 4.1.2.5.1
    elif tag != _GENERALIZED_TIME:
        raise ValueError("not a time")
    if len(text) != 15 or not text[:-1].isdecimal() or text[-1] != "Z":
        raise ValueError("not a time in UTC")
    month, day, hour, minute, second = (int(text[at : at + 2]) for at in range(4, 14, 2))
    return datetime(int(text[:4]), month, day, hour, minute, second, tzinfo=UTC).timestamp()


def _serial(content: bytes) -> str:
    """Write a serial number as OpenSSL does: upper-case hex of whole bytes, "-" if negative."""
    number = int.from_bytes(content[:_SERIAL_LIMIT], "big", signed=True)
    text = f"{abs(number):X}"
    return f"{'-' if number < 0 else ''}{'0' * (len(text) % 2)}{text}"[:_SERIAL_LIMIT]


def _distinguished_name(data: bytes, start: int, end: int) -> str:
    """Write a name in its own order, without attributes that are seldom used:
    ``C=US, O=Amazon, CN=…``."""
    parts: list[str] = []
    try:
        for number, (_, first, last) in enumerate(der.elements(data, start, end)):
            if number >= _ATTRIBUTES_READ:
                break
            for _, inner, inner_end in der.elements(data, first, last):
                parts.extend(_attribute(data, inner, inner_end))
    except (IndexError, ValueError):
        pass  # what was read before is shown
    return sanitize(", ".join(parts), _NAME_LIMIT)


def _attribute(data: bytes, start: int, end: int) -> Iterator[str]:
    """Yield an AttributeTypeAndValue as text, if it is one that is shown."""
    kind, value, *_ = der.elements(data, start, end)
    name = _ATTRIBUTES.get(data[kind[1] : kind[2]])
    if name is not None:
        encoding = _ENCODINGS.get(value[0], "utf-8")
        yield f"{name}={data[value[1] : value[2]][:1024].decode(encoding, 'replace')}"


def _alternative_names(data: bytes, fields: Iterable[tuple[int, int, int]]) -> tuple[str, ...]:
    """Return the first DNS names, addresses and URIs of subjectAltName."""
    names: list[str] = []
    try:
        wrapped = next(data_range for tag, *data_range in fields if tag == _EXTENSIONS)
        for number, general in enumerate(_general_names(data, *wrapped)):
            if number >= _NAMES_READ or len(names) >= _NAMES_KEPT:
                break
            names.extend(_general_name(data, *general))
    except (IndexError, ValueError, StopIteration):
        pass  # what was read before is shown
    return tuple(names)


def _general_names(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    first, last = der.content(data, start, der.SEQUENCE)
    for _, inner, inner_end in der.elements(data, first, last):
        parts = list(der.elements(data, inner, inner_end))
        if data[parts[0][1] : parts[0][2]] == _SUBJECT_ALT_NAME and parts[-1][0] == _OCTET_STRING:
            yield from der.elements(data, *der.content(data, parts[-1][1], der.SEQUENCE))
            return


def _general_name(data: bytes, tag: int, start: int, end: int) -> Iterator[str]:
    if tag in _ALT_TEXT:
        yield sanitize(data[start:end][:_NAME_LIMIT].decode("utf-8", "replace"), _NAME_LIMIT)
    elif tag == _ALT_ADDRESS and end - start in {4, 16}:
        yield str(ip_address(data[start:end]))


def _text_size(certificate: Certificate | None) -> int:
    if certificate is None:
        return 0
    texts = (certificate.subject, certificate.issuer, certificate.serial, *certificate.names)
    return sum(64 + len(text.encode("utf-8", "replace")) * 4 for text in texts)

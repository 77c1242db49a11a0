"""DER primitives (X.690): tag and length, and the public key hash of an X.509 certificate."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

SEQUENCE = 0x30
_EXPLICIT_VERSION = 0xA0
_FIELDS_BEFORE_KEY = 5  # serialNumber, signature, issuer, validity, subject


def spki_sha256(certificate: bytes) -> str | None:
    """Return the SHA-256 of the SubjectPublicKeyInfo (RFC 5280 section 4.1) in hex: it
    stays the same when a certificate is renewed with its key. None if it is not X.509."""
    try:
        start, _ = content(certificate, 0, SEQUENCE)  # Certificate
        position, end = content(certificate, start, SEQUENCE)  # tbsCertificate
        if certificate[position] == _EXPLICIT_VERSION:
            position = skip(certificate, position)
        for _ in range(_FIELDS_BEFORE_KEY):
            position = skip(certificate, position)
        key_end = skip(certificate, position)
        if certificate[position] != SEQUENCE or key_end > end:
            return None
    except (IndexError, ValueError):
        return None
    return hashlib.sha256(certificate[position:key_end]).hexdigest()


def skip(data: bytes, position: int) -> int:
    """Return the position behind the element at ``position``.

    Raises:
        ValueError, IndexError: if it is not DER or is cut short.
    """
    start, length = header(data, position)
    return start + length


def content(data: bytes, position: int, tag: int) -> tuple[int, int]:
    """Return where the content of the element with ``tag`` starts and ends.

    Raises:
        ValueError, IndexError: if the element is another one, not DER, or cut short.
    """
    if data[position] != tag:
        raise ValueError("another tag")
    start, length = header(data, position)
    return start, start + length


def elements(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield tag, start and end of the content of each element between ``start`` and ``end``.

    Raises:
        ValueError, IndexError: at the first element that is not DER or is cut short.
    """
    while start < end:
        first, length = header(data, start)
        if first + length > end:
            raise ValueError("longer than its container")
        yield data[start], first, first + length
        start = first + length


def header(data: bytes, position: int) -> tuple[int, int]:
    """Return where the content starts and its length (X.690 section 8.1.3).

    Raises:
        ValueError, IndexError: if the length is indefinite or reaches beyond ``data``.
    """
    first = data[position + 1]
    if first < 0x80:
        start, length = position + 2, first
    else:
        octets = first & 0x7F
        start = position + 2 + octets
        if not 1 <= octets <= 4:
            raise ValueError("not a definite length of a sane size")
        length = int.from_bytes(data[position + 2 : start], "big")
    if start + length > len(data):
        raise ValueError("cut short")
    return start, length

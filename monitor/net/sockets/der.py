"""Finds the public key of an X.509 certificate: as much DER as that takes, no more."""

from __future__ import annotations

import hashlib

_SEQUENCE = 0x30
_EXPLICIT_VERSION = 0xA0
_FIELDS_BEFORE_KEY = 5  # serialNumber, signature, issuer, validity, subject


def spki_sha256(certificate: bytes) -> str | None:
    """Return the SHA-256 of the SubjectPublicKeyInfo (RFC 5280 section 4.1) in hex: it
    stays the same when a certificate is renewed with its key. None if it is no X.509."""
    try:
        start, _ = _content(certificate, 0, _SEQUENCE)  # Certificate
        position, end = _content(certificate, start, _SEQUENCE)  # tbsCertificate
        if certificate[position] == _EXPLICIT_VERSION:
            position = _skip(certificate, position)
        for _ in range(_FIELDS_BEFORE_KEY):
            position = _skip(certificate, position)
        key_end = _skip(certificate, position)
        if certificate[position] != _SEQUENCE or key_end > end:
            return None
    except (IndexError, ValueError):
        return None
    return hashlib.sha256(certificate[position:key_end]).hexdigest()


def _skip(data: bytes, position: int) -> int:
    start, length = _header(data, position)
    return start + length


def _content(data: bytes, position: int, tag: int) -> tuple[int, int]:
    if data[position] != tag:
        raise ValueError("another tag")
    start, length = _header(data, position)
    return start, start + length


def _header(data: bytes, position: int) -> tuple[int, int]:
    """Return where the content starts and its length (X.690 section 8.1.3)."""
    first = data[position + 1]
    if first < 0x80:
        start, length = position + 2, first
    else:
        octets = first & 0x7F
        start = position + 2 + octets
        if not 1 <= octets <= 4:
            raise ValueError("no definite length of a sane size")
        length = int.from_bytes(data[position + 2 : start], "big")
    if start + length > len(data):
        raise ValueError("cut short")
    return start, length

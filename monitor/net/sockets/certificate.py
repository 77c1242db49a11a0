"""Certificates of a chain as they are reported and judged: parsed once, cached by digest.

The peer chooses every byte, and may show a new certificate each time: what is kept is bounded by
bytes, not by number.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from monitor.model.probe_result import Certificate
from monitor.net.sockets import x509
from monitor.net.sockets.der import DerError
from monitor.net.sockets.x509 import X509

_NAMES_KEPT = 20
_SERIAL_LIMIT = 64

CHAIN_LIMIT = 16
"""Certificates of one chain that are kept: 16, from the leaf on. Real chains have at most 6."""

CACHE_LIMIT = 1_048_576
"""Memory of the cache of parsed certificates, counted in bytes of their text: 1 MiB."""

_ENTRY_OVERHEAD = 1_024


@dataclass(frozen=True, slots=True)
class Decoded:
    """A certificate, parsed and as it is reported."""

    x509: X509
    certificate: Certificate


class CertificateCache:
    """Parsed certificates by SHA-256 of their DER, bounded by bytes. The least recently used
    ones leave first, so a peer that shows a new certificate each time displaces only itself."""

    def __init__(self, limit: int = CACHE_LIMIT) -> None:
        self._limit = limit
        self._known: OrderedDict[bytes, tuple[Decoded | None, int]] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._known)

    def get(self, data: bytes) -> Decoded | None:
        """Return the certificate with this DER; None if it can't be parsed."""
        digest = hashlib.sha256(data).digest()
        found = self._known.get(digest)
        if found is not None:
            self._known.move_to_end(digest)
            return found[0]
        decoded = decode(data)
        size = _ENTRY_OVERHEAD + _text_size(decoded)
        self._known[digest] = decoded, size
        self.bytes += size
        while self.bytes > self._limit:
            self.bytes -= self._known.popitem(last=False)[1][1]
        return decoded

    def chain(self, chain: Iterable[bytes]) -> tuple[Decoded, ...]:
        """Return the certificates of a chain, leaf first, without those that can't be parsed:
        what is not on the verified path does not matter (RFC 5280 section 6)."""
        found = (self.get(data) for _, data in zip(range(CHAIN_LIMIT), chain, strict=False))
        return tuple([decoded for decoded in found if decoded is not None])


def decode(data: bytes) -> Decoded | None:
    """Parse a DER certificate; None if it is not X.509 or has no readable validity."""
    try:
        parsed = x509.parse(data)
    except DerError:
        return None
    certificate = Certificate(
        subject=parsed.subject,
        issuer=parsed.issuer,
        names=parsed.names[:_NAMES_KEPT],
        not_before=parsed.not_before,
        not_after=parsed.not_after,
        serial=_serial(parsed.serial),
        sha256=parsed.sha256,
        spki_sha256=parsed.spki_sha256,
        has_names=parsed.has_san,
        self_issued=parsed.raw_subject == parsed.raw_issuer,
        names_issuer_url=parsed.names_issuer_url,
    )
    return Decoded(parsed, certificate)


def _serial(number: int) -> str:
    """Return a serial number as OpenSSL prints it: upper-case hexadecimal of whole octets."""
    if number.bit_length() > 8 * _SERIAL_LIMIT:
        number >>= number.bit_length() - 8 * _SERIAL_LIMIT
    digits = f"{abs(number):X}"
    return f"{'-' if number < 0 else ''}{'0' * (len(digits) % 2)}{digits}"[:_SERIAL_LIMIT]


def _text_size(decoded: Decoded | None) -> int:
    if decoded is None:
        return 0
    parsed = decoded.x509
    texts = (parsed.subject, parsed.issuer, *parsed.names, *parsed.dns_names)
    raw = len(parsed.raw_subject) + len(parsed.raw_issuer) + 32 * len(parsed.usages or ())
    return raw + sum(64 + len(text) * 4 for text in texts)

"""Certificates made on the spot, so that no key ships and none expires: RSA and DER, pure Python.

For the demonstration only. Nothing but its own monitor trusts what this signs, no secret is ever
sent over it, and the arithmetic is not constant-time. Python's standard library makes no
certificates, and a demonstration shall need nothing beside it.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import gcd, lcm, prod

_KEY_BITS = 2048
_EXPONENT = 65537
_SMALL_PRIMES = prod(n for n in range(3, 2000, 2) if all(n % d for d in range(3, n, 2)))

_RSA = bytes.fromhex("06092a864886f70d010101")  # rsaEncryption (RFC 8017 appendix A.1)
_SHA256_RSA = bytes.fromhex("06092a864886f70d01010b")  # sha256WithRSAEncryption (A.2.4)
_SHA256 = bytes.fromhex("0609608648016503040201")  # id-sha256 (B.1)
_COMMON_NAME = bytes.fromhex("0603550403")  # X.520
_ALTERNATIVE_NAMES = bytes.fromhex("0603551d11")  # RFC 5280 section 4.2.1.6
_CONSTRAINTS = bytes.fromhex("0603551d13")  # RFC 5280 section 4.2.1.9
_INTEGER, _BITS, _OCTETS, _NULL, _UTF8, _TIME = 0x02, 0x03, 0x04, 0x05, 0x0C, 0x18
_SEQUENCE, _SET, _TRUE, _VERSION, _EXTENSIONS, _DNS_NAME = (
    0x30,
    0x31,
    b"\x01\x01\xff",
    0xA0,
    0xA3,
    0x82,
)


@dataclass(frozen=True, slots=True)
class Key:
    """An RSA key."""

    p: int
    q: int

    @property
    def modulus(self) -> int:
        return self.p * self.q

    @property
    def secret(self) -> int:
        return pow(_EXPONENT, -1, lcm(self.p - 1, self.q - 1))

    def sign(self, message: bytes) -> bytes:
        """Sign by RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 section 8.2.1)."""
        digest = _der(
            _SEQUENCE,
            _sequence(_SHA256, _der(_NULL)),
            _der(_OCTETS, hashlib.sha256(message).digest()),
        )
        size = _KEY_BITS // 8
        padded = b"\x00\x01" + b"\xff" * (size - len(digest) - 3) + b"\x00" + digest
        return pow(int.from_bytes(padded, "big"), self.secret, self.modulus).to_bytes(size, "big")

    @property
    def pem(self) -> str:
        """The key as PKCS #1 has it (RFC 8017 appendix A.1.2)."""
        p, q, d = self.p, self.q, self.secret
        numbers = (0, p * q, _EXPONENT, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p))
        return _pem("RSA PRIVATE KEY", _sequence(*map(_integer, numbers)))

    @property
    def public(self) -> bytes:
        """The SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7)."""
        numbers = _sequence(_integer(self.modulus), _integer(_EXPONENT))
        return _sequence(_sequence(_RSA, _der(_NULL)), _der(_BITS, b"\x00", numbers))


def make_key() -> Key:
    """Make a key; takes about half a second."""
    return Key(_prime(_KEY_BITS // 2), _prime(_KEY_BITS // 2))


def _prime(bits: int) -> int:
    """Return a prime: Fermat's test to one base errs for random numbers of this size less often
    than hardware does (Rivest 1990, "Finding four million large random primes")."""
    while True:
        # The two highest bits are set, so that the product of two has all its bits.
        candidate = secrets.randbits(bits) | 3 << (bits - 2) | 1
        coprime = gcd(candidate, _SMALL_PRIMES) == 1 == gcd(candidate - 1, _EXPONENT)
        if coprime and pow(2, candidate - 1, candidate) == 1:
            return candidate


def certificate(
    subject: str,
    key: Key,
    *,
    issuer: str,
    signed_by: Key,
    names: Sequence[str] = (),
    valid: tuple[timedelta, timedelta] = (-timedelta(days=1), timedelta(days=30)),
) -> str:
    """Return a certificate in PEM (RFC 5280): for ``names``, or a CA's without any. ``valid``
    is from and to, counted from now."""
    algorithm = _sequence(_SHA256_RSA, _der(_NULL))
    body = _sequence(
        _der(_VERSION, _integer(2)),
        _integer(secrets.randbits(64)),
        algorithm,
        _name(issuer),
        _sequence(*(_time(datetime.now(UTC) + offset) for offset in valid)),
        _name(subject),
        key.public,
        _der(_EXTENSIONS, _sequence(_extension(names))),
    )
    return _pem(
        "CERTIFICATE", _sequence(body, algorithm, _der(_BITS, b"\x00", signed_by.sign(body)))
    )


def _extension(names: Sequence[str]) -> bytes:
    if not names:
        return _sequence(_CONSTRAINTS, _TRUE, _der(_OCTETS, _sequence(_TRUE)))
    listed = _sequence(*(_der(_DNS_NAME, name.encode("ascii")) for name in names))
    return _sequence(_ALTERNATIVE_NAMES, _der(_OCTETS, listed))


def _name(text: str) -> bytes:
    return _sequence(_der(_SET, _sequence(_COMMON_NAME, _der(_UTF8, text.encode()))))


def _time(moment: datetime) -> bytes:
    return _der(_TIME, moment.strftime("%Y%m%d%H%M%SZ").encode())


def _integer(number: int) -> bytes:
    return _der(_INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _sequence(*parts: bytes) -> bytes:
    return _der(_SEQUENCE, *parts)


def _der(tag: int, *parts: bytes) -> bytes:
    """Encode a value by X.690, the distinguished rules."""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def _pem(label: str, der: bytes) -> str:
    return f"-----BEGIN {label}-----\n{base64.encodebytes(der).decode()}-----END {label}-----\n"

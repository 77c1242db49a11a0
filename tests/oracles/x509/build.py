"""Certificates of every kind, also those that no library makes: DER, signed by hand."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

VALID = ("20240101000000Z", "20991231235959Z")
LAPSED = ("20100101000000Z", "20110101000000Z")
FUTURE = ("20900101000000Z", "20991231235959Z")

UTF8, PRINTABLE, T61, IA5, BMP, UNIVERSAL = 0x0C, 0x13, 0x14, 0x16, 0x1E, 0x1C
SERVER, CLIENT, ANY = "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2", "2.5.29.37.0"

_SIGNATURES = {
    ("rsa", "sha1"): "1.2.840.113549.1.1.5",
    ("rsa", "sha256"): "1.2.840.113549.1.1.11",
    ("ec", "sha1"): "1.2.840.10045.4.1",
    ("ec", "sha256"): "1.2.840.10045.4.3.2",
}
_serials = itertools.count(4096)


def der(tag: int, *contents: bytes) -> bytes:
    """Encode one element."""
    body = b"".join(contents)
    if len(body) < 128:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + body


def integer(value: int) -> bytes:
    """Encode an INTEGER."""
    return der(2, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def oid(text: str) -> bytes:
    """Encode an OBJECT IDENTIFIER."""
    first, second, *rest = map(int, text.split("."))
    octets = bytearray()
    for number in (40 * first + second, *rest):
        group = [number & 0x7F]
        while number := number >> 7:
            group.append(0x80 | number & 0x7F)
        octets += bytes(reversed(group))
    return der(6, bytes(octets))


def name(common_name: str | bytes, kind: int = UTF8) -> bytes:
    """Encode a Name of one attribute, the common name."""
    raw = common_name.encode() if isinstance(common_name, str) else common_name
    return der(0x30, der(0x31, der(0x30, oid("2.5.4.3"), der(kind, raw))))


def extension(kind: str, value: bytes, *, critical: bool = False) -> bytes:
    """Encode one Extension."""
    flag = der(1, b"\xff") if critical else b""
    return der(0x30, oid(kind), flag, der(4, value))


def san(*names: str | tuple[int, bytes], critical: bool = False) -> bytes:
    """Encode subjectAltName: texts are dNSNames, others (tag, octets)."""
    parts = [der(0x82, n.encode()) if isinstance(n, str) else der(n[0], n[1]) for n in names]
    return extension("2.5.29.17", der(0x30, *parts), critical=critical)


def basic(*, ca: bool, path_length: int | None = None) -> bytes:
    """Encode basicConstraints."""
    parts = [der(1, b"\xff")] if ca else []
    if path_length is not None:
        parts.append(integer(path_length))
    return extension("2.5.29.19", der(0x30, *parts), critical=True)


def key_usage(bits: int) -> bytes:
    """Encode keyUsage of one octet: 0x80 digitalSignature … 0x04 keyCertSign."""
    unused = (bits & -bits).bit_length() - 1 if bits else 0
    return extension("2.5.29.15", der(3, bytes([unused, bits])), critical=True)


def usages(*kinds: str) -> bytes:
    """Encode extendedKeyUsage."""
    return extension("2.5.29.37", der(0x30, *map(oid, kinds)))


def constraints(*, permitted: bytes = b"", excluded: bytes = b"", critical: bool = True) -> bytes:
    """Encode nameConstraints from encoded GeneralNames, one of each at most."""
    trees = [(0xA0, permitted), (0xA1, excluded)]
    parts = [der(tag, der(0x30, base)) for tag, base in trees if base]
    return extension("2.5.29.30", der(0x30, *parts), critical=critical)


CA_EXTENSIONS = (basic(ca=True), key_usage(0x06))


@dataclass(frozen=True)
class Made:
    """A certificate that was made, with its key."""

    raw: bytes
    key: Any
    subject: bytes


@dataclass
class Spec:
    """A certificate to make. ``issuer`` None: signed by itself."""

    subject: bytes
    issuer: Made | None = None
    extensions: tuple[bytes, ...] = ()
    key: Any = None
    valid: tuple[str, str] = VALID
    serial: int | None = None
    version: int = 3
    digest: str = "sha256"
    pss: bool = False
    issuer_name: bytes | None = None
    outer_algorithm: bytes | None = None
    key_info: bytes | None = None
    _: dict[str, Any] = field(default_factory=dict)


def ec_key(curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    """Make an EC key, of P-256 unless another curve is given."""
    return ec.generate_private_key(curve or ec.SECP256R1())


def make(spec: Spec) -> Made:
    """Encode and sign a certificate."""
    key = spec.key or ec_key()
    signer = spec.issuer.key if spec.issuer else key
    algorithm = _algorithm(signer, spec)
    serial = next(_serials) if spec.serial is None else spec.serial
    issuer = spec.issuer_name or (spec.issuer.subject if spec.issuer else spec.subject)
    info = spec.key_info or key.public_key().public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
    parts = [
        der(0xA0, integer(spec.version - 1)) if spec.version != 1 else b"",
        integer(serial),
        algorithm,
        issuer,
        der(0x30, *(der(0x18, text.encode()) for text in spec.valid)),
        spec.subject,
        info,
        der(0xA3, der(0x30, *spec.extensions)) if spec.extensions else b"",
    ]
    body = der(0x30, *parts)
    signature = der(3, b"\0" + _sign(signer, spec, body))
    return Made(der(0x30, body, spec.outer_algorithm or algorithm, signature), key, spec.subject)


def _algorithm(signer: Any, spec: Spec) -> bytes:
    if isinstance(signer, ed25519.Ed25519PrivateKey):
        return der(0x30, oid("1.3.101.112"))
    if isinstance(signer, ed448.Ed448PrivateKey):
        return der(0x30, oid("1.3.101.113"))
    if spec.pss:
        sha256 = der(0x30, oid("2.16.840.1.101.3.4.2.1"), der(5))
        mask = der(0x30, oid("1.2.840.113549.1.1.8"), sha256)
        parameters = der(0x30, der(0xA0, sha256), der(0xA1, mask), der(0xA2, integer(32)))
        return der(0x30, oid("1.2.840.113549.1.1.10"), parameters)
    kind = "rsa" if isinstance(signer, rsa.RSAPrivateKey) else "ec"
    return der(0x30, oid(_SIGNATURES[kind, spec.digest]), der(5) if kind == "rsa" else b"")


def _sign(signer: Any, spec: Spec, body: bytes) -> bytes:
    digest = {"sha1": hashes.SHA1(), "sha256": hashes.SHA256()}[spec.digest]
    if isinstance(signer, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
        return signer.sign(body)
    if isinstance(signer, rsa.RSAPrivateKey):
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        return signer.sign(body, pss if spec.pss else padding.PKCS1v15(), digest)
    return bytes(signer.sign(body, ec.ECDSA(digest)))


def pkcs8(key: Any) -> bytes:
    """Encode a private key."""
    return bytes(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))

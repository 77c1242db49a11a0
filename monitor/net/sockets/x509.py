"""X.509 certificates (RFC 5280): the fields that verification needs, and what Go can't parse.

The facts are read leniently, because every certificate that a peer sent has to be shown. What
crypto/x509 of Go refuses to parse is kept as ``defect``: a Go program ends the handshake then,
whatever OpenSSL accepts.
"""

from __future__ import annotations

import calendar
import hashlib
import ipaddress
from dataclasses import dataclass, field
from datetime import datetime

from monitor.common.sanitize import sanitize
from monitor.net.sockets import der, policies
from monitor.net.sockets.der import DerError, DerReader, context_tag
from monitor.net.sockets.policies import Policies

NAME_LIMIT = 256
"""Length of a name from a certificate: at most 256 characters."""

NAMES_LIMIT = 2_000
"""Names of one certificate that are read: at most 2,000, which takes about 5 ms."""

RSA, ECDSA, ED25519, OTHER = "RSA", "ECDSA", "Ed25519", "other"
_KEY_TYPES = {"1.2.840.113549.1.1.1": RSA, "1.2.840.10045.2.1": ECDSA, "1.3.101.112": ED25519}
_CURVES = {
    "1.3.132.0.33": 224,
    "1.2.840.10045.3.1.7": 256,
    "1.3.132.0.34": 384,
    "1.3.132.0.35": 521,
}
"""Elliptic curves that Go supports (RFC 5480 section 2.1.1.1), with their bits."""

_RDN_NAMES = {"2.5.4.6": "C", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.3": "CN"}
_COMMON_NAME = "2.5.4.3"
_SAN, _BASIC, _KEY_USAGE, _EKU = "2.5.29.17", "2.5.29.19", "2.5.29.15", "2.5.29.37"
_CONSTRAINTS, _AUTHORITY_KEY, _SUBJECT_KEY = "2.5.29.30", "2.5.29.35", "2.5.29.14"
_INFORMATION_ACCESS = "1.3.6.1.5.5.7.1.1"
_CA_ISSUERS = bytes.fromhex("06082b06010505073002")
"""The object identifier id-ad-caIssuers (RFC 5280 section 4.2.2.1) in DER."""

_NEVER_CRITICAL = {
    _AUTHORITY_KEY: "authority key identifier",
    _SUBJECT_KEY: "subject key identifier",
    _INFORMATION_ACCESS: "authority info access",
}
_KEY_CERT_SIGN = 0x04
_EMAIL, _DNS, _DIRECTORY, _URI, _IP = 1, 2, 4, 6, 7
_VERSIONS = 3


@dataclass(frozen=True, slots=True)
class X509:
    """A parsed certificate. Times are Unix seconds; ``names`` are the subjectAltNames as text,
    ``dns_names`` and ``addresses`` those that a host can match.

    ``is_ca`` is None without basicConstraints. ``usages`` are the object identifiers of
    extendedKeyUsage, None without that extension. ``names_issuer_url`` is whether it has the URL
    of its issuer's certificate (authorityInfoAccess). ``constrains_dns`` is whether its
    nameConstraints are about DNS names, ``excluded_dns`` those it excludes. ``defect`` is what
    Go's parser refuses, "" for a certificate that it accepts. ``unhandled`` is a critical extension
    that Go does not support.
    """

    subject: str
    issuer: str
    raw_subject: bytes
    raw_issuer: bytes
    common_name: str
    not_before: float
    not_after: float
    serial: int
    version: int
    signature: str
    signature_parameters: bytes
    key_type: str
    key_bits: int
    spki_sha256: str
    sha256: str
    names: tuple[str, ...] = ()
    dns_names: tuple[str, ...] = ()
    addresses: tuple[bytes, ...] = ()
    has_san: bool = False
    is_ca: bool | None = None
    path_length: int | None = None
    may_sign: bool = True
    usages: tuple[str, ...] | None = None
    unhandled: str = ""
    names_issuer_url: bool = False
    constrains_dns: bool = False
    excluded_dns: tuple[str, ...] = ()
    policies: Policies = field(default_factory=Policies)
    defect: str = ""

    def __hash__(self) -> int:
        return hash(self.sha256)


@dataclass(slots=True)
class _Extensions:
    """Extensions while they are read; ``defect`` keeps the first one."""

    names: list[str] = field(default_factory=list)
    dns_names: list[str] = field(default_factory=list)
    addresses: list[bytes] = field(default_factory=list)
    has_san: bool = False
    is_ca: bool | None = None
    path_length: int | None = None
    may_sign: bool = True
    usages: tuple[str, ...] | None = None
    unhandled: str = ""
    names_issuer_url: bool = False
    constrains_dns: bool = False
    excluded_dns: list[str] = field(default_factory=list)
    policies: Policies = field(default_factory=Policies)
    defect: str = ""

    def refuse(self, why: str) -> None:
        self.defect = self.defect or why


def parse(certificate: bytes) -> X509:
    """Parse a DER certificate.

    Raises:
        DerError: if it is not an X.509 certificate at all.
    """
    outer = DerReader(certificate).read(der.SEQUENCE)
    body = outer.read(der.SEQUENCE)
    defects: list[str] = []
    version = _version(body)
    serial = body.integer()
    inner_algorithm = body.read(der.SEQUENCE)
    if outer.peek() == der.SEQUENCE and outer.read(der.SEQUENCE).rest != inner_algorithm.rest:
        defects.append("inner and outer signature algorithm identifiers don't match")
    issuer = body.element(der.SEQUENCE)
    validity = body.read(der.SEQUENCE)
    not_before, not_after = _time(validity), _time(validity)
    subject = body.element(der.SEQUENCE)
    spki = body.element(der.SEQUENCE)
    key_type, key_bits, key_defect = _key(spki)
    subject_name, common_name, subject_defect = _name(subject)
    issuer_name, _, issuer_defect = _name(issuer)
    extensions = _extensions(body, version)
    defects += [
        "invalid version" if not 1 <= version <= _VERSIONS else "",
        "negative serial number" if serial < 0 else "",
        issuer_defect,
        subject_defect,
        key_defect,
        extensions.defect,
    ]
    return X509(
        subject=subject_name,
        issuer=issuer_name,
        raw_subject=subject,
        raw_issuer=issuer,
        common_name=common_name,
        not_before=not_before,
        not_after=not_after,
        serial=serial,
        version=version,
        signature=inner_algorithm.oid(),
        signature_parameters=inner_algorithm.rest,
        key_type=key_type,
        key_bits=key_bits,
        spki_sha256=hashlib.sha256(spki).hexdigest(),
        sha256=hashlib.sha256(certificate).hexdigest(),
        names=tuple(extensions.names),
        dns_names=tuple(extensions.dns_names),
        addresses=tuple(extensions.addresses),
        has_san=extensions.has_san,
        is_ca=extensions.is_ca,
        path_length=extensions.path_length,
        may_sign=extensions.may_sign,
        usages=extensions.usages,
        unhandled=extensions.unhandled,
        names_issuer_url=extensions.names_issuer_url,
        constrains_dns=extensions.constrains_dns,
        excluded_dns=tuple(extensions.excluded_dns),
        policies=extensions.policies,
        defect=next(filter(None, defects), ""),
    )


def _version(body: DerReader) -> int:
    tagged = body.optional(context_tag(0, constructed=True))
    return 1 if tagged is None else tagged.integer() + 1


def _time(validity: DerReader) -> float:
    """Read a Time (RFC 5280 section 4.1.2.5) as Unix seconds; years below 1 count as year 1."""
    tag, value = validity.read_any()
    text = value.rest.decode("ascii", "replace").removesuffix("Z")
    if tag == der.UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    if text.startswith("0000"):
        text = "0001" + text[4:]
    try:
        moment = datetime.strptime(text[:14], "%Y%m%d%H%M%S")  # noqa: DTZ007 - DER times are UTC
    except ValueError:
        raise DerError("a time that is not one") from None
    return float(calendar.timegm(moment.timetuple()))


def _name(raw: bytes) -> tuple[str, str, str]:
    """Return a distinguished name as ``C=US, O=Amazon, CN=…``, its common name, and what Go
    refuses in it."""
    parts, common_name, defect = [], "", ""
    sequence = DerReader(raw).read(der.SEQUENCE)
    while not sequence.empty:
        attributes = sequence.read(der.SET)
        while not attributes.empty:
            attribute = attributes.read(der.SEQUENCE)
            kind = attribute.oid()
            tag, value = attribute.read_any()
            text, wrong = _text(tag, value.rest)
            defect = defect or wrong
            if kind == _COMMON_NAME:
                common_name = text
            if kind in _RDN_NAMES:
                parts.append(f"{_RDN_NAMES[kind]}={text}")
    return sanitize(", ".join(parts), NAME_LIMIT), sanitize(common_name, NAME_LIMIT), defect


_PRINTABLE = frozenset(
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'()+,-./ :=?*&"
)
_NUMERIC = frozenset(b"0123456789 ")
_WRONG = "invalid RDNSequence: invalid attribute value: "


def _text(tag: int, value: bytes) -> tuple[str, str]:
    """Return an attribute's value as text, and why Go refuses it."""
    if tag == der.UTF8_STRING:
        try:
            return value.decode(), ""
        except UnicodeDecodeError:
            return value.decode("utf-8", "replace"), f"{_WRONG}invalid UTF-8 string"
    if tag == der.BMP_STRING:
        wrong = "invalid BMPString" if len(value) % 2 else ""
        return value.decode("utf-16-be", "replace"), _WRONG + wrong if wrong else ""
    wrong = ""
    if tag == der.PRINTABLE_STRING and not _PRINTABLE.issuperset(value):
        wrong = "invalid PrintableString"
    elif tag == der.NUMERIC_STRING and not _NUMERIC.issuperset(value):
        wrong = "invalid NumericString"
    elif tag == der.IA5_STRING and not value.isascii():
        wrong = "invalid IA5String"
    elif tag not in _STRINGS:
        wrong = f"unsupported string type: {tag}"
    return value.decode("latin-1"), _WRONG + wrong if wrong else ""


_STRINGS = frozenset({der.PRINTABLE_STRING, der.NUMERIC_STRING, der.IA5_STRING, der.T61_STRING})


def _key(spki: bytes) -> tuple[str, int, str]:
    """Return type and bits of a public key, and why Go refuses it."""
    info = DerReader(spki).read(der.SEQUENCE)
    algorithm = info.read(der.SEQUENCE)
    kind = _KEY_TYPES.get(algorithm.oid(), OTHER)
    key = info.read(der.BIT_STRING).rest[1:]
    if kind == RSA:
        return _rsa_key(algorithm.rest, key)
    if kind == ECDSA:
        if algorithm.peek() != der.OID:
            return kind, 0, "invalid ECDSA parameters"
        bits = _CURVES.get(algorithm.oid(), 0)
        if not bits:
            return kind, 0, "unsupported elliptic curve"
        return kind, bits, "" if key[:1] == b"\x04" else "invalid public key encoding"
    if kind == ED25519:
        return kind, 256, "Ed25519 key encoded with illegal parameters" if algorithm.rest else ""
    return kind, 0, ""


def _rsa_key(parameters: bytes, key: bytes) -> tuple[str, int, str]:
    numbers = DerReader(key).read(der.SEQUENCE)
    modulus, exponent = numbers.integer(), numbers.integer()
    defect = "RSA key missing NULL parameters" if parameters != b"\x05\x00" else ""
    if modulus <= 0:
        defect = defect or "RSA modulus is not a positive number"
    if exponent <= 0:
        defect = defect or "RSA public exponent is not a positive number"
    return RSA, modulus.bit_length(), defect


def _extensions(body: DerReader, version: int) -> _Extensions:
    found = _Extensions()
    if version != _VERSIONS:
        return found
    body.optional(context_tag(1))
    body.optional(context_tag(2))
    tagged = body.optional(context_tag(3, constructed=True))
    if tagged is None:
        return found
    seen: set[str] = set()
    extensions = tagged.read(der.SEQUENCE)
    while not extensions.empty:
        extension = extensions.read(der.SEQUENCE)
        kind = extension.oid()
        if extension.peek() == der.BOOLEAN and not extension.is_boolean():
            found.refuse("malformed extension critical field")
        critical = extension.boolean()
        value = extension.read(der.OCTET_STRING).rest
        if kind in seen:
            found.refuse(f'certificate contains duplicate extension with OID "{kind}"')
        seen.add(kind)
        try:
            _read_extension(found, kind, value, critical=critical)
        except DerError:
            found.refuse(f"invalid extension {kind}")
    return found


def _read_extension(found: _Extensions, kind: str, value: bytes, *, critical: bool) -> None:
    if critical and kind in _NEVER_CRITICAL:
        found.refuse(f"{_NEVER_CRITICAL[kind]} incorrectly marked critical")
    handled = True
    match kind:
        case "2.5.29.17":
            handled = _read_names(found, value)
        case "2.5.29.19":
            _read_basic_constraints(found, value)
        case "2.5.29.15":
            bits = DerReader(value).read(der.BIT_STRING).rest[1:]
            found.may_sign = not any(bits) or bool(bits[0] & _KEY_CERT_SIGN)
        case "2.5.29.37":
            found.usages = _oids(value)
        case "1.3.6.1.5.5.7.1.1":
            found.names_issuer_url = _CA_ISSUERS in value
            _read_information_access(value)
        case policies.POLICIES | policies.MAPPINGS | policies.CONSTRAINTS | policies.INHIBIT_ANY:
            found.policies.read(kind, value)
        case "2.5.29.30":
            handled = _read_constraints(found, value)
        case _:
            handled = kind in _HANDLED
    if critical and not handled:
        found.unhandled = found.unhandled or kind


_HANDLED = frozenset(
    {
        "2.5.29.14",
        "2.5.29.31",
        "2.5.29.35",
        _INFORMATION_ACCESS,
    }
)
"""Extensions that Go reads besides those that are read here."""


def _read_basic_constraints(found: _Extensions, value: bytes) -> None:
    constraints = DerReader(value).read(der.SEQUENCE)
    if constraints.peek() == der.BOOLEAN and not constraints.is_boolean():
        found.refuse("invalid basic constraints")
    found.is_ca = constraints.boolean()
    if constraints.peek() == der.INTEGER:
        found.path_length = constraints.integer()
        if not 0 <= found.path_length <= _LARGEST_INT:
            found.refuse("invalid basic constraints")


_LARGEST_INT = 2**63 - 1


def _read_information_access(value: bytes) -> None:
    """Read authorityInfoAccess (RFC 5280 section 4.2.2.1) as far as Go does.

    Raises:
        DerError: if it is not such a list.
    """
    descriptions = DerReader(value).read(der.SEQUENCE)
    while not descriptions.empty:
        description = descriptions.read(der.SEQUENCE)
        description.oid()
        description.optional(context_tag(_URI))


def _oids(value: bytes) -> tuple[str, ...]:
    sequence, found = DerReader(value).read(der.SEQUENCE), []
    while not sequence.empty:
        found.append(sequence.oid())
    return tuple(found)


def _read_names(found: _Extensions, value: bytes) -> bool:
    """Read subjectAltName (RFC 5280 section 4.2.1.6); whether Go knows any of the names."""
    found.has_san = True
    names, known = DerReader(value).read(der.SEQUENCE), False
    for _ in range(NAMES_LIMIT):
        if names.empty:
            break
        tag, name = names.read_any()
        kind, octets = tag ^ 0x80, name.rest
        text = octets.decode("latin-1")
        if kind == _IP:
            if len(octets) not in {4, 16}:
                found.refuse(f"cannot parse IP address of length {len(octets)}")
                continue
            found.addresses.append(octets)
            text = str(ipaddress.ip_address(octets))
        elif kind in {_DNS, _EMAIL, _URI}:
            if not octets.isascii():
                found.refuse(f"SAN {_SAN_KINDS[kind]} is malformed")
            if kind == _DNS:
                found.dns_names.append(text)
        else:
            continue
        known = True
        shown = octets.decode("utf-8", "replace") if kind in _SAN_KINDS else text
        found.names.append(sanitize(shown, NAME_LIMIT))
    return known


_SAN_KINDS = {_EMAIL: "rfc822Name", _DNS: "dNSName", _URI: "uniformResourceIdentifier"}


def _read_constraints(found: _Extensions, value: bytes) -> bool:
    """Read nameConstraints (RFC 5280 section 4.2.1.10); whether Go supports all of them."""
    constraints, supported, count = DerReader(value).read(der.SEQUENCE), True, 0
    for number in (0, 1):
        subtrees = constraints.optional(context_tag(number, constructed=True))
        while subtrees is not None and not subtrees.empty:
            count += 1
            tag, base = subtrees.read(der.SEQUENCE).read_any()
            if tag == context_tag(_IP) and len(base.rest) not in {8, 32}:
                found.refuse(f"IP constraint contained value of length {len(base.rest)}")
            elif tag in {context_tag(_DNS), context_tag(_EMAIL), context_tag(_URI)}:
                if not base.rest.isascii() or base.rest.endswith(b"."):
                    found.refuse("invalid name constraint")
                if tag == context_tag(_DNS):
                    found.constrains_dns = True
                    if number:
                        found.excluded_dns.append(base.rest.decode("latin-1").lower())
            elif tag != context_tag(_IP):
                supported = False
    if not count:
        found.refuse("empty name constraints extension")
    return supported

"""Rules of Go's crypto/x509 and crypto/tls that OpenSSL does not apply, and Go's host names.

OpenSSL has built and verified the chain when these rules are asked. They are those of Go 1.26
(crypto/x509: parser.go, verify.go, x509.go; crypto/tls: handshake_client.go). ``tests/oracles``
holds Go's own results.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from itertools import pairwise

from monitor.net.sockets import policies
from monitor.net.sockets.x509 import ECDSA, ED25519, RSA, X509

SERVER_AUTH = "1.3.6.1.5.5.7.3.1"
ANY_USAGE = "2.5.29.37.0"
_RSA_BITS = (1024, 8192)
_TLS_CURVES = frozenset({256, 384, 521})
_PSS = "1.2.840.113549.1.1.10"
_SIGNATURES = {
    "1.2.840.113549.1.1.11": RSA,
    "1.2.840.113549.1.1.12": RSA,
    "1.2.840.113549.1.1.13": RSA,
    _PSS: RSA,
    "1.2.840.10045.4.3.2": ECDSA,
    "1.2.840.10045.4.3.3": ECDSA,
    "1.2.840.10045.4.3.4": ECDSA,
    "1.3.101.112": ED25519,
}
_INSECURE = {
    "1.2.840.113549.1.1.4": "MD5-RSA",
    "1.2.840.113549.1.1.5": "SHA1-RSA",
    "1.3.14.3.2.29": "SHA1-RSA",
    "1.2.840.10045.4.1": "ECDSA-SHA1",
}
_VISIBLE = re.compile(r"[!-~]+")
_HOST = re.compile(r"(?!-)[a-z0-9_-]+")


def refusal(chain: Sequence[X509], sent: Sequence[X509]) -> str:
    """Return why Go refuses a chain that OpenSSL verified, leaf first; "" if it accepts it.

    ``sent`` are the certificates of the server. Go parses all of them, but what is wrong with
    one that no verification needs is not a reason here.
    """
    needed = {c.sha256 for c in chain}
    for certificate in (*(c for c in sent if c.sha256 in needed), *chain):
        if certificate.defect:
            return certificate.defect
        if certificate.key_type == RSA and certificate.key_bits > _RSA_BITS[1]:
            return f"certificate containing RSA key larger than {_RSA_BITS[1]} bits"
    return _leaf_key(chain[0]) or _chain(chain) if chain else ""


def _leaf_key(leaf: X509) -> str:
    if leaf.key_type not in {RSA, ECDSA, ED25519}:
        return "server's certificate contains an unsupported type of public key"
    if leaf.key_type == ECDSA and leaf.key_bits not in _TLS_CURVES:
        return "server's certificate has an elliptic curve that TLS does not support"
    return ""


def _chain(chain: Sequence[X509]) -> str:
    for number, certificate in enumerate(chain):
        if certificate.unhandled:
            return f"unhandled critical extension {certificate.unhandled}"
        if certificate.path_length is not None and number - 1 > certificate.path_length:
            return "too many intermediates for path length constraint"
        if 0 < number < len(chain) - 1 and not certificate.is_ca:
            return "an intermediate certificate is not authorized to sign other certificates"
    for child, parent in pairwise(chain):
        if why := _signed_badly(child, parent):
            return why
    return _use(chain) or _constraint_refusal(chain)


def _use(chain: Sequence[X509]) -> str:
    if any(not _serves(c) for c in chain):
        return "certificate specifies an incompatible key usage"
    path = chain[:-1]
    self_issued = [c.raw_issuer == c.raw_subject for c in path]
    if not policies.valid([c.policies for c in path], self_issued):
        return "no valid chains built: the certificate policies are not valid"
    return ""


def _constraint_refusal(chain: Sequence[X509]) -> str:
    """Return what name constraints of Go forbid and those of OpenSSL do not: a name that is not
    one, and a wildcard that could stand for an excluded name."""
    names = [name.lower() for name in chain[0].dns_names]
    for authority in chain[1:]:
        if authority.constrains_dns and not all(_is_domain(name) for name in names):
            return f"{_NOT_AUTHORIZED}: cannot parse dnsName"
        parents = {name.partition(".")[2] for name in authority.excluded_dns} - {""}
        wildcards = (name for name in names if name.startswith("*"))
        if any(name.partition(".")[2] in parents for name in wildcards):
            return f"{_NOT_AUTHORIZED}: a wildcard is excluded"
    return ""


_NOT_AUTHORIZED = "a root or intermediate certificate is not authorized to sign for this name"


def _is_domain(name: str) -> bool:
    """Whether Go takes a dNSName for one (``domainNameValid`` in crypto/x509)."""
    return not name or all(label and _VISIBLE.fullmatch(label) for label in name.split("."))


def _signed_badly(child: X509, parent: X509) -> str:
    if child.raw_issuer != parent.raw_subject:
        return "issuer name does not match subject from issuing certificate"
    unmarked = parent.is_ca is None and parent.version < 3
    if not (parent.is_ca or unmarked) or not parent.may_sign:
        return "parent certificate cannot sign this kind of certificate"
    return _signature_refusal(child.signature, parent)


def _signature_refusal(algorithm: str, parent: X509) -> str:
    if algorithm in _INSECURE:
        return f"cannot verify signature: insecure algorithm {_INSECURE[algorithm]}"
    if _SIGNATURES.get(algorithm) != parent.key_type:
        return "cannot verify signature: algorithm unimplemented"
    if parent.key_type == RSA and parent.key_bits < _RSA_BITS[0]:
        return f"{parent.key_bits}-bit RSA keys are insecure"
    return ""


def _serves(certificate: X509) -> bool:
    usages = certificate.usages
    return not usages or bool({SERVER_AUTH, ANY_USAGE} & set(usages))


def matches(certificate: X509, host: str) -> bool:
    """Whether a certificate is for ``host``, as Go's VerifyHostname decides: by subjectAltName
    only; a wildcard stands for exactly the first label (RFC 9525 section 6.3)."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        pass
    else:
        return any(_same(address, octets) for octets in certificate.addresses)
    wanted = host.lower()
    labels = wanted.removesuffix(".").split(".")
    valid = _is_host(labels)
    return any(_matches_name(name.lower(), wanted, labels, valid) for name in certificate.dns_names)


def _same(address: ipaddress.IPv4Address | ipaddress.IPv6Address, octets: bytes) -> bool:
    named = ipaddress.ip_address(octets)
    mapped = [a.ipv4_mapped or a if a.version == 6 else a for a in (address, named)]
    return mapped[0] == mapped[1]


def _matches_name(pattern: str, wanted: str, labels: list[str], valid: bool) -> bool:
    parts = pattern.split(".")
    wildcard = parts[0] == "*" and len(parts) > 1
    if not (valid and _is_host(parts[1:] if wildcard else parts)):
        return pattern == wanted and pattern not in {"", "."}
    if wildcard:
        return len(parts) == len(labels) and parts[1:] == labels[1:]
    return parts == labels


def _is_host(labels: Sequence[str]) -> bool:
    return all(_HOST.fullmatch(label) for label in labels)

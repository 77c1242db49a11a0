"""One sentence, remediation and cause per verification error of OpenSSL (X509_V_ERR_*)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from monitor.model.causes import Cause

C = Cause

_REISSUE = "Ask the owner of {host} to have the certificate issued again."
_TRUST = (
    "If {top} is a CA of your organization, add it to the runner's CA bundle (SSL_CERT_FILE, "
    "AWS_CA_BUNDLE). If it inspects TLS, exempt {host} from the inspection. Otherwise ask the "
    "owner of {host} for a certificate of a public CA."
)
_STORE = "Check the CA bundle of this host (ca-certificates, SSL_CERT_FILE, [tls] ca_file)."
_REVOCATION = (
    "Check the revocation settings of this host's OpenSSL: the monitor does not ask for CRLs or "
    "OCSP, and neither does the runner."
)
_LOCAL = "Report this with the monitor's log: a verification option is set that it never sets."


@dataclass(frozen=True, slots=True)
class VerifyCode:
    """Sentence and remediation (templates with the words of ``monitor.diagnosis.texts``)."""

    sentence: str
    remediation: str
    cause: Cause


def _unsuitable(why: str, remediation: str = _REISSUE) -> VerifyCode:
    return VerifyCode(
        f"The certificate of {{host}} is unsuitable: {why}.",
        remediation,
        C.TLS_CERTIFICATE_UNSUITABLE,
    )


def _untrusted(why: str, remediation: str = _TRUST) -> VerifyCode:
    return VerifyCode(
        f"The certificate of {{host}} is not trusted: {why}.", remediation, C.TLS_UNTRUSTED
    )


def _incomplete(why: str) -> VerifyCode:
    return VerifyCode(
        f"{{host}} sends an incomplete certificate chain: {why}.",
        "Ask the owner of {host} to send the intermediate certificate that issued its own "
        "({issuer}), together with it.",
        C.TLS_INCOMPLETE_CHAIN,
    )


CODES: Mapping[int, VerifyCode] = MappingProxyType(
    {
        1: _untrusted("OpenSSL names no reason", _STORE),
        2: _incomplete("the issuer of {top} is missing"),
        3: _untrusted("no revocation list was found", _REVOCATION),
        4: _unsuitable("its signature can't be decrypted"),
        5: _untrusted("the signature of a revocation list can't be decrypted", _REVOCATION),
        6: _unsuitable("the public key of its issuer can't be decoded"),
        7: _unsuitable(
            "its signature does not match the key of the CA that it names as issuer ({issuer})",
            "Ask the owner of {host} to send the intermediate certificate that really issued its "
            "own; two CAs have the same name.",
        ),
        8: _untrusted("the signature of a revocation list is wrong", _REVOCATION),
        9: VerifyCode(
            "{dated} is not valid{since}.",
            "Check this host's clock (`chronyc tracking`): a clock that is behind has this effect. "
            "If the clock is right, ask the owner of {host}.",
            C.TLS_NOT_YET_VALID,
        ),
        10: VerifyCode(
            "{dated} expired{on}.",
            "Ask the owner of {host} to renew the certificate; check this host's clock first "
            "(`chronyc tracking`).",
            C.TLS_EXPIRED,
        ),
        11: _untrusted("a revocation list is not valid yet", _REVOCATION),
        12: _untrusted("a revocation list has expired", _REVOCATION),
        13: _unsuitable("its notBefore field is not a time"),
        14: _unsuitable("its notAfter field is not a time"),
        15: _untrusted("the lastUpdate field of a revocation list is not a time", _REVOCATION),
        16: _untrusted("the nextUpdate field of a revocation list is not a time", _REVOCATION),
        17: _untrusted(
            "this host had no memory left to verify it",
            "Raise the memory limit of the monitor's container, and look for a leak.",
        ),
        18: _untrusted("it is self-signed ({subject})"),
        19: _untrusted("the chain ends in {top}, a root that this host does not trust"),
        20: _untrusted("this host does not trust the CA that issued it, {issuer}"),
        21: _incomplete("it sends its own certificate only, issued by {issuer}"),
        22: _unsuitable("its chain is longer than OpenSSL follows"),
        23: _unsuitable("it was revoked"),
        24: _unsuitable("its issuer has no public key"),
        25: _unsuitable("the chain is longer than a CA in it allows (pathLenConstraint)"),
        26: _unsuitable(
            "its extendedKeyUsage or keyUsage, or that of a CA above it, does not allow use by a "
            "server",
            "Ask the owner of {host} for a certificate with extendedKeyUsage serverAuth.",
        ),
        27: _untrusted("{top} is not marked as trusted for servers in this host's store", _STORE),
        28: _untrusted("{top} is marked as rejected for servers in this host's store", _STORE),
        29: _unsuitable("its issuer name is not the subject of the next certificate"),
        30: _unsuitable("the key identifier of its issuer is another one"),
        31: _unsuitable("the serial number of its issuer is another one"),
        32: _unsuitable("the keyUsage of its issuer does not allow signing certificates"),
        33: _untrusted("the issuer of a revocation list is missing", _REVOCATION),
        34: _unsuitable("it has a critical extension that no client knows"),
        35: _unsuitable("the keyUsage of its issuer does not allow signing revocation lists"),
        36: _untrusted("a revocation list has an unknown critical extension", _REVOCATION),
        37: _unsuitable("it has markings of a CA that it is not"),
        38: _unsuitable("it is a proxy certificate, with too long a path"),
        39: _unsuitable("its keyUsage does not allow digital signatures"),
        40: _unsuitable("it is a proxy certificate, which no TLS client accepts"),
        41: _unsuitable("one of its extensions is malformed"),
        42: _unsuitable("its policy extension is malformed"),
        43: _unsuitable("it has no explicit policy where a CA requires one"),
        44: _untrusted("a revocation list has another scope", _REVOCATION),
        45: _unsuitable("one of its extensions has an unsupported feature"),
        46: _unsuitable("its RFC 3779 resources are not those of its issuer"),
        47: _unsuitable("a CA above it is not allowed to issue for this name (permitted subtrees)"),
        48: _unsuitable("a CA above it must not issue for this name (excluded subtrees)"),
        49: _unsuitable("a name constraint has a minimum or maximum, which is not supported"),
        50: _untrusted("an application refused it", _LOCAL),
        51: _unsuitable("a CA above it has a name constraint of an unsupported type"),
        52: _unsuitable("a CA above it has a malformed name constraint"),
        53: _unsuitable("one of its names has a syntax that name constraints can't judge"),
        54: _untrusted("the path of a revocation list can't be verified", _REVOCATION),
        55: _unsuitable("its chain leads back to itself"),
        56: _unsuitable("its version is not allowed by Suite B", _LOCAL),
        57: _unsuitable("its key algorithm is not allowed by Suite B", _LOCAL),
        58: _unsuitable("its elliptic curve is not allowed by Suite B", _LOCAL),
        59: _unsuitable("its signature algorithm is not allowed by Suite B", _LOCAL),
        60: _unsuitable("its security level is not allowed by Suite B", _LOCAL),
        61: _unsuitable("P-384 is signed with P-256, which Suite B forbids", _LOCAL),
        62: VerifyCode(
            "The certificate shown for {host} is for {names}.",
            "Check what {host} resolves to and whether {address} is the service's address; if it "
            "is, ask the owner for a certificate with this name.",
            C.TLS_NAME_MISMATCH,
        ),
        63: _unsuitable("its mail address is another one", _LOCAL),
        64: VerifyCode(
            "The certificate shown for the address {host} is for {names}.",
            "Use the service's name, or ask the owner for a certificate with this IP address in "
            "subjectAltName.",
            C.TLS_NAME_MISMATCH,
        ),
        65: _untrusted("no DANE record matches it", _LOCAL),
        66: _unsuitable("its key is too small"),
        67: _unsuitable("the key of a CA above it is too small"),
        68: _unsuitable(
            "it, or a CA above it, is signed with a weak digest (SHA-1 or MD5), which OpenSSL and "
            "Go refuse",
            "Ask the owner of {host} for a certificate that is signed with SHA-256.",
        ),
        69: _untrusted("OpenSSL was called in the wrong way", _LOCAL),
        70: _untrusted("this host's store of CAs can't be read", _STORE),
        71: _unsuitable("it has no valid timestamp of Certificate Transparency", _LOCAL),
        72: _unsuitable("it is a proxy certificate whose name is not its issuer's"),
        73: _untrusted("an OCSP response is required", _REVOCATION),
        74: _untrusted("its OCSP response does not verify", _REVOCATION),
        75: _untrusted("the OCSP responder does not know it", _REVOCATION),
        76: _unsuitable("its signature algorithm is not supported"),
        77: _unsuitable("its signature algorithm is not that of its issuer's key"),
        78: _unsuitable("it names two different signature algorithms"),
        79: _unsuitable(
            "a certificate above it, {issuer}, is not a CA",
            "Ask the owner of {host} for a certificate of a real CA: the one that signed it has no "
            "basicConstraints with CA:TRUE, or may not sign certificates.",
        ),
        80: _unsuitable("it has a path length though it is not a CA"),
        81: _unsuitable("a CA above it has a path length but may not sign certificates"),
        82: _unsuitable("it may sign certificates though it is not a CA"),
        83: _unsuitable("the name of its issuer is empty"),
        84: _unsuitable("the name of a CA above it is empty"),
        85: _unsuitable("it has no authority key identifier"),
        86: _unsuitable("a CA above it has no subject key identifier"),
        87: _unsuitable("its subjectAltName is empty"),
        88: _unsuitable("its subject is empty and its subjectAltName is not critical"),
        89: _unsuitable("the basicConstraints of a CA above it are not critical"),
        90: _unsuitable("its authority key identifier is critical"),
        91: _unsuitable("its subject key identifier is critical"),
        92: _unsuitable("a CA above it has no keyUsage"),
        93: _unsuitable("it has extensions without being of version 3"),
        94: _unsuitable("its key has explicit elliptic curve parameters"),
        95: _unsuitable("its RPK has no trusted key", _LOCAL),
    }
)

HOSTNAME, ADDRESS = 62, 64
EXPIRED, NOT_YET_VALID = 10, 9
NO_ISSUER = frozenset({2, 20, 21})
"""Codes of a certificate whose issuer was not found."""


def verify_code(number: int) -> VerifyCode:
    """Return the entry of a code; one that is unknown here is named by its number."""
    return CODES.get(number) or _untrusted(f"OpenSSL reports error {number}")

"""Sentence and remediation of each TLS alert (RFC 8446 section 6, RFC 5246 section 7.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_OWNER = "Ask the owner of {host} to check the TLS log of the server for this alert."
_COMMON = (
    "Compare what {host} offers with the runner's client, which speaks TLS 1.2 and 1.3 with "
    "ECDHE and AES-GCM, ChaCha20 or AES-CBC-SHA: `openssl s_client -connect {host}:{port}`. Ask "
    "the owner to enable one of them."
)
_NAME = (
    "Check that {host} is the name that the server serves. If it is, a filter of server names "
    "answers in its place: ask the owners of the firewall to allow {host}."
)
_DAMAGED = (
    "Compare with another path to {host}. If the alert occurs only here, a device on the path "
    "changes the TLS records: exempt {host} from TLS inspection there."
)
_CLIENT_CERTIFICATE = (
    "The server judges a client certificate, and the runner sends none: ask the owner of {host} "
    "whether this client has to present one."
)


@dataclass(frozen=True, slots=True)
class Alert:
    """Name of an alert in the RFC, the sentence about the peer that sent it, and what to do.
    Both are templates with the words of ``monitor.diagnosis.texts``."""

    name: str
    sentence: str
    remediation: str


def _alert(name: str, meaning: str, remediation: str) -> Alert:
    return Alert(
        name, f"{{host}} ended the TLS handshake with alert {name}: {meaning}.", remediation
    )


ALERTS: Mapping[int, Alert] = MappingProxyType(
    {
        0: _alert("close_notify", "it closed the connection before the handshake was done", _OWNER),
        10: _alert("unexpected_message", "it received a message out of order", _DAMAGED),
        20: _alert("bad_record_mac", "a record reached it damaged or altered", _DAMAGED),
        21: _alert("decryption_failed", "it could not decrypt a record", _DAMAGED),
        22: _alert("record_overflow", "a record that reached it is too long", _DAMAGED),
        30: _alert("decompression_failure", "it could not decompress a record", _DAMAGED),
        40: _alert(
            "handshake_failure",
            "client and server have no cipher suite or other parameters in common",
            _COMMON,
        ),
        41: _alert("no_certificate", "it misses a client certificate", _CLIENT_CERTIFICATE),
        42: _alert("bad_certificate", "it finds a certificate corrupt", _CLIENT_CERTIFICATE),
        43: _alert(
            "unsupported_certificate",
            "it does not support the type of a certificate",
            _CLIENT_CERTIFICATE,
        ),
        44: _alert("certificate_revoked", "a certificate was revoked", _CLIENT_CERTIFICATE),
        45: _alert("certificate_expired", "a certificate has expired", _CLIENT_CERTIFICATE),
        46: _alert("certificate_unknown", "it does not accept a certificate", _CLIENT_CERTIFICATE),
        47: _alert("illegal_parameter", "a field of the handshake is out of range", _DAMAGED),
        48: _alert("unknown_ca", "it does not know the CA of a certificate", _CLIENT_CERTIFICATE),
        49: _alert(
            "access_denied",
            "its access control, or a filter on the path, does not allow this client or this name",
            _NAME,
        ),
        50: _alert("decode_error", "it could not decode a message of the handshake", _DAMAGED),
        51: _alert("decrypt_error", "a signature or a Finished message did not verify", _DAMAGED),
        60: _alert("export_restriction", "export rules forbid the parameters", _COMMON),
        70: _alert(
            "protocol_version",
            "it does not speak TLS 1.2 or 1.3, the versions of the runner's client",
            "Ask the owner of {host} to enable TLS 1.2 or newer; a load balancer or inspecting "
            "device in front of it may have to be updated.",
        ),
        71: _alert(
            "insufficient_security",
            "it requires stronger parameters than client and server have in common",
            "Ask the owner of {host} which cipher suites and key sizes it requires; the runner's "
            "client offers ECDHE with AES-GCM and ChaCha20.",
        ),
        80: _alert(
            "internal_error",
            "an error of the server itself, unrelated to this client",
            "Ask the owner of {host}: the server failed. Retry, and check its log.",
        ),
        86: _alert(
            "inappropriate_fallback",
            "it takes this client for one that fell back to an older version",
            "Look for a device on the path that lowers the TLS version, and exempt {host} from it.",
        ),
        90: _alert("user_canceled", "it canceled the handshake", _OWNER),
        100: _alert("no_renegotiation", "it refuses to renegotiate", _OWNER),
        109: _alert(
            "missing_extension", "the ClientHello reached it without a required extension", _DAMAGED
        ),
        110: _alert("unsupported_extension", "it received an extension it did not offer", _DAMAGED),
        111: _alert("certificate_unobtainable", "it could not fetch a certificate", _OWNER),
        112: _alert("unrecognized_name", "it does not serve the name {host}", _NAME),
        113: _alert("bad_certificate_status_response", "an OCSP response is invalid", _OWNER),
        114: _alert("bad_certificate_hash_value", "a certificate differs from its hash", _OWNER),
        115: _alert("unknown_psk_identity", "it does not know a pre-shared key", _OWNER),
        116: _alert(
            "certificate_required",
            "it requires a client certificate, and the runner sends none",
            "Ask the owner of {host} whether it has to require client certificates (mutual TLS); "
            'if it has to, probe it with protocol = "tcp".',
        ),
        120: _alert(
            "no_application_protocol",
            "it speaks none of the application protocols that ALPN offered (h2, http/1.1)",
            "Ask the owner of {host} which application protocol it speaks; if it is not HTTP, "
            'probe it with protocol = "tls".',
        ),
        121: _alert("ech_required", "it requires an encrypted ClientHello", _OWNER),
    }
)


def alert(number: int) -> Alert:
    """Return the alert with this number; an unassigned one is named by its number."""
    return ALERTS.get(number) or _alert(f"number {number}", "no RFC assigns this number", _OWNER)

"""Facts of a TLS handshake, finished or failed, and the verification that Go would do."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Protocol
from weakref import WeakKeyDictionary

from monitor.model.probe_result import Certificate, FailureKind, TlsFacts
from monitor.net.errors import ExchangeError
from monitor.net.sockets import go_verify
from monitor.net.sockets.certificate import CertificateCache, Decoded
from monitor.net.sockets.tls_alerts import ALERT_NAMES, alert_of_reason
from monitor.net.sockets.x509 import X509

_CERTIFICATES = CertificateCache()
"""Shared by all connections: targets behind the same CDN show the same certificates."""

_ENCODING_DER = 2
"""The value of ``_ssl.ENCODING_DER``."""

_HOSTNAME_MISMATCH, _ADDRESS_MISMATCH = "62", "64"
"""X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH, as OpenSSL reports them."""

_ALERT, _HANDSHAKE = 21, 22
_CONTENT_TYPES = range(20, 25)
_CERTIFICATE_REQUEST = 13
_CERTIFICATE_REQUIRED = 116
_ABOUT_CLIENT_CERTIFICATES = frozenset({40, 41, 42, 43, 46, 48, 49, _CERTIFICATE_REQUIRED})
"""Alerts by which servers refuse a client without certificate, once they asked for one."""

_PLAINTEXT = {
    b"HTTP/": "HTTP",
    b"<": "HTML",
    b"SSH-": "SSH",
    b"220": "SMTP or FTP",
    b"+OK": "POP3",
    b"* OK": "IMAP",
    b"\0\0\0\x04": "HTTP/2",
}
"""First bytes of protocols that answer a ClientHello in clear."""


def tls_error(error: ssl.SSLError, flight: bytes = b"") -> Exception:
    """Return OpenSSL's error as the fact it states, without OpenSSL's file and line.

    ``flight`` is what the peer had sent of its handshake, as far as it is kept.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        code = str(error.verify_code)
        return ExchangeError(FailureKind.TLS_VERIFY, error.verify_message or "not verified", code)
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return _end(flight)
    if flight and flight[0] not in _CONTENT_TYPES:
        return _plaintext(flight)
    number = alert_of_reason(error.reason, str(error))
    kinds = list(_plain_messages(flight))
    if number is None:
        number = next((m for kind, m in kinds if kind == _ALERT), None)
    if number is None:
        reason = error.reason or "UNKNOWN"
        return ExchangeError(FailureKind.TLS_PROTOCOL, reason.replace("_", " ").lower(), reason)
    asked = number == _CERTIFICATE_REQUIRED or (_HANDSHAKE, _CERTIFICATE_REQUEST) in kinds
    name = ALERT_NAMES.get(number, "not assigned")
    if asked and number in _ABOUT_CLIENT_CERTIFICATES:
        message = f"the server requires a client certificate: alert {name} ({number})"
        return ExchangeError(FailureKind.TLS_CLIENT_CERTIFICATE, message, str(number))
    message = f"the peer sent TLS alert {name} ({number})"
    return ExchangeError(FailureKind.TLS_ALERT, message, str(number))


def _end(flight: bytes) -> Exception:
    if flight and flight[0] not in _CONTENT_TYPES:
        return _plaintext(flight)
    if (_HANDSHAKE, _CERTIFICATE_REQUEST) not in _plain_messages(flight):
        return EOFError()
    message = "the server asked for a client certificate, got none, and closed the connection"
    return ExchangeError(FailureKind.TLS_CLIENT_CERTIFICATE, message, "0")


def _plaintext(flight: bytes) -> ExchangeError:
    protocol = next((p for start, p in _PLAINTEXT.items() if flight.startswith(start)), "")
    what = f"{protocol} in clear" if protocol else "something that is not TLS"
    message = f"the peer answered the ClientHello with {what}"
    return ExchangeError(FailureKind.TLS_PLAINTEXT, message, protocol or "unknown")


def _plain_messages(flight: bytes) -> Iterable[tuple[int, int]]:
    """Yield record type and message type of each handshake message, and the number of each
    alert, that was sent without encryption (RFC 8446 section 5.1)."""
    position = 0
    while position + 5 < len(flight) and flight[position] in {_ALERT, _HANDSHAKE}:
        kind = flight[position]
        size = int.from_bytes(flight[position + 3 : position + 5], "big")
        body = flight[position + 5 : position + 5 + size]
        if kind == _ALERT:
            yield kind, body[1] if len(body) == 2 else -1
        inner = 0
        while kind == _HANDSHAKE and inner + 4 <= len(body):
            yield kind, body[inner]
            inner += 4 + int.from_bytes(body[inner + 1 : inner + 4], "big")
        position += 5 + size


def verify_as_go(tls: ssl.SSLObject, host: str) -> None:
    """Apply the rules of Go's crypto/tls to a handshake whose chain OpenSSL has verified.

    Raises:
        ExchangeError: TLS_VERIFY (code 62 or 64) if the certificate is for other names,
            TLS_REJECTED_BY_GO if Go refuses the chain.
    """
    if tls.context.verify_mode is not ssl.CERT_REQUIRED:
        return
    chain, sent = (tuple([c.x509 for c in found]) for found in _chains(tls))
    why = _refusal(chain, sent)
    if why:
        raise ExchangeError(FailureKind.TLS_REJECTED_BY_GO, why, "x509")
    leaf = _CERTIFICATES.get(tls.getpeercert(binary_form=True) or b"")
    if leaf is None:
        raise ExchangeError(FailureKind.TLS_REJECTED_BY_GO, "malformed certificate", "x509")
    if not _matches(leaf.x509, host):
        raise _mismatch(leaf.x509, host)


@lru_cache(maxsize=128)
def _refusal(chain: tuple[X509, ...], sent: tuple[X509, ...]) -> str:
    return go_verify.refusal(chain, sent)


@lru_cache(maxsize=128)
def _matches(leaf: X509, host: str) -> bool:
    return go_verify.matches(leaf, host)


def _mismatch(leaf: X509, host: str) -> ExchangeError:
    literal = ":" in host or host.replace(".", "").isdecimal()
    code = _ADDRESS_MISMATCH if literal else _HOSTNAME_MISMATCH
    if not leaf.has_san:
        message = "the certificate has no subjectAltName, only a Common Name"
        if leaf.common_name.lower() != host.lower():
            message = "the certificate names no host: it has no subjectAltName"
        return ExchangeError(FailureKind.TLS_VERIFY, message, code)
    return ExchangeError(FailureKind.TLS_VERIFY, f"the certificate is not for {host}", code)


def tls_facts(
    tls: ssl.SSLObject,
    *,
    verify_error: str | None = None,
    is_public: Callable[[str], bool | None] = lambda _: None,
) -> TlsFacts:
    """Describe a finished handshake.

    ``verify_error`` is why verification failed; the handshake may be a second one that was made
    without verification. ``is_public`` returns whether a CA, by its digest, is a public one.
    """
    verifying = tls.context.verify_mode is ssl.CERT_REQUIRED
    cipher = tls.cipher()
    verified, sent = (_certificates(found) for found in _chains(tls))
    anchor = verified[-1] if verified else None
    return TlsFacts(
        version=tls.version(),
        cipher=cipher[0] if cipher else None,
        alpn=tls.selected_alpn_protocol(),
        verified=False if verify_error is not None else verifying,
        verify_error=verify_error,
        chain=sent,
        verified_chain=verified,
        verified_expiry=min((c.not_after for c in verified), default=None),
        anchor=anchor.subject if anchor else None,
        anchor_public=is_public(anchor.sha256) if anchor else None,
    )


class _SslCertificate(Protocol):
    def public_bytes(self, encoding: int, /) -> bytes | str: ...


Chains = tuple[tuple[Decoded, ...], tuple[Decoded, ...]]
_known_chains: WeakKeyDictionary[ssl.SSLObject, Chains] = WeakKeyDictionary()


def _chains(tls: ssl.SSLObject) -> Chains:
    """Return the verified chain of a finished handshake, empty if it was not verified, and the
    one that the server sent. They are read once: OpenSSL encodes each certificate again."""
    known = _known_chains.get(tls)
    if known is None:
        verifying = tls.context.verify_mode is ssl.CERT_REQUIRED
        verified = _chain(tls, "get_verified_chain") if verifying else ()
        known = _known_chains[tls] = (verified, _chain(tls, "get_unverified_chain"))
    return known


def _chain(tls: ssl.SSLObject, method: str) -> tuple[Decoded, ...]:
    # The chain is public only from Python 3.13 on; the object beneath has it since 3.10.
    read = getattr(tls._sslobj, method, None)  # type: ignore[attr-defined]  # noqa: SLF001
    return _CERTIFICATES.chain(_der(c) for c in (read() or ())) if read else ()


def _der(certificate: _SslCertificate) -> bytes:
    data = certificate.public_bytes(_ENCODING_DER)
    return data if isinstance(data, bytes) else data.encode()


def _certificates(chain: Iterable[Decoded]) -> tuple[Certificate, ...]:
    return tuple([decoded.certificate for decoded in chain])

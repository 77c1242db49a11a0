"""What a TLS handshake tells about the peer, finished or failed."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Protocol

from monitor.model.probe_result import Certificate, FailureKind, TlsFacts
from monitor.net.errors import ExchangeError
from monitor.net.sockets.certificate import CertificateCache

_CERTIFICATES = CertificateCache()
"""Shared by all connections: targets behind the same CDN show the same certificates."""


def tls_error(error: ssl.SSLError) -> Exception:
    """Turn OpenSSL's error into the fact it states, free of OpenSSL's file and line."""
    if isinstance(error, ssl.SSLCertVerificationError):
        code = str(error.verify_code)
        return ExchangeError(FailureKind.TLS_VERIFY, error.verify_message or "not verified", code)
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return EOFError()
    reason = error.reason or "unknown TLS error"
    return ExchangeError(FailureKind.TLS_PROTOCOL, reason.replace("_", " ").lower(), reason)


def tls_facts(
    tls: ssl.SSLObject,
    *,
    verify_error: str | None = None,
    is_public: Callable[[str], bool | None] = lambda _: None,
) -> TlsFacts:
    """Describe a finished handshake. ``verify_error`` is given by a second look that was
    taken without verification because the first look failed with it. ``is_public`` tells
    from a CA's digest whether it is a public one."""
    verifying = tls.context.verify_mode is ssl.CERT_REQUIRED
    cipher = tls.cipher()
    verified = _certificates(tls, "get_verified_chain") if verifying else ()
    anchor = verified[-1] if verified else None
    return TlsFacts(
        version=tls.version(),
        cipher=cipher[0] if cipher else None,
        alpn=tls.selected_alpn_protocol(),
        verified=verifying if verifying or verify_error is None else False,
        verify_error=verify_error,
        chain=_certificates(tls, "get_unverified_chain"),
        verified_expiry=min((c.not_after for c in verified), default=None),
        anchor=anchor.subject if anchor else None,
        anchor_public=is_public(anchor.sha256) if anchor else None,
    )


def _certificates(tls: ssl.SSLObject, method: str) -> tuple[Certificate, ...]:
    # The chain is public only from Python 3.13 on; the object beneath has it since 3.10.
    read = getattr(tls._sslobj, method, None)  # type: ignore[attr-defined]  # noqa: SLF001
    return _CERTIFICATES.chain(_der(c) for c in (read() or ())) if read else ()


class _SslCertificate(Protocol):
    def public_bytes(self, encoding: int, /) -> bytes | str: ...


_ENCODING_DER = 2  # the value of _ssl.ENCODING_DER


def _der(certificate: _SslCertificate) -> bytes:
    data = certificate.public_bytes(_ENCODING_DER)
    return data if isinstance(data, bytes) else data.encode()

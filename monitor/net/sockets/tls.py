"""What a TLS handshake tells about the peer, finished or failed."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

from monitor.common.sanitize import sanitize
from monitor.model.probe_result import Certificate, FailureKind, TlsFacts
from monitor.net.errors import ExchangeError
from monitor.net.sockets.der import spki_sha256

_NAME_LIMIT = 256
_NAMES_KEPT = 20


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
    return tuple(_certificate(_Raw(c)) for c in (read() or ())) if read else ()


class _SslCertificate(Protocol):
    def public_bytes(self, encoding: int, /) -> bytes | str: ...

    def get_info(self) -> Mapping[str, Any]: ...


_ENCODING_DER = 2  # the value of _ssl.ENCODING_DER


class _Raw:
    """A certificate of the ``_ssl`` module, hashed by its DER form."""

    __slots__ = ("_certificate", "der")

    def __init__(self, certificate: _SslCertificate) -> None:
        self._certificate = certificate
        der = certificate.public_bytes(_ENCODING_DER)
        self.der = der if isinstance(der, bytes) else der.encode()

    def info(self) -> Mapping[str, Any]:
        """Return what ``SSLSocket.getpeercert`` would tell of it."""
        return self._certificate.get_info()

    def __hash__(self) -> int:
        return hash(self.der)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Raw) and other.der == self.der


@lru_cache(maxsize=256)
def _certificate(raw: _Raw) -> Certificate:
    info = raw.info()
    names = tuple(value for _, value in info.get("subjectAltName", ()))
    return Certificate(
        subject=_name(info.get("subject", ())),
        issuer=_name(info.get("issuer", ())),
        names=tuple(name[:_NAME_LIMIT] for name in names[:_NAMES_KEPT]),
        not_before=float(ssl.cert_time_to_seconds(info["notBefore"])),
        not_after=float(ssl.cert_time_to_seconds(info["notAfter"])),
        serial=info.get("serialNumber", "")[:64],
        sha256=hashlib.sha256(raw.der).hexdigest(),
        spki_sha256=spki_sha256(raw.der),
    )


_SHORT = {
    "countryName": "C",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "commonName": "CN",
}


def _name(rdns: Sequence[Sequence[tuple[str, str]]]) -> str:
    """Write a distinguished name in the order it stands in: ``C=US, O=Amazon, CN=…``."""
    parts = [f"{_SHORT[key]}={value}" for rdn in rdns for key, value in rdn if key in _SHORT]
    return sanitize(", ".join(parts), _NAME_LIMIT)

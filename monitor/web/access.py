"""Who may read: everybody, or who gives the configured password or token. Pure."""

from __future__ import annotations

import base64
import binascii
from hmac import compare_digest

from monitor.model.settings import WebSettings

_OPEN = frozenset({"/healthz", "/readyz"})
"""Orchestrators ask for these, and learn nothing but that the monitor runs."""

_METRICS = "/metrics"


def admits(settings: WebSettings, path: str, authorization: str) -> bool:
    """Whether a request for ``path`` with that Authorization header may be answered."""
    if not challenges(settings) or path in _OPEN:
        return True
    if path == _METRICS and settings.open_metrics:
        return True
    scheme, _, credentials = authorization.strip().partition(" ")
    match scheme.lower():
        case "basic":
            return _is_user(settings, credentials.strip())
        case "bearer":
            return _is_token(settings, credentials.strip())
    return False


def challenges(settings: WebSettings) -> tuple[str, ...]:
    """Return what to ask for (WWW-Authenticate, RFC 7617 and RFC 6750); empty where nothing
    is needed."""
    asked = []
    if settings.password is not None:
        asked.append('Basic realm="Egress Monitor", charset="UTF-8"')
    if settings.token is not None:
        asked.append('Bearer realm="Egress Monitor"')
    return tuple(asked)


def _is_user(settings: WebSettings, credentials: str) -> bool:
    if settings.password is None:
        return False
    try:
        given = base64.b64decode(credentials, validate=True)
    except (binascii.Error, ValueError):
        return False
    wanted = f"{settings.username}:{settings.password.reveal()}"
    return compare_digest(given, wanted.encode())


def _is_token(settings: WebSettings, credentials: str) -> bool:
    if settings.token is None:
        return False
    given = credentials.encode("utf-8", "surrogateescape")
    return compare_digest(given, settings.token.reveal().encode())

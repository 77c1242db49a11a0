"""Access to the page: open, or by the configured password or token. Pure."""

from __future__ import annotations

import base64
import binascii
from enum import Enum
from hmac import compare_digest

from monitor.model.settings import WebSettings

HEALTH_PATHS = frozenset({"/healthz", "/readyz"})
"""Paths that need no credentials: orchestrators request them, and the answer reveals only
whether the monitor works."""

_METRICS = "/metrics"


class Access(Enum):
    """Outcome of the check of a request's credentials."""

    OPEN = "open"
    """No credentials are needed for this path."""
    GRANTED = "granted"
    MISSING = "missing"
    WRONG = "wrong"


def access(settings: WebSettings, path: str, authorization: str) -> Access:
    """Return whether a request for ``path`` with that Authorization header may be answered."""
    if not challenges(settings) or path in HEALTH_PATHS:
        return Access.OPEN
    if path == _METRICS and settings.open_metrics:
        return Access.OPEN
    scheme, _, credentials = authorization.strip().partition(" ")
    match scheme.lower():
        case "":
            return Access.MISSING
        case "basic":
            right = _is_user(settings, credentials.strip())
        case "bearer":
            right = _is_token(settings, credentials.strip())
        case _:
            right = False
    return Access.GRANTED if right else Access.WRONG


def challenges(settings: WebSettings) -> tuple[str, ...]:
    """Return the WWW-Authenticate challenges (RFC 7617, RFC 6750); none if access is open."""
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

"""Signs requests to AWS: Signature Version 4 in the Authorization header. Pure.

Source: IAM user guide, "Create a signed AWS API request".
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from monitor.common.redact import remember
from monitor.model.secret import Secret

_ALGORITHM = "AWS4-HMAC-SHA256"
_UNSIGNED = frozenset({"authorization", "user-agent", "x-amzn-trace-id", "expect"})
"""Headers that proxies change, or that are the signature itself."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Key, secret and session token for signing. ``expires_at`` is Unix seconds, None: never."""

    access_key_id: str
    secret_access_key: Secret
    session_token: Secret | None = None
    expires_at: float | None = None

    def __post_init__(self) -> None:
        # EC2 repeats it in messages; it is redacted as long as the secret that belongs to it.
        remember(self.secret_access_key, self.access_key_id)


def signed_headers(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    credentials: Credentials,
    region: str,
    service: str,
    now: float,
) -> dict[str, str]:
    """Return the headers to add to a request so that AWS takes it as that of ``credentials``.

    ``headers`` are those that the request has already and that are to be signed; Host is
    taken from ``url``, whose path and query are percent-encoded as they are sent. The path is
    encoded once more, as every service but S3 wants it.
    """
    parts = urlsplit(url)
    moment = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    added = {"X-Amz-Date": moment}
    if credentials.session_token is not None:
        added["X-Amz-Security-Token"] = credentials.session_token.reveal()
    signing = {"host": _host(url)} | {
        name.lower(): " ".join(value.split()) for name, value in {**headers, **added}.items()
    }
    signing = {name: signing[name] for name in sorted(signing.keys() - _UNSIGNED)}
    names = ";".join(signing)
    request = "\n".join(
        (
            method,
            quote(parts.path or "/", safe="/-_.~"),
            _query(parts.query),
            *(f"{name}:{value}" for name, value in signing.items()),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        )
    )
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    text = "\n".join((_ALGORITHM, moment, scope, hashlib.sha256(request.encode()).hexdigest()))
    signature = _hmac(_key(credentials, moment[:8], region, service), text).hex()
    added["Authorization"] = (
        f"{_ALGORITHM} Credential={credentials.access_key_id}/{scope}, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    return added


def _host(url: str) -> str:
    """Return the Host header: without a port that is the scheme's usual one."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    usual = {"http": ":80", "https": ":443"}[parts.scheme]
    return host.removesuffix(usual)


def _query(query: str) -> str:
    pairs = (part.partition("=") for part in query.split("&")) if query else ()
    return "&".join(f"{name}={value}" for name, value in sorted((n, v) for n, _, v in pairs))


def _key(credentials: Credentials, day: str, region: str, service: str) -> bytes:
    key = ("AWS4" + credentials.secret_access_key.reveal()).encode()
    for part in (day, region, service, "aws4_request"):
        key = _hmac(key, part)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()

"""Finds AWS credentials by the chain that SDKs go through, and keeps them fresh.

Environment, then what only the SDK knows (profiles, SSO, web identities) where something names
it and botocore is installed, then the container's endpoint (an ECS task's role, EKS Pod
Identity), then the instance's role. Sources: AWS SDKs and tools reference guide, "Standardized
credential providers", "Container credential provider" and "IMDS credential provider".
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

from monitor.model.secret import Secret
from monitor.net.aws import imds as imds_wire
from monitor.net.aws.metadata_http import fetch
from monitor.net.aws.profiles import SdkCredentials, is_named
from monitor.net.aws.sigv4 import Credentials

_CONTAINER_HOST = "http://169.254.170.2"
_CONTAINER_ADDRESSES = frozenset({"169.254.170.2", "169.254.170.23", "fd00:ec2::23"})
_ROLE_PATH = "/latest/meta-data/iam/security-credentials/"
_TIMEOUT = 3.0
"""Seconds for all of one provider's requests."""

_SDK_TIMEOUT = 10.0
"""Seconds for the SDK, which may have to ask two services one after another."""

_REFRESH_BEFORE = 300.0
"""Seconds before their end at which credentials are replaced, while the old ones still work."""

_RETRY_AFTER = 10.0
"""Seconds until it is tried again to replace credentials that still work."""


class NoCredentialsError(Exception):
    """No provider of the chain gave credentials; the message gives the reason, without secrets."""


class AwsCredentials:
    """The credentials of this process, found once and replaced before they end.

    ``time`` returns Unix seconds.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        metadata_endpoint: str,
        *,
        time: Callable[[], float],
    ) -> None:
        self._environ = environ
        self._metadata_endpoint = metadata_endpoint.rstrip("/")
        self._time = time
        self._sdk = SdkCredentials()
        self._known: Credentials | None = None
        self._next_try = -math.inf
        self._hypothesis = asyncio.Lock()

    async def get(self) -> Credentials:
        """Return credentials that work now.

        Raises:
            NoCredentialsError: if there are none.
        """
        async with self._hypothesis:
            now = self._time()
            left = _left(self._known, now)
            if left < _REFRESH_BEFORE and (now >= self._next_try or left <= 0):
                self._next_try = now + _RETRY_AFTER
                try:
                    self._known = await self._find()
                except NoCredentialsError:
                    if left <= 0:
                        raise
            assert self._known is not None, "found, or raised"
            return self._known

    def forget(self) -> None:
        """Look for credentials again at the next ``get``, because AWS refused the current ones."""
        self._known = None
        self._sdk.forget()

    async def _find(self) -> Credentials:
        if (found := from_environment(self._environ)) is not None:
            return found
        hint = ""
        if is_named(self._environ):
            try:
                if (found := await self._from_sdk()) is not None:
                    return found
            except ImportError:
                hint = ', and for profiles and web identities the extra "aws" is not installed'
        container = container_url(self._environ)
        where = "container" if container else "instance metadata"
        try:
            async with asyncio.timeout(_TIMEOUT):
                if container:
                    return await self._from_container(container)
                return await self._from_instance()
        except (OSError, ValueError) as error:
            # Named by its class: an exception's text may hold what was sent.
            raise NoCredentialsError(
                f"no credentials in the environment, none from {where} "
                f"({type(error).__name__}){hint}"
            ) from None

    async def _from_sdk(self) -> Credentials | None:
        try:
            async with asyncio.timeout(_SDK_TIMEOUT):
                return await self._sdk.get(self._time())
        except ImportError:
            raise
        except Exception as error:  # noqa: BLE001 - botocore has dozens
            raise NoCredentialsError(f"none from the AWS SDK ({type(error).__name__})") from None

    async def _from_container(self, url: str) -> Credentials:
        token = self._environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
        if file := self._environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"):
            token = (await asyncio.to_thread(Path(file).read_text, "utf-8")).strip()
        headers = {"Authorization": token} if token else {}
        return parse_credentials(await fetch("GET", url, headers))

    async def _from_instance(self) -> Credentials:
        base = self._metadata_endpoint
        token = await fetch("PUT", base + imds_wire.TOKEN_PATH, imds_wire.TOKEN_REQUEST)
        headers = imds_wire.token_headers(token)
        names = (await fetch("GET", base + _ROLE_PATH, headers)).decode("utf-8")
        role = names.partition("\n")[0].strip()
        if not role:
            raise ValueError("the instance has no role")
        url = base + _ROLE_PATH + quote(role, safe="")
        return parse_credentials(await fetch("GET", url, headers))


def from_environment(environ: Mapping[str, str]) -> Credentials | None:
    """Return the credentials that the environment itself holds; None where it holds none."""
    key, secret = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if not key or not secret:
        return None
    token = environ.get("AWS_SESSION_TOKEN")
    return Credentials(key, Secret(secret), Secret(token) if token else None)


def container_url(environ: Mapping[str, str]) -> str | None:
    """Return where a container asks for credentials; None where it can't.

    A full URL without TLS is taken only for loopback and the addresses that ECS and EKS
    use, as SDKs have it: anything else could be made to give its token away.
    """
    if relative := environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
        return _CONTAINER_HOST + relative if relative.startswith("/") else None
    full = environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI", "")
    try:
        url = urlsplit(full)
        host = url.hostname or ""
    except ValueError:
        return None
    if url.scheme == "https" and host:
        return full
    if url.scheme == "http" and (host in _CONTAINER_ADDRESSES or _is_loopback(host)):
        return full
    return None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def parse_credentials(body: bytes) -> Credentials:
    """Read the answer of either metadata service.

    Raises:
        ValueError: if it holds no credentials.
    """
    document = imds_wire.json_object(body)
    values = [document.get(name) for name in ("AccessKeyId", "SecretAccessKey", "Token")]
    if not all(isinstance(v, str) and v and v.isascii() and v.isprintable() for v in values):
        raise ValueError("the answer holds no credentials")
    key, secret, token = map(str, values)
    expiration = document.get("Expiration")
    ends = datetime.fromisoformat(str(expiration)).timestamp() if expiration else None
    return Credentials(key, Secret(secret), Secret(token), ends)


def _left(credentials: Credentials | None, now: float) -> float:
    """Return for how many seconds they still work."""
    if credentials is None:
        return 0.0
    return math.inf if credentials.expires_at is None else credentials.expires_at - now

"""Authentication at a receiver: its headers. Secrets are read from files."""

from __future__ import annotations

import base64
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from monitor.model.secret import Secret
from monitor.model.settings import RemoteWriteSettings
from monitor.net.aws.credentials import AwsCredentials
from monitor.net.aws.sigv4 import signed_headers

SERVICE = "aps"
"""Amazon Managed Prometheus, as signatures name it."""

_SECRET_LIMIT = 16_384
_DISCRIMINATING = 16
"""Characters that are recognized as the beginning of a secret: 16."""

_SHORTEST = 6
"""Characters below which header and query values are not treated as secrets: a tenant's number."""


class SecretError(Exception):
    """A secret is not available; the message names the file and the reason."""


@dataclass(slots=True)
class SecretFile:
    """A secret in a file, read again if the file changed."""

    path: Path
    _stamp: tuple[int, int, int] | None = None
    _value: str = field(default="", repr=False)

    def read(self) -> str:
        """Return the secret without surrounding whitespace.

        Raises:
            SecretError: if it is missing or invalid.
        """
        try:
            found = self.path.stat()
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            if stamp != self._stamp:
                if not stat.S_ISREG(found.st_mode):
                    raise SecretError(f"{self.path} is not a regular file")
                with self.path.open(encoding="utf-8") as file:
                    self._value = file.read(_SECRET_LIMIT).strip()
                self._stamp = stamp
        except (OSError, UnicodeDecodeError):
            raise SecretError(f"{self.path} cannot be read") from None
        if not self._value or not self._value.isprintable():
            raise SecretError(f"{self.path} does not hold one line of text")
        return self._value

    def known(self) -> str:
        """Return the value read last."""
        return self._value


@dataclass(frozen=True, slots=True)
class GivenSecret:
    """A secret that the configuration's variables hold."""

    secret: Secret

    def read(self) -> str:
        """Return the secret.

        Raises:
            SecretError: if it is not one line of text.
        """
        value = self.secret.reveal()
        if not value or not value.isprintable():
            raise SecretError("the variable does not hold one line of text")
        return value

    def known(self) -> str:
        """Return the secret."""
        return self.secret.reveal()


SecretSource = SecretFile | GivenSecret


class Auth:
    """Authentication at one destination. ``aws`` is needed for signatures only."""

    def __init__(self, settings: RemoteWriteSettings, aws: AwsCredentials | None) -> None:
        self._settings = settings
        self._aws = aws
        self._token = _source(settings.bearer_token, settings.bearer_token_file)
        self._password = _source(settings.password, settings.password_file)
        files = {name: SecretFile(path) for name, path in settings.header_files}
        given = {name: GivenSecret(secret) for name, secret in settings.header_secrets}
        self._headers: dict[str, SecretSource] = {**files, **given}
        self._signature: dict[str, str] = {}

    def plain(self) -> dict[str, str]:
        """Return the headers that do not depend on the request. Reads files.

        Raises:
            SecretError: if a secret cannot be read.
        """
        headers = dict(self._settings.headers)
        headers |= {name: file.read() for name, file in self._headers.items()}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token.read()}"
        if self._settings.username:
            password = self._password.read() if self._password else ""
            headers["Authorization"] = f"Basic {self._pair(password)}"
        return headers

    async def signature(
        self, headers: Mapping[str, str], body: bytes, now: float
    ) -> dict[str, str]:
        """Return the headers that sign a request; none if signatures are not configured.

        Raises:
            NoCredentialsError: if no credentials are available.
        """
        if self._aws is None:
            return {}
        self._signature = signed_headers(
            "POST",
            self._settings.url,
            headers,
            body,
            credentials=await self._aws.get(),
            region=self._settings.sigv4_region,
            service=SERVICE,
            now=now,
        )
        return self._signature

    def denied(self) -> None:
        """Note that the receiver denied access: credentials are loaded again."""
        if self._aws is not None:
            self._aws.forget()

    def redact(self, text: str) -> str:
        """Remove every secret from a response that repeats it, whole or cut off at the end."""
        for secret in sorted(set(self._secrets()), key=len, reverse=True):
            text = text.replace(secret, "***")
            if len(secret) > _DISCRIMINATING:
                text = re.sub(re.escape(secret[:_DISCRIMINATING]) + r"\S*", "***", text)
        return text

    def _secrets(self) -> Iterator[str]:
        """Yield the secrets that were sent: files, logins, headers, the query."""
        yield from (known for file in self._files() if (known := file.known()))
        if self._settings.username and self._password is not None:
            yield self._pair(self._password.known())
        query = urlsplit(self._settings.url).query
        values = [part.partition("=")[2] or part for part in query.split("&")]
        given = [value for _, value in self._settings.headers]
        for value in (*given, *self._signature.values(), *values, *map(unquote, values)):
            if len(value) >= _SHORTEST:
                yield value

    def _files(self) -> Iterator[SecretSource]:
        yield from (f for f in (self._token, self._password, *self._headers.values()) if f)

    def _pair(self, password: str) -> str:
        return base64.b64encode(f"{self._settings.username}:{password}".encode()).decode()


def _source(given: Secret | None, path: Path | None) -> SecretSource | None:
    if given is not None:
        return GivenSecret(given)
    return SecretFile(path) if path else None

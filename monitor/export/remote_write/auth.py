"""Who the monitor is to a receiver: the headers that prove it. Secrets are read from files."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from monitor.model.settings import RemoteWriteSettings
from monitor.net.aws.credentials import AwsCredentials
from monitor.net.aws.sigv4 import signed_headers

SERVICE = "aps"
"""Amazon Managed Prometheus, as signatures name it."""

_SECRET_LIMIT = 16_384
_DISCRIMINATING = 16
"""So many characters are taken for the beginning of a secret."""

_SHORTEST = 6
"""Shorter values of headers and queries in the configuration are no secrets: a tenant's number."""


class SecretError(Exception):
    """A secret can't be had; the message says which and why, and nothing of it."""


@dataclass(slots=True)
class SecretFile:
    """A secret in a file, read again when the file has changed."""

    path: Path
    _stamp: tuple[int, int, int] | None = None
    _value: str = field(default="", repr=False)

    def read(self) -> str:
        """Return the secret without white space around it.

        Raises:
            SecretError: if there is none.
        """
        try:
            found = self.path.stat()
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            if stamp != self._stamp:
                with self.path.open(encoding="utf-8") as file:
                    self._value = file.read(_SECRET_LIMIT).strip()
                self._stamp = stamp
        except (OSError, UnicodeDecodeError):
            raise SecretError(f"{self.path} can't be read") from None
        if not self._value or not self._value.isprintable():
            raise SecretError(f"{self.path} does not hold one line of text")
        return self._value

    def known(self) -> str:
        """Return what was read last."""
        return self._value


class Auth:
    """Proves to one destination who writes. ``aws`` is needed for signatures only."""

    def __init__(self, settings: RemoteWriteSettings, aws: AwsCredentials | None) -> None:
        self._settings = settings
        self._aws = aws
        self._token = _file(settings.bearer_token_file)
        self._password = _file(settings.password_file)
        self._headers = {name: SecretFile(path) for name, path in settings.header_files}
        self._signature: dict[str, str] = {}

    def plain(self) -> dict[str, str]:
        """Return the headers that do not depend on the request. Reads files.

        Raises:
            SecretError: if a secret can't be read.
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
        """Return the headers that sign a request; none where signatures are not wanted.

        Raises:
            NoCredentialsError: if there is nothing to sign with.
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
        """Take note that the receiver did not believe what was sent."""
        if self._aws is not None:
            self._aws.forget()

    def redact(self, text: str) -> str:
        """Take every secret out of what a receiver says, should it repeat one: whole, or cut
        off where what was read of its answer ends."""
        for secret in sorted(set(self._secrets()), key=len, reverse=True):
            text = text.replace(secret, "***")
            if len(secret) > _DISCRIMINATING:
                text = re.sub(re.escape(secret[:_DISCRIMINATING]) + r"\S*", "***", text)
        return text

    def _secrets(self) -> Iterator[str]:
        """Yield what was sent and nobody is to read: files, logins, headers, the query."""
        yield from (known for file in self._files() if (known := file.known()))
        if self._settings.username and self._password is not None:
            yield self._pair(self._password.known())
        query = urlsplit(self._settings.url).query
        values = [part.partition("=")[2] or part for part in query.split("&")]
        given = [value for _, value in self._settings.headers]
        for value in (*given, *self._signature.values(), *values, *map(unquote, values)):
            if len(value) >= _SHORTEST:
                yield value

    def _files(self) -> Iterator[SecretFile]:
        yield from (f for f in (self._token, self._password, *self._headers.values()) if f)

    def _pair(self, password: str) -> str:
        return base64.b64encode(f"{self._settings.username}:{password}".encode()).decode()


def _file(path: Path | None) -> SecretFile | None:
    return SecretFile(path) if path else None

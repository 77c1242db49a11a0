"""Credentials of the page, read again when their files change.

Orchestrators rotate a secret by replacing its file (Kubernetes: a symbolic link on the way to
it). A revoked password or token must stop to work without a restart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import structlog

from monitor.model.secret import Secret
from monitor.model.settings import WebSettings

CHECK_INTERVAL = 1.0
"""Minimum time between two checks of the files, in seconds, however many requests arrive."""

_LIMIT = 4096

log = structlog.get_logger(__name__)

Stamp = tuple[tuple[int, int, int, int] | None, ...]


class Credentials:
    """Settings of the page with the credentials that its files hold now. A file that is missing,
    unreadable or empty keeps the previous secret in use and is logged once per change."""

    def __init__(self, settings: WebSettings, monotonic: Callable[[], float]) -> None:
        self._settings = settings
        self._monotonic = monotonic
        self._files = (settings.password_file, settings.token_file)
        self._stamp = self._look()
        self._checked_at = monotonic()

    @property
    def settings(self) -> WebSettings:
        """Return the settings with the secrets that are valid now."""
        now = self._monotonic()
        if any(self._files) and now - self._checked_at >= CHECK_INTERVAL:
            self._checked_at = now
            stamp = self._look()
            if stamp != self._stamp:
                self._stamp = stamp
                self._read()
        return self._settings

    def _read(self) -> None:
        password, token = (_secret(file) if file else None for file in self._files)
        current = self._settings
        self._settings = replace(
            current, password=password or current.password, token=token or current.token
        )
        log.info(
            "credentials of the page were read again", files=[str(f) for f in self._files if f]
        )

    def _look(self) -> Stamp:
        return tuple(_stamp(file) for file in self._files)


def _secret(file: Path) -> Secret | None:
    try:
        with file.open(encoding="utf-8") as text:
            value = text.read(_LIMIT).strip()
    except (OSError, UnicodeDecodeError) as error:
        log.warning("secret kept: its file is not readable", file=str(file), error=str(error))
        return None
    if not value:
        log.warning("secret kept: its file is empty", file=str(file))
        return None
    return Secret(value)


def _stamp(file: Path | None) -> tuple[int, int, int, int] | None:
    """Return values that change when the content of a file does; None if it is not there."""
    if file is None:
        return None
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns

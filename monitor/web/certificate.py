"""Certificate of the listener, read again when its files change: renewal needs no restart."""

from __future__ import annotations

import ssl
import time
from pathlib import Path

import structlog

CHECK_EVERY = 1.0
"""Minimum time between two checks of the files, in seconds, for any number of clients."""

log = structlog.get_logger(__name__)

Stamp = tuple[tuple[int, int, int], ...]


class ListenerCertificate:
    """Certificate chain and key of the listener. ``context`` is the context to listen with; each
    handshake uses the pair that is in the files at that time. A pair that is not usable is logged
    once, and the previous one stays in use."""

    def __init__(self, chain: Path, key: Path) -> None:
        """Read the files.

        Raises:
            OSError: if they are not readable or do not match (``ssl.SSLError``).
        """
        self._files = (chain, key)
        self._stamp = self._look()
        self._checked_at = time.monotonic()
        self._current = self.context = self._read()
        self.context.sni_callback = self._choose

    def _choose(
        self, handshake: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _: object
    ) -> None:
        """Called by OpenSSL for every handshake, with or without a server name."""
        now = time.monotonic()
        if now - self._checked_at >= CHECK_EVERY:
            self._checked_at = now
            self._reload()
        handshake.context = self._current

    def _reload(self) -> None:
        stamp = self._look()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._current = self._read()
        except OSError as error:
            log.warning(
                "certificate kept: the new one is not usable",
                files=[str(file) for file in self._files],
                reason=error.strerror or type(error).__name__,
                remediation="write the chain and its key as PEM, the key without a passphrase",
            )
        else:
            log.info("certificate was read again", files=[str(file) for file in self._files])

    def _read(self) -> ssl.SSLContext:
        chain, key = self._files
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # An empty passphrase instead of OpenSSL's question for one on the terminal.
        context.load_cert_chain(chain, key, lambda: b"")
        return context

    def _look(self) -> Stamp | None:
        """Return values that change with the files; None while one of them is missing."""
        try:
            found = [file.stat() for file in self._files]
        except OSError:
            return None
        return tuple((s.st_ino, s.st_size, s.st_mtime_ns) for s in found)

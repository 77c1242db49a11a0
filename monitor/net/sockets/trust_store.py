"""Trust store: the system's CAs, a CA file, or both, read again when the files change."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import ssl
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from monitor.model.settings import TlsSettings
from monitor.net.sockets.client_certificate import watch_certificate_requests
from monitor.net.sockets.client_hello import PADDING, needs_padding

PUBLIC_CAS = (
    Path("/usr/share/ca-certificates/mozilla"),
    Path("/usr/share/pki/ca-trust-source"),
)
"""Places where distributions keep the public CAs apart from those that an administrator added:
Debian and Alpine; Fedora and Amazon Linux."""

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")

_HASHED = re.compile(r"[0-9a-f]{8}\.\d+")
"""Names of CA files in a folder that OpenSSL searches: the hash of the subject and a number."""

_CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA"
    ":@SECLEVEL=1"
)
"""The TLS 1.2 cipher suites that Go 1.26 offers by default (crypto/tls, cipherSuitesPreferenceOrder
without disabledCipherSuites). Level 1 allows RSA keys of 1,024 bits, as Go does, and no SHA-1."""

_OP_LEGACY_SERVER_CONNECT = 0x4
"""SSL_OP_LEGACY_SERVER_CONNECT; ``ssl`` has a name for it from Python 3.12 on."""

_VERIFY_PARTIAL_CHAIN = 0x80000
"""X509_V_FLAG_PARTIAL_CHAIN: every certificate in the store is an anchor, as in Go."""

State = tuple[tuple[int, int, int] | None, ...]


class _Key(NamedTuple):
    """Parameters of a context."""

    go: bool = True
    verify: bool = True
    alpn: tuple[str, ...] = ()
    padded: bool = False
    watched: bool = False


def go_context() -> ssl.SSLContext:
    """Return a client context with the versions, suites and options of Go's crypto/tls.

    A server without secure renegotiation (RFC 5746) is accepted, because this client never
    renegotiates. The host name is not checked: ``tls.verify_as_go`` does that.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.options |= _OP_LEGACY_SERVER_CONNECT | ssl.OP_NO_RENEGOTIATION
    context.verify_flags |= _VERIFY_PARTIAL_CHAIN
    return context


class TrustError(Exception):
    """A file of CAs can't be used; the message holds its name and the reason."""


class TrustStore:
    """Makes client contexts that trust the system's store, a CA file, or both.

    The system's store is OpenSSL's default, so ``SSL_CERT_FILE`` and ``SSL_CERT_DIR``
    are honoured. A context is made when it is first asked for: reading a store of some
    140 CAs costs milliseconds and a megabyte. ``public_cas`` are folders of public CAs.
    """

    def __init__(
        self,
        ca_file: Path | None = None,
        *,
        system_store: bool = True,
        public_cas: Sequence[Path] = PUBLIC_CAS,
    ) -> None:
        self._ca_file = ca_file
        self._system_store = system_store
        self._public = _digests(tuple(public_cas))
        self._contexts: dict[_Key, ssl.SSLContext] = {}
        self._seen = self._state()

    @classmethod
    def from_settings(cls, settings: TlsSettings) -> TrustStore:
        """Create the store that ``[tls]`` configures."""
        return cls(settings.ca_file, system_store=settings.system_store)

    def context(self) -> ssl.SSLContext:
        """Return the context for clients that are not probes: it checks host names itself.

        Raises:
            OSError: if the CA file can't be read any more.
        """
        return self._context(_Key(go=False))

    def probe_context(
        self,
        *,
        verify: bool = True,
        alpn: Sequence[str] = (),
        padded: bool = False,
        watched: bool = False,
    ) -> ssl.SSLContext:
        """Return the context for a probe's handshake, which has Go's parameters.

        It does not check host names: call ``tls.verify_as_go`` after the handshake. Without
        ``verify`` every peer is accepted. With ``padded`` the ClientHello has the size of Go's, if
        ``alpn`` is not empty. With ``watched``, ``certificate_requested`` returns
        whether the server asked for a client certificate.

        Raises:
            OSError: if the CA file can't be read any more.
        """
        return self._context(_Key(verify=verify, alpn=tuple(alpn), padded=padded, watched=watched))

    def _context(self, key: _Key) -> ssl.SSLContext:
        if key not in self._contexts:
            self._contexts[key] = self._make(key)
        return self._contexts[key]

    def is_empty(self) -> bool:
        """Whether nothing is trusted: no CA in the files, and none in the folder of the system.

        Raises:
            OSError: if the CA file can't be read.
        """
        if self.context().cert_store_stats()["x509_ca"]:
            return False
        folder = _default("capath")
        hashed = folder.is_dir() and any(_HASHED.fullmatch(f.name) for f in folder.iterdir())
        return not (self._system_store and hashed)

    def is_public(self, sha256: str) -> bool | None:
        """Whether the CA whose certificate has this digest is a public one that the distribution
        ships; None if that is not known."""
        return sha256 in self._public if self._public else None

    def check(self) -> None:
        """Check that the files can be used: OpenSSL itself ignores a broken default file.

        Raises:
            TrustError: if one can't; ``reload`` is silent about it until it changes.
        """
        state = self._state()
        try:
            for file in self._files():
                _check(file)
        except TrustError:
            self._seen = state
            raise

    def reload(self) -> bool:
        """Read the stores again if their files have changed; returns whether they have.

        It reads files: do not call it in the event loop's thread.

        Raises:
            TrustError: if a changed file can't be used, once for each change. The
                former CAs remain trusted.
        """
        state = self._state()
        if state == self._seen:
            return False
        self._seen = state
        self.check()
        try:
            self._contexts = {key: self._make(key) for key in tuple(self._contexts)}
        except OSError as error:
            raise TrustError(f"what is trusted can't be read: {error}") from None
        return True

    def _make(self, key: _Key) -> ssl.SSLContext:
        context = go_context() if key.go else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if key.alpn:
            padding = PADDING if key.padded and needs_padding() else ()
            context.set_alpn_protocols([*key.alpn, *padding])
        if key.watched:
            watch_certificate_requests(context)
        if not key.verify:
            context.verify_mode = ssl.CERT_NONE
            return context
        self.add_roots(context)
        return context

    def add_roots(self, context: ssl.SSLContext) -> None:
        """Add the trusted CAs to ``context``.

        Raises:
            OSError: if the CA file can't be read any more.
        """
        if self._system_store:
            context.load_default_certs()
        if self._ca_file is not None:
            context.load_verify_locations(cafile=self._ca_file)

    def _files(self) -> tuple[Path, ...]:
        """The files that have to be usable: the default one only if it exists."""
        system = _default("cafile")
        wanted = system.exists() or "SSL_CERT_FILE" in os.environ
        files = [system] if self._system_store and wanted else []
        return (*files, *([self._ca_file] if self._ca_file else []))

    def _state(self) -> State:
        folder = [_default("capath")] if self._system_store else []
        return tuple(_stamp(path) for path in (*self._files(), *folder))


def _default(which: str) -> Path:
    """Return the path that OpenSSL uses: SSL_CERT_FILE or SSL_CERT_DIR, else the built-in one."""
    paths = ssl.get_default_verify_paths()
    variable = getattr(paths, f"openssl_{which}_env")
    return Path(os.environ.get(variable) or getattr(paths, f"openssl_{which}"))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size


def _check(file: Path) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=file)
    except ssl.SSLError as error:
        reason = (error.reason or "no certificates").replace("_", " ").lower()
        raise TrustError(f"{file}: {reason}") from None
    except OSError as error:
        raise TrustError(f"{file}: {(error.strerror or 'unreadable').lower()}") from None


@cache
def _digests(folders: Iterable[Path]) -> frozenset[str]:
    """Return the SHA-256 (hex) of every certificate in the files of the folders."""
    found: set[str] = set()
    for file in (f for folder in folders if folder.is_dir() for f in folder.iterdir()):
        try:
            found.update(_certificates(file.read_bytes()))
        except OSError:
            continue
    return frozenset(found)


def _certificates(pem: bytes) -> Iterable[str]:
    for block in _PEM.findall(pem):
        try:
            yield hashlib.sha256(base64.b64decode(block)).hexdigest()
        except binascii.Error:
            continue

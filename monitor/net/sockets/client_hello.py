"""The size of the ClientHello: that of Go's, which does not fit one segment.

Go offers X25519MLKEM768 since 1.24, so its ClientHello has 1,523 bytes (Go 1.26), and OpenSSL 3.5
does the same. Filters that expect the whole message in one segment reset or drop it. OpenSSL 3.0
sends 517 bytes; protocol names that no server knows make up for it, because a server has to ignore
them (RFC 7301 section 3.2). That costs no measurable CPU time.
"""

from __future__ import annotations

import ssl

GO_SIZE = 1_523
"""Size of the record with Go's ClientHello: 1,523 bytes (Go 1.26)."""

SMALL_SIZE = 517
"""Size of the record with an OpenSSL 3.0 ClientHello without padding: 517 bytes."""

_ENTRIES = 5
_ENTRY_SIZE = 245
PADDING = tuple(
    f"padding-{number}-of-egress-monitor-".ljust(_ENTRY_SIZE, "x") for number in range(_ENTRIES)
)
"""ALPN entries that make the ClientHello of OpenSSL 3.0 as large as Go's."""

_LARGE_BY_ITSELF = (3, 5, 0)


def needs_padding(version: tuple[int, ...] = ssl.OPENSSL_VERSION_INFO) -> bool:
    """Return whether this OpenSSL sends a ClientHello that is smaller than Go's."""
    return version[:3] < _LARGE_BY_ITSELF

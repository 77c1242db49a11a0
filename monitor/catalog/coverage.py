"""Coverage of names and paths by rows of an allow-list. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from monitor.model.endpoint import Endpoint


def matches(wildcard: str, host: str, path: str) -> bool:
    """Return whether a wildcard row covers a concrete host and path.

    The ``*`` of a host (``*.cloudfront.net``) matches any labels, that of a path
    (``host/releases/*/file``) one segment or a part of it.
    """
    in_path = "/" in wildcard
    before, _, after = wildcard.partition("*")
    whole = host + path if in_path else host
    middle = whole[len(before) : len(whole) - len(after)]
    return (
        len(whole) > len(before) + len(after)
        and whole.startswith(before)
        and whole.endswith(after)
        and not (in_path and "/" in middle)
    )


def covered(rows: Iterable[Endpoint], host: str, port: int) -> bool:
    """Return whether a firewall that allows ``rows`` lets a connection to host and port through."""
    return any(row.port == port and _covers(row, host) for row in rows)


def _covers(row: Endpoint, host: str) -> bool:
    if row.host.lower() == host:
        return True
    pattern = (row.wildcard or "").partition("/")[0]
    return "*" in pattern and matches(pattern, host, "/")

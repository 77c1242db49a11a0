"""The HTTP/1.1 request of a probe: without a body, on a connection of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping

from monitor import __version__

USER_AGENT = f"egress-monitor/{__version__}"
_VISIBLE = re.compile(r"[!-~]+")


def authority(host: str, port: int, default_port: int | None = None) -> str:
    """Write host and port as in RFC 3986 section 3.2, with an IPv6 literal in brackets."""
    name = f"[{host}]" if ":" in host else host
    return name if port == default_port else f"{name}:{port}"


def encode_request(
    method: str, target: str, host: str, headers: Mapping[str, str] | None = None
) -> bytes:
    """Write a request without a body (RFC 9112 section 3).

    Raises:
        ValueError: if a part holds a control character or a space, which would end it early.
    """
    lines = {
        "Host": host,
        "User-Agent": USER_AGENT,
        "Accept": "*/*",
        "Connection": "close",
        **(headers or {}),
    }
    for part in (method, target, host):
        if not _VISIBLE.fullmatch(part):
            raise ValueError("a request line takes visible ASCII only")
    if not all(value.isprintable() for value in lines.values()):
        raise ValueError("a header value takes printable characters only")
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1")

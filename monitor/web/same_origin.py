"""Check that a request that changes something comes from the monitor's own page. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit


def same_origin(headers: Mapping[str, str]) -> bool:
    """Report whether a request may have an effect.

    Browsers send Sec-Fetch-Site (W3C Fetch Metadata), older ones Origin (RFC 6454). A request
    without both comes from a program that has the credentials, such as curl.
    """
    if site := headers.get("Sec-Fetch-Site"):
        return site == "same-origin"
    origin = headers.get("Origin")
    if origin is None:
        return True
    try:
        return bool(origin) and urlsplit(origin).netloc.lower() == headers.get("Host", "").lower()
    except ValueError:
        return False

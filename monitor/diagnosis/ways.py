"""Which way a target was reached: directly or through a proxy. Pure."""

from __future__ import annotations

from enum import StrEnum

from monitor.model import Attempt, Protocol, Target


class Way(StrEnum):
    """How a probe left this machine. Stable label values."""

    PROXY = "proxy"
    DIRECT = "direct"


_PROXIED = frozenset({Protocol.HTTPS, Protocol.HTTP, Protocol.TLS})


def may_be_proxied(target: Target) -> bool:
    """Whether an HTTP proxy could be in the way at all. It takes no UDP, the runner opens TCP
    4242 by itself, and instance metadata is the machine's own."""
    return target.endpoint.protocol in _PROXIED and target.endpoint.prober != "imds"


def way_of(attempt: Attempt | None) -> Way | None:
    """Return the way that the last probe took; None where there was none."""
    if attempt is None:
        return None
    return Way.PROXY if attempt.proxy else Way.DIRECT


def way_text(target: Target, attempt: Attempt) -> str:
    """Say the way in a few words."""
    if attempt.proxy:
        return f"through {attempt.proxy}"
    return "directly" if may_be_proxied(target) else "directly, as always"

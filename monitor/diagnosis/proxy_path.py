"""Which way a target was reached, and how the other way compares. Pure."""

from __future__ import annotations

from enum import StrEnum

from monitor.model.endpoint import Endpoint, Protocol
from monitor.model.probe_result import Attempt
from monitor.model.target import Target


class Way(StrEnum):
    """How a probe left this machine. Stable label values."""

    PROXY = "proxy"
    DIRECT = "direct"


class Comparison(StrEnum):
    """Which of the two ways reach a target. Stable values."""

    BOTH = "both_ways"
    PROXY_ONLY = "only_through_the_proxy"
    DIRECT_ONLY = "only_directly"
    NEITHER = "neither_way"


_PROXIED = frozenset({Protocol.HTTPS, Protocol.HTTP, Protocol.TLS})


def may_be_proxied(endpoint: Endpoint) -> bool:
    """Whether an HTTP proxy could be in the way at all. It takes no UDP, the runner opens TCP
    4242 by itself, and instance metadata is the machine's own."""
    return endpoint.protocol in _PROXIED and endpoint.prober != "imds"


def way_of(attempt: Attempt | None) -> Way | None:
    """Return the way that the last probe took; None where there was none."""
    if attempt is None:
        return None
    return Way.PROXY if attempt.proxy else Way.DIRECT


def ways_of(attempt: Attempt | None) -> dict[Way, Attempt]:
    """Return the attempt of each way, the one that counts first; empty where no proxy is in it."""
    if attempt is None or (attempt.beside is None and not attempt.proxy):
        return {}
    tried = [attempt, attempt.beside] if attempt.beside else [attempt]
    return {Way.PROXY if a.proxy else Way.DIRECT: a for a in tried}


def comparison(attempt: Attempt | None) -> Comparison | None:
    """Return what comparing the two ways comes to; None where only one was tried."""
    ways = ways_of(attempt)
    if len(ways) < len(Way):
        return None
    works = (ways[Way.PROXY].ok, ways[Way.DIRECT].ok)
    return {
        (True, True): Comparison.BOTH,
        (True, False): Comparison.PROXY_ONLY,
        (False, True): Comparison.DIRECT_ONLY,
        (False, False): Comparison.NEITHER,
    }[works]


def way_text(target: Target, attempt: Attempt) -> str:
    """Say the way in a few words, and how the other one went where it was tried."""
    taken = _name(attempt) if may_be_proxied(target.endpoint) else "directly, as always"
    return f"{taken}; {outcome(attempt.beside)}" if attempt.beside else taken


def outcome(attempt: Attempt) -> str:
    """Say of one way how it went and what it cost."""
    if attempt.failure:
        return f"{_name(attempt)} it fails: {attempt.failure.message}"
    return f"{_name(attempt)} in {attempt.duration * 1000:.0f} ms"


def finding(attempt: Attempt) -> tuple[str, str]:
    """Return what the other way tells of a target that the way which counts did not reach: a
    sentence and a cure, both empty where it tells nothing."""
    if attempt.beside is None or attempt.ok or not attempt.beside.ok:
        return "", ""
    if attempt.proxy:
        return (
            "Directly it is reached, only through the proxy it fails.",
            "If it may be reached directly, add it to NO_PROXY.",
        )
    return (
        "It is reached only through the proxy.",
        "If it has to go through the proxy, take what covers it out of NO_PROXY.",
    )


def _name(attempt: Attempt) -> str:
    return f"through {attempt.proxy}" if attempt.proxy else "directly"

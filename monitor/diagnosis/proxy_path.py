"""The path by which a target was reached, through a proxy or directly, and the other one. Pure."""

from __future__ import annotations

from enum import StrEnum

from monitor.model.endpoint import Endpoint, Protocol
from monitor.model.probe_result import ProbeResult
from monitor.model.target import Target


class ProxyPath(StrEnum):
    """The path of a probe. Stable label values."""

    PROXY = "proxy"
    DIRECT = "direct"


class Comparison(StrEnum):
    """Result of comparing both paths to a target. Stable values."""

    BOTH = "both_ways"
    PROXY_ONLY = "only_through_the_proxy"
    DIRECT_ONLY = "only_directly"
    NEITHER = "neither_way"


_PROXIED = frozenset({Protocol.HTTPS, Protocol.HTTP, Protocol.TLS})


def may_be_proxied(endpoint: Endpoint) -> bool:
    """Whether an HTTP proxy can be on the path. It carries no UDP, the runner opens TCP 4242
    directly, and instance metadata is link-local."""
    return endpoint.protocol in _PROXIED and endpoint.prober != "imds"


def proxy_path_of(probe_result: ProbeResult | None) -> ProxyPath | None:
    """Return the path of the last probe; None if there was none."""
    if probe_result is None:
        return None
    return ProxyPath.PROXY if probe_result.proxy else ProxyPath.DIRECT


def proxy_paths_of(probe_result: ProbeResult | None) -> dict[ProxyPath, ProbeResult]:
    """Return the result of each path, the one that counts first; empty without a proxy."""
    if probe_result is None or (probe_result.alternate is None and not probe_result.proxy):
        return {}
    tried = [probe_result, probe_result.alternate] if probe_result.alternate else [probe_result]
    return {ProxyPath.PROXY if a.proxy else ProxyPath.DIRECT: a for a in tried}


def comparison(probe_result: ProbeResult | None) -> Comparison | None:
    """Return the result of comparing both paths; None if only one was tried."""
    proxy_paths = proxy_paths_of(probe_result)
    if len(proxy_paths) < len(ProxyPath):
        return None
    works = (proxy_paths[ProxyPath.PROXY].ok, proxy_paths[ProxyPath.DIRECT].ok)
    return {
        (True, True): Comparison.BOTH,
        (True, False): Comparison.PROXY_ONLY,
        (False, True): Comparison.DIRECT_ONLY,
        (False, False): Comparison.NEITHER,
    }[works]


def proxy_path_text(target: Target, probe_result: ProbeResult) -> str:
    """Return the path in a few words, and the result of the other one if it was tried."""
    taken = _name(probe_result) if may_be_proxied(target.endpoint) else "directly, as always"
    return f"{taken}; {outcome(probe_result.alternate)}" if probe_result.alternate else taken


def outcome(probe_result: ProbeResult) -> str:
    """Return the result and the duration of one path."""
    if probe_result.failure:
        return f"{_name(probe_result)} it fails: {probe_result.failure.message}"
    return f"{_name(probe_result)} in {probe_result.duration * 1000:.0f} ms"


def hypothesis(probe_result: ProbeResult) -> tuple[str, str]:
    """Return what the other path shows about a target that was not reached by the path which
    counts: a sentence and a remediation, both empty if it shows nothing."""
    if probe_result.alternate is None or probe_result.ok or not probe_result.alternate.ok:
        return "", ""
    if probe_result.proxy:
        return (
            "Directly it is reached, only through the proxy it fails.",
            "If it may be reached directly, add it to NO_PROXY.",
        )
    return (
        "It is reached only through the proxy.",
        "If it has to go through the proxy, take what covers it out of NO_PROXY.",
    )


def _name(probe_result: ProbeResult) -> str:
    return f"through {probe_result.proxy}" if probe_result.proxy else "directly"

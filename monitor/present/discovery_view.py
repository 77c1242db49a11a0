"""The view of discovery: wildcard samples, chains, hosts missing from the allow-list. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict

from monitor.model.discovery import BrokenStep, ChainState, FoundBy, UnlistedHost, WildcardSample
from monitor.model.target import Target


def wildcard_sample_view(wildcard_sample: WildcardSample | None) -> dict[str, object] | None:
    """Return the sample of a wildcard, with its origin and time (Unix seconds)."""
    if wildcard_sample is None:
        return None
    return {
        "host": wildcard_sample.host,
        "path": wildcard_sample.path.partition("?")[0],
        "found_by": wildcard_sample.found_by.value,
        "found_at": _seconds(wildcard_sample.found_at),
        "chain": wildcard_sample.chain or None,
        "steps": list(wildcard_sample.steps),
        "broken": asdict(wildcard_sample.broken) if wildcard_sample.broken else None,
    }


def discovery_view(
    chains: Mapping[str, ChainState], unlisted: Iterable[UnlistedHost]
) -> dict[str, object]:
    """Return how the discovery chains stand, and the hosts that the allow-list misses. Times
    are Unix seconds."""
    return {
        "chains": [
            {
                "chain": state.chain,
                "ok": state.broken is None,
                "tried_at": _seconds(state.tried_at),
                "reached_at": _seconds(state.reached_at),
                "broken": asdict(state.broken) if state.broken else None,
            }
            for _, state in sorted(chains.items())
        ],
        "unlisted_hosts": [
            {
                "host": host.host,
                "port": host.port,
                "protocol": host.protocol.value,
                "redirected_by": list(host.sources),
                "first_seen": _seconds(host.first_seen),
                "last_seen": _seconds(host.last_seen),
                "refused": host.denial_reason or None,
            }
            for host in unlisted
        ],
    }


def found_text(wildcard_sample: WildcardSample | None) -> str:
    """Return the origin of a wildcard sample in a few words; "" without one."""
    if wildcard_sample is None:
        return ""
    return {
        FoundBy.CHAIN: f"found by {wildcard_sample.chain}",
        FoundBy.CATALOG: "from the catalog",
        FoundBy.CONFIG: "named in the configuration",
    }[wildcard_sample.found_by]


def wildcard_sample_text(target: Target) -> str:
    """Return the wildcard of a target and the origin of its sample; "" without a wildcard. The
    wildcard of a path is not repeated next to the path."""
    wildcard, found = target.endpoint.wildcard or "", found_text(target.wildcard_sample)
    if not found:
        return ""
    return f"sample, {found}" if "/" in wildcard else f"sample of {wildcard}, {found}"


def discovery_lines(
    chains: Mapping[str, ChainState], unlisted: Iterable[UnlistedHost]
) -> tuple[str, ...]:
    """Return one sentence for each host that the allow-list misses and for each failed chain."""
    return (
        *(_unlisted_line(host) for host in unlisted),
        *(broken_line(s.broken) for _, s in sorted(chains.items()) if s.broken is not None),
    )


def _unlisted_line(host: UnlistedHost) -> str:
    where = f"[{host.host}]" if ":" in host.host else host.host
    sources = ", ".join(host.sources)
    line = f"Not on the allow-list: {where}:{host.port}, to which {sources} redirects"
    return (
        f"{line}; not probed because it is {host.denial_reason}."
        if host.denial_reason
        else f"{line}."
    )


def broken_line(broken: BrokenStep) -> str:
    """Return the step at which a chain failed, the reason and the remediation."""
    step = f"step {broken.number} of {broken.steps}, {broken.asked}"
    return f"Discovery {broken.chain} failed at {step}: {broken.detail} {broken.remediation}"


def _seconds(moment: float | None) -> float | None:
    return None if moment is None else round(moment, 3)

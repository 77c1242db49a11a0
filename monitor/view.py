"""A target, an incident and their sum as JSON-able values: the shape that every output shares.

Nothing here holds a secret: paths lose their query, and what a server sent is bounded
where it was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite

from monitor.model import (
    Attempt,
    Certificate,
    Connection,
    HttpFacts,
    Incident,
    State,
    Target,
    TlsFacts,
    Verdict,
)

Json = dict[str, object]

SHAPE_VERSION = 1
"""The version of the shape: goes up when a key changes its meaning, not when one is added."""


def target_view(
    target: Target, state: State, attempt: Attempt | None, verdict: Verdict | None
) -> Json:
    """How one target stands. ``state`` is judged over several results; ``cause``,
    ``detail`` and ``cure`` are those of the last one. Durations are seconds."""
    endpoint = target.endpoint
    said = verdict or _not_probed(target)
    primary = attempt.primary if attempt else None
    return {
        "id": target.id,
        "group": target.group,
        "host": target.host,
        "port": target.port,
        "protocol": endpoint.protocol.value,
        "required": endpoint.required,
        "state": state.value,
        "cause": said.cause.value if said.cause else None,
        "detail": said.detail,
        "cure": said.cure,
        "addresses": _addresses(attempt),
        "phases": _phases(attempt),
        "rtt_seconds": rounded(primary.rtt) if primary else None,
        "duration_seconds": rounded(attempt.duration) if attempt else None,
        "path": shown_path(target),
        "wildcard": endpoint.wildcard,
        "prober": endpoint.prober,
        "unknown": list(target.unknown),
        "evidence": dict(said.evidence),
        "proxy": attempt.proxy if attempt else None,
        "families": _families(attempt),
        "http": _http(primary.http) if primary and primary.http else None,
        "tls": tls_view(primary.tls) if primary and primary.tls else None,
    }


def incident_view(incident: Incident) -> Json:
    """One breakage and the ids of the targets that it affects."""
    return {
        "id": incident.id,
        "cause": incident.cause.value,
        "scope": incident.scope.value,
        "subject": incident.subject,
        "state": incident.state.value,
        "affected": list(incident.affected),
        "detail": incident.detail,
        "cure": incident.cure,
    }


def summary_view(standings: Iterable[tuple[Target, State]]) -> Json:
    """How many targets stand how. ``required_missing`` counts required ones that were not
    shown to be reachable: those that are down, and those nobody could probe."""
    pairs = list(standings)
    states = [state for _, state in pairs]
    missing = sum(
        target.endpoint.required and state in {State.DOWN, State.UNKNOWN} for target, state in pairs
    )
    return {
        "ok": missing == 0,
        "targets": len(pairs),
        "up": states.count(State.UP),
        "degraded": states.count(State.DEGRADED),
        "down": states.count(State.DOWN),
        "unknown": states.count(State.UNKNOWN),
        "required_missing": missing,
    }


def tls_view(tls: TlsFacts) -> Json:
    """What a handshake agreed on and whose certificate was shown; times are Unix seconds."""
    leaf = tls.chain[0] if tls.chain else None
    return {
        "version": tls.version,
        "cipher": tls.cipher,
        "verified": tls.verified,
        "verify_error": tls.verify_error,
        "subject": leaf.subject if leaf else None,
        "issuer": leaf.issuer if leaf else None,
        "earliest_expiry": earliest_expiry(tls.chain),
    }


def earliest_expiry(chain: Iterable[Certificate]) -> float | None:
    """When the first certificate of a chain ends (Unix seconds); None for no chain."""
    return min((certificate.not_after for certificate in chain), default=None)


def shown_path(target: Target) -> str:
    """The path without its query, which may hold a secret of the user's."""
    return target.endpoint.path.partition("?")[0]


def unknown_cure(names: Iterable[str]) -> str:
    """How to make template values known."""
    return f"set {' and '.join(names)} in config.toml, or let instance metadata be reached"


def rounded(seconds: float | None) -> float | None:
    """A duration to the microsecond; None where there is none, or no number."""
    return None if seconds is None or not isfinite(seconds) else round(seconds, 6)


def _not_probed(target: Target) -> Verdict:
    if not target.unknown:
        return Verdict(None, "not probed yet")
    names = " and ".join(target.unknown)
    return Verdict(None, f"not probed: {names} is not known", unknown_cure(target.unknown))


def _addresses(attempt: Attempt | None) -> list[str]:
    if attempt is None:
        return []
    if attempt.resolution is not None:
        return list(attempt.resolution.addresses)
    return [connection.address for connection in attempt.connections]


def _phases(attempt: Attempt | None) -> Mapping[str, float | None]:
    phases = attempt.phases if attempt else {}
    return {phase.value: rounded(seconds) for phase, seconds in phases.items()}


def _families(attempt: Attempt | None) -> Mapping[str, bool]:
    """Whether each address family that was probed reached the endpoint."""
    connections: tuple[Connection, ...] = attempt.connections if attempt else ()
    return {connection.family.value: connection.failure is None for connection in connections}


def _http(http: HttpFacts) -> Json:
    return {
        "version": http.version,
        "status": http.status,
        "content_length": http.content_length,
        "redirect": http.redirect,
    }

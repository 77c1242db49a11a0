"""The JSON view of targets and incidents, shared by the API and the command line. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from math import isfinite

from monitor.diagnosis.clock import ClockEstimate
from monitor.diagnosis.network_path import network_path
from monitor.diagnosis.proxy_path import comparison, may_be_proxied, proxy_path_of, proxy_paths_of
from monitor.health.gateways import Gateway
from monitor.health.redundancy import RedundantGroup
from monitor.health.summary import Summary
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.incident import Incident
from monitor.model.probe_result import (
    Connection,
    DnsAnswer,
    HttpFacts,
    Phase,
    ProbeResult,
    TlsFacts,
)
from monitor.model.state import State
from monitor.model.target import Target, shown_path
from monitor.net.proxy.audit import ProxyAudit
from monitor.present.discovery_view import wildcard_sample_view
from monitor.state.egress_address import EgressPath

VERSION = 1
"""Version of the documents' shape: increases if a key changes its meaning."""

Json = Mapping[str, object]


def summary_view(summary: Summary) -> dict[str, object]:
    """Return the counts of all targets."""
    return {"ok": summary.ok, **asdict(summary)}


def target_view(
    target: Target, state: State, probe_result: ProbeResult | None, diagnosis: Diagnosis | None
) -> dict[str, object]:
    """Return the document of one target in ``check --format json``; times are seconds."""
    said = diagnosis or no_diagnosis(target)
    primary = probe_result.primary if probe_result else None
    path, taken, compared = (
        network_path(target, probe_result),
        proxy_path_of(probe_result),
        comparison(probe_result),
    )
    return {
        "id": target.id,
        "group": target.group,
        "host": target.host,
        "port": target.port,
        "protocol": target.endpoint.protocol.value,
        "required": target.endpoint.required,
        "state": state.value,
        "cause": said.cause.value if said.cause else None,
        "detail": said.detail,
        "remediation": said.remediation,
        "addresses": addresses_of(probe_result),
        "phases": phases_view(probe_result.phases if probe_result else {}),
        "rtt_seconds": rounded(primary.rtt) if primary else None,
        "path": shown_path(target),
        "wildcard": target.endpoint.wildcard,
        "wildcard_sample": wildcard_sample_view(target.wildcard_sample),
        "proxy": probe_result.proxy if probe_result else None,
        "proxy_path": taken.value if taken else None,
        "may_be_proxied": may_be_proxied(target.endpoint),
        "proxy_paths": {
            proxy_path.value: _proxy_path(
                tried, said.cause if tried is probe_result else said.alternate_cause
            )
            for proxy_path, tried in proxy_paths_of(probe_result).items()
        },
        "ways_compared": compared.value if compared else None,
        "network_path": path.value if path else None,
        "evidence": dict(said.evidence),
        "inspected_by": said.evidence.get("inspected_by"),
        "certificate": _certificate(primary.tls) if primary and primary.tls else None,
        "addresses_tried": len(probe_result.connections) if probe_result else 0,
        "addresses_failed": [c.address for c in probe_result.failed] if probe_result else [],
    }


def _proxy_path(probe_result: ProbeResult, cause: Cause | None) -> Json:
    """Return the result of one proxy path to a target, and the time it took."""
    return {
        "ok": probe_result.ok,
        "cause": cause.value if cause else None,
        "error": probe_result.failure.message if probe_result.failure else None,
        "duration_seconds": rounded(probe_result.duration),
        "phases": phases_view(probe_result.phases),
    }


def target_details(probe_result: ProbeResult | None) -> dict[str, object]:
    """Return every fact of a target's last probe result."""
    if probe_result is None:
        return {"probe_result": None}
    resolution = probe_result.resolution
    return {
        "probe_result": {
            "started_at": round(probe_result.started_at, 3),
            "duration_seconds": rounded(probe_result.duration),
            "clock_offset_seconds": rounded(probe_result.clock_offset),
            "loop_lag_seconds": rounded(probe_result.loop_lag),
            "resolved_by": resolution.source.value if resolution else None,
            "answers": [_answer(a) for a in resolution.answers] if resolution else [],
            "connections": [_connection(c) for c in probe_result.connections],
        }
    }


def incident_view(incident: Incident) -> dict[str, object]:
    """Return the document of an incident; ``started_at`` is Unix seconds."""
    return {
        "id": incident.id,
        "cause": incident.cause.value,
        "scope": incident.scope.value,
        "subject": incident.subject,
        "state": incident.state.value,
        "started_at": round(incident.started_at, 3),
        "affected": list(incident.affected),
        "detail": incident.detail,
        "remediation": incident.remediation,
        "evidence": dict(incident.evidence),
        "intermittent": incident.intermittent,
        "confidence": incident.confidence,
    }


def proxies_view(audit: ProxyAudit) -> dict[str, object]:
    """Return the proxies in use, as ``host:port``, and the problems with them."""
    return {
        "http": audit.http or None,
        "https": audit.https or None,
        "no_proxy_missing": list(audit.missing),
        "warnings": list(audit.warnings),
    }


def egress_addresses_view(paths: Iterable[EgressPath]) -> list[dict[str, object]]:
    """Return the public addresses of each way out; times are Unix seconds."""
    return [
        {
            "proxy_path": path.proxy_path.value,
            "addresses": [
                {"address": a.address, "since": rounded(a.since), "seen_at": rounded(a.seen_at)}
                for a in path.current
            ],
            "failure": path.failure or None,
            "checked_at": rounded(path.checked_at),
            "changes": path.changes,
        }
        for path in paths
    ]


def clock_view(clock: ClockEstimate | None) -> dict[str, object] | None:
    """Return the estimate of this host's clock error; ``offset_seconds`` is the others' time minus
    ours."""
    if clock is None:
        return None
    return {
        "source": clock.source.value,
        "offset_seconds": rounded(clock.offset),
        "uncertainty_seconds": rounded(clock.uncertainty),
        "sites": clock.sites,
    }


def gateways_view(gateways: Iterable[Gateway]) -> list[dict[str, object]]:
    """Return the gateways and the one that a runner would pick; times are seconds."""
    return [
        {
            "name": gateway.name,
            "state": gateway.state.value,
            "latency_seconds": rounded(gateway.latency),
            "preferred": gateway.preferred,
            "targets": list(gateway.targets),
            "down": list(gateway.down),
        }
        for gateway in gateways
    ]


def gateways_line(gateways: Sequence[Gateway]) -> str:
    """Return one line about the gateway that a runner would pick; empty without gateways."""
    if not gateways:
        return ""
    measured = ", ".join(f"{g.name} {_latency(g)}" for g in gateways)
    chosen = next((g for g in gateways if g.preferred), None)
    if chosen is None:
        none = all(g.state is State.DOWN for g in gateways)
        why = "None answers that a runner could pick" if none else "Not all have been tried yet"
        return f"Gateways: {measured}. {why}."
    broken = f", although {', '.join(chosen.down)} is down" if chosen.down else ""
    return f"Gateways: {measured}. A runner would pick {chosen.name}{broken}."


def _latency(gateway: Gateway) -> str:
    if gateway.state is State.DOWN or gateway.latency is None:
        return gateway.state.value
    return f"{gateway.latency * 1000:.1f} ms"


def redundant_groups_view(groups: Iterable[RedundantGroup]) -> list[dict[str, object]]:
    """Return the state of the redundant groups, each with its alternatives."""
    return [
        {
            "name": group.name,
            "state": group.state.value,
            "alternatives": [
                {"name": a.name, "state": a.state.value, "targets": list(a.targets)}
                for a in group.alternatives
            ],
        }
        for group in groups
    ]


def no_diagnosis(target: Target) -> Diagnosis:
    """Return the diagnosis of a target without a result."""
    if not target.missing_values:
        return Diagnosis(None, "not probed yet")
    names = " and ".join(target.missing_values)
    return Diagnosis(
        None, f"not probed: {names} is not known", missing_values_remediation(target.missing_values)
    )


def missing_values_remediation(names: Iterable[str]) -> str:
    """Return the remediation for placeholders without a value."""
    return f"set {' and '.join(names)} in config.toml, or let instance metadata be reached"


def addresses_of(probe_result: ProbeResult | None) -> list[str]:
    """Return the addresses of the target's name, or else those that were tried."""
    if probe_result is None:
        return []
    if probe_result.resolution is not None:
        return list(probe_result.resolution.addresses)
    return [connection.address for connection in probe_result.connections]


def phases_view(phases: Mapping[Phase, float]) -> dict[str, float | None]:
    """Return phases by name, in seconds."""
    return {phase.value: rounded(seconds) for phase, seconds in phases.items()}


def rounded(seconds: float | None) -> float | None:
    """Round to the microsecond: more digits are noise. JSON has no infinite numbers."""
    return None if seconds is None or not isfinite(seconds) else round(seconds, 6)


def _answer(answer: DnsAnswer) -> Json:
    return {
        "server": answer.server,
        "qtype": answer.qtype,
        "rcode": answer.rcode,
        "addresses": list(answer.addresses),
        "seconds": rounded(answer.seconds),
        "transport": answer.transport,
        "error": answer.failure.message if answer.failure else None,
    }


def _connection(connection: Connection) -> Json:
    http, tcp = connection.http, connection.tcp
    return {
        "address": connection.address,
        "port": connection.port,
        "family": connection.family.value,
        "ok": connection.failure is None,
        "error": connection.failure.message if connection.failure else None,
        "phases": phases_view(connection.phases),
        "rtt_seconds": rounded(connection.rtt),
        "retransmits": tcp.retransmits if tcp else connection.resends,
        "tls": _tls(connection.tls) if connection.tls else None,
        "http": _http(http) if http else None,
    }


def _http(http: HttpFacts) -> Json:
    return {
        "status": http.status,
        "redirect": http.redirect,
        "date_offset_seconds": rounded(http.date_offset),
    }


def _tls(tls: TlsFacts) -> Json:
    return {
        "version": tls.version,
        "cipher": tls.cipher,
        "verified": tls.verified,
        "verify_error": tls.verify_error,
        "anchor": tls.anchor,
        "anchor_public": tls.anchor_public,
        **_certificate(tls),
    }


def _certificate(tls: TlsFacts) -> Json:
    """Return the certificate; ``expires_at`` is when the first one of the verified chain expires,
    ``extra`` are certificates that the server sends and no verification needs."""
    leaf = tls.chain[0] if tls.chain else None
    return {
        "subject": leaf.subject if leaf else None,
        "issuer": leaf.issuer if leaf else None,
        "expires_at": rounded(tls.expires_at),
        "spki_sha256": leaf.spki_sha256 if leaf else None,
        "extra": [{"subject": c.subject, "expires_at": rounded(c.not_after)} for c in tls.extra],
    }

"""The output of the commands as values: JSON documents and lines of text."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from monitor.catalog.groups import rank
from monitor.catalog.regions import misspelled
from monitor.diagnosis.proxy_path import ProxyPath, proxy_path_of
from monitor.health.status import TargetStatus
from monitor.health.summary import Summary
from monitor.model.incident import Incident
from monitor.model.settings import Problem, Settings
from monitor.model.target import Target, shown_path
from monitor.net.proxy.audit import ProxyAudit
from monitor.present.discovery_view import discovery_view, wildcard_sample_view
from monitor.present.json_view import (
    VERSION,
    clock_view,
    egress_addresses_view,
    gateways_line,
    gateways_view,
    incident_view,
    missing_values_remediation,
    proxies_view,
    redundant_groups_view,
    summary_view,
    target_view,
)
from monitor.state.check_result import (
    DiscoveryFindings,
    clock_of,
    gateways_of,
    redundant_groups_of,
    summarize,
)
from monitor.state.egress_address import EgressPath

Json = Mapping[str, object]
NOTHING_FOUND = DiscoveryFindings()
T = TypeVar("T")


def encode(document: Json) -> str:
    """Return a document as text that ends with a line break."""
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)


def check_document(
    statuses: Sequence[TargetStatus],
    incidents: Iterable[Incident],
    proxies: ProxyAudit,
    findings: DiscoveryFindings = NOTHING_FOUND,
    egress_paths: Iterable[EgressPath] = (),
) -> Json:
    """Return the document of ``check --format json``; times are seconds."""
    return {
        "version": VERSION,
        "summary": summary_view(summarize(statuses)),
        "proxies": proxies_view(proxies),
        "targets": [target_view(r.target, r.state, r.probe_result, r.diagnosis) for r in statuses],
        "incidents": [incident_view(incident) for incident in incidents],
        "gateways": gateways_view(gateways_of(statuses)),
        "clock": clock_view(clock_of(statuses)),
        "egress_addresses": egress_addresses_view(egress_paths),
        "discovery": discovery_view(findings.chains, findings.unlisted),
        "redundant_groups": redundant_groups_view(redundant_groups_of(statuses)),
    }


def endpoints_document(settings: Settings, targets: Iterable[Target]) -> Json:
    """Return the document of ``endpoints --format json``; times are seconds."""
    return {
        "version": VERSION,
        "profile": settings.profile.value,
        "endpoints": [_endpoint(target) for target in targets],
    }


def validation_document(
    settings: Settings, targets: Sequence[Target], warnings: Sequence[str]
) -> Json:
    """Return the document of ``validate --format json``."""
    return {
        "version": VERSION,
        "ok": True,
        "config": str(settings.source),
        "profile": settings.profile.value,
        "targets": _counts(targets),
        "warnings": list(warnings),
    }


def error_document(problems: Iterable[Problem]) -> Json:
    """Return the document that any command prints with ``--format json`` if it cannot start."""
    listed = [
        {
            "file": p.file,
            "key": p.key,
            "what": p.what,
            "remediation": p.remediation,
            "message": str(p),
        }
        for p in problems
    ]
    return {"version": VERSION, "error": {"problems": listed}}


def summary_line(summary: Summary) -> str:
    """Return the result of the check in one line."""
    counts = f"{summary.up} up, {summary.degraded} degraded, {summary.down} down"
    line = f"{summary.targets} targets: {counts}, {summary.unknown} unknown"
    if summary.covered_by_redundancy:
        line += (
            f". {summary.covered_by_redundancy} of those are not needed, for an alternative works"
        )
    if summary.ok:
        return f"{line}. Every required endpoint was reached."
    return f"{line}. {summary.required_missing} required ones were not reached."


def validation_lines(
    settings: Settings, targets: Sequence[Target], warnings: Sequence[str]
) -> tuple[str, ...]:
    """Return the lines of ``validate``: the configuration is usable, its totals, and warnings."""
    counts = _counts(targets)
    parts = f"{counts['enabled']} targets ({counts['required']} required)"
    first = f"{settings.source}: ok, profile {settings.profile}, {parts}, {counts['off']} off"
    return (first, *(f"warning: {warning}" for warning in warnings))


def warnings_of(
    settings: Settings, targets: Iterable[Target], proxies: ProxyAudit
) -> tuple[str, ...]:
    """Return settings that are allowed but probably not intended, each with a remediation."""
    probed = [target for target in targets if target.endpoint.enabled]
    region = misspelled(settings.region)
    others = (*unknown_lines(probed), *_too_much(settings, probed), *proxies.warnings)
    return (region, *others) if region else others


def notes_of(statuses: Iterable[TargetStatus], proxies: ProxyAudit) -> tuple[str, ...]:
    """Return remarks next to the results: missing values, proxies in use and problems with them,
    and the gateway that a runner would pick."""
    statuses = list(statuses)
    unknown = unknown_lines(status.target for status in statuses)
    gateways = gateways_line(gateways_of(statuses))
    picked = (gateways,) if gateways else ()
    return (*unknown, *_proxy_lines(statuses, proxies), *proxies.warnings, *picked)


def _proxy_lines(statuses: Sequence[TargetStatus], proxies: ProxyAudit) -> Iterable[str]:
    if proxies.in_use:
        named = ((scheme, getattr(proxies, scheme)) for scheme in ("http", "https"))
        which = ", ".join(f"{scheme} {label}" for scheme, label in named if label)
        proxy_paths = [proxy_path_of(status.probe_result) for status in statuses]
        through, directly = proxy_paths.count(ProxyPath.PROXY), proxy_paths.count(ProxyPath.DIRECT)
        yield f"Proxy: {which}. Probed through it: {through}, directly: {directly}."


def unknown_lines(targets: Iterable[Target]) -> tuple[str, ...]:
    """Return one line per missing value with the number of targets that wait for it."""
    counts = Counter(name for target in targets for name in target.missing_values)
    return tuple(_unknown_line(name, count) for name, count in counts.items())


def _unknown_line(name: str, count: int) -> str:
    stay = "1 target stays" if count == 1 else f"{count} targets stay"
    return f"{name} is not known here, so {stay} unknown; {missing_values_remediation([name])}"


def milliseconds(seconds: float | None) -> str:
    """Format a duration for a table; empty for None."""
    if seconds is None:
        return ""
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds * 1000:.0f} ms"


def by_group(items: Iterable[T], group_of: Callable[[T], str]) -> Iterable[tuple[str, list[T]]]:
    """Group values, the groups in the order of the requirements."""
    groups: dict[str, list[T]] = {}
    for item in items:
        groups.setdefault(group_of(item), []).append(item)
    return sorted(groups.items(), key=lambda pair: rank(pair[0]))


def address_of(target: Target) -> str:
    """Format an endpoint as protocol, host, port and path, without a query."""
    path = shown_path(target)
    host = f"[{target.host}]" if ":" in target.host else target.host
    return f"{target.endpoint.protocol}://{host}:{target.port}{path if path != '/' else ''}"


def _endpoint(target: Target) -> Json:
    endpoint = target.endpoint
    return {
        "id": endpoint.id,
        "group": endpoint.group,
        "host": endpoint.host,
        "port": endpoint.port,
        "protocol": endpoint.protocol.value,
        "prober": endpoint.prober,
        "method": endpoint.method,
        "path": shown_path(target),
        "query": endpoint.query,
        "wildcard": endpoint.wildcard,
        "gateway": endpoint.gateway,
        "wildcard_sample": wildcard_sample_view(target.wildcard_sample),
        "required": endpoint.required,
        "enabled": endpoint.enabled,
        "expect": {
            "statuses": str(endpoint.expect.statuses),
            "headers": list(endpoint.expect.headers),
        },
        "interval_seconds": target.interval,
        "timeout_seconds": target.timeout,
        "addresses": target.addresses.value,
        "address": target.address,
        "connect_port": target.connect_port,
        "unknown": list(target.missing_values),
        "source": endpoint.source.value,
        "note": endpoint.note,
    }


def _counts(targets: Sequence[Target]) -> Mapping[str, int]:
    enabled = [target for target in targets if target.endpoint.enabled]
    return {
        "enabled": len(enabled),
        "required": sum(target.endpoint.required for target in enabled),
        "unknown": sum(bool(target.missing_values) for target in enabled),
        "off": len(targets) - len(enabled),
    }


def _too_much(settings: Settings, targets: Sequence[Target]) -> Iterable[str]:
    schedule = settings.schedule
    worst = sum(target.timeout / target.interval for target in targets)
    rate = sum(1 / target.interval for target in targets)
    if worst > schedule.max_in_flight:
        yield (
            f"when nothing answers, {worst:.0f} probes wait at once, which is more than "
            f"schedule.max_in_flight = {schedule.max_in_flight}; raise it, or the intervals"
        )
    if rate > schedule.max_connections_per_second:
        yield (
            f"{rate:.0f} probes a second are more than schedule.max_connections_per_second = "
            f"{schedule.max_connections_per_second:g}; raise it, or the intervals"
        )

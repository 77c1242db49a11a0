"""The sentence and the remediation of a failed probe, with its names filled in. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from monitor.common.listing import listed
from monitor.diagnosis.evidence import clean, failed_connection
from monitor.diagnosis.http_rules import (
    format_text,
    front,
    http_text,
    intermediary,
    login_text,
    response_of,
)
from monitor.diagnosis.imds_texts import imds_text
from monitor.diagnosis.lookups import family_of_type, other_type, unanswered, waited_for
from monitor.diagnosis.proxy_texts import proxy_text
from monitor.diagnosis.tls_rules import certificate_words, tls_text
from monitor.model.causes import Cause
from monitor.model.endpoint import Protocol
from monitor.model.probe_result import Connection, Failure, FailureKind, Phase, ProbeResult
from monitor.model.target import Target
from monitor.net.sockets.address_policy import denial_reason

_LIMIT = 400
_NAMED = 4
_UDP = frozenset({Protocol.UDP, Protocol.DNS, Protocol.NTP})


@dataclass(frozen=True, slots=True)
class Text:
    """Templates of the observation (``detail``) and of what to do (``remediation``). Their fields
    are those of ``_words``."""

    detail: str
    remediation: str


def explain(cause: Cause, target: Target, probe_result: ProbeResult) -> tuple[str, str]:
    """Return sentence and remediation of a cause, with the target's names filled in."""
    text = _text(cause, target, probe_result)
    words = _words(target, probe_result)
    return text.detail.format_map(words)[:_LIMIT], text.remediation.format_map(words)[:_LIMIT]


def _text(cause: Cause, target: Target, probe_result: ProbeResult) -> Text:
    """Return the most specific text: of the alert or verification error, else of the cause."""
    if _is_refused(target, probe_result):
        return _NOT_DIALLED
    told = _specific(cause, target, probe_result)
    return Text(*(told or (cause.record.sentence, cause.record.remediation)))


def _specific(cause: Cause, target: Target, probe_result: ProbeResult) -> tuple[str, str] | None:
    failure, connection = probe_result.failure, failed_connection(probe_result)
    if failure is None:
        return None
    told = proxy_text(failure, proxied=probe_result.proxy is not None)
    if told or (told := imds_text(cause, target.endpoint.prober, failure)):
        return told
    if failure.kind is FailureKind.PROXY_STATUS:
        return login_text((failure.code or "").partition(" ")[2])
    if cause is Cause.HTTP_PROTOCOL:
        return format_text(failure)
    if failure.kind in {FailureKind.HTTP_STATUS, FailureKind.HTTP_UNPROVEN}:
        return http_text(cause, response_of(target, probe_result, connection))
    return tls_text(cause, target.host, failure, connection)


def _words(target: Target, probe_result: ProbeResult) -> Mapping[str, str]:
    failure, connection = probe_result.failure, failed_connection(probe_result)
    resolution = probe_result.resolution
    servers = dict.fromkeys(a.server for a in resolution.answers) if resolution else {}
    offset = probe_result.clock_offset or 0.0
    missing = unanswered(resolution)
    return {
        "host": target.host,
        "port": str(target.port),
        "transport": "UDP" if target.endpoint.protocol in _UDP else "TCP",
        "name": target.endpoint.query or target.host,
        "servers": ", ".join(servers) or "the name server",
        "code": clean(failure.code or "") if failure else "",
        "error": clean(failure.message) if failure else "",
        "address": connection.address if connection else "its address",
        **certificate_words(failure, connection, target.host, probe_result.started_at),
        **_response_words(connection),
        "schemes": _schemes(failure, connection),
        "status": str(connection.http.status) if connection and connection.http else "an error",
        "proxy": probe_result.proxy or "the proxy",
        "timeout": f"{target.timeout:g} s",
        "dead": _dead(probe_result),
        "received": str(connection.received) if connection else "0",
        "failed": str(len(probe_result.failed)),
        "tried": str(len(probe_result.connections)),
        "difference": f"{abs(offset):.1f} s",
        "ahead": "ahead of this one" if offset > 0 else "behind this one",
        "lookup": f"{probe_result.phases.get(Phase.RESOLVE, 0.0):.1f} s",
        "phase": _PHASES.get(failure.phase, failure.phase.value) if failure else "",
        "reporter": _reporter(probe_result),
        "unanswered": missing,
        "waited": f"{waited_for(resolution, missing):.1f} s",
        "answered": other_type(missing),
        "family": _family(probe_result, missing),
    }


_PHASES: Mapping[Phase, str] = {
    Phase.RESOLVE: "the lookup",
    Phase.CONNECT: "connecting",
    Phase.PROXY: "the proxy",
    Phase.TLS: "the TLS handshake",
    Phase.FIRST_BYTE: "the first byte of the response",
    Phase.TRANSFER: "the rest of the response",
    Phase.EXCHANGE: "the exchange",
}


def _reporter(probe_result: ProbeResult) -> str:
    """Return the reporter of an unreachable host: a router reports it by ICMP."""
    failure = probe_result.failure
    return "A router" if failure is not None and failure.icmp is not None else "This host itself"


def _family(probe_result: ProbeResult, missing: str) -> str:
    if missing:
        return family_of_type(missing)
    connection = probe_result.primary
    return "IPv6" if connection is not None and ":" in connection.address else "IPv4"


def _response_words(connection: Connection | None) -> Mapping[str, str]:
    http = connection.http if connection else None
    return {
        "front": front(http),
        "intermediary": intermediary(http),
        "redirect": clean(http.redirect or "another place") if http else "another place",
        "anchor": (connection.tls.anchor if connection and connection.tls else None)
        or "a CA of this host",
    }


def _schemes(failure: Failure | None, connection: Connection | None) -> str:
    """Return the authentication schemes that a proxy offers, "" if it names none."""
    http = connection.http if connection else None
    field = http.headers.get("proxy-authenticate", "") if http else ""
    return field or ((failure.code or "").partition(" ")[2] if failure else "")


def _is_refused(target: Target, probe_result: ProbeResult) -> bool:
    """Whether nothing was dialed, because a server's answer must not lead to such an address."""
    failure = probe_result.failure
    sinkhole = failure is not None and failure.kind is FailureKind.DNS_SINKHOLE
    return bool(sinkhole and failure and denial_reason(failure.code or "", target.address_policy))


def _dead(probe_result: ProbeResult) -> str:
    """Name the addresses that failed, each with its reason."""
    named = [f"{c.address} ({clean(c.failure.message)})" for c in probe_result.failed if c.failure]
    return listed(named, _NAMED)


_NOT_DIALLED = Text(
    "{host}, which a server named, leads to {code}, {error}.",
    "If that is right (a VPC endpoint, a private zone), add {host} as an [[endpoint]] or set "
    "discovery.allow_private = true; if not, correct what answers for it in DNS.",
)

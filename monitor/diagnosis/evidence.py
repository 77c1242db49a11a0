"""The evidence of a diagnosis: short facts, bounded, and safe to print anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from monitor.common.sanitize import sanitize
from monitor.diagnosis.lookups import remarks
from monitor.diagnosis.proxy_path import outcome
from monitor.model.probe_result import Connection, Failure, ProbeResult

_LIMIT = 160
_OTHERS = 8


def evidence_of(probe_result: ProbeResult) -> Mapping[str, str]:
    """Return the observed facts as ``name: value``. A value has at most 160 characters and no
    control characters, because peers choose some of them."""
    return {name: clean(value) for name, value in _facts(probe_result) if value}


def clean(text: str) -> str:
    """Return a text from a peer in a form that is safe to print."""
    return sanitize(text, _LIMIT)


def _facts(probe_result: ProbeResult) -> Iterator[tuple[str, str]]:
    if probe_result.failure is not None:
        yield from _failure(probe_result.failure)
    if probe_result.proxy:
        yield "proxy", probe_result.proxy
    if probe_result.alternate:
        yield "other_way", outcome(probe_result.alternate)
    connection = failed_connection(probe_result)
    if connection is not None:
        yield from _connection(connection)
    yield from _dns(probe_result)
    others = [c for c in probe_result.failed if c is not connection]
    for number, other in enumerate(others[:_OTHERS], 1):
        reason = other.failure.message if other.failure else ""
        yield f"failed_{number}", f"{other.address}: {reason}"
    if probe_result.clock_offset is not None:
        yield "clock_offset", f"{probe_result.clock_offset:+.3f} s"


def failed_connection(probe_result: ProbeResult) -> Connection | None:
    """Return the connection with the failure of the whole measurement, else the primary one."""
    failure = probe_result.failure
    failed = (c for c in probe_result.connections if failure and c.failure == failure)
    return next(failed, probe_result.primary)


def _failure(failure: Failure) -> Iterator[tuple[str, str]]:
    yield "phase", failure.phase.value
    yield "error", failure.message
    if failure.code:
        yield "code", failure.code
    if failure.icmp:
        yield "icmp", f"type {failure.icmp[0]} code {failure.icmp[1]}"


def _connection(connection: Connection) -> Iterator[tuple[str, str]]:
    yield "address", connection.address
    if connection.local:
        yield "source", connection.local
    if connection.failure is None:
        return
    if connection.sent or connection.received:
        yield "bytes", f"{connection.sent} sent, {connection.received} received"
    if connection.tcp and connection.tcp.retransmits:
        yield "retransmits", str(connection.tcp.retransmits)
    if connection.resends:
        yield "resends", str(connection.resends)
    if connection.tls and connection.tls.chain:
        yield "issuer", connection.tls.chain[0].issuer
        yield "subject", connection.tls.chain[0].subject
    if connection.http:
        yield "status", str(connection.http.status)
        yield "server", connection.http.headers.get("server", "")


def _dns(probe_result: ProbeResult) -> Iterator[tuple[str, str]]:
    if probe_result.resolution is not None:
        yield from remarks(probe_result.resolution)
    if probe_result.resolution is None or probe_result.failure is None:
        return
    for number, answer in enumerate(probe_result.resolution.answers[-4:]):
        said = answer.rcode or (answer.failure.message if answer.failure else "no answer")
        if answer.rcode != "NOERROR" or probe_result.resolution.failure:
            yield f"dns_{number}", f"{answer.server} {answer.qtype}: {said}"

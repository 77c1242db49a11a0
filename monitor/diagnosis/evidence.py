"""The facts that a verdict rests on: short, bounded, and safe to print anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from monitor.common.sanitize import printable
from monitor.diagnosis.proxy_path import outcome
from monitor.model.probe_result import Attempt, Connection, Failure

_LIMIT = 160
_OTHERS = 8


def evidence_of(attempt: Attempt) -> Mapping[str, str]:
    """Return what was seen, as ``name: value``. Values are at most 160 characters, and
    control characters are taken out of them, for servers send some of them."""
    return {name: clean(value) for name, value in _facts(attempt) if value}


def clean(text: str) -> str:
    """Make a text that somebody sent fit to print."""
    return printable(text, _LIMIT)


def _facts(attempt: Attempt) -> Iterator[tuple[str, str]]:
    if attempt.failure is not None:
        yield from _failure(attempt.failure)
    if attempt.proxy:
        yield "proxy", attempt.proxy
    if attempt.beside:
        yield "other_way", outcome(attempt.beside)
    connection = _speaker(attempt)
    if connection is not None:
        yield from _connection(connection)
    yield from _dns(attempt)
    others = [c for c in attempt.failed if c is not connection]
    for number, other in enumerate(others[:_OTHERS], 1):
        reason = other.failure.message if other.failure else ""
        yield f"failed_{number}", f"{other.address}: {reason}"
    if attempt.clock_offset is not None:
        yield "clock_offset", f"{attempt.clock_offset:+.3f} s"


def _speaker(attempt: Attempt) -> Connection | None:
    blamed = (c for c in attempt.connections if attempt.failure and c.failure == attempt.failure)
    return next(blamed, attempt.primary)


def _failure(failure: Failure) -> Iterator[tuple[str, str]]:
    yield "phase", failure.phase.value
    yield "error", failure.message
    if failure.code:
        yield "code", failure.code
    if failure.icmp:
        yield "icmp", f"type {failure.icmp[0]} code {failure.icmp[1]}"


def _connection(connection: Connection) -> Iterator[tuple[str, str]]:
    yield "address", connection.address
    if connection.failure is None:
        return
    if connection.sent or connection.received:
        yield "bytes", f"{connection.sent} sent, {connection.received} received"
    if connection.tcp and connection.tcp.retransmits:
        yield "retransmits", str(connection.tcp.retransmits)
    if connection.resends:
        yield "resends", str(connection.resends)
    if connection.tls and connection.tls.chain:
        yield "issuer", connection.tls.chain[-1].issuer
        yield "subject", connection.tls.chain[0].subject
    if connection.http:
        yield "status", str(connection.http.status)
        yield "server", connection.http.headers.get("server", "")


def _dns(attempt: Attempt) -> Iterator[tuple[str, str]]:
    if attempt.resolution is None or attempt.failure is None:
        return
    for number, answer in enumerate(attempt.resolution.answers[-4:]):
        said = answer.rcode or (answer.failure.message if answer.failure else "no answer")
        if answer.rcode != "NOERROR" or attempt.resolution.failure:
            yield f"dns_{number}", f"{answer.server} {answer.qtype}: {said}"

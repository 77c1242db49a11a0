"""Redaction of evidence: what a peer sent is in failures, headers and the diagnosis of a result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from monitor.common.redact import any_in_use, redact
from monitor.model.diagnosis import Diagnosis
from monitor.model.probe_result import Connection, Failure, ProbeResult


def redacted(result: ProbeResult) -> ProbeResult:
    """Return a result without secrets that are in use. Readers of peer data redact what they keep;
    this is the last step, for what one of them forgets."""
    if not any_in_use():
        return result
    failure = _failure(result.failure)
    connections = tuple(_connection(connection) for connection in result.connections)
    alternate = redacted(result.alternate) if result.alternate else None
    if (failure, alternate) == (result.failure, result.alternate) and all(
        new is old for new, old in zip(connections, result.connections, strict=True)
    ):
        return result
    return replace(result, failure=failure, connections=connections, alternate=alternate)


def without_secrets(diagnosis: Diagnosis) -> Diagnosis:
    """Return a diagnosis without secrets that are in use."""
    if diagnosis.cause is None or not any_in_use():
        return diagnosis
    return replace(diagnosis, detail=redact(diagnosis.detail), evidence=_values(diagnosis.evidence))


def _connection(connection: Connection) -> Connection:
    failure, http = _failure(connection.failure), connection.http
    if http is not None and (headers := _values(http.headers)) != http.headers:
        http = replace(http, headers=headers)
    if failure is connection.failure and http is connection.http:
        return connection
    return replace(connection, failure=failure, http=http)


def _failure(failure: Failure | None) -> Failure | None:
    if failure is None:
        return None
    message, code = redact(failure.message), redact(failure.code) if failure.code else None
    if (message, code) == (failure.message, failure.code):
        return failure
    return replace(failure, message=message, code=code)


def _values(texts: Mapping[str, str]) -> Mapping[str, str]:
    return {name: redact(text) for name, text in texts.items()}

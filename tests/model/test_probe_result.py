"""A result as a whole: its primary connection, what failed, and its phases."""

from __future__ import annotations

from dataclasses import replace

from monitor.model.probe_result import (
    Connection,
    Failure,
    FailureKind,
    Family,
    Phase,
    ProbeResult,
)
from monitor.model.starvation import Starvation

TIMEOUT = Failure(Phase.CONNECT, FailureKind.TIMEOUT, "no answer in time")
REFUSED = Failure(Phase.CONNECT, FailureKind.OS_ERROR, "refused")


def connection(address: str, failure: Failure | None = None) -> Connection:
    return Connection(address, 443, Family.IPV4, {Phase.CONNECT: 0.01}, failure)


def result(*connections: Connection, failure: Failure | None = None) -> ProbeResult:
    return ProbeResult("a", 100.0, 0.5, None, connections, failure)


def test_the_primary_connection_has_the_outcome_of_the_result() -> None:
    dead, refused, good = (
        connection("192.0.2.1", TIMEOUT),
        connection("192.0.2.2", REFUSED),
        connection("192.0.2.3"),
    )
    assert result(dead, refused, good).primary is good
    assert result(dead, refused, failure=REFUSED).primary is refused
    assert result(dead, failure=REFUSED).primary is dead
    assert result().primary is None


def test_single_connections_may_fail_although_the_endpoint_was_reached() -> None:
    dead, good = connection("192.0.2.1", TIMEOUT), connection("192.0.2.3")
    assert result(dead, good).ok
    assert result(dead, good).failed == (dead,)
    assert not result(dead, failure=TIMEOUT).ok


def test_a_failed_lookup_took_the_whole_time() -> None:
    lookup = Failure(Phase.RESOLVE, FailureKind.TIMEOUT, "x")
    assert result(failure=lookup).phases == {Phase.RESOLVE: 0.5}
    assert result(failure=TIMEOUT).phases == {}
    assert result(connection("192.0.2.1"), failure=lookup).phases == {Phase.CONNECT: 0.01}


def test_a_result_of_a_starved_process_is_not_admissible() -> None:
    assert result().admissible
    assert not replace(result(), starvation=Starvation.STOPPED).admissible

"""Targets, attempts and verdicts for tests of what is done with them."""

from monitor.model.diagnosis import Cause, Verdict
from monitor.model.endpoint import Endpoint, Protocol
from monitor.model.probe_result import (
    Attempt,
    Connection,
    Failure,
    FailureKind,
    Family,
    Phase,
    Resolution,
    ResolutionSource,
)
from monitor.model.target import Target

REACHED = Verdict(None)
FILTERED = Verdict(Cause.TCP_TIMEOUT, "Nothing answers on the port.", "Open the port.")


def target(
    name: str, group: str = "vscode", *, required: bool = True, unknown: tuple[str, ...] = ()
) -> Target:
    endpoint = Endpoint(
        name, group, f"{name}.example", 443, Protocol.HTTPS, "http", required=required
    )
    return Target(endpoint, 30.0, 10.0, unknown=unknown)


def attempt(name: str, *, ok: bool = True, started_at: float = 1000.0) -> Attempt:
    failure = None if ok else Failure(Phase.CONNECT, FailureKind.TIMEOUT, "no answer in time")
    phases = {Phase.RESOLVE: 0.001, Phase.CONNECT: 0.0123456789}
    connection = Connection("192.0.2.1", 443, Family.IPV4, phases, failure, rtt=0.0119)
    resolution = Resolution(f"{name}.example", ResolutionSource.DNS, ("192.0.2.1",))
    return Attempt(name, started_at, 0.25, resolution, (connection,), failure)

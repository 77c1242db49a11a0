"""Targets, attempts and verdicts for tests of what is done with them."""

from dataclasses import replace

from monitor.health.baseline import Baseline
from monitor.health.quality import Quality
from monitor.health.status import TargetStatus
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.endpoint import Endpoint, Protocol
from monitor.model.probe_result import (
    Connection,
    Failure,
    FailureKind,
    Family,
    Phase,
    ProbeResult,
    Resolution,
    ResolutionSource,
)
from monitor.model.state import State
from monitor.model.target import Target

REACHED = Diagnosis(None)
FILTERED = Diagnosis(Cause.TCP_TIMEOUT, "Nothing answers on the port.", "Open the port.")


def target(
    name: str, group: str = "vscode", *, required: bool = True, missing_values: tuple[str, ...] = ()
) -> Target:
    endpoint = Endpoint(
        name, group, f"{name}.example", 443, Protocol.HTTPS, "http", required=required
    )
    return Target(endpoint, 30.0, 10.0, missing_values=missing_values)


def probe_result(name: str, *, ok: bool = True, started_at: float = 1000.0) -> ProbeResult:
    failure = None if ok else Failure(Phase.CONNECT, FailureKind.TIMEOUT, "no answer in time")
    phases = {Phase.RESOLVE: 0.001, Phase.CONNECT: 0.0123456789}
    connection = Connection("192.0.2.1", 443, Family.IPV4, phases, failure, rtt=0.0119)
    resolution = Resolution(f"{name}.example", ResolutionSource.DNS, ("192.0.2.1",))
    return ProbeResult(name, started_at, 0.25, resolution, (connection,), failure)


def altered(
    status: TargetStatus,
    *,
    state: State | None = None,
    since: float | None = None,
    getting_slow: bool = False,
    diagnosis: Diagnosis | None = None,
    probe_result: ProbeResult | None = None,
) -> TargetStatus:
    """``status`` with some of its values replaced."""
    health = replace(
        status.health, state=state or status.state, since=status.since if since is None else since
    )
    against = Baseline(against=b"\x10") if getting_slow else Baseline()
    return replace(
        status,
        health=health,
        quality=Quality(whole=against),
        diagnosis=diagnosis or status.diagnosis,
        probe_result=probe_result or status.probe_result,
    )

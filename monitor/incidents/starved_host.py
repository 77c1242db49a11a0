"""The incident of a host that does not let the monitor run. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.model.causes import Cause
from monitor.model.incident import Incident, Scope
from monitor.model.starvation import HostStarvation, Starvation
from monitor.model.state import State

_REASONS = {
    Starvation.BUSY: "its own work held it up",
    Starvation.CPU_THROTTLED: "its container is over its CPU limit",
    Starvation.CPU_CONTENTION: "other programs have the CPU",
    Starvation.STOPPED: "it was stopped (SIGSTOP, frozen cgroup, paused virtual machine)",
    Starvation.SUSPENDED: "the host was suspended",
}


def starved_host(
    starvation: HostStarvation | None, before: Sequence[Incident]
) -> tuple[Incident, ...]:
    """Return the incident, if starvation lasts; it keeps its id while it is open."""
    if starvation is None:
        return ()
    known = next((i for i in before if i.cause is Cause.STARVED_HOST), None)
    started_at = known.started_at if known else starvation.since
    figures = f"{starvation.share:.0%} of the last 30 s, up to {starvation.longest:.1f} s at once"
    return (
        Incident(
            id=known.id if known else f"host-starved-{started_at:.0f}",
            cause=Cause.STARVED_HOST,
            scope=Scope.HOST,
            subject="cpu",
            state=State.DEGRADED,
            started_at=started_at,
            affected=(),
            detail=(
                f"The monitor could not run for {figures}: {_REASONS[starvation.reason]}. "
                "Probes during these times are not counted."
            ),
            remediation=Cause.STARVED_HOST.record.remediation,
            evidence={
                "reason": starvation.reason.value,
                "share": f"{starvation.share:.2f}",
                "longest stall": f"{starvation.longest:.1f} s",
                "load average": f"{starvation.load:.1f} on {starvation.cpus} CPUs",
            },
        ),
    )

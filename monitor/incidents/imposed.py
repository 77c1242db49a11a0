"""States that an incident gives targets whose own results do not show it. Pure."""

from __future__ import annotations

from monitor.health.machine import Health, impose
from monitor.health.status import TargetStatus
from monitor.model.diagnosis import Diagnosis
from monitor.model.incident import Incident
from monitor.model.state import State


def imposed(
    status: TargetStatus, state: State, incident: Incident, now: float
) -> tuple[Health, Diagnosis | None]:
    """Return health and diagnosis of a target whose incident puts it in ``state``. A result that
    reached the endpoint is explained by the incident; one that failed explains itself, unless
    the incident shows that something else answered."""
    diagnosis, result = status.diagnosis, status.probe_result
    reached = result is not None and result.ok and not status.health.flapping
    if reached or state is State.DOWN:
        diagnosis = Diagnosis(
            incident.cause, incident.detail, incident.remediation, incident.evidence
        )
    return impose(status.health, state, now), diagnosis


def released(status: TargetStatus, now: float) -> tuple[Health, Diagnosis | None]:
    """Return health and diagnosis of a target that no incident puts in a state any more."""
    diagnosis, result = status.diagnosis, status.probe_result
    if result is not None and result.ok and not status.health.flapping:
        diagnosis = Diagnosis(None, evidence=diagnosis.evidence if diagnosis else {})
    return impose(status.health, None, now), diagnosis

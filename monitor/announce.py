"""The lines that the daemon logs: one a change, with what broke, why, and what to do."""

from __future__ import annotations

from dataclasses import fields

import structlog

from monitor.model import Identity, Incident, Verdict
from monitor.state import Record

log = structlog.get_logger(__name__)


def say_state(record: Record, verdict: Verdict) -> None:
    """Say how a target stands now, and why."""
    target, state = record.target, record.health.state
    fields = {"target": target.id, "group": target.group, "state": state.value}
    if verdict.cause is None:
        log.info("target is up", **fields)
    else:
        log.warning(
            f"target is {state.value}",
            **fields,
            cause=verdict.cause.value,
            detail=verdict.detail,
            cure=verdict.cure,
        )


def say_incidents(before: tuple[Incident, ...], after: tuple[Incident, ...]) -> None:
    """Say which incidents were opened, found to be something wider or else, and closed."""
    old = {incident.id: incident for incident in before}
    new = {incident.id: incident for incident in after}
    for incident in after:
        known = old.get(incident.id)
        if known is None or (known.scope, known.cause) != (incident.scope, incident.cause):
            log.warning(
                "incident opened" if known is None else "incident changed", **_told(incident)
            )
    for incident in before:
        if incident.id not in new:
            log.info("incident closed", incident=incident.id, scope=incident.scope.value)


def _told(incident: Incident) -> dict[str, object]:
    return {
        "incident": incident.id,
        "scope": incident.scope.value,
        "subject": incident.subject,
        "cause": incident.cause.value,
        "affected": len(incident.affected),
        "detail": incident.detail,
        "cure": incident.cure,
    }


def identity_fields(found: Identity) -> dict[str, str]:
    """Return what is known of an identity, as fields of a line."""
    return {f.name: value for f in fields(Identity) if (value := getattr(found, f.name))}

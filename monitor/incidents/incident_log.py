"""The log of open and past incidents. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from monitor.model.incident import Incident

PAST_INCIDENTS = 100
"""Ended incidents that are kept: the latest 100."""


@dataclass(frozen=True, slots=True)
class IncidentRecord:
    """An incident as it was at its widest; ``ended_at`` (Unix seconds) is None while it is
    open."""

    incident: Incident
    ended_at: float | None = None


def updated_incident_log(
    incident_log: Sequence[IncidentRecord], incidents: Sequence[Incident], now: float
) -> tuple[IncidentRecord, ...]:
    """Return the incident records after ``incidents`` are those that are open: new ones are added,
    those that grew are kept at their widest, those that are gone have ended ``now``. The
    oldest of the ended ones are forgotten."""
    opened = {incident.id: incident for incident in incidents}
    told = {
        incident_record.incident.id
        for incident_record in incident_log
        if incident_record.ended_at is None
    }
    going_on = [_continued(c, opened, now) if c.ended_at is None else c for c in incident_log]
    going_on += [IncidentRecord(incident) for incident in incidents if incident.id not in told]
    ended = [
        incident_record for incident_record in going_on if incident_record.ended_at is not None
    ]
    forgotten = {
        id(incident_record) for incident_record in ended[: max(0, len(ended) - PAST_INCIDENTS)]
    }
    return tuple(
        incident_record for incident_record in going_on if id(incident_record) not in forgotten
    )


def awaiting(
    before: Sequence[Incident], found: Sequence[Incident], unmeasured: Collection[str]
) -> tuple[Incident, ...]:
    """Return the open incidents that may not be over, because one of their targets has no
    result since the monitor started or the target changed."""
    again, waiting = {incident.id for incident in found}, frozenset(unmeasured)
    return tuple(
        incident
        for incident in before
        if incident.id not in again and not waiting.isdisjoint(incident.affected)
    )


def _continued(
    incident_record: IncidentRecord, opened: dict[str, Incident], now: float
) -> IncidentRecord:
    current = opened.get(incident_record.incident.id)
    if current is None:
        return replace(incident_record, ended_at=now)
    wider = len(current.affected) >= len(incident_record.incident.affected)
    return IncidentRecord(current) if wider else incident_record

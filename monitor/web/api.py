"""Documents of the API, health and readiness, as values. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from monitor.health.quality import Quality
from monitor.health.redundancy import RedundantGroup
from monitor.health.status import TargetStatus
from monitor.health.summary import tally
from monitor.health.timeline import DAY, Resolution, Slot, slots, uptime
from monitor.incidents.incident_log import IncidentRecord
from monitor.model.state import State
from monitor.present.discovery_view import discovery_view
from monitor.present.incident_view import as_json, incident_page_view
from monitor.present.json_view import (
    VERSION,
    clock_view,
    egress_addresses_view,
    gateways_view,
    incident_view,
    proxies_view,
    redundant_groups_view,
    rounded,
    summary_view,
    target_details,
    target_view,
)
from monitor.state.store import StateStore

Json = dict[str, object]

STALLED_AFTER = 3
"""Number of shortest intervals without a finished probe after which the monitor is unhealthy."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Health or readiness of the monitor, in one line of text and in figures."""

    ok: bool
    text: str
    detail: Json

    @property
    def document(self) -> Json:
        """Return the condition as the API has it."""
        return {"version": VERSION, "ok": self.ok, "text": self.text, **self.detail}


def targets_pieces(store: StateStore, now: float) -> Iterator[str]:
    """Yield all targets as ``check --format json`` has them, and what only the daemon knows, as
    JSON in one piece per target: there may be thousands. Times are Unix seconds."""
    statuses = list(store.statuses.values())
    head: Json = {
        "version": VERSION,
        "generated_at": rounded(now),
        "summary": summary_view(tally((r.target, r.health.state) for r in statuses)),
        "proxies": proxies_view(store.proxies),
        "gateways": gateways_view(store.gateways),
        "clock": clock_view(store.clock),
        "egress_addresses": egress_addresses_view(store.egress_paths),
        "discovery": discovery_view(store.chains, store.unlisted),
        "redundant_groups": [_redundant_group(group) for group in store.redundant_groups],
    }
    yield f'{encoded(head)[:-1]}, "targets": ['
    yield from _separated(map(status_view, statuses))
    yield "]}"


def _separated(documents: Iterable[Json]) -> Iterator[str]:
    for number, document in enumerate(documents):
        yield f"{', ' if number else ''}{encoded(document)}"


def encoded(document: Json) -> str:
    """Return a document as JSON."""
    return json.dumps(document, allow_nan=False)


def _redundant_group(group: RedundantGroup) -> Json:
    (view,) = redundant_groups_view((group,))
    return {**view, "since": rounded(group.since)}


def target_document(status: TargetStatus) -> Json:
    """Return one target with every fact of its last probe."""
    return {"version": VERSION, **status_view(status), **target_details(status.probe_result)}


def history_document(status: TargetStatus, now: float, resolution: Resolution = DAY) -> Json:
    """Return a target's history in slots, the one in progress last; null if nothing was
    measured."""
    measured = slots(status.timeline_in(resolution), now, resolution)
    return {
        "version": VERSION,
        "generated_at": rounded(now),
        "id": status.target.id,
        "slot_seconds": resolution.seconds,
        "uptime": rounded(uptime(measured)),
        "slots": [_slot_view(slot) for slot in measured],
    }


def incidents_pieces(store: StateStore, now: float) -> Iterator[str]:
    """Yield the open incidents and past ones, the latest first, as JSON in one piece per
    incident: an incident may affect thousands of targets."""
    past = [c for c in reversed(store.incident_log) if c.ended_at is not None]
    head: Json = {"version": VERSION, "generated_at": rounded(now)}
    yield f'{encoded(head)[:-1]}, "incidents": ['
    yield from _separated(incident_view(incident) for incident in store.incidents)
    yield '], "past": ['
    yield from _separated(_incident_record_view(record) for record in past)
    yield "]}"


def incident_document(store: StateStore, record: IncidentRecord, now: float) -> Json:
    """Return one incident, open or past, with everything that its page shows."""
    view = incident_page_view(store, record, now)
    return {"version": VERSION, **_incident_record_view(record), **as_json(view)}


def gateways_document(store: StateStore, now: float) -> Json:
    """Return the gateways, with their latencies and the one that a runner would pick."""
    gateways = gateways_view(store.gateways)
    return {"version": VERSION, "generated_at": rounded(now), "gateways": gateways}


def incident_record_of(store: StateStore, incident_id: str) -> IncidentRecord | None:
    """Return an incident, open or past."""
    for incident in store.incidents:
        if incident.id == incident_id:
            return IncidentRecord(incident)
    return next((c for c in reversed(store.incident_log) if c.incident.id == incident_id), None)


def status_view(status: TargetStatus) -> Json:
    """Return a target, with what only the daemon knows."""
    health, probe_result = status.health, status.probe_result
    view = target_view(status.target, health.state, probe_result, status.diagnosis)
    view["since"] = rounded(health.since) if health.state is not State.UNKNOWN else None
    view["last_probe_at"] = rounded(probe_result.started_at) if probe_result else None
    view["last_probe_ok"] = probe_result.ok if probe_result else None
    view["flapping"] = health.flapping
    view["usual"] = quality_view(status.quality)
    view["interval_seconds"] = status.target.interval
    view["probes"] = status.probes
    return view


def _slot_view(slot: Slot) -> Json:
    return {
        "start": slot.start,
        "state": slot.state.value if slot.state else None,
        "down": rounded(slot.down),
        "least_seconds": rounded(slot.least),
        "median_seconds": rounded(slot.median),
        "greatest_seconds": rounded(slot.greatest),
    }


def _incident_record_view(incident_record: IncidentRecord) -> Json:
    return {
        **incident_view(incident_record.incident),
        "ended_at": rounded(incident_record.ended_at),
    }


def quality_view(quality: Quality) -> Json:
    """Return the latency baseline in seconds (null before enough is known), and the number of
    recent answers with packet loss."""
    return {
        "round_trip_seconds": rounded(quality.path.usual),
        "latency_seconds": rounded(quality.whole.usual),
        "answers_with_loss": quality.lost.bit_count(),
    }


def health(store: StateStore, now: float, monotonic: float | None = None) -> Condition:
    """Return whether probes are still being finished; a monitor with nothing to probe is healthy.
    Parts that are being retried are listed and do not count: a restart would not help. With
    ``monotonic``, steps of the clock do not matter."""
    self_metrics, probed = store.self_metrics, _probed(store)
    shortest = min((r.target.interval + r.target.timeout for r in probed), default=0.0)
    patience = STALLED_AFTER * shortest
    last = self_metrics.last_completed_at or self_metrics.started_at
    silence = max(0.0, now - last) if last and probed else 0.0
    if monotonic is not None and self_metrics.last_progress is not None and probed:
        silence = max(0.0, monotonic - self_metrics.last_progress)
    ok = silence <= patience
    text = "ok" if ok else f"no probe was finished for {silence:.0f} s"
    problems = {part.value: reason for part, reason in self_metrics.problems.items()}
    text += "".join(f"; {part}: {reason}" for part, reason in problems.items())
    detail: Json = {
        "seconds_since_last_probe": rounded(silence),
        "seconds_allowed": rounded(patience),
        "probes_in_flight": self_metrics.in_flight,
        "problems": problems,
    }
    return Condition(ok, text, detail)


def readiness(store: StateStore) -> Condition:
    """Return whether every target that can be probed has had its first result."""
    waiting = sum(status.probe_result is None for status in _probed(store))
    detail: Json = {"targets": len(store.statuses), "waiting": waiting}
    if not store.self_metrics.started_at:
        return Condition(False, "not started yet", detail)
    many = "1 target has" if waiting == 1 else f"{waiting} targets have"
    text = f"{many} no result yet" if waiting else "ok"
    return Condition(not waiting, text, detail)


def _probed(store: StateStore) -> list[TargetStatus]:
    return [status for status in store.statuses.values() if not status.target.missing_values]

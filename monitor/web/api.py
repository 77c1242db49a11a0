"""What the HTTP server answers, as values: documents of the API, health and readiness. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from monitor.health.quality import Quality
from monitor.health.redundancy import RedundantGroup
from monitor.health.summary import tally
from monitor.model.state import State
from monitor.present.discovery_view import discovery_view
from monitor.present.json_view import (
    VERSION,
    clock_view,
    gateways_view,
    incident_view,
    proxies_view,
    redundant_groups_view,
    rounded,
    summary_view,
    target_details,
    target_view,
)
from monitor.state.history import SLOT_SECONDS, Chapter, Slot, slots, uptime
from monitor.state.store import Board, Record

Json = dict[str, object]

STALLED_AFTER = 3
"""So many of the shortest interval without a finished probe, and the monitor is not well."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Whether the monitor is well (or ready), in a line of text, and by the figures."""

    ok: bool
    text: str
    detail: Json

    @property
    def document(self) -> Json:
        """The condition as the API has it."""
        return {"version": VERSION, "ok": self.ok, "text": self.text, **self.detail}


def targets_pieces(board: Board, now: float) -> Iterator[str]:
    """Every target as ``check --format json`` shows it, and when it was looked at, as JSON in
    pieces, a target each: there may be thousands. Times are Unix seconds."""
    records = list(board.records.values())
    head: Json = {
        "version": VERSION,
        "generated_at": rounded(now),
        "summary": summary_view(tally((r.target, r.health.state) for r in records)),
        "proxies": proxies_view(board.proxies),
        "gateways": gateways_view(board.gateways),
        "clock": clock_view(board.clock),
        "discovery": discovery_view(board.chains, board.unlisted),
        "redundant_groups": [_redundant_group(group) for group in board.redundant_groups],
    }
    yield f'{encoded(head)[:-1]}, "targets": ['
    for number, record in enumerate(records):
        yield f"{', ' if number else ''}{encoded(record_view(record))}"
    yield "]}"


def encoded(document: Json) -> str:
    """Write a document as JSON."""
    return json.dumps(document, allow_nan=False)


def _redundant_group(group: RedundantGroup) -> Json:
    (view,) = redundant_groups_view((group,))
    return {**view, "since": rounded(group.since)}


def target_document(record: Record) -> Json:
    """One target with every fact of its last attempt."""
    return {"version": VERSION, **record_view(record), **target_details(record.attempt)}


def history_document(record: Record, now: float) -> Json:
    """A target's last day in slots of five minutes, the one in progress last; null where nothing
    was measured."""
    day = slots(record.trace, now)
    return {
        "version": VERSION,
        "generated_at": rounded(now),
        "id": record.target.id,
        "slot_seconds": SLOT_SECONDS,
        "uptime": rounded(uptime(day)),
        "slots": [_slot_view(slot) for slot in day],
    }


def incidents_document(board: Board, now: float) -> Json:
    """The open incidents, and past ones, the latest first."""
    past = [c for c in reversed(board.chapters) if c.ended_at is not None]
    return {
        "version": VERSION,
        "generated_at": rounded(now),
        "incidents": [incident_view(incident) for incident in board.incidents],
        "past": [_chapter_view(chapter) for chapter in past],
    }


def incident_document(chapter: Chapter) -> Json:
    """One incident, open or past."""
    return {"version": VERSION, **_chapter_view(chapter)}


def gateways_document(board: Board, now: float) -> Json:
    """The gateways, with their latencies and the one that a runner would pick."""
    gateways = gateways_view(board.gateways)
    return {"version": VERSION, "generated_at": rounded(now), "gateways": gateways}


def chapter_of(board: Board, incident_id: str) -> Chapter | None:
    """Return an incident, open or past."""
    for incident in board.incidents:
        if incident.id == incident_id:
            return Chapter(incident)
    return next((c for c in reversed(board.chapters) if c.incident.id == incident_id), None)


def record_view(record: Record) -> Json:
    """A target's shape, with what only somebody who keeps on looking knows."""
    health, attempt = record.health, record.attempt
    view = target_view(record.target, health.state, attempt, record.verdict)
    view["since"] = rounded(health.since) if health.state is not State.UNKNOWN else None
    view["last_probe_at"] = rounded(attempt.started_at) if attempt else None
    view["flapping"] = health.flapping
    view["usual"] = quality_view(record.quality)
    view["interval_seconds"] = record.target.interval
    view["probes"] = record.probes
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


def _chapter_view(chapter: Chapter) -> Json:
    return {**incident_view(chapter.incident), "ended_at": rounded(chapter.ended_at)}


def quality_view(quality: Quality) -> Json:
    """What latency is usual, in seconds (null before enough is known), and how many of the
    latest answers saw packets lost."""
    return {
        "round_trip_seconds": rounded(quality.path.usual),
        "latency_seconds": rounded(quality.whole.usual),
        "answers_with_loss": quality.lost.bit_count(),
    }


def health(board: Board, now: float) -> Condition:
    """Whether probes are still being finished; a monitor with nothing to probe is well."""
    vitals, probed = board.vitals, _probed(board)
    shortest = min((r.target.interval + r.target.timeout for r in probed), default=0.0)
    patience = STALLED_AFTER * shortest
    last = vitals.last_completed_at or vitals.started_at
    silence = max(0.0, now - last) if last and probed else 0.0
    ok = silence <= patience
    text = "ok" if ok else f"no probe was finished for {silence:.0f} s"
    detail: Json = {
        "seconds_since_last_probe": rounded(silence),
        "seconds_allowed": rounded(patience),
        "probes_in_flight": vitals.in_flight,
    }
    return Condition(ok, text, detail)


def readiness(board: Board) -> Condition:
    """Whether every target that can be probed has had its first result."""
    waiting = sum(record.attempt is None for record in _probed(board))
    detail: Json = {"targets": len(board.records), "waiting": waiting}
    if not board.vitals.started_at:
        return Condition(False, "not started yet", detail)
    many = "1 target has" if waiting == 1 else f"{waiting} targets have"
    text = f"{many} no result yet" if waiting else "ok"
    return Condition(not waiting, text, detail)


def _probed(board: Board) -> list[Record]:
    return [record for record in board.records.values() if not record.target.unknown]

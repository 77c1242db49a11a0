"""The history file: one file, replaced as a whole, discarded unless intact."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from monitor.common.state_file import MALFORMED, read_file, reason_of
from monitor.diagnosis.issuers import KEPT, NAME_LIMIT
from monitor.health.baseline import WINDOW
from monitor.health.timeline import CELL_BYTES, RESULTS_LIMIT, SLOTS, OpenBucket, Timeline
from monitor.incidents.incident_log import PAST_INCIDENTS, IncidentRecord
from monitor.model.causes import Cause
from monitor.model.incident import LIKELY, Incident, Scope
from monitor.model.state import State

NAME = "history.json"
SIZE_LIMIT = 32 * 1024 * 1024
_MAGIC = b"egress-monitor history 1 "
"""Followed by the SHA-256 of everything after the first line, in hexadecimal digits."""

_NUMBER_LIMIT = 1e11
"""Times and figures are below this: a date beyond the year 5138 can be neither shown nor stored."""

_OPEN_LIMIT = 10_000


class HistoryError(Exception):
    """A history file is not usable; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """The content of the history file. ``timelines``, ``issuers`` and ``usual`` (latency baselines)
    are by ``probe_key``."""

    saved_at: float = 0.0
    timelines: Mapping[str, Timeline] = field(default_factory=dict)
    incident_log: tuple[IncidentRecord, ...] = ()
    issuers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    usual: Mapping[str, tuple[bytes, bytes]] = field(default_factory=dict)


def encode(remembered: Remembered) -> bytes:
    """Return the content of a history file."""
    document = {
        "saved_at": remembered.saved_at,
        "traces": {key: _timeline_out(timeline) for key, timeline in remembered.timelines.items()},
        "usual": {key: [*map(_text_of, both)] for key, both in remembered.usual.items()},
        "incidents": [
            _incident_record_out(incident_record) for incident_record in remembered.incident_log
        ],
        "issuers": {key: list(names) for key, names in remembered.issuers.items()},
    }
    # ASCII only: a name that a server sent may hold what UTF-8 can't.
    body = json.dumps(document, separators=(",", ":")).encode("ascii")
    return _MAGIC + hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def decode(data: bytes) -> Remembered:
    """Return the history in a file's content.

    Raises:
        HistoryError: if the version differs, it is damaged, or ``encode`` does not write it.
    """
    head, _, body = data.partition(b"\n")
    if not head.startswith(_MAGIC):
        raise HistoryError("the history is of another version")
    if head.removeprefix(_MAGIC) != hashlib.sha256(body).hexdigest().encode():
        raise HistoryError("its checksum is wrong")
    try:
        document = json.loads(body)
        return Remembered(
            saved_at=_number(document["saved_at"]),
            timelines={str(k): _timeline_in(v) for k, v in document["traces"].items()},
            incident_log=tuple(map(_incident_record_in, _listed(document["incidents"]))),
            usual={str(k): _usual_in(v) for k, v in document.get("usual", {}).items()},
            issuers={str(k): _issuers_in(v) for k, v in document.get("issuers", {}).items()},
        )
    except MALFORMED as error:
        raise HistoryError(f"its content is malformed ({type(error).__name__})") from None


def load(directory: Path) -> Remembered | None:
    """Return the history in ``directory``; None if there is none.

    Raises:
        HistoryError: if the file is unreadable or not usable.
    """
    try:
        data = read_file(directory / NAME, SIZE_LIMIT)
    except OSError as error:
        raise HistoryError(reason_of(error)) from None
    return None if data is None else decode(data)


def _timeline_out(timeline: Timeline) -> dict[str, object]:
    return {
        "slot": timeline.slot,
        "closed": _text_of(timeline.closed),
        "results": timeline.open.results,
        "downs": timeline.open.downs,
        "worst": timeline.open.worst,
        "latencies": _text_of(timeline.open.latencies),
    }


def _timeline_in(raw: Mapping[str, Any]) -> Timeline:
    closed, latencies = _bytes(raw["closed"]), _bytes(raw["latencies"])
    counts = [raw[name] for name in ("slot", "results", "downs", "worst")]
    if not all(type(count) is int and 0 <= count < 2**53 for count in counts):
        raise ValueError("no counts")
    slot, results, downs, worst = counts
    too_long = len(closed) > (SLOTS - 1) * CELL_BYTES or len(latencies) > RESULTS_LIMIT
    if too_long or len(closed) % CELL_BYTES or downs > results or worst > len(State):
        raise ValueError("no trace")
    return Timeline(slot, closed, OpenBucket(results, downs, worst, latencies))


def _issuers_in(raw: object) -> tuple[str, ...]:
    if not isinstance(raw, list) or len(raw) > KEPT:
        raise ValueError("no list of issuers")
    return tuple(_text(name)[:NAME_LIMIT] for name in raw)


def _usual_in(raw: list[str]) -> tuple[bytes, bytes]:
    path, whole = map(_bytes, raw)
    if max(len(path), len(whole)) > WINDOW or 0 in path + whole:
        raise ValueError("no latencies")
    return path, whole


def _text_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("no base64") from None


def _incident_record_out(incident_record: IncidentRecord) -> dict[str, object]:
    incident = incident_record.incident
    return {
        "id": incident.id,
        "cause": incident.cause.value,
        "scope": incident.scope.value,
        "subject": incident.subject,
        "state": incident.state.value,
        "started_at": incident.started_at,
        "ended_at": incident_record.ended_at,
        "affected": list(incident.affected),
        "detail": incident.detail,
        "remediation": incident.remediation,
        "evidence": dict(incident.evidence),
        "intermittent": incident.intermittent,
        "confidence": incident.confidence,
    }


def _incident_record_in(raw: Mapping[str, Any]) -> IncidentRecord:
    incident = Incident(
        id=_text(raw["id"]),
        cause=Cause(raw["cause"]),
        scope=Scope(raw["scope"]),
        subject=_text(raw["subject"]),
        state=State(raw["state"]),
        started_at=_number(raw["started_at"]),
        affected=tuple(map(_text, raw["affected"])),
        detail=_text(raw["detail"]),
        remediation=_text(raw["remediation"]),
        evidence={_text(k): _text(v) for k, v in raw["evidence"].items()},
        # Files of versions before 0.3 lack both.
        intermittent=raw.get("intermittent") is True,
        confidence=_text(raw.get("confidence", LIKELY)),
    )
    ended = raw["ended_at"]
    return IncidentRecord(incident, None if ended is None else _number(ended))


def _listed(raw: list[Any]) -> list[Any]:
    if not isinstance(raw, list) or len(raw) > PAST_INCIDENTS + _OPEN_LIMIT:
        raise ValueError("no list of incidents")
    return raw


def _text(raw: object) -> str:
    if not isinstance(raw, str):
        raise TypeError("no text")
    return raw


def _number(raw: object) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not abs(raw) < _NUMBER_LIMIT:
        raise TypeError("no number")
    return float(raw)

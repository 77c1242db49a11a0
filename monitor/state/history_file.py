"""The history file: one file, replaced as a whole, discarded unless intact."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from monitor.common.state_file import read_file, reason_of
from monitor.diagnosis.issuers import KEPT, NAME_LIMIT
from monitor.health.baseline import WINDOW
from monitor.health.timeline import CELL_BYTES, RESULTS_LIMIT, SLOTS, Timeline
from monitor.incidents.incident_log import PAST_INCIDENTS, IncidentRecord
from monitor.model.state import State

NAME = "history.json"
SIZE_LIMIT = 32 * 1024 * 1024
_MAGIC = b"egress-monitor history 2 "
"""Followed by the SHA-256 of everything after the first line, in hexadecimal digits."""

_NUMBER_LIMIT = 1e11
"""Times and figures are below this: a date beyond the year 5138 can be neither shown nor stored."""

_OPEN_LIMIT = 10_000
_COUNT_LIMIT = 2**53


class HistoryError(Exception):
    """A history file is not usable; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """The content of the history file. ``timelines``, ``issuers`` and ``usual`` (latency baselines)
    are by ``probe_key``. The file has these fields as JSON, bytes as base64; a change of any of
    the types is a change of the file's version in ``_MAGIC``."""

    saved_at: float = 0.0
    timelines: Mapping[str, Timeline] = field(default_factory=dict)
    incident_log: tuple[IncidentRecord, ...] = ()
    issuers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    usual: Mapping[str, tuple[bytes, bytes]] = field(default_factory=dict)


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Remembered)


def encode(remembered: Remembered) -> bytes:
    """Return the content of a history file."""
    records = tuple(map(_encodable, remembered.incident_log))
    issuers = {key: tuple(map(_valid, names)) for key, names in remembered.issuers.items()}
    body = _ENCODER.encode(replace(remembered, incident_log=records, issuers=issuers))
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
        remembered = _DECODER.decode(body)
        _check(remembered)
    except (ValueError, RecursionError) as error:  # ValueError: of msgspec and of the checks
        raise HistoryError(f"its content is malformed ({type(error).__name__})") from None
    return remembered


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


def _encodable(record: IncidentRecord) -> IncidentRecord:
    """Replace what UTF-8 cannot encode: a name that a peer sent may hold lone surrogates."""
    incident = record.incident
    return replace(
        record,
        incident=replace(
            incident,
            subject=_valid(incident.subject),
            detail=_valid(incident.detail),
            remediation=_valid(incident.remediation),
            confidence=_valid(incident.confidence),
            evidence={_valid(key): _valid(text) for key, text in incident.evidence.items()},
        ),
    )


def _valid(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _check(remembered: Remembered) -> None:
    """Check what the types do not express.

    Raises:
        ValueError: if ``encode`` does not write such values.
    """
    _check_time(remembered.saved_at)
    for timeline in remembered.timelines.values():
        _check_timeline(timeline)
    if len(remembered.incident_log) > PAST_INCIDENTS + _OPEN_LIMIT:
        raise ValueError("too many incidents")
    for record in remembered.incident_log:
        _check_time(record.incident.started_at)
        _check_time(record.ended_at or 0.0)
    for names in remembered.issuers.values():
        if len(names) > KEPT or any(len(name) > NAME_LIMIT for name in names):
            raise ValueError("no list of issuers")
    for path, whole in remembered.usual.values():
        if max(len(path), len(whole)) > WINDOW or 0 in path + whole:
            raise ValueError("no latencies")


def _check_timeline(timeline: Timeline) -> None:
    bucket = timeline.open
    counts = (timeline.slot, bucket.results, bucket.downs, bucket.worst)
    if not all(0 <= count < _COUNT_LIMIT for count in counts):
        raise ValueError("no counts")
    closed, latencies = timeline.closed, bucket.latencies
    too_long = len(closed) > (SLOTS - 1) * CELL_BYTES or len(latencies) > RESULTS_LIMIT
    impossible = bucket.downs > bucket.results or bucket.worst > len(State)
    if too_long or impossible or len(closed) % CELL_BYTES:
        raise ValueError("no timeline")


def _check_time(value: float) -> None:
    if not abs(value) < _NUMBER_LIMIT:
        raise ValueError("no time")

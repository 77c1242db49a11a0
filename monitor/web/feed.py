"""Atom feed of incidents (RFC 4287): one entry per incident, updated when it ends. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from htpy import Element

from monitor.incidents.incident_log import IncidentRecord
from monitor.present.confidence import confidence_in_words
from monitor.present.incident_view import impact_of, title_of
from monitor.state.store import StateStore
from monitor.web.pages.parts import incident_href, quoted, text

ENTRIES_LIMIT = 50
"""Maximum number of entries; the latest first."""

_TAG = "tag:egress-monitor,2026:"
"""Prefix of the ids (RFC 4151)."""

CONTENT_TYPE = "application/atom+xml; charset=utf-8"

_author, _content, _entry, _feed, _id, _link, _name, _summary, _title, _updated, _published = (
    Element(name, "", None)
    for name in (
        "author", "content", "entry", "feed", "id", "link", "name", "summary", "title", "updated",
        "published",
    )
)  # fmt: skip


def feed(store: StateStore, now: float) -> Iterator[str]:
    """Render the feed in pieces. Its links are relative to it: the monitor does not know by which
    address a reverse proxy publishes it."""
    records = list(reversed(store.incident_log))[:ENTRIES_LIMIT]
    known = {record.incident.id for record in records}
    open_ones = [IncidentRecord(i) for i in store.incidents if i.id not in known]
    listed = [*open_ones, *records][:ENTRIES_LIMIT]
    latest = max((_changed(record) for record in listed), default=store.self_metrics.started_at)
    place = store.identity.runner_id or store.identity.vpc_id or "this monitor"
    yield '<?xml version="1.0" encoding="utf-8"?>\n'
    document = _feed(xmlns="http://www.w3.org/2005/Atom")[
        _title[f"Egress Monitor: incidents of {text(place)}"],
        _id[f"{_TAG}{quoted(place)}"],
        _link(rel="self", href="feed.atom"),
        _link(rel="alternate", href="./"),
        _updated[_rfc3339(latest or now)],
        _author[_name["Egress Monitor"]],
        (_item(store, record, place) for record in listed),
    ]
    yield from document.iter_chunks()


def _item(store: StateStore, record: IncidentRecord, place: str) -> Element:
    incident, ended = record.incident, record.ended_at
    state = "Over" if ended is not None else incident.state.value.capitalize()
    return _entry[
        _title[f"{state}: {text(title_of(incident))}"],
        _id[f"{_TAG}{quoted(place)}/{quoted(incident.id)}"],
        _link(rel="alternate", href=incident_href(incident.id, "")),
        _published[_rfc3339(incident.started_at)],
        _updated[_rfc3339(_changed(record))],
        _summary[text(impact_of(store, incident))],
        _content[
            text(
                f"{incident.detail} {incident.remediation} "
                f"Confidence: {confidence_in_words(incident)}."
            )
        ],
    ]


def _changed(record: IncidentRecord) -> float:
    return record.incident.started_at if record.ended_at is None else record.ended_at


def _rfc3339(at: float) -> str:
    try:
        return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return "1970-01-01T00:00:00Z"

"""Topics and JSON documents that are published over MQTT, as docs/mqtt.md describes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from urllib.parse import quote

from monitor import __version__
from monitor.export.mqtt.shorten import encode
from monitor.health.status import TargetStatus
from monitor.health.summary import tally
from monitor.present.json_view import incident_view, rounded, summary_view, target_view
from monitor.state.events import Event
from monitor.state.store import StateStore

VERSION = 1
"""The version of the documents: goes up when a key changes its meaning or goes away."""

_OF_A_TARGET = (
    "id", "group", "host", "port", "protocol", "required", "wildcard",
    "state", "cause", "detail", "remediation",
)  # fmt: skip
"""Keys of a target's document: its state, without the figures of each probe."""


@dataclass(frozen=True, slots=True)
class Topics:
    """The names of the topics below ``root``."""

    root: str

    @classmethod
    def of(cls, prefix: str, client_id: str) -> Topics:
        """Return the topics of the monitor with this client id."""
        return cls(f"{prefix}/{segment(client_id)}")

    @property
    def status(self) -> str:
        return f"{self.root}/status"

    @property
    def summary(self) -> str:
        return f"{self.root}/summary"

    @property
    def events(self) -> str:
        return f"{self.root}/events"

    def target(self, target_id: str) -> str:
        return f"{self.root}/targets/{segment(target_id)}"

    def incident(self, incident_id: str) -> str:
        return f"{self.root}/incidents/{segment(incident_id)}"

    def kind_of(self, topic: str) -> str:
        """Return the filter that a topic belongs to: ``root/targets/#``, or the topic itself."""
        kind, found, _ = topic.removeprefix(f"{self.root}/").partition("/")
        return f"{self.root}/{kind}/#" if found else topic

    @property
    def of_subjects(self) -> tuple[str, ...]:
        """Filters of the topics that come and go."""
        return f"{self.root}/targets/+", f"{self.root}/incidents/+"


def segment(text: str) -> str:
    """Return ``text`` as one level of a topic: what is not a letter, a digit or one of
    ``-._~`` is percent-encoded, so none of ``+ # / $`` and NUL is left (MQTT 5.0 4.7)."""
    return quote(text, safe="", errors="replace") or "-"


def offline(reason: str) -> bytes:
    """Return the status of a monitor that is gone: "stopped" by itself, or "lost"."""
    return _encoded({"state": "offline", "reason": reason})


def retained(store: StateStore, topics: Topics) -> dict[str, bytes]:
    """Return everything that is to be kept by the broker, by topic: the status first."""
    statuses = store.statuses.values()
    documents: dict[str, Mapping[str, object]] = {
        topics.status: {
            "state": "online",
            "since": rounded(store.self_metrics.started_at),
            "monitor_version": __version__,
            "identity": {k: v for k, v in asdict(store.identity).items() if v},
        },
        topics.summary: {
            **summary_view(tally((r.target, r.health.state) for r in statuses)),
            "incidents": len(store.incidents),
        },
    }
    documents |= {topics.target(r.target.id): _target(r) for r in statuses}
    documents |= {topics.incident(i.id): incident_view(i) for i in store.incidents}
    return {topic: _encoded(document) for topic, document in documents.items()}


def event_document(event: Event, event_id: str) -> bytes:
    """Return what is published of an event. ``event_id`` stays the same when it has to be
    sent again."""
    return _encoded(
        {
            "id": event_id,
            "kind": event.kind.value,
            "at": rounded(event.at),
            "subject": event.subject,
            "title": event.title,
            "serious": event.serious,
            "facts": dict(_finite(event.facts)),
        }
    )


def _target(status: TargetStatus) -> Mapping[str, object]:
    shown = target_view(status.target, status.health.state, status.probe_result, status.diagnosis)
    since = rounded(status.health.since) or None
    return {**{key: shown[key] for key in _OF_A_TARGET}, "since": since}


def _finite(facts: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """JSON has no infinite numbers."""
    for name, value in facts.items():
        yield name, None if isinstance(value, float) and not isfinite(value) else value


def _encoded(document: Mapping[str, object]) -> bytes:
    return encode({"version": VERSION, **document})

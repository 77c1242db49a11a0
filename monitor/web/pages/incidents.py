"""Incidents as several pages show them: the card of one, the list of past ones."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from monitor.incidents.incident_log import IncidentRecord
from monitor.model.incident import Incident
from monitor.web.pages.parts import (
    count,
    evidence,
    incident_href,
    lasted,
    moment,
    prose,
    since,
    state_words,
    table,
    target_link,
    text,
    words,
)

_NAMED = 12


def card(incident: Incident, now: float, *, root: str, known: Collection[str]) -> str:
    """Show an open incident. Affected targets that are ``known`` are links."""
    seen = evidence(incident.evidence)
    more = f"<details><summary>Evidence</summary>{seen}</details>" if seen else ""
    href = incident_href(incident.id, root)
    return (
        f'<article class="incident {incident.state.value}" id="i-{text(incident.id)}">'
        f'<h3><a href="{href}">{text(incident.detail)}</a></h3>'
        f'<p class="meta">{state_words(incident.state)} since {since(incident.started_at, now)}'
        f" · {scope(incident)} · <code>{text(incident.cause.value)}</code></p>"
        f'<p class="remediation"><strong>What to do:</strong> {prose(incident.remediation)}</p>'
        f'<p class="affected">Affects {affected(incident, root, known)}</p>{more}</article>'
    )


def scope(incident: Incident) -> str:
    """Return what is broken: the kind of thing and its name."""
    kind = words(incident.scope.value)
    same = incident.subject in {"", incident.scope.value, kind}
    return kind if same else f"{kind}: <strong>{text(incident.subject)}</strong>"


def affected(incident: Incident, root: str, known: Collection[str]) -> str:
    """Return how many targets an incident affects and the first of them."""
    names = incident.affected
    links = [
        target_link(name, root) if name in known else f"<span>{text(name)}</span>"
        for name in names[:_NAMED]
    ]
    rest = len(names) - _NAMED
    if rest > 0:
        href = incident_href(incident.id, root)
        links.append(f'<a href="{href}">{rest} more</a>')
    return f"{count(len(names), 'target')}: {', '.join(links)}"


def past_table(incident_log: Sequence[IncidentRecord], now: float, *, root: str) -> str:
    """List incidents that have ended, the latest first."""
    rows = [
        _past(incident_record, incident_record.ended_at or now, now, root)
        for incident_record in reversed(incident_log)
    ]
    columns = ("Ended", "Lasted", "Incident", "Targets")
    return table("Past incidents, the latest first", columns, rows, "past")


def _past(incident_record: IncidentRecord, ended: float, now: float, root: str) -> str:
    incident = incident_record.incident
    return (
        f"<tr><td>{moment(ended, now)}</td><td>{lasted(ended - incident.started_at)}</td>"
        f'<th scope="row"><a href="{incident_href(incident.id, root)}">{text(incident.detail)}'
        f'</a><span class="sub">{words(incident.scope.value)} · {text(incident.cause.value)}'
        f"</span></th><td>{len(incident.affected)}</td></tr>"
    )

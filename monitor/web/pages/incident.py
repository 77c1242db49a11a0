"""An incident's page, open or past: what broke, why, since when, and everything it affects."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.incidents.incident_log import IncidentRecord
from monitor.model.state import State
from monitor.state.store import StateStore
from monitor.web.pages.incidents import scope
from monitor.web.pages.parts import (
    NOTHING,
    evidence,
    facts,
    lasted,
    mark,
    moment,
    prose,
    since,
    state_words,
    table_pieces,
    target_link,
    text,
    words,
)
from monitor.web.pages.shell import closing, opening

_ROOT = "../"


def incident_page(store: StateStore, incident_record: IncidentRecord, now: float) -> Iterator[str]:
    """Write the page as of ``now`` (Unix seconds)."""
    incident, ended = incident_record.incident, incident_record.ended_at
    state = incident.state if ended is None else State.UP
    title = incident.detail if ended is None else f"Over: {incident.detail}"
    yield opening(store, now, title=title, state=state, root=_ROOT)
    yield (
        f'<nav aria-label="Breadcrumb"><a href="{_ROOT}">All targets</a> / incident</nav>'
        f'<h1 class="headline long {state.value}" id="headline" aria-live="polite">{mark(state)} '
        f"<span>{text(title)}</span></h1>"
    )
    if ended is None:
        remediation = prose(incident.remediation)
        yield f'<p class="remediation"><strong>What to do:</strong> {remediation}</p>'
    pairs = (
        ("state", f"open, {state_words(incident.state)}" if ended is None else "over"),
        ("began", since(incident.started_at, now)),
        ("ended", since(ended, now) if ended is not None else ""),
        ("lasted", lasted((now if ended is None else ended) - incident.started_at)),
        ("scope", scope(incident)),
        ("cause", f"<code>{text(incident.cause.value)}</code>"),
        ("what was to do", prose(incident.remediation) if ended is not None else ""),
        ("id", f"<code>{text(incident.id)}</code>"),
    )
    yield f"<section><h2>What happened</h2>{facts(pairs)}</section>"
    seen = evidence(incident.evidence)
    if seen:
        yield f"<section><h2>Evidence</h2>{seen}</section>"
    yield "<section><h2>Affected targets</h2>"
    rows = (_affected(store, name, now) for name in incident.affected)
    columns = ("Target", "Group", "Now", "Last result")
    yield from table_pieces("Affected targets and how they stand now", columns, rows)
    yield "</section>"
    yield closing(store, now)


def _affected(store: StateStore, name: str, now: float) -> str:
    status = store.statuses.get(name)
    if status is None:
        return f'<tr><th scope="row">{text(name)}</th><td colspan="3">no longer a target</td></tr>'
    detail = status.diagnosis.detail if status.diagnosis else ""
    at = status.probe_result.started_at if status.probe_result else None
    return (
        f'<tr><th scope="row">{target_link(name, _ROOT)}</th>'
        f"<td>{words(status.target.group)}</td><td>{state_words(status.health.state)}</td>"
        f"<td>{text(detail)} {moment(at, now) if at else NOTHING}</td></tr>"
    )

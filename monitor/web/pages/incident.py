"""An incident's page, open or past: what broke, why, since when, and everything it affects."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.model.state import State
from monitor.state.history import Chapter
from monitor.state.store import Board
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


def incident_page(board: Board, chapter: Chapter, now: float) -> Iterator[str]:
    """Write the page as of ``now`` (Unix seconds)."""
    incident, ended = chapter.incident, chapter.ended_at
    state = incident.state if ended is None else State.UP
    title = incident.detail if ended is None else f"Over: {incident.detail}"
    yield opening(board, now, title=title, state=state, root=_ROOT)
    yield (
        f'<nav aria-label="Breadcrumb"><a href="{_ROOT}">All targets</a> / incident</nav>'
        f'<h1 class="headline long {state.value}" id="headline" aria-live="polite">{mark(state)} '
        f"<span>{text(title)}</span></h1>"
    )
    if ended is None:
        yield f'<p class="cure"><strong>What to do:</strong> {prose(incident.cure)}</p>'
    pairs = (
        ("state", f"open, {state_words(incident.state)}" if ended is None else "over"),
        ("began", since(incident.started_at, now)),
        ("ended", since(ended, now) if ended is not None else ""),
        ("lasted", lasted((now if ended is None else ended) - incident.started_at)),
        ("scope", scope(incident)),
        ("cause", f"<code>{text(incident.cause.value)}</code>"),
        ("what was to do", prose(incident.cure) if ended is not None else ""),
        ("id", f"<code>{text(incident.id)}</code>"),
    )
    yield f"<section><h2>What happened</h2>{facts(pairs)}</section>"
    seen = evidence(incident.evidence)
    if seen:
        yield f"<section><h2>Evidence</h2>{seen}</section>"
    yield "<section><h2>Affected targets</h2>"
    rows = (_affected(board, name, now) for name in incident.affected)
    columns = ("Target", "Group", "Now", "Last result")
    yield from table_pieces("Affected targets and how they stand now", columns, rows)
    yield "</section>"
    yield closing(board, now)


def _affected(board: Board, name: str, now: float) -> str:
    record = board.records.get(name)
    if record is None:
        return f'<tr><th scope="row">{text(name)}</th><td colspan="3">no longer a target</td></tr>'
    detail = record.verdict.detail if record.verdict else ""
    at = record.attempt.started_at if record.attempt else None
    return (
        f'<tr><th scope="row">{target_link(name, _ROOT)}</th>'
        f"<td>{words(record.target.group)}</td><td>{state_words(record.health.state)}</td>"
        f"<td>{text(detail)} {moment(at, now) if at else NOTHING}</td></tr>"
    )

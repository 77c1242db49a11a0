"""Incidents as several pages show them: a card, and the list of past ones."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from htpy import Element, Node, a, article, code, details, h3, p, span, strong, summary, td, th, tr

from monitor.common.listing import NO_TARGET
from monitor.incidents.incident_log import IncidentRecord
from monitor.model.incident import Incident
from monitor.present.confidence import confidence_in_words
from monitor.present.incident_view import (
    evidence_in_words,
    impact_of,
    runbook_path,
    title_of,
)
from monitor.state.store import StateStore
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

_NAMED = 8


def card(
    store: StateStore, incident: Incident, now: float, *, root: str, impact: bool = True
) -> Element:
    """Show an open incident with its impact, unless the page shows the same already. Affected
    targets that still exist are links."""
    seen = evidence(evidence_in_words(incident.evidence))
    href = incident_href(incident.id, root)
    return article(class_=f"incident {incident.state.value}", id=f"i-{text(incident.id)}")[
        h3[a(href=href)[text(title_of(incident))]],
        p(".impact")[text(impact_of(store, incident))] if impact else None,
        p(".meta")[
            state_words(incident.state),
            " since ",
            since(incident.started_at, now),
            " · ",
            scope(incident),
            " · ",
            a(href=f"{root}{runbook_path(incident.cause)}")[code[text(incident.cause.value)]],
        ],
        p(".remediation")[strong["What to do:"], " ", prose(incident.remediation)],
        p(".confidence")[strong["Confidence:"], " ", text(confidence_in_words(incident))],
        p(".affected")["Affects ", affected(incident, root, store.statuses.keys())],
        details[
            summary["Details"],
            p[text(incident.detail)],
            seen,
        ],
    ]


def scope(incident: Incident) -> Node:
    """Return the element that is broken: its kind and its name."""
    kind = words(incident.scope.value)
    if incident.subject.replace("_", " ") in kind:
        return kind
    return [f"{kind}: ", strong[text(incident.subject)]]


def affected(incident: Incident, root: str, known: Collection[str]) -> Node:
    """Return the number of targets that an incident affects, and the first of them."""
    names = incident.affected
    if not names:
        return NO_TARGET
    links: list[Node] = [
        target_link(name, root) if name in known else span[text(name)] for name in names[:_NAMED]
    ]
    rest = len(names) - _NAMED
    if rest > 0:
        links.append(a(href=incident_href(incident.id, root))[f"{rest} more"])
    return [
        f"{count(len(names), 'target')}: ",
        [[", " if n else "", x] for n, x in enumerate(links)],
    ]


def past_table(records: Sequence[IncidentRecord], now: float, *, root: str) -> Node:
    """List incidents that have ended, the latest first."""
    rows = (_past(record, record.ended_at or now, now, root) for record in reversed(records))
    columns = ("Ended", "Lasted", "Incident", "Targets")
    return table("Past incidents, the latest first", columns, rows, "past")


def _past(record: IncidentRecord, ended: float, now: float, root: str) -> Iterator[Node]:
    incident = record.incident
    yield tr[
        td[moment(ended, now)],
        td[lasted(ended - incident.started_at)],
        th(scope="row")[
            a(href=incident_href(incident.id, root))[text(title_of(incident))],
            span(".sub")[f"{words(incident.scope.value)} · {text(incident.cause.value)}"],
        ],
        td[str(len(incident.affected))],
    ]

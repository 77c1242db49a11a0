"""An incident's page: impact, what to do, how to confirm it, timeline, ticket, affected targets."""

from __future__ import annotations

from collections.abc import Iterator

from htpy import (
    Node,
    a,
    code,
    details,
    h1,
    h2,
    li,
    nav,
    ol,
    p,
    pre,
    section,
    span,
    strong,
    summary,
    td,
    th,
    tr,
)

from monitor.incidents.incident_log import IncidentRecord
from monitor.model.state import State
from monitor.present.confidence import confidence_in_words
from monitor.present.incident_view import IncidentView, incident_page_view
from monitor.state.store import StateStore
from monitor.web.pages.incidents import scope
from monitor.web.pages.parts import (
    evidence,
    facts,
    lasted,
    lines,
    mark,
    moment,
    nothing,
    prose,
    since,
    state_words,
    table,
    target_link,
    text,
    words,
)
from monitor.web.pages.shell import page

_ROOT = "../"


def incident_page(store: StateStore, record: IncidentRecord, now: float) -> Iterator[str]:
    """Render the page as of ``now`` (Unix seconds)."""
    incident, ended = record.incident, record.ended_at
    state = incident.state if ended is None else State.UP
    view = incident_page_view(store, record, now)
    title = view.title if ended is None else f"Over: {view.title}"
    content: list[Node] = [
        nav(aria_label="Breadcrumb")[a(href=_ROOT)["All targets"], " / incident"],
        h1("#headline", class_=f"headline long {state.value}", aria_live="polite")[
            mark(state), " ", span[text(title)]
        ],
        _summary(record, view, now),
        _confirm(record, view),
        _timeline(view, now),
        _evidence(record, view),
        _ticket(view),
        _affected(store, record, now),
    ]
    return page(store, now, content, title=title, state=state, root=_ROOT)


def _summary(record: IncidentRecord, view: IncidentView, now: float) -> Node:
    incident, ended = record.incident, record.ended_at
    pairs = (
        ("state", ["open, ", state_words(incident.state)] if ended is None else "over"),
        ("began", since(incident.started_at, now)),
        ("ended", since(ended, now) if ended is not None else None),
        ("lasted", lasted((now if ended is None else ended) - incident.started_at)),
        ("scope", scope(incident)),
        ("cause", a(href=f"{_ROOT}{view.runbook}")[code[text(incident.cause.value)]]),
        ("confidence", text(confidence_in_words(incident))),
        ("failures", "only a share of the probes" if incident.intermittent else None),
        ("id", code[text(incident.id)]),
        ("as JSON", a(href=f"{_ROOT}api/v1/incidents/{text(incident.id)}")["API"]),
    )
    label = "What to do:" if ended is None else "What was to do:"
    return [
        p(".impact.lead")[text(view.impact)],
        p(".remediation")[strong[label], " ", prose(incident.remediation)],
        p(".contact")[strong["Contact:"], f" {view.contact.who}. {view.contact.why}"],
        facts(pairs),
    ]


def _confirm(record: IncidentRecord, view: IncidentView) -> Node:
    cause = record.incident.cause
    return section[
        h2["Confirm it"],
        p["Run where the runner runs: in the same subnet and security group, or in its container."],
        pre(".commands", tabindex="0", aria_label="Commands")[code[lines("\n".join(view.commands))]]
        if view.commands
        else None,
        p[prose(view.confirm)],
        p[
            "The whole entry: ",
            a(href=f"{_ROOT}{view.runbook}")["runbook for ", code[text(cause.value)]],
        ],
    ]


def _timeline(view: IncidentView, now: float) -> Node:
    return section[
        h2["Timeline"],
        ol(".timeline")[
            (
                li[
                    moment(entry.at, now) if entry.at is not None else span(".quiet")["…"],
                    " ",
                    span[text(entry.text)],
                ]
                for entry in view.timeline
            )
        ],
    ]


def _evidence(record: IncidentRecord, view: IncidentView) -> Node:
    return section[h2["Observed"], p[text(record.incident.detail)], evidence(view.evidence)]


def _ticket(view: IncidentView) -> Node:
    return section[
        h2["Ticket"],
        details(id="ticket", data_open="")[
            summary[f"Text for {view.contact.who}"],
            pre(".ticket", tabindex="0", aria_label="Text of the ticket")[lines(view.ticket)],
        ],
    ]


def _affected(store: StateStore, record: IncidentRecord, now: float) -> Node:
    rows = (_row(store, name, now) for name in record.incident.affected)
    columns = ("Target", "Group", "Now", "Last result")
    if not record.incident.affected:
        return section[h2["Affected targets"], p["None."]]
    return section[
        h2["Affected targets"],
        table("Affected targets and their present state", columns, rows, "targets"),
    ]


def _row(store: StateStore, name: str, now: float) -> Node:
    status = store.statuses.get(name)
    if status is None:
        return tr[th(scope="row")[text(name)], td(colspan="3")["no longer a target"]]
    detail = status.diagnosis.detail if status.diagnosis else ""
    at = status.probe_result.started_at if status.probe_result else None
    return tr[
        th(scope="row")[target_link(name, _ROOT)],
        td[words(status.target.group)],
        td[state_words(status.health.state)],
        td[text(detail), " ", moment(at, now) if at else nothing()],
    ]

"""The runbook: one page per cause and per alert, from their registries."""

from __future__ import annotations

import re
from collections.abc import Iterator

from htpy import Node, a, code, h1, h2, li, nav, p, section, ul

from monitor.model.causes import Cause, Section
from monitor.model.state import State
from monitor.present.alert_runbook import ALERTS
from monitor.state.store import StateStore
from monitor.web.pages.incidents import past_table
from monitor.web.pages.parts import incident_href, prose, text
from monitor.web.pages.shell import page

_ROOT = "../"


def runbook_page(store: StateStore, cause: Cause, now: float) -> Iterator[str]:
    """Render the entry of one cause, with the incidents that it caused."""
    record, title = cause.record, f"Runbook: {cause.value}"
    open_ones = [i for i in store.incidents if i.cause is cause]
    past = [r for r in store.incident_log if r.ended_at and r.incident.cause is cause]
    content: list[Node] = [
        nav(aria_label="Breadcrumb")[a(href=_ROOT)["All targets"], " / ", a(href="./")["runbook"]],
        h1["Runbook: ", code[cause.value]],
        [
            p(".lead")["Open incident: ", a(href=incident_href(i.id, _ROOT))[text(i.detail)]]
            for i in open_ones
        ],
        _part("Looks like", record.symptom),
        _part("Confirm", record.confirm),
        p(".quiet")[
            "Run where the runner runs. An incident's page shows these commands filled in."
        ],
        _part("Fix", record.fix),
        _part("Ask the firewall team", record.request),
        section[h2["Past incidents with this cause"], past_table(past, now, root=_ROOT)]
        if past
        else None,
    ]
    return page(store, now, content, title=title, state=State.UNKNOWN, root=_ROOT)


def runbook_index(store: StateStore, now: float) -> Iterator[str]:
    """Render the list of all causes and alerts."""
    content: list[Node] = [
        nav(aria_label="Breadcrumb")[a(href=_ROOT)["All targets"], " / runbook"],
        h1["Runbook"],
        p["Every failure has exactly one of these causes."],
        (_section(part) for part in Section),
        _alerts(),
    ]
    return page(store, now, content, title="Runbook", state=State.UNKNOWN, root=_ROOT)


def alert_page(store: StateStore, name: str, now: float) -> Iterator[str]:
    """Render the entry of one alert: the rules of deploy/prometheus link to it."""
    entry = ALERTS[name]
    content: list[Node] = [
        nav(aria_label="Breadcrumb")[a(href=_ROOT)["All targets"], " / ", a(href="./")["runbook"]],
        h1["Alert: ", code[name]],
        p(".lead")["Fires when ", prose(entry.fires), "."],
        (p[prose(paragraph.replace("\n", " "))] for paragraph in _plain(entry.text).split("\n\n")),
    ]
    return page(store, now, content, title=f"Alert: {name}", state=State.UNKNOWN, root=_ROOT)


def _plain(markdown: str) -> str:
    """Return the text without its links, because the documents are not served."""
    return re.sub(r"\[([^]]+)\]\([^)]*\)", r"\1", markdown)


def _alerts() -> Node:
    return section[
        h2["Alerts"],
        ul(".causes")[
            (
                li[a(href=name)[code[name]], " ", prose(entry.fires)]
                for name, entry in ALERTS.items()
            )
        ],
    ]


def _section(part: Section) -> Node:
    causes = [cause for cause in Cause if cause.record.section is part]
    return section[
        h2[part.value],
        ul(".causes")[
            (
                li[a(href=cause.value)[code[cause.value]], " ", prose(_first(cause.record.symptom))]
                for cause in causes
            )
        ],
    ]


def _part(title: str, markdown: str) -> Node:
    return section[h2[title], p[prose(f"{markdown[:1].upper()}{markdown[1:]}")]]


def _first(markdown: str) -> str:
    sentence = markdown.partition(". ")[0].rstrip(".")
    return f"{sentence[:1].upper()}{sentence[1:]}."

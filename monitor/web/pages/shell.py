"""The frame of every page: head, banner, signs, footer."""

from __future__ import annotations

from collections.abc import Iterator

from htpy import (
    Element,
    Node,
    a,
    body,
    footer,
    head,
    header,
    html,
    link,
    main,
    meta,
    noscript,
    p,
    script,
    span,
    strong,
    svg,
)
from htpy import (
    title as title_element,
)

from monitor import __version__
from monitor.model.identity import Identity
from monitor.model.state import State
from monitor.state.store import StateStore
from monitor.web import api
from monitor.web.assets import SCRIPT, STYLE, icon_name
from monitor.web.pages.parts import circle, count, lasted, moment, path, pieces, symbol, text

REFRESH_SECONDS = 30
"""Time after which the page reloads without a script, in seconds."""

_SHAPES: dict[str, Node] = {
    "up": [circle(cx="8", cy="8", r="7"), path(".cut", d="M4.5 8.2l2.4 2.4 4.6-5")],
    "degraded": [path(d="M8 1l7.5 14H.5z"), path(".cut", d="M8 6v4.2M8 12v1.2")],
    "down": [path(d="M5 0h6l5 5v6l-5 5H5l-5-5V5z"), path(".cut", d="M5 5l6 6M11 5l-6 6")],
    "unknown": circle(".ring", cx="8", cy="8", r="6"),
}
_SIGNS = svg(".signs", aria_hidden="true", width="0", height="0")[
    [symbol(id=f"mark-{name}", viewBox="0 0 16 16")[shape] for name, shape in _SHAPES.items()]
]


def page(
    store: StateStore,
    now: float,
    content: Node,
    *,
    title: str,
    state: State,
    root: str,
    events: str = "events",
) -> Iterator[str]:
    """Render a page in pieces. ``root`` leads to the overview, and ``events`` from there to the
    stream of changes. ``content`` may be lazy."""
    return pieces(
        html(lang="en")[
            _head(title, state, root),
            body(data_events=f"{root}{events}")[
                a(".skip", href="#main")["Skip to content"],
                _SIGNS,
                header(".banner")[
                    a(".brand", href=root or "./")["Egress Monitor"],
                    p(".where")[_joined(_named(store.identity))],
                    p(".asof")[span("#link", role="status"), " As of ", moment(now, now)],
                ],
                p("#stale.notice.down", role="alert", hidden=True)[strong, span],
                main("#main")[_stalled(store, now), content],
                footer[p[" · ".join(_footer(store, now))]],
            ],
        ]
    )


def _head(title: str, state: State, root: str) -> Element:
    return head[
        meta(charset="utf-8"),
        meta(name="viewport", content="width=device-width, initial-scale=1"),
        meta(name="color-scheme", content="light dark"),
        noscript[meta(http_equiv="refresh", content=str(REFRESH_SECONDS))],
        title_element[f"{text(title)} · Egress Monitor"],
        link(rel="icon", type="image/svg+xml", href=f"{root}static/{icon_name(state)}"),
        link(rel="stylesheet", href=f"{root}static/{STYLE.name}"),
        link(
            rel="alternate",
            type="application/atom+xml",
            title="Incidents",
            href=f"{root}feed.atom",
        ),
        script(src=f"{root}static/{SCRIPT.name}", defer=True),
    ]


def _footer(store: StateStore, now: float) -> Iterator[str]:
    metrics = store.self_metrics
    yield f"egress-monitor {__version__}"
    yield count(len(store.statuses), "target")
    if metrics.started_at:
        yield f"running for {lasted(now - metrics.started_at)}"
    if metrics.last_completed_at:
        yield f"last result {lasted(now - metrics.last_completed_at)} ago"
    yield "all times in UTC"


def _stalled(store: StateStore, now: float) -> Node:
    condition = api.health(store, now)
    if condition.ok:
        return None
    return p(".notice.down", role="alert")[
        strong["The monitor itself does not work:"],
        f" {text(condition.text)}. Everything below may be old.",
    ]


def _joined(parts: Iterator[Element]) -> Node:
    return [[" · " if number else None, part] for number, part in enumerate(parts)]


def _named(found: Identity) -> Iterator[Element]:
    pairs = (
        ("runner ", found.runner_id),
        ("", found.availability_zone or found.region),
        ("account ", found.account_id),
        ("", found.vpc_id),
        ("", found.subnet_id),
        ("", found.instance_id),
    )
    for name, value in pairs:
        if value:
            yield span[f"{name}{text(value)}"]

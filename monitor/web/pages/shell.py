"""The frame of every page: head, banner, signs, footer."""

from __future__ import annotations

from collections.abc import Iterator

from monitor import __version__
from monitor.model.identity import Identity
from monitor.model.state import State
from monitor.state.store import StateStore
from monitor.web import api
from monitor.web.assets import SCRIPT, STYLE, icon_name
from monitor.web.pages.parts import count, lasted, moment, text

REFRESH_SECONDS = 30
"""How often the page is loaded anew where no script runs."""

_SIGNS = """<svg class="signs" aria-hidden="true" width="0" height="0">
<symbol id="mark-up" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7"/>\
<path class="cut" d="M4.5 8.2l2.4 2.4 4.6-5"/></symbol>
<symbol id="mark-degraded" viewBox="0 0 16 16"><path d="M8 1l7.5 14H.5z"/>\
<path class="cut" d="M8 6v4.2M8 12v1.2"/></symbol>
<symbol id="mark-down" viewBox="0 0 16 16"><path d="M5 0h6l5 5v6l-5 5H5l-5-5V5z"/>\
<path class="cut" d="M5 5l6 6M11 5l-6 6"/></symbol>
<symbol id="mark-unknown" viewBox="0 0 16 16"><circle class="ring" cx="8" cy="8" r="6"/></symbol>
</svg>"""


def opening(
    store: StateStore, now: float, *, title: str, state: State, root: str, events: str = "events"
) -> str:
    """Return everything before the page's own content; ``root`` leads to the overview, and
    ``events`` from there to what tells of changes."""
    named = _identity(store.identity)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<noscript><meta http-equiv="refresh" content="{REFRESH_SECONDS}"></noscript>
<title>{text(title)} · Egress Monitor</title>
<link rel="icon" type="image/svg+xml" href="{root}static/{icon_name(state)}">
<link rel="stylesheet" href="{root}static/{STYLE.name}">
<script src="{root}static/{SCRIPT.name}" defer></script>
</head>
<body data-events="{root}{text(events)}">
<a class="skip" href="#main">Skip to content</a>
{_SIGNS}
<header class="banner">
<a class="brand" href="{root or "./"}">Egress Monitor</a>
<p class="where">{named}</p>
<p class="asof"><span id="link" role="status"></span> As of {moment(now, now)}</p>
</header>
<p class="notice down" id="stale" role="alert" hidden><strong></strong><span></span></p>
<main id="main">
{_stalled(store, now)}"""


def closing(store: StateStore, now: float) -> str:
    """Return everything after the page's own content."""
    self_metrics = store.self_metrics
    said = [f"egress-monitor {__version__}", count(len(store.statuses), "target")]
    if self_metrics.started_at:
        said.append(f"running for {lasted(now - self_metrics.started_at)}")
    if self_metrics.last_completed_at:
        said.append(f"last result {lasted(now - self_metrics.last_completed_at)} ago")
    said.append("all times in UTC")
    return f"</main>\n<footer><p>{' · '.join(said)}</p></footer>\n</body>\n</html>\n"


def _stalled(store: StateStore, now: float) -> str:
    condition = api.health(store, now)
    if condition.ok:
        return ""
    return (
        '<p class="notice down" role="alert"><strong>The monitor itself stands still:</strong> '
        f"{text(condition.text)}. What is shown below is old.</p>"
    )


def _identity(found: Identity) -> str:
    return " · ".join(_named(found))


def _named(found: Identity) -> Iterator[str]:
    pairs = (
        ("runner", found.runner_id),
        ("", found.availability_zone or found.region),
        ("account", found.account_id),
        ("", found.vpc_id),
        ("", found.subnet_id),
        ("", found.instance_id),
    )
    for name, value in pairs:
        if value:
            yield f"<span>{name} {text(value)}</span>" if name else f"<span>{text(value)}</span>"

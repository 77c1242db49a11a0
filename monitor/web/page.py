"""The status page: one HTML document, made on the server, that needs no script. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from itertools import groupby

from monitor.diagnosis.network_path import SENTENCES, network_path
from monitor.model import Incident, State
from monitor.state import Board, Record
from monitor.view import no_verdict

REFRESH_SECONDS = 10
_MARKS = {State.UP: "●", State.DEGRADED: "▲", State.DOWN: "✖", State.UNKNOWN: "?"}

STYLE = """
:root { color-scheme: light dark; font-family: system-ui, sans-serif; line-height: 1.4; }
body { max-width: 70rem; margin: 0 auto; padding: 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; vertical-align: top; }
tbody tr { border-top: 1px solid color-mix(in srgb, currentColor 20%, transparent); }
.up { color: light-dark(#14632b, #6fd08c); }
.degraded { color: light-dark(#7a4d00, #f0b94a); }
.down { color: light-dark(#a4121c, #ff8a8a); }
.incident { border-left: .3rem solid; padding-left: 1rem; margin: 1rem 0; }
.incident p { color: CanvasText; margin: .25rem 0; }
small { opacity: .8; }
"""


def render(board: Board, now: float) -> str:
    """Write the page as of ``now`` (Unix seconds); everything in it is escaped."""
    records = sorted(board.records.values(), key=lambda r: r.target.group)
    groups = "".join(
        _group(name, list(rows), now) for name, rows in groupby(records, lambda r: r.target.group)
    )
    incidents = "".join(_incident(incident, now) for incident in board.incidents)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="{REFRESH_SECONDS}">
<title>{escape(headline(board))} - Egress Monitor</title>
<link rel="stylesheet" href="style.css">
</head>
<body>
<header><h1>{escape(headline(board))}</h1></header>
<main>
{incidents}
{groups}
</main>
</body>
</html>
"""


def headline(board: Board) -> str:
    """Say in one line how everything stands."""
    states = [record.health.state for record in board.records.values()]
    if board.incidents:
        count = len(board.incidents)
        down = states.count(State.DOWN)
        return f"{count} open incident{'s' if count > 1 else ''}, {down} of {len(states)} down"
    if State.DOWN in states or State.DEGRADED in states:
        return f"{states.count(State.DOWN)} of {len(states)} targets are down"
    if State.UNKNOWN in states:
        return f"{states.count(State.UP)} of {len(states)} targets are up so far"
    return f"All {len(states)} targets are up"


def _incident(incident: Incident, now: float) -> str:
    affected = ", ".join(incident.affected)
    return (
        f'<section class="incident {incident.state.value}">'
        f"<h2>{_MARKS[incident.state]} {escape(incident.detail)}</h2>"
        f"<p><strong>What to do:</strong> {escape(incident.cure)}</p>"
        f"<p><small>{escape(incident.scope.value)}: {escape(incident.subject)}, "
        f"{escape(incident.cause.value)}, for {_ago(now - incident.started_at)}. "
        f"Affected: {escape(affected)}</small></p></section>"
    )


def _group(name: str, records: Iterable[Record], now: float) -> str:
    rows = "".join(_row(record, now) for record in records)
    return (
        f"<section><h2>{escape(name)}</h2><table><thead><tr><th>State</th><th>Target</th>"
        f"<th>Endpoint</th><th>Took</th><th>Why</th></tr></thead><tbody>{rows}</tbody>"
        "</table></section>"
    )


def _row(record: Record, now: float) -> str:
    target, state = record.target, record.health.state
    verdict = record.verdict or no_verdict(target)
    took = f"{record.attempt.duration * 1000:.0f} ms" if record.attempt else ""
    since = f" for {_ago(now - record.health.since)}" if record.health.since else ""
    where = f"{target.endpoint.protocol.value} {target.host}:{target.port}"
    if way := network_path(target, record.attempt):
        where += f", {SENTENCES[way]}"
    why = f"{escape(verdict.detail)} <small>{escape(verdict.cure)}</small>"
    return (
        f'<tr><td class="{state.value}">{_MARKS[state]} {state.value}<small>{since}</small></td>'
        f"<td>{escape(target.id)}</td><td>{escape(where)}</td><td>{took}</td><td>{why}</td></tr>"
    )


def _ago(seconds: float) -> str:
    if seconds < 120:
        return f"{max(0, seconds):.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"

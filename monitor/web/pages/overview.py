"""The overview: how everything stands, open incidents, groups of targets, past incidents."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from statistics import median

from monitor.discovery_view import stand_in_text
from monitor.history import Strip, strip
from monitor.model import Attempt, Phase, State, Target
from monitor.state import Board, Record
from monitor.view import no_verdict
from monitor.web.pages import charts
from monitor.web.pages.incidents import card, past_table
from monitor.web.pages.notes import gateways, worth_a_look
from monitor.web.pages.parts import (
    DAY,
    WORDS,
    count,
    lasted,
    mark,
    millis,
    percent,
    place,
    since,
    table_pieces,
    target_link,
    text,
    words,
)
from monitor.web.pages.shell import closing, opening
from monitor.web.pages.target import expiry, way

_BADNESS = (State.DOWN, State.DEGRADED, State.UNKNOWN, State.UP)
_UNFOLDED = 12
"""Groups that are not well are unfolded while no more targets are unwell than this: of a wide
loss the incident tells, and seventy red rows tell nothing more."""

_COLUMN_NAMES = (
    '<p class="columns" aria-hidden="true"><span></span><span>Group</span><span>Now</span>'
    "<span>Last 24 h</span><span>Up</span><span>Latency</span></p>"
)
_COLUMNS = ("State", "Target", "Last 24 h", "Latency", "Last attempt", "Certificate")


def overview_page(board: Board, now: float) -> Iterator[str]:
    """Write the page as of ``now`` (Unix seconds)."""
    records = list(board.records.values())
    states = [record.health.state for record in records]
    state, said = headline(board, states)
    yield opening(board, now, title=said, state=state, root="")
    yield (
        f'<h1 class="headline {state.value}" id="headline" aria-live="polite">'
        f"{mark(state)} <span>{text(said)}</span></h1>{_counts(board, states, now)}"
    )
    if board.incidents:
        yield '<section aria-labelledby="open"><h2 id="open">Open incidents</h2>'
        for incident in board.incidents:
            yield card(incident, now, root="", known=board.records.keys())
        yield "</section>"
    yield worth_a_look(board)
    yield f'<section aria-labelledby="targets"><h2 id="targets">Targets</h2>{_COLUMN_NAMES}'
    explained = {name for incident in board.incidents for name in incident.affected}
    unwell = len(states) - states.count(State.UP)
    for name, members in grouped(records):
        unfold = unwell <= _UNFOLDED and members[0].health.state is not State.UP
        yield from _group(name, members, explained, unfold=unfold, now=now)
    yield f"{_LEGEND}</section>"
    yield gateways(board)
    ended = [c for c in board.chapters if c.ended_at is not None and c.ended_at > now - DAY]
    if ended:
        yield '<section aria-labelledby="past"><h2 id="past">Past incidents of the last day</h2>'
        yield f"{past_table(ended, now, root='')}</section>"
    yield closing(board, now)


def headline(board: Board, states: Sequence[State]) -> tuple[State, str]:
    """Say in one line how everything stands, and how bad that is."""
    total, down = len(states), states.count(State.DOWN)
    degraded, unknown = states.count(State.DEGRADED), states.count(State.UNKNOWN)
    incidents = count(len(board.incidents), "incident")
    if down:
        broken = f"{down} of {count(total, 'target')} down"
        return State.DOWN, f"{incidents}, {broken}" if board.incidents else broken
    if degraded or board.incidents:
        said = f"{degraded} of {count(total, 'target')} degraded"
        return State.DEGRADED, f"{incidents}, {said}" if board.incidents else said
    if unknown:
        return State.UNKNOWN, f"{states.count(State.UP)} of {count(total, 'target')} up so far"
    return State.UP, f"All {count(total, 'target')} up" if total else "No targets"


def grouped(records: Sequence[Record]) -> list[tuple[str, list[Record]]]:
    """Return the groups with their targets: the worst first, else as the catalogue has them."""
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(record.target.group, []).append(record)
    for members in found.values():
        members.sort(key=_badness)
    return sorted(found.items(), key=lambda item: min(map(_badness, item[1])))


def _badness(record: Record) -> int:
    return _BADNESS.index(record.health.state)


def _counts(board: Board, states: Sequence[State], now: float) -> str:
    shown = [
        f'<span class="state {s.value}">{mark(s)}{states.count(s)} {WORDS[s].lower()}</span>'
        for s in reversed(_BADNESS)
        if s in states
    ]
    if states.count(State.UP) == len(states) and not board.incidents:
        return f'<p class="counts">No incident is open.{_last_incident(board, now)}</p>'
    first = min((i.started_at for i in board.incidents), default=None)
    if first is not None:
        shown.append(f"<span>since {since(first, now)}</span>")
    return f'<p class="counts">{" ".join(shown)}</p>'


def _last_incident(board: Board, now: float) -> str:
    ended = max((c.ended_at for c in board.chapters if c.ended_at is not None), default=None)
    return f" The last one ended {since(ended, now)}." if ended is not None else ""


def _group(
    name: str,
    members: Sequence[Record],
    explained: Collection[str],
    *,
    unfold: bool,
    now: float,
) -> Iterator[str]:
    """A group as one line, its targets behind it."""
    strips = []
    for record in members:
        strips.append(strip(record.trace, now))
        yield ""  # the group's line needs all of them, and there may be thousands
    state = members[0].health.state
    opened = "open" if unfold else ""
    up = sum(record.health.state is State.UP for record in members)
    latencies = [s for r in members if (s := _latency(r.attempt)) is not None]
    together = _together(strips)
    yield (
        f'<details class="group" id="g-{text(name)}" data-open="{opened}" {opened}><summary>'
        f"<h3>{mark(state)} {words(name)}</h3>"
        f'<span class="share">{up} of {len(members)} up</span>'
        f"{charts.day_bar(together)}"
        f'<span class="uptime">{percent(together.uptime)}</span>'
        f'<span class="latency">{millis(median(latencies) if latencies else None)}</span>'
        "</summary>"
    )
    longest = max(charts.whole(r.attempt.phases) if r.attempt else 0.0 for r in members)
    rows = (
        _row(record, day, longest, record.target.id in explained, now)
        for record, day in zip(members, strips, strict=True)
    )
    yield from table_pieces(f"Targets of {name.replace('_', ' ')}", _COLUMNS, rows)
    yield "</details>"


def _together(strips: Sequence[Strip]) -> Strip:
    """Return a group's day: its worst states, the mean of what was up."""
    shares = [s.uptime for s in strips if s.uptime is not None]
    return Strip(
        start=strips[0].start,
        step=strips[0].step,
        worst=tuple(map(max, zip(*(s.worst for s in strips), strict=True))),
        latencies=(),
        uptime=sum(shares) / len(shares) if shares else None,
    )


def _row(record: Record, day: Strip, longest: float, explained: bool, now: float) -> str:
    target, health, attempt = record.target, record.health, record.attempt
    state = health.state
    lasting = f'<span class="sub">{_standing(record, now)}</span>' if _notable(record) else ""
    drawn = charts.phase_bar(attempt.phases, longest) if attempt else ""
    return (
        f'<tr id="t-{text(target.id)}" class="{state.value}">'
        f'<td><span class="state {state.value}">{mark(state)}{WORDS[state]}</span>{lasting}</td>'
        f'<th scope="row">{target_link(target.id, "")}{_about(target, attempt)}'
        f"{_why(record, explained)}</th>"
        f"<td>{charts.day_bar(day)}<span>{percent(day.uptime)}</span></td>"
        f"<td>{charts.sparkline(day)}<span>{millis(_latency(attempt))}</span></td>"
        f"<td>{drawn}</td><td>{expiry(attempt, now)}</td></tr>"
    )


def _standing(record: Record, now: float) -> str:
    flapping = ", flapping" if record.health.flapping else ""
    return f"{lasted(now - record.health.since)}{flapping}"


def _notable(record: Record) -> bool:
    return bool(record.health.since) and record.health.state is not State.UP


def _about(target: Target, attempt: Attempt | None) -> str:
    said = []
    if target.standin is not None:
        said.append(text(stand_in_text(target)))
    if taken := way(target, attempt):
        said.append(taken)
    if not target.endpoint.required:
        said.append("optional")
    more = f'<span class="sub">{" · ".join(said)}</span>' if said else ""
    return f'<span class="sub place">{place(target)}</span>{more}'


def _why(record: Record, explained: bool) -> str:
    """What is wrong; what to do as well where no incident tells it."""
    if record.health.state is State.UP and record.verdict and record.verdict.cause is None:
        return ""
    verdict = record.verdict or no_verdict(record.target)
    cure = f" {text(verdict.cure)}" if verdict.cure and not explained else ""
    return f'<span class="why">{text(verdict.detail)}{cure}</span>' if verdict.detail else ""


def _latency(attempt: Attempt | None) -> float | None:
    return sum(attempt.phases.values()) if attempt and attempt.ok else None


def _legend() -> str:
    keys = "".join(f"<li>{charts.phase_key(phase)} {words(phase.value)}</li>" for phase in Phase)
    states = "".join(f"<li>{charts.state_key(s)} {WORDS[s].lower()}</li>" for s in _BADNESS[::-1])
    return (
        '<details class="legend"><summary>How to read this</summary>'
        f"<p>Last 24 h: a column is the worst of 20 minutes.</p><ul>{states}</ul>"
        f"<p>Last attempt: its phases one after the other, on one scale a group.</p><ul>{keys}</ul>"
        "<p>Latency: all phases of the last attempt; the line is the last 24 h on a logarithmic "
        "scale.</p></details>"
    )


_LEGEND = _legend()

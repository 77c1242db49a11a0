"""The overview: how everything stands, open incidents, groups of targets, past incidents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from monitor.catalog.groups import rank
from monitor.health.redundancy import spared
from monitor.model.state import State
from monitor.state.store import Board, Record
from monitor.web.pages.groups import BADNESS, COLUMN_NAMES, LEGEND, group_pieces
from monitor.web.pages.incidents import card, past_table
from monitor.web.pages.notes import gateways, worth_a_look
from monitor.web.pages.parts import (
    DAY,
    WORDS,
    count,
    mark,
    since,
    text,
)
from monitor.web.pages.shell import closing, opening

_UNFOLDED = 12
"""Groups that are not well are unfolded while no more targets are unwell than this: of a wide
loss the incident tells, and seventy red rows tell nothing more."""


def overview_page(board: Board, now: float) -> Iterator[str]:
    """Write the page as of ``now`` (Unix seconds)."""
    records = list(board.records.values())
    states = [record.health.state for record in records]
    state, said = headline(board, records)
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
    yield f'<section aria-labelledby="targets"><h2 id="targets">Targets</h2>{COLUMN_NAMES}'
    explained = {name for incident in board.incidents for name in incident.affected}
    unwell = len(states) - states.count(State.UP)
    for name, members in grouped(records):
        unfold = unwell <= _UNFOLDED and members[0].health.state is not State.UP
        yield from group_pieces(name, members, explained, unfold=unfold, now=now)
    yield f"{LEGEND}</section>"
    yield gateways(board)
    yield worth_a_look(board, now)
    ended = [c for c in board.chapters if c.ended_at is not None and c.ended_at > now - DAY]
    if ended:
        yield '<section aria-labelledby="past"><h2 id="past">Past incidents of the last day</h2>'
        yield f"{past_table(ended, now, root='')}</section>"
    yield closing(board, now)


def headline(board: Board, records: Sequence[Record]) -> tuple[State, str]:
    """Say in one line how everything stands, and how bad that is: where only what nobody
    requires is down, or what has an alternative that works, a runner works."""
    spare = spared(board.redundant_groups)
    by_state = Counter(record.health.state for record in records)
    of_all = f"of {count(len(records), 'target')}"
    opened = f"{count(len(board.incidents), 'incident')}, " if board.incidents else ""
    if down := by_state[State.DOWN]:
        lost = (r.target for r in records if r.health.state is State.DOWN)
        if any(target.endpoint.required and target.id not in spare for target in lost):
            return State.DOWN, f"{opened}{down} {of_all} down"
        return State.DEGRADED, f"{opened}{down} {of_all} down, none that a runner needs"
    if by_state[State.DEGRADED] or opened:
        return State.DEGRADED, f"{opened}{by_state[State.DEGRADED]} {of_all} degraded"
    if unknown := by_state[State.UNKNOWN]:
        impossible = sum(bool(record.target.unknown) for record in records)
        rest = "so far" if unknown > impossible else f"and {unknown} not probed"
        return State.UNKNOWN, f"{by_state[State.UP]} {of_all} up {rest}"
    return State.UP, f"All {count(len(records), 'target')} up" if records else "No targets"


def grouped(records: Sequence[Record]) -> list[tuple[str, list[Record]]]:
    """Return the groups with their targets: the worst first, else in the requirements' order."""
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(record.target.group, []).append(record)
    for members in found.values():
        members.sort(key=_badness)
    return sorted(found.items(), key=lambda g: (min(map(_badness, g[1])), rank(g[0])))


def _badness(record: Record) -> int:
    return BADNESS.index(record.health.state)


def _counts(board: Board, states: Sequence[State], now: float) -> str:
    shown = [
        f'<span class="state {s.value}">{mark(s)}{states.count(s)} {WORDS[s].lower()}</span>'
        for s in reversed(BADNESS)
        if s in states
    ]
    if states.count(State.UP) == len(states) and not board.incidents:
        return f'<p class="quiet">No incident is open.{_last_incident(board, now)}</p>'
    first = min((i.started_at for i in board.incidents), default=None)
    if first is not None:
        shown.append(f"<span>since {since(first, now)}</span>")
    return f'<p class="counts">{" ".join(shown)}</p>'


def _last_incident(board: Board, now: float) -> str:
    ended = max((c.ended_at for c in board.chapters if c.ended_at is not None), default=None)
    return f" The last one ended {since(ended, now)}." if ended is not None else ""

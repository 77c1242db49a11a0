"""The overview: how everything stands, open incidents, groups of targets, past incidents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from monitor.catalog.groups import rank
from monitor.health.redundancy import covered_by_redundancy
from monitor.health.status import TargetStatus
from monitor.model.state import State
from monitor.state.store import StateStore
from monitor.web.pages.groups import BADNESS, COLUMN_NAMES, LEGEND, group_pieces
from monitor.web.pages.incidents import card, past_table
from monitor.web.pages.notes import gateways, worth_a_follow_up
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


def overview_page(store: StateStore, now: float) -> Iterator[str]:
    """Write the page as of ``now`` (Unix seconds)."""
    statuses = list(store.statuses.values())
    states = [status.health.state for status in statuses]
    state, said = headline(store, statuses)
    yield opening(store, now, title=said, state=state, root="")
    yield (
        f'<h1 class="headline {state.value}" id="headline" aria-live="polite">'
        f"{mark(state)} <span>{text(said)}</span></h1>{_counts(store, states, now)}"
    )
    if store.incidents:
        yield '<section aria-labelledby="open"><h2 id="open">Open incidents</h2>'
        for incident in store.incidents:
            yield card(incident, now, root="", known=store.statuses.keys())
        yield "</section>"
    yield f'<section aria-labelledby="targets"><h2 id="targets">Targets</h2>{COLUMN_NAMES}'
    explained = {name for incident in store.incidents for name in incident.affected}
    unwell = len(states) - states.count(State.UP)
    for name, members in grouped(statuses):
        unfold = unwell <= _UNFOLDED and members[0].health.state is not State.UP
        yield from group_pieces(name, members, explained, unfold=unfold, now=now)
    yield f"{LEGEND}</section>"
    yield gateways(store)
    yield worth_a_follow_up(store, now)
    ended = [c for c in store.incident_log if c.ended_at is not None and c.ended_at > now - DAY]
    if ended:
        yield '<section aria-labelledby="past"><h2 id="past">Past incidents of the last day</h2>'
        yield f"{past_table(ended, now, root='')}</section>"
    yield closing(store, now)


def headline(store: StateStore, statuses: Sequence[TargetStatus]) -> tuple[State, str]:
    """Say in one line how everything stands, and how bad that is: where only what nobody
    requires is down, or what has an alternative that works, a runner works."""
    spare = covered_by_redundancy(store.redundant_groups)
    by_state = Counter(status.health.state for status in statuses)
    of_all = f"of {count(len(statuses), 'target')}"
    opened = f"{count(len(store.incidents), 'incident')}, " if store.incidents else ""
    if down := by_state[State.DOWN]:
        lost = (r.target for r in statuses if r.health.state is State.DOWN)
        if any(target.endpoint.required and target.id not in spare for target in lost):
            return State.DOWN, f"{opened}{down} {of_all} down"
        return State.DEGRADED, f"{opened}{down} {of_all} down, none that a runner needs"
    if by_state[State.DEGRADED] or opened:
        return State.DEGRADED, f"{opened}{by_state[State.DEGRADED]} {of_all} degraded"
    if unknown := by_state[State.UNKNOWN]:
        impossible = sum(bool(status.target.missing_values) for status in statuses)
        rest = "so far" if unknown > impossible else f"and {unknown} not probed"
        return State.UNKNOWN, f"{by_state[State.UP]} {of_all} up {rest}"
    return State.UP, f"All {count(len(statuses), 'target')} up" if statuses else "No targets"


def grouped(statuses: Sequence[TargetStatus]) -> list[tuple[str, list[TargetStatus]]]:
    """Return the groups with their targets: the worst first, else in the requirements' order."""
    found: dict[str, list[TargetStatus]] = {}
    for status in statuses:
        found.setdefault(status.target.group, []).append(status)
    for members in found.values():
        members.sort(key=_badness)
    return sorted(found.items(), key=lambda g: (min(map(_badness, g[1])), rank(g[0])))


def _badness(status: TargetStatus) -> int:
    return BADNESS.index(status.health.state)


def _counts(store: StateStore, states: Sequence[State], now: float) -> str:
    shown = [
        f'<span class="state {s.value}">{mark(s)}{states.count(s)} {WORDS[s].lower()}</span>'
        for s in reversed(BADNESS)
        if s in states
    ]
    if states.count(State.UP) == len(states) and not store.incidents:
        return f'<p class="quiet">No incident is open.{_last_incident(store, now)}</p>'
    first = min((i.started_at for i in store.incidents), default=None)
    if first is not None:
        shown.append(f"<span>since {since(first, now)}</span>")
    return f'<p class="counts">{" ".join(shown)}</p>'


def _last_incident(store: StateStore, now: float) -> str:
    ended = max((c.ended_at for c in store.incident_log if c.ended_at is not None), default=None)
    return f" The last one ended {since(ended, now)}." if ended is not None else ""

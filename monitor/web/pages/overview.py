"""The overview: impact, open incidents, groups of targets, past incidents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from htpy import Element, Node, a, h1, h2, p, section, span

from monitor.catalog.groups import rank
from monitor.health.redundancy import covered_by_redundancy
from monitor.health.status import TargetStatus
from monitor.health.timeline import Strip, strip
from monitor.model.state import State
from monitor.present.impact import impact
from monitor.state.store import StateStore
from monitor.web.pages.groups import BADNESS, Shown, column_names, group_section, legend
from monitor.web.pages.incidents import card, past_table
from monitor.web.pages.notes import egress_addresses, gateways, worth_a_look
from monitor.web.pages.parts import WORDS, count, mark, since, text
from monitor.web.pages.ranges import chosen_range, clipped, range_links
from monitor.web.pages.shell import page

_UNFOLDED = 12
"""Maximum number of targets that are not up with which groups are unfolded: an incident explains
a wide loss, and seventy red rows add nothing."""


def overview_page(store: StateStore, now: float, range_name: str = "") -> Iterator[str]:
    """Render the page as of ``now`` (Unix seconds) in pieces."""
    statuses = list(store.statuses.values())
    resolution = chosen_range(range_name, store)
    strips: list[Strip] = []
    for status in statuses:
        strips.append(strip(status.timeline_in(resolution), now, resolution))
        yield ""
    by_id = dict(zip((s.target.id for s in statuses), clipped(strips), strict=True))
    explained = {name for incident in store.incidents for name in incident.affected}
    shown = Shown(resolution, by_id, explained, now)
    state, sentence = headline(store, statuses)
    content: list[Node] = [
        _heading(store, statuses, state, sentence, now),
        section("#part-open", aria_labelledby="open")[
            h2("#open")["Open incidents"],
            (
                card(store, i, now, root="", impact=len(store.incidents) > 1)
                for i in store.incidents
            ),
        ]
        if store.incidents
        else None,
        _targets(statuses, shown),
        gateways(store),
        egress_addresses(store, now),
        worth_a_look(store, now),
        _past(store, now),
    ]
    yield from page(store, now, content, title=sentence, state=state, root="")


def headline(store: StateStore, statuses: Sequence[TargetStatus]) -> tuple[State, str]:
    """Return the state of everything and a sentence of numbers. If only targets are down that a
    runner does not need, or that have a working alternative, the runner still works."""
    covered = covered_by_redundancy(store.redundant_groups)
    by_state = Counter(status.health.state for status in statuses)
    of_all = f"of {count(len(statuses), 'target')}"
    opened = f"{count(len(store.incidents), 'incident')}, " if store.incidents else ""
    if down := by_state[State.DOWN]:
        lost = [s.target for s in statuses if s.health.state is State.DOWN]
        needed = [target for target in lost if target.endpoint.required]
        if any(target.id not in covered for target in needed):
            return State.DOWN, f"{opened}{down} {of_all} down"
        why = "an alternative of each works" if needed else "none that a runner needs"
        return State.DEGRADED, f"{opened}{down} {of_all} down, {why}"
    if by_state[State.DEGRADED] or opened:
        return State.DEGRADED, f"{opened}{by_state[State.DEGRADED]} {of_all} degraded"
    if unknown := by_state[State.UNKNOWN]:
        impossible = sum(bool(status.target.missing_values) for status in statuses)
        rest = "so far" if unknown > impossible else f"and {unknown} not probed"
        return State.UNKNOWN, f"{by_state[State.UP]} {of_all} up {rest}"
    return State.UP, f"All {count(len(statuses), 'target')} up" if statuses else "No targets"


def grouped(statuses: Sequence[TargetStatus]) -> list[tuple[str, list[TargetStatus]]]:
    """Return the groups with their targets: the worst first, else in the order of the
    requirements."""
    found: dict[str, list[TargetStatus]] = {}
    for status in statuses:
        found.setdefault(status.target.group, []).append(status)
    for members in found.values():
        members.sort(key=_badness)
    return sorted(found.items(), key=lambda g: (min(map(_badness, g[1])), rank(g[0])))


def _badness(status: TargetStatus) -> int:
    return BADNESS.index(status.health.state)


def _heading(
    store: StateStore,
    statuses: Sequence[TargetStatus],
    state: State,
    sentence: str,
    now: float,
) -> Node:
    """Return the headline: the impact while something is down, else the numbers."""
    if state is State.DOWN:
        covered = covered_by_redundancy(store.redundant_groups)
        bad = [
            (s.target, s.health.state)
            for s in statuses
            if s.health.state in {State.DOWN, State.DEGRADED}
        ]
        first = impact(bad, (s.target for s in statuses), covered)
        numbers: Node = p(".lead")[f"{text(sentence)}."]
    else:
        first, numbers = sentence, None
    long = " long" if state is State.DOWN else ""
    return [
        h1("#headline", class_=f"headline {state.value}{long}", aria_live="polite")[
            mark(state), " ", span[text(first)]
        ],
        numbers,
        _counts(store, statuses, now),
    ]


def _counts(store: StateStore, statuses: Sequence[TargetStatus], now: float) -> Element:
    states = [status.health.state for status in statuses]
    if states.count(State.UP) == len(states) and not store.incidents:
        return p(".quiet")["No incident is open.", _last_incident(store, now)]
    shown: list[Node] = [
        span(class_=f"state {s.value}")[mark(s), f"{states.count(s)} {WORDS[s].lower()}"]
        for s in reversed(BADNESS)
        if s in states
    ]
    first = min((i.started_at for i in store.incidents), default=None)
    if first is not None:
        shown.append(span["since ", since(first, now)])
    return p(".counts")[shown]


def _targets(statuses: Sequence[TargetStatus], shown: Shown) -> Element:
    unwell = sum(status.health.state is not State.UP for status in statuses)
    return section("#part-targets", aria_labelledby="targets")[
        h2("#targets")["Targets"],
        range_links(shown.resolution),
        column_names(shown.resolution),
        (
            group_section(
                name,
                members,
                shown,
                unfold=unwell <= _UNFOLDED and members[0].health.state is not State.UP,
            )
            for name, members in grouped(statuses)
        ),
        legend(shown.resolution),
        p(".quiet")[a(href="runbook/")["Runbook: all causes"]],
    ]


def _past(store: StateStore, now: float) -> Node:
    ended = [c for c in store.incident_log if c.ended_at is not None]
    if not ended:
        return None
    return section("#part-past", aria_labelledby="past")[
        h2("#past")["Past incidents"],
        past_table(ended[-_PAST:], now, root=""),
    ]


_PAST = 20
"""Number of past incidents on the overview; all of them are in the API and in the feed."""


def _last_incident(store: StateStore, now: float) -> Node:
    ended = max((c.ended_at for c in store.incident_log if c.ended_at is not None), default=None)
    return [" The last one ended ", since(ended, now), "."] if ended is not None else None

"""Groups of targets: one line per group, and behind it one row per target. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from htpy import Element, Node, details, h3, li, p, span, summary, td, th, tr, ul

from monitor.health.status import TargetStatus
from monitor.health.timeline import Resolution, Strip
from monitor.model.probe_result import Phase, ProbeResult
from monitor.model.state import State
from monitor.present.discovery_view import wildcard_sample_text
from monitor.present.json_view import no_diagnosis
from monitor.web.pages import charts
from monitor.web.pages.parts import (
    WORDS,
    lasted,
    mark,
    millis,
    percent,
    place,
    prose,
    table,
    target_link,
    text,
    words,
)
from monitor.web.pages.ranges import in_words, together
from monitor.web.pages.target import expiry, inspected_by, proxy_path

BADNESS = (State.DOWN, State.DEGRADED, State.UNKNOWN, State.UP)
"""States, the worst first."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Values shared by all groups of an overview. ``explained`` are the ids of targets that an
    incident explains, ``strips`` the timelines by id."""

    resolution: Resolution
    strips: Mapping[str, Strip]
    explained: Collection[str]
    now: float


def column_names(resolution: Resolution) -> Element:
    """Return the titles of the columns of the groups."""
    names = ("", "Group", "Now", in_words(resolution), "Up", "Latency")
    return p(".columns", aria_hidden="true")[[span[name] for name in names]]


def group_section(
    name: str, members: Sequence[TargetStatus], shown: Shown, *, unfold: bool
) -> Element:
    """Show a group as one line, its targets (the worst first) behind it. In an unfolded group,
    targets that are up are folded."""
    state = members[0].health.state
    up = sum(status.health.state is State.UP for status in members)
    latencies = [s for r in members if (s := _latency(r.probe_result)) is not None]
    strip = together([shown.strips[status.target.id] for status in members])
    title = f"Targets of {name.replace('_', ' ')}"
    opened = "open" if unfold else ""
    return details(".group", id=f"g-{text(name)}", data_open=opened, open=unfold)[
        summary[
            h3[mark(state), " ", words(name)],
            span(".share")[f"{up} of {len(members)} up"],
            charts.bar(strip, in_words(shown.resolution)),
            span(".uptime")[percent(strip.uptime)],
            span(".latency")[millis(median(latencies) if latencies else None)],
        ],
        _rows(title, members, shown)
        if not unfold or not up
        else [
            _rows(f"{title} that are not up", members[: len(members) - up], shown),
            details(".rest", id=f"g-{text(name)}-up")[
                summary[f"{up} up"],
                _rows(f"{title} that are up", members[len(members) - up :], shown),
            ],
        ],
    ]


def _rows(title: str, members: Sequence[TargetStatus], shown: Shown) -> Node:
    longest = _longest(members)
    columns = ("State", "Target", in_words(shown.resolution), "Latency", "Phases", "Certificate")
    return table(title, columns, (_row(status, longest, shown) for status in members))


def _longest(members: Sequence[TargetStatus]) -> float:
    """Return the seconds that the width of a bar of phases stands for. The duration of a timeout
    would make the other bars a sliver, so it counts only if there is nothing else."""
    results = [status.probe_result for status in members if status.probe_result]
    drawn = [result for result in results if result.ok] or results
    return max((charts.whole(result.phases) for result in drawn), default=0.0)


def _row(status: TargetStatus, longest: float, shown: Shown) -> Element:
    target, health, result = status.target, status.health, status.probe_result
    state, strip = health.state, shown.strips[target.id]
    notable = bool(health.since) and state is not State.UP
    return tr(id=f"t-{text(target.id)}", class_=state.value)[
        td[
            span(class_=f"state {state.value}")[mark(state), WORDS[state]],
            span(".sub")[_duration(status, shown.now)] if notable else None,
        ],
        th(scope="row")[
            target_link(target.id, ""),
            span(".sub.cut")[place(target)],
            _about(status),
            _why(status, target.id in shown.explained),
        ],
        td[charts.bar(strip, in_words(shown.resolution)), span[percent(strip.uptime)]],
        td[
            charts.sparkline(strip, in_words(shown.resolution)),
            span[millis(_latency(result))],
        ],
        td[charts.phase_bar(result.phases, longest) if result else None],
        td[expiry(result, shown.now)],
    ]


def _duration(status: TargetStatus, now: float) -> str:
    flapping = ", flapping" if status.health.flapping else ""
    return f"{lasted(now - status.health.since)}{flapping}"


def _about(status: TargetStatus) -> Node:
    target, result = status.target, status.probe_result
    parts: list[Node] = []
    if target.wildcard_sample is not None:
        parts.append(text(wildcard_sample_text(target)))
    if taken := proxy_path(target, result):
        parts.append(taken)
    if inspector := inspected_by(status):
        parts.append(f"TLS intercepted by {text(inspector)}")
    if not target.endpoint.required:
        parts.append("optional")
    if not parts:
        return None
    return span(".sub")[[[" · " if number else None, part] for number, part in enumerate(parts)]]


def _why(status: TargetStatus, explained: bool) -> Node:
    """Return what is wrong; with the remediation unless an incident shows it."""
    found = status.diagnosis
    if status.health.state is State.UP and found and found.cause is None:
        return None
    found = found or no_diagnosis(status.target)
    parts = (found.detail, "" if explained else found.remediation)
    sentence = " ".join(f"{part.rstrip('.')}." for part in parts if part)
    return span(".why")[prose(sentence)] if sentence else None


def _latency(result: ProbeResult | None) -> float | None:
    return sum(result.phases.values()) if result and result.ok else None


def legend(resolution: Resolution) -> Element:
    """Explain the bars, the phases and the latencies."""
    return details(".legend")[
        summary["How to read this"],
        p[
            f"{in_words(resolution)}: each column shows the worst state of "
            f"{lasted(resolution.seconds * resolution.width)}. Worse states are taller."
        ],
        ul[_states()],
        p["Phases: the phases of the last probe in order, on one scale per group."],
        ul[[li[charts.phase_key(phase), " ", words(phase.value)] for phase in Phase]],
        p[
            "Latency: the sum of all phases of the last probe; the line is its history on a "
            "logarithmic scale."
        ],
    ]


def _states() -> Iterator[Element]:
    for state in reversed(BADNESS):
        yield li[charts.state_key(state), f" {WORDS[state].lower()}"]
    yield li[charts.state_key(None), " not measured"]

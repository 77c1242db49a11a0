"""Charts in SVG, their geometry in attributes: the page's policy allows no inline styles."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from htpy import Element, Node, div, li, ol, svg

from monitor.health.latency import latency_of
from monitor.health.timeline import Slot, Strip, state_of
from monitor.model.probe_result import Phase
from monitor.model.state import State
from monitor.web.pages.parts import count, lasted, latency, path, share

_TOPS = {State.UP: 5, State.DEGRADED: 2, State.DOWN: 0, State.UNKNOWN: 10, None: 11}
"""Top of a state's column in a bar of 12: worse states are taller, so that they show without
color."""

_LEAST_SPAN = 40
"""Minimum range of latency codes in a sparkline: a factor of eight, so that noise looks like
noise."""


def bar(strip: Strip, span: str, kind: str = "") -> Element:
    """Draw the states of a timeline, one column each. ``span`` is its length in words."""
    paths: dict[str, str] = {}
    at = 0
    for number, run in groupby(strip.worst):
        width, state = len(list(run)), state_of(number)
        name = state.value if state else "none"
        paths[name] = f"{paths.get(name, '')}M{at} {_TOPS[state]}h{width}V12h-{width}z"
        at += width
    return svg(
        class_=f"bar {kind}".strip(),
        viewBox=f"0 0 {len(strip.worst)} 12",
        preserveAspectRatio="none",
        role="img",
        aria_label=_in_words(strip, span),
    )[(path(class_=name, d=drawn) for name, drawn in paths.items())]


def sparkline(strip: Strip, span: str) -> Node:
    """Draw the latencies of a timeline on a logarithmic scale; a gap is a gap."""
    codes = [code for code in strip.latencies if code]
    if not codes:
        return None
    low, high = min(codes), max(codes)
    room = max(high - low, _LEAST_SPAN)
    base = (low + high - room) / 2
    points: Iterator[tuple[int, int]] = (
        (x, round(18 - 16 * (code - base) / room)) for x, code in enumerate(strip.latencies) if code
    )
    drawn, before = "", -2
    for x, y in points:
        drawn += f"{'L' if x == before + 1 else 'M'}{x} {y}"
        before = x
    drawn += "h.01"  # a single point is drawn as a dot
    label = f"Latency, {span}: {_plain(latency_of(low))} to {_plain(latency_of(high))}"
    return svg(
        ".spark",
        viewBox=f"0 0 {len(strip.latencies)} 20",
        preserveAspectRatio="none",
        role="img",
        aria_label=label,
    )[path(d=drawn)]


def phase_bar(phases: Mapping[Phase, float], longest: float) -> Node:
    """Draw the phases of a probe in order; the whole width is ``longest`` seconds."""
    steps = list(_finite(phases))
    if not steps or not longest:
        return None
    drawn, at = [], 0.0
    for phase, seconds in steps:
        start, width = 1000 * at / longest, max(1000 * seconds / longest, 4)
        drawn.append(path(class_=phase.value, d=f"M{start:.0f} 0h{width:.0f}v8h-{width:.0f}z"))
        at += seconds
    label = ", ".join(f"{phase.value.replace('_', ' ')} {_plain(s)}" for phase, s in steps)
    return svg(
        ".phases",
        viewBox="0 0 1000 8",
        preserveAspectRatio="none",
        role="img",
        aria_label=label,
    )[drawn]


def phase_step(phase: Phase, begun: float, seconds: float, whole_seconds: float) -> Element:
    """Draw one phase of a waterfall at its place in the whole probe."""
    start = 1000 * begun / whole_seconds
    width = max(1000 * seconds / whole_seconds, 6)
    return svg(".phases", viewBox="0 0 1000 8", preserveAspectRatio="none", aria_hidden="true")[
        path(".track", d="M0 4h1000"),
        path(class_=phase.value, d=f"M{start:.0f} 0h{width:.0f}v8h-{width:.0f}z"),
    ]


def phase_key(phase: Phase) -> Element:
    """Draw the color of a phase."""
    return svg(".key", viewBox="0 0 8 8", aria_hidden="true")[
        path(class_=phase.value, d="M0 0h8v8h-8z")
    ]


def state_key(state: State | None) -> Element:
    """Draw a state as it looks in a bar."""
    return svg(".key.bar", viewBox="0 0 8 12", aria_hidden="true")[
        path(class_=state.value if state else "none", d=f"M0 {_TOPS[state]}h8V12h-8z")
    ]


def whole(phases: Mapping[Phase, float]) -> float:
    """Return the seconds of all phases."""
    return sum(seconds for _, seconds in _finite(phases))


def latency_chart(slots: Sequence[Slot], span: str) -> Node:
    """Draw latencies: the median of each slot, and the range from minimum to maximum around it;
    on a logarithmic scale of 1, 2, 5, 10 …"""
    seen = [s for s in slots if s.least and s.median and s.greatest]
    if not seen:
        return None
    ticks = _ticks(min(s.least or 0 for s in seen), max(s.greatest or 0 for s in seen))
    low, high = math.log(ticks[0]), math.log(ticks[-1])

    def height(seconds: float) -> float:
        return round(200 - 200 * (math.log(seconds) - low) / (high - low), 1)

    band, line, before = "", "", -2
    for x, slot in enumerate(slots):
        if not (slot.least and slot.median and slot.greatest):
            continue
        band += f"M{x} {height(slot.greatest)}h1V{height(slot.least)}h-1z"
        line += f"{'L' if x == before + 1 else 'M'}{x}.5 {height(slot.median)}"
        before = x
    grid = "".join(f"M0 {height(tick)}H{len(slots)}" for tick in ticks)
    label = f"Latency, {span}, between {_plain(ticks[0])} and {_plain(ticks[-1])}"
    return div(".chart")[
        ol(".scale", aria_hidden="true")[(li[latency(tick)] for tick in reversed(ticks))],
        svg(
            ".day",
            viewBox=f"0 0 {len(slots)} 200",
            preserveAspectRatio="none",
            role="img",
            aria_label=label,
        )[
            path(".grid", d=grid),
            path(".band", d=band),
            path(".line", d=f"{line}h.01"),
        ],
    ]


def _ticks(least: float, greatest: float) -> list[float]:
    """Return the steps of a scale that holds both, at least two of them."""
    steps = [base * 10.0**power for power in range(-5, 3) for base in (1, 2, 5)]
    first = max((n for n, step in enumerate(steps) if step <= least), default=0)
    last = next((n for n, step in enumerate(steps) if step >= greatest), len(steps) - 1)
    last = max(last, first + 2)
    if last - first < 6:
        return steps[first : last + 1]
    decades = range(first - first % 3, last + 3, 3)
    return [steps[n] for n in decades if n < len(steps)]


def _finite(phases: Mapping[Phase, float]) -> Iterator[tuple[Phase, float]]:
    return ((p, s) for p, s in phases.items() if math.isfinite(s))


def _in_words(strip: Strip, span: str) -> str:
    """Return a timeline in words, for readers that do not see the bar."""
    if strip.uptime is None:
        return f"{span}: nothing measured"
    bad = sum(state_of(n) is State.DOWN for n in strip.worst)
    slow = sum(state_of(n) is State.DEGRADED for n in strip.worst)
    step = lasted(strip.step)
    told = f"{span}: {share(strip.uptime).replace(chr(0x202F), ' ')} up"
    told += f"; down in {count(bad, 'interval')} of {step}" if bad else ""
    return told + (f"; degraded in {count(slow, 'interval')} of {step}" if slow else "")


def _plain(seconds: float | None) -> str:
    return latency(seconds).replace("\u202f", " ") or "unknown"

"""Small pictures in SVG, their geometry in attributes: the page's policy allows no styles."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from monitor.health.latency import latency_of
from monitor.health.timeline import DaySummary, Slot, state_of
from monitor.model.probe_result import Phase
from monitor.model.state import State
from monitor.web.pages.parts import count, lasted, millis, percent

_TOPS = {State.UP: 5, State.DEGRADED: 2, State.DOWN: 0, State.UNKNOWN: 10, None: 11}
"""How high a state stands in a bar of 12: what is worse is taller, so that it is told without
colour."""

_LEAST_SPAN = 40
"""The latency codes that the height of a sparkline stands for at least: a factor of eight, so
that noise looks like noise."""


def day_bar(strip: DaySummary, kind: str = "") -> str:
    """Draw the states of a day, a column each."""
    paths: dict[str, str] = {}
    at = 0
    for number, run in groupby(strip.worst):
        width, state = len(list(run)), state_of(number)
        name = state.value if state else "none"
        paths[name] = f"{paths.get(name, '')}M{at} {_TOPS[state]}h{width}V12h-{width}z"
        at += width
    drawn = "".join(f'<path class="{name}" d="{path}"/>' for name, path in paths.items())
    return (
        f'<svg class="bar {kind}" viewBox="0 0 {len(strip.worst)} 12" preserveAspectRatio="none" '
        f'role="img" aria-label="{_told(strip)}">{drawn}</svg>'
    )


def sparkline(strip: DaySummary) -> str:
    """Draw the latencies of a day on a logarithmic scale; a gap is a gap."""
    codes = [code for code in strip.latencies if code]
    if not codes:
        return ""
    low, high = min(codes), max(codes)
    room = max(high - low, _LEAST_SPAN)
    base = (low + high - room) / 2
    points: Iterator[tuple[int, int]] = (
        (x, round(18 - 16 * (code - base) / room)) for x, code in enumerate(strip.latencies) if code
    )
    path, before = "", -2
    for x, y in points:
        path += f"{'L' if x == before + 1 else 'M'}{x} {y}"
        before = x
    path += "h.01"  # a single point is drawn as a dot
    label = f"Latency in 24 h: {_plain(millis(latency_of(low)))} to " + _plain(
        millis(latency_of(high))
    )
    return (
        f'<svg class="spark" viewBox="0 0 {len(strip.latencies)} 20" preserveAspectRatio="none" '
        f'role="img" aria-label="{label}"><path d="{path}"/></svg>'
    )


def phase_bar(phases: Mapping[Phase, float], longest: float) -> str:
    """Draw an attempt's phases one after the other; the whole width is ``longest`` seconds."""
    steps = list(_finite(phases))
    if not steps or not longest:
        return ""
    drawn, at = "", 0.0
    for phase, seconds in steps:
        start, width = 1000 * at / longest, max(1000 * seconds / longest, 4)
        drawn += f'<path class="{phase.value}" d="M{start:.0f} 0h{width:.0f}v8h-{width:.0f}z"/>'
        at += seconds
    label = ", ".join(f"{phase.value.replace('_', ' ')} {_plain(millis(s))}" for phase, s in steps)
    return (
        f'<svg class="phases" viewBox="0 0 1000 8" preserveAspectRatio="none" role="img" '
        f'aria-label="{label}">{drawn}</svg>'
    )


def phase_step(phase: Phase, begun: float, seconds: float, whole: float) -> str:
    """Draw one phase of a waterfall where it lies in the ``whole`` attempt."""
    start = 1000 * begun / whole
    width = max(1000 * seconds / whole, 6)
    return (
        '<svg class="phases" viewBox="0 0 1000 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<path class="track" d="M0 4h1000"/>'
        f'<path class="{phase.value}" d="M{start:.0f} 0h{width:.0f}v8h-{width:.0f}z"/></svg>'
    )


def phase_key(phase: Phase) -> str:
    """Draw a phase's colour."""
    return (
        '<svg class="key" viewBox="0 0 8 8" aria-hidden="true">'
        f'<path class="{phase.value}" d="M0 0h8v8h-8z"/></svg>'
    )


def state_key(state: State) -> str:
    """Draw what a state looks like in a bar."""
    top = _TOPS[state]
    return (
        '<svg class="key bar" viewBox="0 0 8 12" aria-hidden="true">'
        f'<path class="{state.value}" d="M0 {top}h8V12h-8z"/></svg>'
    )


def whole(phases: Mapping[Phase, float]) -> float:
    """Return the seconds of all phases."""
    return sum(seconds for _, seconds in _finite(phases))


def latency_chart(day: Sequence[Slot]) -> str:
    """Draw a day's latencies: the median of each five minutes, and from the least to the
    greatest around it; on a logarithmic scale of 1, 2, 5, 10 …"""
    seen = [s for s in day if s.least and s.median and s.greatest]
    if not seen:
        return ""
    ticks = _ticks(min(s.least or 0 for s in seen), max(s.greatest or 0 for s in seen))
    low, high = math.log(ticks[0]), math.log(ticks[-1])

    def height(seconds: float) -> float:
        return round(200 - 200 * (math.log(seconds) - low) / (high - low), 1)

    band, line, before = "", "", -2
    for x, slot in enumerate(day):
        if not (slot.least and slot.median and slot.greatest):
            continue
        band += f"M{x} {height(slot.greatest)}h1V{height(slot.least)}h-1z"
        line += f"{'L' if x == before + 1 else 'M'}{x}.5 {height(slot.median)}"
        before = x
    grid = "".join(f"M0 {height(tick)}H{len(day)}" for tick in ticks)
    least, most = _plain(millis(ticks[0])), _plain(millis(ticks[-1]))
    labels = "".join(f"<li>{millis(tick)}</li>" for tick in reversed(ticks))
    return (
        f'<div class="chart"><ol class="scale" aria-hidden="true">{labels}</ol>'
        f'<svg class="day" viewBox="0 0 {len(day)} 200" preserveAspectRatio="none" role="img" '
        f'aria-label="Latency in 24 h, between {least} and {most}">'
        f'<path class="grid" d="{grid}"/><path class="band" d="{band}"/>'
        f'<path class="line" d="{line}h.01"/></svg></div>'
    )


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


def _told(strip: DaySummary) -> str:
    """Say a day in words: what is drawn, for who does not see it."""
    if strip.uptime is None:
        return "Last 24 h: nothing measured"
    share = _plain(percent(strip.uptime))
    bad = sum(state_of(n) is State.DOWN for n in strip.worst)
    slow = sum(state_of(n) is State.DEGRADED for n in strip.worst)
    span = lasted(strip.step)
    told = f"Last 24 h: {share} up"
    told += f"; down in {count(bad, 'span')} of {span}" if bad else ""
    return told + (f"; degraded in {count(slow, 'span')} of {span}" if slow else "")


def _plain(shown: str) -> str:
    return "unknown" if shown.startswith("<") else shown.replace("\u202f", " ")

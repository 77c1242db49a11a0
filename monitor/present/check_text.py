"""The result of a check as text for a terminal of any width: the verdict first. Pure.

No line is wider than the terminal. What is up or explained by an incident is folded unless
``--all`` is given.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from monitor.common.listing import NO_TARGET, listed
from monitor.common.sanitize import sanitize
from monitor.diagnosis.proxy_path import proxy_paths_of
from monitor.health.status import TargetStatus
from monitor.health.summary import Summary
from monitor.model.incident import Incident, Scope
from monitor.model.state import State
from monitor.present.check_formats import MARKS
from monitor.present.confidence import confidence_in_words
from monitor.present.endpoint_text import endpoint_text
from monitor.present.report import by_group, milliseconds
from monitor.state.check_result import summarize

NARROWEST, WIDEST = 20, 250
PIPED = 100
"""Width of lines that go to a file or a pipe."""

_WORST_FIRST = (State.DOWN, State.DEGRADED, State.UNKNOWN, State.UP)
_NAMED = 3
"""Targets that a line names; the others are counted."""

_GLUE = "\u00a0"
"""Joins two words on one line (a no-break space); printed as a space."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of output with the state that colors it, None for none."""

    text: str
    state: State | None = None


@dataclass(frozen=True, slots=True)
class CheckReport:
    """Everything that the text shows. ``impact`` is the consequence in words, "" for none;
    ``notes`` are remarks on proxies, gateways and missing values, ``folded_notes`` on discovery."""

    statuses: Sequence[TargetStatus]
    incidents: Sequence[Incident]
    impact: str = ""
    notes: Sequence[str] = ()
    folded_notes: Sequence[str] = ()


def check_lines(
    report: CheckReport,
    width: int,
    *,
    height: int = 0,
    everything: bool = False,
    quiet: bool = False,
) -> Iterator[Line]:
    """Yield the report for ``width`` columns. ``everything`` unfolds what is up; ``quiet`` ends
    after the verdict. On a terminal of ``height`` lines, the verdict of a longer report is repeated
    at the end, because the first lines scroll out of sight; 0: never."""
    width = max(NARROWEST, min(width, WIDEST))
    yield from _verdict(report, width)
    if quiet:
        return
    rest = list(_rest(report, width, everything=everything))
    yield from rest
    if 0 < height <= len(rest) + len(list(_verdict(report, width))):
        yield Line("")
        yield from _verdict(report, width)


def _rest(report: CheckReport, width: int, *, everything: bool) -> Iterator[Line]:
    """Yield what follows the verdict."""
    for incident in report.incidents:
        yield Line("")
        yield from _incident(incident, width)
    yield Line("")
    yield from _groups(report, width, everything=everything)
    notes = [*report.notes, *(report.folded_notes if everything else ())]
    hidden = len(report.folded_notes) if not everything else 0
    if hidden:
        notes.append(f"{hidden} remarks on discovery are hidden; --all shows them.")
    if notes:
        yield Line("")
    for note in notes:
        yield from _wrapped(note, width)


def _verdict(report: CheckReport, width: int) -> Iterator[Line]:
    summary = summarize(report.statuses)
    state = _overall(summary)
    yield from _wrapped(f"{MARKS[state]} {_headline(report, summary)}", width, state, indent=2)
    yield from _wrapped(f"  {totals(summary)}", width, indent=2)


def _overall(summary: Summary) -> State:
    if not summary.ok:
        return State.DOWN
    return State.DEGRADED if summary.degraded or summary.down else State.UP


def _headline(report: CheckReport, summary: Summary) -> str:
    if not summary.ok:
        missing = summary.required_missing
        word = "endpoint was" if missing == 1 else "endpoints were"
        return report.impact or f"{missing} required {word} not reached."
    if summary.degraded or summary.down:
        return "Every required endpoint was reached, with problems."
    return "Every required endpoint was reached."


def totals(summary: Summary) -> str:
    """Return the counts in one sentence, without those that are zero."""
    counts = (
        (summary.up, "up"),
        (summary.degraded, "degraded"),
        (summary.down, "down"),
        (summary.unknown, "unknown"),
    )
    parts = [f"{count} {name}" for count, name in counts if count]
    word = "target" if summary.targets == 1 else "targets"
    line = f"{summary.targets} {word}: {', '.join(parts) or 'none'}."
    if missing := summary.required_missing:
        line += f" {missing} required {'one was' if missing == 1 else 'ones were'} not reached."
    if covered := summary.covered_by_redundancy:
        verb = "is" if covered == 1 else "are"
        line += f" {covered} {verb} not needed because an alternative works."
    return line


def _incident(incident: Incident, width: int) -> Iterator[Line]:
    head = f"{MARKS[incident.state]} {incident.state}  {incident.detail}"
    yield from _wrapped(head, width, incident.state, indent=4)
    what = f"{incident.cause}, {_place(incident)}"
    yield from _wrapped(
        f"    {what}; affects {listed(incident.affected, _NAMED) or NO_TARGET}", width, indent=4
    )
    yield from _wrapped(f"    Confidence: {confidence_in_words(incident)}", width, indent=4)
    if incident.remediation:
        yield from _wrapped(f"    What to do: {incident.remediation}", width, indent=4)


def _place(incident: Incident) -> str:
    """Return the scope and its subject, which all egress does not need."""
    if incident.scope is Scope.ALL_EGRESS:
        return str(incident.scope)
    return f"{incident.scope} {incident.subject}"


def _groups(report: CheckReport, width: int, *, everything: bool) -> Iterator[Line]:
    """Yield one line per group with a problem, with the targets that no incident explains, then one
    line for the groups that are up. ``everything`` lists every target."""
    statuses = report.statuses
    proxied = any(proxy_paths_of(status.probe_result) for status in statuses)
    explained = {target_id for incident in report.incidents for target_id in incident.affected}
    healthy: list[str] = []
    for group, members in by_group(statuses, lambda status: status.target.group):
        if not everything and all(status.state is State.UP for status in members):
            healthy.append(f"{group}{_GLUE}{len(members)}")
            continue
        yield _group(group, members, width)
        for status in members:
            folded = status.state is State.UP or status.target.id in explained
            if everything or not folded:
                yield from _target(status, width, proxied=proxied)
    if healthy:
        yield from _wrapped(
            f"{MARKS[State.UP]} up: {', '.join(healthy)}", width, State.UP, indent=6
        )


def _group(group: str, members: Sequence[TargetStatus], width: int) -> Line:
    """Return the line of a group: its worst state, and the number of targets in each state."""
    states = [status.state for status in members]
    worst = next(state for state in _WORST_FIRST if state in states)
    counts = [f"{states.count(state)} {state}" for state in _WORST_FIRST if state in states]
    return Line(f"{MARKS[worst]} {sanitize(group)}: {', '.join(counts)}"[:width], worst)


def _target(status: TargetStatus, width: int, *, proxied: bool) -> Iterator[Line]:
    """Yield one target: state, id, time and cause in a line, and the endpoint if there is room."""
    result = status.probe_result
    cause = status.cause.value if status.cause else ""
    time = milliseconds(result.duration if result else None)
    head = f"  {MARKS[status.state]} {status.state:<9} {status.target.id}"
    tail = "  ".join(part for part in (time, cause) if part)
    room = width - len(head) - len(tail)
    if room >= 2:
        yield Line(f"{head}{' ' * room if width <= PIPED else '  '}{tail}".rstrip(), status.state)
    else:
        yield from _wrapped(head, width, status.state, indent=14)
        yield from _wrapped(f"    {tail}", width, indent=4)
    yield from _wrapped(f"    {endpoint_text(status, proxied=proxied)}", width, indent=4)


def _wrapped(text: str, width: int, state: State | None = None, indent: int = 0) -> Iterator[Line]:
    """Wrap text from anywhere: no control characters, and no line wider than the terminal."""
    lines = textwrap.wrap(
        _GLUE.join(map(sanitize, text.split(_GLUE))),
        width,
        subsequent_indent=" " * min(indent, width // 3),
        break_on_hyphens=False,
    )
    return (Line(line.replace(_GLUE, " "), state) for line in lines)


def text_of(lines: Iterable[Line]) -> str:
    """Return lines without color, each with a line break."""
    return "".join(f"{line.text}\n" for line in lines)

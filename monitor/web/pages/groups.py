"""Groups of targets: a line each, and behind it a row a target. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from statistics import median

from monitor.model.probe_result import Attempt, Phase
from monitor.model.state import State
from monitor.present.discovery_view import stand_in_text
from monitor.present.json_view import no_verdict
from monitor.state.history import Strip, strip
from monitor.state.store import Record
from monitor.web.pages import charts
from monitor.web.pages.parts import (
    WORDS,
    lasted,
    mark,
    millis,
    percent,
    place,
    prose,
    table_pieces,
    target_link,
    text,
    words,
)
from monitor.web.pages.target import expiry, inspected_by, way

BADNESS = (State.DOWN, State.DEGRADED, State.UNKNOWN, State.UP)
"""States, the worst first."""

COLUMN_NAMES = (
    '<p class="columns" aria-hidden="true"><span></span><span>Group</span><span>Now</span>'
    "<span>Last 24 h</span><span>Up</span><span>Latency</span></p>"
)

COLUMNS = ("State", "Target", "Last 24 h", "Latency", "Last attempt", "Certificate")


def group_pieces(
    name: str,
    members: Sequence[Record],
    explained: Collection[str],
    *,
    unfold: bool,
    now: float,
) -> Iterator[str]:
    """Write a group as one line, its targets (the worst first) behind it. Those that are well
    are folded away where the others are to be seen. ``explained``: the ids of targets that an
    incident tells of."""
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
    longest = _longest(members)
    rows = (
        _row(record, day, longest, record.target.id in explained, now)
        for record, day in zip(members, strips, strict=True)
    )
    title = f"Targets of {name.replace('_', ' ')}"
    if unfold and up:
        yield from table_pieces(
            f"{title} that are not up", COLUMNS, islice(rows, len(members) - up)
        )
        yield f'<details class="rest" id="g-{text(name)}-up"><summary>{up} up</summary>'
        yield from table_pieces(f"{title} that are up", COLUMNS, rows)
        yield "</details></details>"
    else:
        yield from table_pieces(title, COLUMNS, rows)
        yield "</details>"


def _longest(members: Sequence[Record]) -> float:
    """Return the seconds that a bar of phases is wide: what a timeout took would make the
    others a sliver, so it counts only where there is nothing else."""
    attempts = [record.attempt for record in members if record.attempt]
    shown = [attempt for attempt in attempts if attempt.ok] or attempts
    return max((charts.whole(attempt.phases) for attempt in shown), default=0.0)


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
        f'<th scope="row">{target_link(target.id, "")}{_about(record)}'
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


def _about(record: Record) -> str:
    target, attempt = record.target, record.attempt
    said = []
    if target.standin is not None:
        said.append(text(stand_in_text(target)))
    if taken := way(target, attempt):
        said.append(taken)
    if inspector := inspected_by(record):
        said.append(f"TLS opened on the way by {text(inspector)}")
    if not target.endpoint.required:
        said.append("optional")
    more = f'<span class="sub">{" · ".join(said)}</span>' if said else ""
    return f'<span class="sub cut">{place(target)}</span>{more}'


def _why(record: Record, explained: bool) -> str:
    """What is wrong; what to do as well where no incident tells it."""
    if record.health.state is State.UP and record.verdict and record.verdict.cause is None:
        return ""
    verdict = record.verdict or no_verdict(record.target)
    cure = verdict.cure if not explained else ""
    said = " ".join(f"{part.rstrip('.')}." for part in (verdict.detail, cure) if part)
    return f'<span class="why">{prose(said)}</span>' if said else ""


def _latency(attempt: Attempt | None) -> float | None:
    return sum(attempt.phases.values()) if attempt and attempt.ok else None


def _legend() -> str:
    keys = "".join(f"<li>{charts.phase_key(phase)} {words(phase.value)}</li>" for phase in Phase)
    states = "".join(f"<li>{charts.state_key(s)} {WORDS[s].lower()}</li>" for s in BADNESS[::-1])
    return (
        '<details class="legend"><summary>How to read this</summary>'
        f"<p>Last 24 h: a column is the worst of 20 minutes.</p><ul>{states}</ul>"
        f"<p>Last attempt: its phases one after the other, on one scale a group.</p><ul>{keys}</ul>"
        "<p>Latency: all phases of the last attempt; the line is the last 24 h on a logarithmic "
        "scale.</p></details>"
    )


LEGEND = _legend()
"""How to read the groups."""

"""Groups of targets: a line each, and behind it a row a target. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from statistics import median

from monitor.health.status import TargetStatus
from monitor.health.timeline import DaySummary, day_summary
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
    table_pieces,
    target_link,
    text,
    words,
)
from monitor.web.pages.target import expiry, inspected_by, proxy_path

BADNESS = (State.DOWN, State.DEGRADED, State.UNKNOWN, State.UP)
"""States, the worst first."""

COLUMN_NAMES = (
    '<p class="columns" aria-hidden="true"><span></span><span>Group</span><span>Now</span>'
    "<span>Last 24 h</span><span>Up</span><span>Latency</span></p>"
)

COLUMNS = ("State", "Target", "Last 24 h", "Latency", "Last attempt", "Certificate")


def group_pieces(
    name: str,
    members: Sequence[TargetStatus],
    explained: Collection[str],
    *,
    unfold: bool,
    now: float,
) -> Iterator[str]:
    """Write a group as one line, its targets (the worst first) behind it. Those that are well
    are folded away where the others are to be seen. ``explained``: the ids of targets that an
    incident tells of."""
    day_summaries = []
    for status in members:
        day_summaries.append(day_summary(status.timeline, now))
        yield ""  # the group's line needs all of them, and there may be thousands
    state = members[0].health.state
    opened = "open" if unfold else ""
    up = sum(status.health.state is State.UP for status in members)
    latencies = [s for r in members if (s := _latency(r.probe_result)) is not None]
    together = _together(day_summaries)
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
        _row(status, day, longest, status.target.id in explained, now)
        for status, day in zip(members, day_summaries, strict=True)
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


def _longest(members: Sequence[TargetStatus]) -> float:
    """Return the seconds that a bar of phases is wide: what a timeout took would make the
    others a sliver, so it counts only where there is nothing else."""
    attempts = [status.probe_result for status in members if status.probe_result]
    shown = [probe_result for probe_result in attempts if probe_result.ok] or attempts
    return max((charts.whole(probe_result.phases) for probe_result in shown), default=0.0)


def _together(day_summaries: Sequence[DaySummary]) -> DaySummary:
    """Return a group's day: its worst states, the mean of what was up."""
    shares = [s.uptime for s in day_summaries if s.uptime is not None]
    return DaySummary(
        start=day_summaries[0].start,
        step=day_summaries[0].step,
        worst=tuple(map(max, zip(*(s.worst for s in day_summaries), strict=True))),
        latencies=(),
        uptime=sum(shares) / len(shares) if shares else None,
    )


def _row(status: TargetStatus, day: DaySummary, longest: float, explained: bool, now: float) -> str:
    target, health, probe_result = status.target, status.health, status.probe_result
    state = health.state
    lasting = f'<span class="sub">{_status(status, now)}</span>' if _notable(status) else ""
    drawn = charts.phase_bar(probe_result.phases, longest) if probe_result else ""
    return (
        f'<tr id="t-{text(target.id)}" class="{state.value}">'
        f'<td><span class="state {state.value}">{mark(state)}{WORDS[state]}</span>{lasting}</td>'
        f'<th scope="row">{target_link(target.id, "")}{_about(status)}'
        f"{_why(status, explained)}</th>"
        f"<td>{charts.day_bar(day)}<span>{percent(day.uptime)}</span></td>"
        f"<td>{charts.sparkline(day)}<span>{millis(_latency(probe_result))}</span></td>"
        f"<td>{drawn}</td><td>{expiry(probe_result, now)}</td></tr>"
    )


def _status(status: TargetStatus, now: float) -> str:
    flapping = ", flapping" if status.health.flapping else ""
    return f"{lasted(now - status.health.since)}{flapping}"


def _notable(status: TargetStatus) -> bool:
    return bool(status.health.since) and status.health.state is not State.UP


def _about(status: TargetStatus) -> str:
    target, probe_result = status.target, status.probe_result
    said = []
    if target.wildcard_sample is not None:
        said.append(text(wildcard_sample_text(target)))
    if taken := proxy_path(target, probe_result):
        said.append(taken)
    if inspector := inspected_by(status):
        said.append(f"TLS opened on the way by {text(inspector)}")
    if not target.endpoint.required:
        said.append("optional")
    more = f'<span class="sub">{" · ".join(said)}</span>' if said else ""
    return f'<span class="sub cut">{place(target)}</span>{more}'


def _why(status: TargetStatus, explained: bool) -> str:
    """What is wrong; what to do as well where no incident tells it."""
    if status.health.state is State.UP and status.diagnosis and status.diagnosis.cause is None:
        return ""
    diagnosis = status.diagnosis or no_diagnosis(status.target)
    remediation = diagnosis.remediation if not explained else ""
    said = " ".join(f"{part.rstrip('.')}." for part in (diagnosis.detail, remediation) if part)
    return f'<span class="why">{prose(said)}</span>' if said else ""


def _latency(probe_result: ProbeResult | None) -> float | None:
    return sum(probe_result.phases.values()) if probe_result and probe_result.ok else None


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

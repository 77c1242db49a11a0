"""Tables and the progress bar: color on a terminal, plain text everywhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from monitor.common.listing import NO_TARGET, listed
from monitor.common.sanitize import sanitize
from monitor.diagnosis.proxy_path import proxy_paths_of
from monitor.health.status import TargetStatus
from monitor.model.incident import Incident
from monitor.model.probe_result import ProbeResult
from monitor.model.state import State
from monitor.model.target import Target
from monitor.present.check_formats import MARKS
from monitor.present.confidence import confidence_in_words
from monitor.present.discovery_view import found_text
from monitor.present.endpoint_text import endpoint_text
from monitor.present.report import (
    address_of,
    by_group,
    milliseconds,
    summary_line,
    unknown_lines,
)
from monitor.state.check_result import summarize

_PLAIN_WIDTH = 160
WHOLE_LINES = 1000
"""Width at which no line of a listing is folded, so that `grep` finds whole lines."""
_NAMED = 8
_STYLES = {
    State.UP: "green",
    State.DEGRADED: "yellow",
    State.DOWN: "bold red",
    State.UNKNOWN: "dim",
}


def console_for(stream: TextIO, plain_width: int = _PLAIN_WIDTH) -> Console:
    """Return a console on ``stream``; a file or a pipe gets a fixed width."""
    width = None if stream.isatty() else plain_width
    return Console(file=stream, width=width, highlight=False, soft_wrap=False)


@contextmanager
def progress(stream: TextIO) -> Iterator[Callable[[TargetStatus], None]]:
    """Show a progress bar for the length of the block if ``stream`` is a terminal.

    The block calls the yielded function with each result.
    """
    if not stream.isatty():
        yield lambda _: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed} done"))
    with Progress(*columns, console=console_for(stream), transient=True) as bar:
        task = bar.add_task("probing", total=None)
        yield lambda _: bar.advance(task)


def overview(statuses: Sequence[TargetStatus], incidents: Iterable[Incident]) -> Group:
    """Return what fits on a screen: the totals, the incidents, one line per group that is up, and
    one line per target in the others."""
    parts: list[RenderableType] = [_sum(statuses), Text()]
    for incident in incidents:
        parts += [_incident(incident), Text()]
    table = _table("state", "target", "endpoint", "time", "cause")
    proxied = _some_proxied(statuses)
    for group, members in by_group(statuses, lambda status: status.target.group):
        if all(status.state is State.UP for status in members):
            table.add_row(_state(State.UP), _clean(group), Text(f"all {len(members)}"))
            continue
        _heading(table, group)
        for status in members:
            table.add_row(*_result_cells(status, proxied))
    return Group(*parts, table)


def _some_proxied(statuses: Iterable[TargetStatus]) -> bool:
    """Return whether any target used a proxy; the path of each target is shown then."""
    return any(proxy_paths_of(status.probe_result) for status in statuses)


def _sum(statuses: Sequence[TargetStatus]) -> Text:
    summary = summarize(statuses)
    return Text(summary_line(summary), style="green" if summary.ok else "bold red")


def _state(state: State) -> Text:
    """Return a sign and the word: color is never the only carrier of meaning."""
    return Text(f"{MARKS[state]} {state}", style=_STYLES[state])


def print_endpoints(console: Console, targets: Sequence[Target]) -> None:
    """Print the resolved catalog by group."""
    table = _table("target", "endpoint", "required", "sample of", "note")
    for group, members in by_group(targets, lambda target: target.group):
        _heading(table, group)
        for target in members:
            table.add_row(*_endpoint_cells(target))
    _print_table(console, table)
    for line in unknown_lines(target for target in targets if target.endpoint.enabled):
        console.print(_clean(line))


def _print_table(console: Console, table: Table) -> None:
    """Print a table; in a file without the padding of its last column."""
    if console.is_terminal:
        console.print(table)
        return
    with console.capture() as caught:
        console.print(table)
    for line in caught.get().splitlines():
        console.print(Text(line.rstrip()), soft_wrap=True)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _heading(table: Table, group: str) -> None:
    table.add_row(Text(group, style="bold cyan"))


def _result_cells(status: TargetStatus, proxied: bool) -> Iterable[Text]:
    cause = status.diagnosis.cause if status.diagnosis else None
    return (
        Text("  ") + _state(status.state),
        _clean(status.target.id),
        _clean(endpoint_text(status, proxied=proxied)),
        Text(milliseconds(_duration(status.probe_result))),
        _clean(cause.value if cause else ""),
    )


def _duration(probe_result: ProbeResult | None) -> float | None:
    return probe_result.duration if probe_result else None


def _incident(incident: Incident) -> Text:
    head = _state(incident.state) + _clean(f"  {incident.detail}", "bold")
    what = f"{incident.cause}, {incident.scope} {incident.subject}"
    lines = [head, _clean(f"    {what}; affects {listed(incident.affected, _NAMED) or NO_TARGET}")]
    lines.append(_clean(f"    Confidence: {confidence_in_words(incident)}"))
    if incident.remediation:
        lines.append(_clean(f"    What to do: {incident.remediation}"))
    return Text("\n").join(lines)


def _endpoint_cells(target: Target) -> Iterable[Text]:
    endpoint = target.endpoint
    style = "" if endpoint.enabled else "dim"
    need = "required" if endpoint.required else "optional"
    state = need if endpoint.enabled else "off"
    return (
        _clean(f"  {target.id}", style),
        _clean(address_of(target), style),
        Text(state, style),
        _clean(
            ": ".join(filter(None, (endpoint.wildcard, found_text(target.wildcard_sample)))), style
        ),
        _clean(endpoint.note, style),
    )


def _clean(text: str, style: str = "") -> Text:
    """Return text for the terminal: no markup, and no control character from a peer."""
    return Text(sanitize(text), style)

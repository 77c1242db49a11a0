"""Tables and the progress bar: colour on a terminal, plain text everywhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from monitor.check import Result, summarize
from monitor.diagnosis.network_path import SENTENCES, network_path
from monitor.model import Attempt, Incident, State, Target
from monitor.report import milliseconds, summary_line, unknown_lines
from monitor.view import shown_path

T = TypeVar("T")
_PLAIN_WIDTH = 160
_STYLES = {
    State.UP: "green",
    State.DEGRADED: "yellow",
    State.DOWN: "bold red",
    State.UNKNOWN: "dim",
}


def console_for(stream: TextIO) -> Console:
    """Return a console on ``stream``; a file or a pipe gets a width of its own."""
    width = None if stream.isatty() else _PLAIN_WIDTH
    return Console(file=stream, width=width, highlight=False, soft_wrap=False)


@contextmanager
def progress(stream: TextIO, total: int) -> Iterator[Callable[[Result], None]]:
    """Show a bar for the length of the block where ``stream`` is a terminal.

    What is yielded is to be called with each result.
    """
    if not stream.isatty():
        yield lambda _: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console_for(stream), transient=True) as bar:
        task = bar.add_task("probing", total=total)
        yield lambda _: bar.advance(task)


def print_check(console: Console, results: Sequence[Result], incidents: Iterable[Incident]) -> None:
    """Print a table by group, then what is wrong and what to do about it, then the sum."""
    table = _table("state", "target", "endpoint", "time", "cause")
    for group, members in _by_group(results, lambda result: result.target.group):
        _heading(table, group)
        for result in members:
            table.add_row(*_result_cells(result))
    console.print(table)
    for incident in incidents:
        _print_incident(console, incident)
    for line in unknown_lines(result.target for result in results):
        console.print(_clean(line))
    summary = summarize(results)
    console.print(Text(summary_line(summary), style="green" if summary.ok else "bold red"))


def print_endpoints(console: Console, targets: Sequence[Target]) -> None:
    """Print the resolved catalogue by group."""
    table = _table("target", "endpoint", "required", "stands for", "note")
    for group, members in _by_group(targets, lambda target: target.group):
        _heading(table, group)
        for target in members:
            table.add_row(*_endpoint_cells(target))
    console.print(table)
    for line in unknown_lines(targets):
        console.print(_clean(line))


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _heading(table: Table, group: str) -> None:
    table.add_row(Text(group, style="bold cyan"))


def _by_group(items: Iterable[T], group_of: Callable[[T], str]) -> Iterable[tuple[str, list[T]]]:
    """Gather what is of one group, the groups in the order of their first member."""
    groups: dict[str, list[T]] = {}
    for item in items:
        groups.setdefault(group_of(item), []).append(item)
    return groups.items()


def _result_cells(result: Result) -> Iterable[Text]:
    cause = result.verdict.cause if result.verdict else None
    return (
        Text(f"  {result.state}", style=_STYLES[result.state]),
        _clean(result.target.id),
        _clean(address_of(result.target) + _way(result)),
        Text(milliseconds(_duration(result.attempt))),
        _clean(cause.value if cause else ""),
    )


def _way(result: Result) -> str:
    """Say how an AWS API was reached."""
    way = network_path(result.target, result.attempt)
    return f", {SENTENCES[way]}" if way else ""


def _duration(attempt: Attempt | None) -> float | None:
    return attempt.duration if attempt else None


def _print_incident(console: Console, incident: Incident) -> None:
    head = _clean(f"{incident.cause} ({incident.scope} {incident.subject}): ")
    head.stylize(_STYLES[incident.state])
    console.print(head + _clean(incident.detail))
    console.print(_clean(f"    affects {', '.join(incident.affected)}"))
    if incident.cure:
        console.print(_clean(f"    cure: {incident.cure}"))


def _endpoint_cells(target: Target) -> Iterable[Text]:
    endpoint = target.endpoint
    style = "" if endpoint.enabled else "dim"
    need = "required" if endpoint.required else "optional"
    state = need if endpoint.enabled else "off"
    return (
        _clean(f"  {target.id}", style),
        _clean(address_of(target), style),
        Text(state, style),
        _clean(endpoint.wildcard or "", style),
        _clean(endpoint.note, style),
    )


def address_of(target: Target) -> str:
    """Write an endpoint as protocol, host, port and path, without a query."""
    path = shown_path(target)
    host = f"[{target.host}]" if ":" in target.host else target.host
    return f"{target.endpoint.protocol}://{host}:{target.port}{path if path != '/' else ''}"


def _clean(text: str, style: str = "") -> Text:
    """Text for the terminal: never markup, and no control character of a peer's."""
    return Text("".join(c if c.isprintable() else "?" for c in text), style)

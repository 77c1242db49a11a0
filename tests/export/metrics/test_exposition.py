"""The exposition: valid in both formats, one moment, and short on the event loop."""

import asyncio
import subprocess
from dataclasses import replace

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from monitor.export.metrics.exposition import Format, negotiate, render, render_politely, snapshot
from monitor.export.metrics.families import families
from monitor.model.diagnosis import Cause
from monitor.state.store import Board
from tests.boards import hostile_board, realistic_board
from tests.internet.process import program


@pytest.mark.parametrize("board", [realistic_board(), hostile_board(), Board()])
def test_promtool_finds_nothing_to_say(board: Board) -> None:
    checked = subprocess.run(
        [program("promtool"), "check", "metrics"],
        input=render(board),
        capture_output=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")


@pytest.mark.parametrize("board", [realistic_board(), hostile_board(), Board()])
def test_both_formats_say_the_same(board: Board) -> None:
    text = {
        (s.name, *sorted(s.labels.items()))
        for metric in read_text(render(board).decode())
        for s in metric.samples
    }
    openmetrics = {
        (s.name, *sorted(s.labels.items()))
        for metric in read_openmetrics(render(board, Format.OPENMETRICS).decode())
        for s in metric.samples
    }
    assert text == openmetrics


def test_the_process_is_exported_too() -> None:
    assert b"\nprocess_resident_memory_bytes " in render(Board())


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", Format.TEXT),
        ("*/*", Format.TEXT),
        ("text/html,*/*;q=0.8", Format.TEXT),
        (
            "application/openmetrics-text;version=1.0.0,"
            "application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5",
            Format.OPENMETRICS,
        ),
        ("text/plain, application/openmetrics-text; q=0", Format.TEXT),
        ("application/openmetrics-text; version=abc", Format.OPENMETRICS),
        ("text/plain;version=abc", Format.TEXT),
        (";;;,,,=", Format.TEXT),
    ],
)
def test_the_format_is_the_scrapers_choice(accept: str, expected: Format) -> None:
    assert negotiate(accept) is expected


@pytest.mark.parametrize("form", Format)
async def test_the_event_loop_runs_on_while_a_scrape_is_written(form: Format) -> None:
    board = _with_targets(realistic_board(), 80)
    turns = 0
    scrape = asyncio.create_task(render_politely(board, form))
    while not scrape.done():
        turns += 1
        await asyncio.sleep(0)
    assert (await scrape).count(b"\n") > 3000
    assert turns >= len(list(families(board)))


async def test_a_scrape_is_of_one_moment_though_the_board_changes() -> None:
    board = realistic_board()
    scrape = asyncio.create_task(render_politely(board, Format.TEXT))
    await asyncio.sleep(0)
    expected = render(board)
    record = next(iter(board.records.values()))
    record.probes += 1000
    record.durations.observe(1.0)
    record.failures[Cause.HTTP_STATUS] += 1
    board.vitals.loop_lag.observe(1.0)
    board.records = {}
    assert _without_process(await scrape) == _without_process(expected)


def test_a_snapshot_says_what_the_board_said() -> None:
    board = realistic_board()
    assert _without_process(render(snapshot(board))) == _without_process(render(board))


def _without_process(scrape: bytes) -> list[bytes]:
    return [line for line in scrape.splitlines() if b"process_" not in line]


def _with_targets(board: Board, count: int) -> Board:
    for number, record in enumerate([*board.records.values(), *board.records.values()]):
        if len(board.records) >= count:
            break
        endpoint = replace(record.target.endpoint, id=f"more-{number}")
        target = replace(record.target, endpoint=endpoint)
        board.records[target.id] = replace(record, target=target)
    return board

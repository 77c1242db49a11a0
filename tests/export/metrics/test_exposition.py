"""The exposition: valid in both formats, one moment, and short on the event loop."""

import asyncio
import subprocess
from dataclasses import replace

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from monitor.export.metrics.exposition import Format, negotiate, render, render_politely, snapshot
from monitor.export.metrics.families import families
from monitor.model.causes import Cause
from monitor.state.store import StateStore
from tests.internet.process import program
from tests.stores import hostile_board, realistic_board


@pytest.mark.parametrize("store", [realistic_board(), hostile_board(), StateStore()])
def test_promtool_finds_nothing_to_say(store: StateStore) -> None:
    checked = subprocess.run(
        [program("promtool"), "check", "metrics"],
        input=render(store),
        capture_output=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")


@pytest.mark.parametrize("store", [realistic_board(), hostile_board(), StateStore()])
def test_both_formats_say_the_same(store: StateStore) -> None:
    text = {
        (s.name, *sorted(s.labels.items()))
        for metric in read_text(render(store).decode())
        for s in metric.samples
    }
    openmetrics = {
        (s.name, *sorted(s.labels.items()))
        for metric in read_openmetrics(render(store, Format.OPENMETRICS).decode())
        for s in metric.samples
    }
    assert text == openmetrics


def test_the_process_is_exported_too() -> None:
    assert b"\nprocess_resident_memory_bytes " in render(StateStore())


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
    store = _with_targets(realistic_board(), 80)
    turns = 0
    scrape = asyncio.create_task(render_politely(store, form))
    while not scrape.done():
        turns += 1
        await asyncio.sleep(0)
    assert (await scrape).count(b"\n") > 3000
    assert turns >= len(list(families(store)))


async def test_a_scrape_is_of_one_moment_though_the_board_changes() -> None:
    store = realistic_board()
    scrape = asyncio.create_task(render_politely(store, Format.TEXT))
    await asyncio.sleep(0)
    expected = render(store)
    status = next(iter(store.statuses.values()))
    status.probes += 1000
    status.durations.observe(1.0)
    status.failures[Cause.HTTP_STATUS] += 1
    store.self_metrics.loop_lag.observe(1.0)
    store.statuses = {}
    assert _without_process(await scrape) == _without_process(expected)


def test_a_snapshot_says_what_the_board_said() -> None:
    store = realistic_board()
    assert _without_process(render(snapshot(store))) == _without_process(render(store))


def _without_process(scrape: bytes) -> list[bytes]:
    return [line for line in scrape.splitlines() if b"process_" not in line]


def _with_targets(store: StateStore, count: int) -> StateStore:
    for number, status in enumerate([*store.statuses.values(), *store.statuses.values()]):
        if len(store.statuses) >= count:
            break
        endpoint = replace(status.target.endpoint, id=f"more-{number}")
        target = replace(status.target, endpoint=endpoint)
        store.statuses[target.id] = replace(status, target=target)
    return store

"""The exposition: valid in both formats, one moment, and short on the event loop."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle

import pytest
from prometheus_client import generate_latest
from prometheus_client.core import Metric
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text
from prometheus_client.registry import Collector

from monitor.export.metrics.exposition import Format, exposition_pieces, negotiate, render
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
        ("text/plain;q=0.9, application/openmetrics-text;q=0.1", Format.TEXT),
        ("application/openmetrics-text;q=0.5, text/plain;q=0", Format.OPENMETRICS),
        ("application/openmetrics-text; q=0.0", Format.TEXT),
        ("application/openmetrics-text; version=abc", Format.OPENMETRICS),
        ("text/plain;version=abc", Format.TEXT),
        (";;;,,,=", Format.TEXT),
    ],
)
def test_the_format_is_the_scrapers_choice(accept: str, expected: Format) -> None:
    assert negotiate(accept) is expected


@pytest.mark.parametrize("form", Format)
@pytest.mark.parametrize("store", [realistic_board(), hostile_board(), StateStore()])
def test_the_library_writes_the_same(store: StateStore, form: Format) -> None:
    """prometheus_client is the oracle for the lines that are written here."""

    class Registry(Collector):
        def collect(self) -> Iterator[Metric]:
            return families(store)

    write = generate_latest if form is Format.TEXT else generate_openmetrics
    expected = write(Registry())
    found = b"\n".join(_without_process(render(store, form))) + b"\n"
    assert sorted(found.splitlines()) == sorted(expected.splitlines())


def test_a_piece_is_one_target_or_a_part_of_one_family() -> None:
    store = _with_targets(realistic_board(), 1000)
    pieces = list(exposition_pieces(store, Format.TEXT))
    assert len(pieces) > 1000
    assert max(map(len, pieces)) < 100_000


def test_the_samples_of_one_target_belong_to_one_result() -> None:
    store = realistic_board()
    before = render(store)
    pieces = exposition_pieces(store, Format.TEXT)
    next(pieces)
    status = next(iter(store.statuses.values()))
    status.probes += 1000
    status.durations.observe(1.0)
    status.failures[Cause.HTTP_STATUS] += 1
    name = f'target="{status.target.id}"'.encode()
    after = b"".join(pieces)
    assert [line for line in after.splitlines() if name in line] == [
        line for line in before.splitlines() if name in line
    ]


def _without_process(scrape: bytes) -> list[bytes]:
    return [line for line in scrape.splitlines() if b"process_" not in line]


def _with_targets(store: StateStore, count: int) -> StateStore:
    for number, status in enumerate(cycle(list(store.statuses.values()))):
        if len(store.statuses) >= count:
            break
        endpoint = replace(status.target.endpoint, id=f"more-{number}")
        target = replace(status.target, endpoint=endpoint)
        store.statuses[target.id] = replace(status, target=target)
    return store

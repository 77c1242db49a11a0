"""The stream that tells open pages of changes: when it speaks, how much, and how it ends."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

import pytest
from aiohttp import ClientResponse, ClientSession

from monitor.health.machine import Health
from monitor.model.state import State
from monitor.state.store import StateStore
from monitor.web import sse as live
from monitor.web.sse import (
    BEAT,
    CHANGE,
    HEARTBEAT,
    OPENING,
    RESULTS_INTERVAL,
    STREAMS_LIMIT,
    Watcher,
)
from tests.stores import realistic_board
from tests.web.serving import client_of

START = 1000.0


def more_results(store: StateStore, name: str = "app-gitpod-io") -> None:
    store.statuses[name].probes += 1
    store.self_metrics.last_completed_at += 1


def test_without_a_change_nothing_is_said_but_a_heartbeat() -> None:
    watcher = Watcher(realistic_board(), None, START)
    said = [watcher.next(START + second) for second in range(1, 46)]
    assert [n for n, data in enumerate(said, 1) if data == BEAT] == [
        5,
        10,
        15,
        20,
        25,
        30,
        35,
        40,
        45,
    ]
    assert CHANGE not in said
    assert HEARTBEAT == 5


def test_a_change_of_state_is_told_at_once_and_once() -> None:
    store = realistic_board()
    watcher = Watcher(store, None, START)
    store.statuses["app-gitpod-io"].health = Health(State.DOWN, START)
    store.incidents = ()
    assert watcher.next(START + 1) == CHANGE
    assert watcher.next(START + 2) is None


def test_a_burst_of_results_is_told_now_and_then() -> None:
    store = realistic_board()
    watcher = Watcher(store, None, START)
    told = []
    for second in range(1, 21):
        more_results(store)
        if watcher.next(START + second) == CHANGE:
            told.append(second)
    assert told == [5, 10, 15, 20]
    assert RESULTS_INTERVAL == 5


def test_of_thousands_of_targets_results_are_told_less_often() -> None:
    store = realistic_board()
    status = store.statuses["app-gitpod-io"]
    store.statuses = {str(number): status for number in range(2000)}
    watcher = Watcher(store, None, START)
    store.self_metrics.last_completed_at += 1
    assert watcher.next(START + 39) == BEAT
    assert watcher.next(START + 40) == CHANGE


def test_a_target_s_page_is_told_of_its_own_results_only() -> None:
    store = realistic_board()
    watcher = Watcher(store, "app-ona-com", START)
    more_results(store)
    assert watcher.next(START + 1) is None
    more_results(store, "app-ona-com")
    assert watcher.next(START + 2) == CHANGE


async def next_event(answer: ClientResponse) -> bytes:
    async with asyncio.timeout(5):
        return await answer.content.readuntil(b"\n\n")


async def test_an_open_page_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PULSE", 0.01)
    store = realistic_board()
    async with client_of(store) as client, client.get("/events") as answer:
        assert answer.content_type == "text/event-stream"
        assert await next_event(answer) == OPENING
        store.incidents = ()
        assert await next_event(answer) == CHANGE


async def test_streams_are_bounded_and_free_again_when_their_client_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live, "PULSE", 0.01)

    async def status(client: ClientSession) -> int:
        async with client.get("/events") as answer:
            return answer.status

    async with client_of(realistic_board()) as client, AsyncExitStack() as stack:
        for _ in range(STREAMS_LIMIT):
            held = await stack.enter_async_context(client.get("/events"))
        async with client.get("/events") as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "30")
        async with client.get("/healthz") as answer:
            assert answer.status == 200
        held.close()
        async with asyncio.timeout(5):
            while await status(client) == 503:
                pass


async def test_a_stream_ends_after_its_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PULSE", 0.01)
    monkeypatch.setattr(live, "LIFETIME", 0.05)
    async with client_of(realistic_board()) as client, client.get("/events") as answer:
        async with asyncio.timeout(5):
            assert await answer.read() == OPENING


async def test_streams_end_at_once_when_the_server_does() -> None:
    async with client_of(realistic_board()) as client:
        answer = await client.get("/events")
        await next_event(answer)
        begun = time.monotonic()
    answer.close()
    assert time.monotonic() - begun < 1

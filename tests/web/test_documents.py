"""Long documents: shared renderings, slices of the event loop, and the memory of slow readers."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from aiohttp import ClientSession, web

from monitor.web import documents
from monitor.web.documents import Body, BodyBudget, Documents, Sending, in_slices
from tests.internet.process import free_port


@pytest.fixture
async def made() -> AsyncIterator[Documents]:
    documents = Documents()
    yield documents
    await documents.close()


async def test_requests_that_arrive_during_a_rendering_share_the_next_one(
    made: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "SLICE_SECONDS", 0.0)
    begun = 0

    def pieces() -> Iterator[str]:
        nonlocal begun
        begun += 1
        number = begun
        for _ in range(5):
            yield f"{number}"

    first = asyncio.create_task(made.rendered("key", "text/plain", pieces))
    while not begun:  # noqa: ASYNC110 - rendering sets no event
        await asyncio.sleep(0)
    later = await asyncio.gather(*(made.rendered("key", "text/plain", pieces) for _ in range(60)))
    assert (await first).content == b"11111"
    assert {id(body) for body in later} == {id(later[0])}
    assert later[0].content == b"22222"
    assert begun == 2


async def test_rendering_pauses_between_documents(
    made: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "PAUSE_FACTOR", 5.0)

    def pieces() -> Iterator[str]:
        time.sleep(0.02)
        yield "x"

    began = time.monotonic()
    for number in range(3):
        await made.rendered(number, "text/plain", pieces)
    assert time.monotonic() - began >= 2 * 5 * 0.02


async def test_a_rendering_that_fails_blocks_no_other(made: Documents) -> None:
    def broken() -> Iterator[str]:
        yield "x"
        raise RuntimeError("a bug")

    for _ in range(2):
        with pytest.raises(RuntimeError):
            await made.rendered("key", "text/plain", broken)
    assert (await made.rendered("key", "text/plain", lambda: ["fine"])).content == b"fine"


async def test_the_event_loop_runs_between_pieces() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def pieces() -> Iterator[str]:
        for _ in range(10):
            time.sleep(documents.SLICE_SECONDS)
            yield "é"

    counting = asyncio.create_task(count())
    content, spent = await in_slices(pieces())
    counting.cancel()
    assert content == "é".encode() * 10
    assert spent >= 10 * documents.SLICE_SECONDS
    assert turns >= 9


def test_bodies_of_slow_readers_have_a_limit() -> None:
    budget, aborted = BodyBudget(limit=100), []
    bodies = [Body("text/plain", b"x" * 30) for _ in range(20)]
    for number, body in enumerate(bodies):
        for reader in range(3):
            name = (number, reader)
            budget.begin(Sending(body, lambda name=name: aborted.append(name)))  # type: ignore[misc]
    assert {number for number, _ in aborted} == set(range(17))
    assert len(aborted) == 17 * 3
    budget.begin(Sending(Body("text/plain", b"x" * 1000), lambda: aborted.append((99, 0))))
    assert (99, 0) not in aborted


def test_readers_of_one_body_count_once() -> None:
    budget, body = BodyBudget(limit=100), Body("text/plain", b"x" * 90)

    def abort() -> None:
        raise AssertionError("one body is within the limit")

    sendings = [Sending(body, abort) for _ in range(1000)]
    for sending in sendings:
        budget.begin(sending)
    for sending in sendings:
        budget.end(sending)
    assert not budget.sendings


@asynccontextmanager
async def serving(body: Body) -> AsyncIterator[str]:
    made = Documents()

    async def handle(request: web.Request) -> web.StreamResponse:
        return await made.respond(request, body)

    app = web.Application()
    app.router.add_get("/", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("accepted", "coding"), [("gzip", "gzip"), ("gzip;q=0", ""), ("br, *;q=0.5", "gzip"), ("", "")]
)
async def test_a_document_is_sent_whole_in_the_coding_that_is_accepted(
    accepted: str, coding: str
) -> None:
    content = bytes(range(256)) * 4096
    async with (
        serving(Body("text/plain", content)) as url,
        ClientSession(auto_decompress=False) as client,
        client.get(url, headers={"Accept-Encoding": accepted}) as answer,
    ):
        received = await answer.read()
        assert answer.headers.get("Content-Encoding", "") == coding
        assert answer.headers["Vary"] == "Accept, Accept-Encoding"
        assert int(answer.headers["Content-Length"]) == len(received)
    assert (gzip.decompress(received) if coding else received) == content


async def test_it_is_compressed_once_for_all_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    compressed = 0
    compress = gzip.compress

    def counted(data: bytes, level: int, *, mtime: float) -> bytes:
        nonlocal compressed
        compressed += 1
        return compress(data, level, mtime=mtime)

    monkeypatch.setattr(gzip, "compress", counted)
    body = Body("text/plain", b"x" * 100_000)
    async with serving(body) as url, ClientSession() as client, AsyncExitStack() as stack:
        answers = [
            await stack.enter_async_context(client.get(url, headers={"Accept-Encoding": "gzip"}))
            for _ in range(5)
        ]
        assert [await answer.read() for answer in answers] == [body.content] * 5
    assert compressed == 1

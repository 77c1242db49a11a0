"""The server over real sockets: what is served, how it is guarded, how it ends.

Covers: monitor/web/views.py
"""

import asyncio
import errno
import gzip
import json
import re
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest
from aiohttp import ClientSession
from structlog.testing import capture_logs

from monitor.model.settings import WebSettings
from monitor.state.store import StateStore
from monitor.web.admission import CONNECTIONS_LIMIT
from monitor.web.server import build_app, serve
from tests.stores import NOW, hostile_board, realistic_board
from tests.web.serving import StoppedClock, client_of, serving

PATHS = (
    "/",
    "/targets/vscode-marketplace",
    "/targets/nothing-here",
    "/incidents/i-1",
    "/incidents/nothing-here",
    "/metrics",
    "/healthz",
    "/readyz",
    "/api/v1/targets",
    "/api/v1/targets/vscode-marketplace",
    "/api/v1/targets/vscode-marketplace/history",
    "/api/v1/incidents",
    "/api/v1/incidents/i-1",
    "/api/v1/incidents/nothing-here",
    "/api/v1/openapi.json",
    "/runbook/",
    "/runbook/dns_timeout",
    "/runbook/EgressMonitorMissing",
    "/runbook/nothing-here",
    "/badge.svg",
    "/feed.atom",
    "/nothing-here",
)


async def exchange(port: int, data: bytes) -> bytes:
    """Send bytes as they are, and return all that comes until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        async with asyncio.timeout(5):
            return await reader.read(1_000_000)
    finally:
        writer.close()


@pytest.mark.parametrize("path", PATHS)
async def test_every_answer_has_the_security_headers_and_no_version(path: str) -> None:
    async with client_of(realistic_board()) as client, client.get(path) as answer:
        headers = answer.headers
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; ")
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Server"] == "egress-monitor"


@pytest.mark.parametrize("path", PATHS[:-1])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_nothing_but_get_and_head_is_allowed(path: str, method: str) -> None:
    async with client_of(realistic_board()) as client, client.request(method, path) as answer:
        assert answer.status == 405
        assert answer.headers["Allow"] == "GET,HEAD"


async def test_head_is_get_without_a_body() -> None:
    async with client_of(realistic_board()) as client, client.head("/api/v1/targets") as answer:
        assert answer.status == 200
        assert int(answer.headers["Content-Length"]) > 1000
        assert await answer.read() == b""


async def test_metrics_come_as_text_as_openmetrics_and_compressed() -> None:
    asked = "application/openmetrics-text;version=1.0.0"
    async with client_of(realistic_board()) as client:
        async with client.get("/metrics", headers={"Accept-Encoding": "identity"}) as answer:
            assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            text = await answer.read()
        async with client.get("/metrics", headers={"Accept": asked}) as answer:
            kind = "application/openmetrics-text; version=1.0.0; charset=utf-8"
            assert answer.headers["Content-Type"] == kind
        async with client.get("/metrics", headers={"Accept-Encoding": "gzip"}) as answer:
            assert answer.headers["Content-Encoding"] == "gzip"
            packed = await answer.read()
    assert text.startswith(b"# HELP ")
    assert len(packed) * 5 < len(text)
    assert gzip.decompress(packed).count(b"\nprobe_success{") == text.count(b"\nprobe_success{")


async def test_an_odd_accept_header_is_answered() -> None:
    odd = {"Accept": "application/openmetrics-text;version=abc;escaping=\xe9"}
    async with (
        client_of(realistic_board()) as client,
        client.get("/metrics", headers=odd) as answer,
    ):
        assert answer.status == 200
        assert "abc" not in answer.headers["Content-Type"]


async def test_the_api_shows_all_targets_and_one() -> None:
    store = realistic_board()
    name = next(
        n
        for n, r in store.statuses.items()
        if r.probe_result and r.probe_result.connections[0].http
    )
    async with client_of(store) as client:
        async with client.get("/api/v1/targets") as answer:
            assert answer.content_type == "application/json"
            listed = await answer.json()
        async with client.get(f"/api/v1/targets/{name}") as answer:
            one = await answer.json()
        async with client.get("/api/v1/targets/none") as answer:
            missing = (answer.status, await answer.json())
    assert [t["id"] for t in listed["targets"]] == list(store.statuses)
    assert one["probe_result"]["connections"][0]["http"]["status"] == 200
    (shown,) = [target for target in listed["targets"] if target["id"] == name]
    assert {key: one[key] for key in shown} == shown
    assert missing == (404, {"version": 1, "error": "no such target"})


async def test_health_is_text_or_json_and_says_503_when_nothing_moves() -> None:
    clock = StoppedClock()
    async with client_of(realistic_board(), clock) as client:
        async with client.get("/healthz") as answer:
            assert (answer.status, await answer.text()) == (200, "ok\n")
        clock.now += 10_000
        async with client.get("/healthz") as answer:
            assert (answer.status, await answer.text()) == (
                503,
                "no probe was finished for 10001 s\n",
            )
        async with client.get("/healthz", headers={"Accept": "application/json"}) as answer:
            assert answer.status == 503
            document = await answer.json()
    assert (document["ok"], document["seconds_since_last_probe"]) == (False, 10_001)


async def test_ready_once_every_target_has_a_result() -> None:
    store = realistic_board()
    async with client_of(store) as client:
        async with client.get("/readyz") as answer:
            assert (answer.status, await answer.text()) == (503, "1 target has no result yet\n")
        store.statuses["not-yet"].probe_result = next(iter(store.statuses.values())).probe_result
        async with client.get("/readyz") as answer:
            assert (answer.status, await answer.text()) == (200, "ok\n")


async def test_what_a_page_needs_is_served_and_may_be_kept_for_ever() -> None:
    async with client_of(realistic_board()) as client:
        async with client.get("/") as answer:
            page = await answer.text()
        needed = re.findall(r'(?:href|src)="(static/[^"]+)"', page)
        assert len(needed) == 3
        for path in needed:
            async with client.get(f"/{path}") as answer:
                assert answer.status == 200
                assert "immutable" in answer.headers["Cache-Control"]
                known = {"If-None-Match": answer.headers["ETag"]}
            async with client.get(f"/{path}", headers=known) as answer:
                assert (answer.status, await answer.read()) == (304, b"")
        async with client.get("/static/../server.py") as answer:
            assert answer.status == 404


async def test_pages_of_what_there_is_not_say_so() -> None:
    async with client_of(realistic_board()) as client:
        for path in ("/targets/none", "/incidents/none"):
            async with client.get(path) as answer:
                assert (answer.status, answer.content_type) == (404, "text/html")
                assert "There is no such" in await answer.text()


async def test_hostile_values_break_neither_page_nor_documents() -> None:
    pages = ("/", "/targets/hostile", "/incidents/hostile")
    async with client_of(hostile_board()) as client:
        for path in ("/metrics", "/api/v1/targets", "/api/v1/targets/hostile", *pages):
            async with client.get(path) as answer:
                assert answer.status == 200
                body = await answer.read()
                assert b"<script>" not in body or answer.content_type != "text/html"
                assert "\u202e".encode() not in body or answer.content_type != "text/html"
                assert b"hunter2" not in body
                if answer.content_type == "application/json":
                    assert json.loads(body)["version"] == 1


async def test_requests_have_a_limit() -> None:
    async with serving(realistic_board()) as port:
        line = await exchange(port, b"GET /" + b"a" * 8192 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        field = await exchange(
            port, b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 8192 + b"\r\n\r\n"
        )
        many = b"".join(b"X-%d: y\r\n" % number for number in range(100))
        fields = await exchange(port, b"GET / HTTP/1.1\r\nHost: x\r\n" + many + b"\r\n")
    for answer in (line, field, fields):
        assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))


async def test_a_head_has_a_limit_although_each_of_its_fields_is_short() -> None:
    fields = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 4000) for number in range(60))
    async with serving(realistic_board()) as port:
        answer = await exchange(port, b"GET / HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(
    "rubbish", [b"\x16\x03\x01\r\n\r\n", b"GET / HTTP/1.1\r\nBad Header\r\n\r\n"]
)
async def test_rubbish_learns_nothing_and_fills_no_log(
    rubbish: bytes, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(realistic_board()) as port:
        answer = await exchange(port, rubbish)
    assert b" 400 " in answer.splitlines()[0]
    assert answer.endswith(b"\r\n\r\nbad request\n")
    assert b"\r\nServer: egress-monitor\r\n" in answer
    assert "Traceback" not in "".join((*capfd.readouterr(), caplog.text))


async def test_a_bug_of_ours_is_said_in_the_log_and_not_to_the_client(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(_store: StateStore, _now: float, _range: str) -> str:
        raise RuntimeError("secret inside")

    monkeypatch.setattr("monitor.web.pages.overview_page", broken)
    with capture_logs() as logs:
        async with client_of(realistic_board()) as client, client.get("/") as answer:
            assert (answer.status, await answer.text()) == (500, "internal error\n")
            assert answer.headers["Server"] == "egress-monitor"
    (line,) = [line for line in logs if line["log_level"] == "error"]
    assert (line["event"], line["path"]) == ("request failed", "/")


async def test_of_too_many_clients_the_oldest_goes_and_the_new_one_is_served() -> None:
    async with serving(realistic_board()) as port, AsyncExitStack() as stack:
        idle = []
        for _ in range(CONNECTIONS_LIMIT):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            stack.callback(writer.close)
            idle.append(reader)
        request = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        for _ in range(3):
            assert (await exchange(port, request)).startswith(b"HTTP/1.1 200 ")
        with pytest.raises(ConnectionResetError):
            await idle[0].read()
        assert not idle[-1].at_eof()


async def test_pages_are_rendered_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    going_on, most = 0, 0

    def counted(_store: StateStore, _now: float, _range: str) -> Iterator[str]:
        nonlocal going_on, most
        going_on += 1
        most = max(most, going_on)
        yield from "page"
        going_on -= 1

    monkeypatch.setattr("monitor.web.pages.overview_page", counted)

    async def text(client: ClientSession) -> str:
        async with client.get("/") as answer:
            return await answer.text()

    async with client_of(realistic_board()) as client:
        pages = await asyncio.gather(*(text(client) for _ in range(10)))
    assert pages == ["page"] * 10
    assert most == 1


async def test_a_body_is_not_waited_for() -> None:
    async with serving(realistic_board()) as port:
        begun = time.monotonic()
        head = b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
        answer = await exchange(port, head)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert time.monotonic() - begun < 2


async def test_it_ends_within_two_seconds_though_clients_stay() -> None:
    async with serving(realistic_board()) as port:
        idle = await asyncio.open_connection("127.0.0.1", port)
        half = await asyncio.open_connection("127.0.0.1", port)
        half[1].write(b"GET / HTTP/1.1\r\nHo")
        deaf = await asyncio.open_connection("127.0.0.1", port)
        deaf[1].write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 50)
        await asyncio.sleep(0.1)
        begun = time.monotonic()
    assert time.monotonic() - begun < 2
    with pytest.raises(OSError, match=r".*"):
        await asyncio.open_connection("127.0.0.1", port)
    for _, writer in (idle, half, deaf):
        writer.close()


async def test_a_port_in_use_is_one_clear_error() -> None:
    async with serving(StateStore()) as port:
        settings = WebSettings("127.0.0.1", port)
        with pytest.raises(OSError, match="Address already in use") as caught:
            async with serve(build_app(StateStore(), StoppedClock(NOW), settings), settings):
                raise AssertionError("it listens twice")
    assert caught.value.errno == errno.EADDRINUSE


async def test_nothing_that_is_served_changes_the_board() -> None:
    store, same = realistic_board(), realistic_board()
    async with client_of(store) as client:
        for path in PATHS:
            async with client.get(path) as answer:
                await answer.read()
    assert store == same


async def test_a_scrape_does_not_wait_for_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    scraped = False

    def endless(_store: StateStore, _now: float, _range: str) -> Iterator[str]:
        while not scraped:
            time.sleep(0.003)  # longer than a slice
            yield ""

    monkeypatch.setattr("monitor.web.pages.overview_page", endless)
    async with client_of(realistic_board()) as client:
        page = asyncio.create_task(client.get("/"))
        await asyncio.sleep(0.05)
        async with asyncio.timeout(5), client.get("/metrics") as answer:
            assert answer.status == 200
        scraped = True
        (await page).close()

"""The HTTP server: a read-only view of the board. Nothing it serves can start a probe."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from monitor.export.prometheus import negotiate, render_politely
from monitor.net.clock import Clock
from monitor.settings import WebSettings
from monitor.state import Board
from monitor.view import VERSION
from monitor.web import api
from monitor.web.connection import REQUEST_LIMIT, SECURITY_HEADERS, Connection
from monitor.web.page import STYLE, render

_SHUTDOWN_SECONDS = 1.0
_COMPRESSED_ASIDE = 4096


def build_app(board: Board, clock: Clock) -> web.Application:
    """Make the application that shows ``board``: GET and HEAD of what is listed here."""
    app = web.Application(client_max_size=REQUEST_LIMIT)
    app.on_response_prepare.append(_secure)
    views = _Views(board, clock)
    app.router.add_get("/", views.page)
    app.router.add_get("/style.css", views.style)
    app.router.add_get("/metrics", views.metrics)
    app.router.add_get("/healthz", views.healthz)
    app.router.add_get("/readyz", views.readyz)
    app.router.add_get("/api/v1/targets", views.targets)
    app.router.add_get("/api/v1/targets/{id}", views.target)
    app.router.add_get("/api/v1/incidents", views.incidents)
    app.router.add_get("/api/v1/gateways", views.gateways)
    return app


@asynccontextmanager
async def serve(app: web.Application, settings: WebSettings) -> AsyncIterator[None]:
    """Serve ``app`` for the length of the block, and end within 2 s after it.

    Raises:
        OSError: if it can't listen there.
    """
    runner = web.AppRunner(app, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        listener = await _listen(runner, settings)
        try:
            yield
        finally:
            listener.close()
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, settings: WebSettings) -> asyncio.Server:
    server, loop = runner.server, asyncio.get_running_loop()
    assert server is not None, "the runner is set up"
    return await loop.create_server(
        lambda: Connection(server, loop), settings.host, settings.port, reuse_address=True
    )


async def _secure(_: web.Request, response: web.StreamResponse) -> None:
    """Put the headers on every answer, errors included."""
    response.headers.update(SECURITY_HEADERS)


class _Views:
    """The handlers; each reads the board as it is at that moment."""

    def __init__(self, board: Board, clock: Clock) -> None:
        self._board = board
        self._clock = clock

    async def metrics(self, request: web.Request) -> web.Response:
        form = negotiate(request.headers.get("Accept", ""))
        body = await render_politely(self._board, form)
        # A thread compresses it: that, too, would be time taken from the probes' clock.
        response = web.Response(
            body=body,
            headers={"Content-Type": form.value},
            zlib_executor_size=_COMPRESSED_ASIDE,
        )
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            response.enable_compression(web.ContentCoding.gzip)
        return response

    async def healthz(self, request: web.Request) -> web.Response:
        return _condition(request, api.health(self._board, self._clock.time()))

    async def readyz(self, request: web.Request) -> web.Response:
        return _condition(request, api.readiness(self._board))

    async def targets(self, _: web.Request) -> web.Response:
        return _json(api.targets_document(self._board, self._clock.time()))

    async def target(self, request: web.Request) -> web.Response:
        record = self._board.records.get(request.match_info["id"])
        if record is None:
            return _json({"version": VERSION, "error": "no such target"}, 404)
        return _json(api.target_document(record))

    async def incidents(self, _: web.Request) -> web.Response:
        return _json(api.incidents_document(self._board, self._clock.time()))

    async def gateways(self, _: web.Request) -> web.Response:
        return _json(api.gateways_document(self._board, self._clock.time()))

    async def page(self, _: web.Request) -> web.Response:
        text = render(self._board, self._clock.time())
        body = text.encode("utf-8", "replace")
        return web.Response(body=body, content_type="text/html", charset="utf-8")

    async def style(self, _: web.Request) -> web.Response:
        return web.Response(text=STYLE, content_type="text/css")


def _condition(request: web.Request, condition: api.Condition) -> web.Response:
    """Answer in plain text, or with the figures where JSON is asked for."""
    status = 200 if condition.ok else 503
    if "application/json" in request.headers.get("Accept", ""):
        return _json(condition.document, status)
    return web.Response(text=f"{condition.text}\n", status=status)


def _json(document: api.Json, status: int = 200) -> web.Response:
    text = json.dumps(document, allow_nan=False)
    return web.Response(text=text, status=status, content_type="application/json")

"""The HTTP server: a read-only view of the board. Nothing it serves can start a probe."""

from __future__ import annotations

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
from monitor.web.page import STYLE, render

_SHUTDOWN_SECONDS = 1.0
_IDLE_SECONDS = 75.0
_REQUEST_LIMIT = 4096
_HEADERS_LIMIT = 64
_COMPRESSED_ASIDE = 4096
_SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Server": "egress-monitor",
}


def build_app(board: Board, clock: Clock) -> web.Application:
    """Make the application that shows ``board``: GET and HEAD of what is listed here."""
    app = web.Application(client_max_size=_REQUEST_LIMIT)
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
    return app


@asynccontextmanager
async def serve(app: web.Application, settings: WebSettings) -> AsyncIterator[None]:
    """Serve ``app`` for the length of the block, and end within 2 s after it.

    A connection that sends no whole request is closed after 75 s.

    Raises:
        OSError: if it can't listen there.
    """
    runner = web.AppRunner(
        app,
        access_log=None,
        shutdown_timeout=_SHUTDOWN_SECONDS,
        keepalive_timeout=_IDLE_SECONDS,
        lingering_time=0.0,
        max_line_size=_REQUEST_LIMIT,
        max_field_size=_REQUEST_LIMIT,
        max_headers=_HEADERS_LIMIT,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
        yield
    finally:
        await runner.cleanup()


async def _secure(_: web.Request, response: web.StreamResponse) -> None:
    """Put the headers on every answer, errors included."""
    response.headers.update(_SECURITY_HEADERS)


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

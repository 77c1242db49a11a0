"""The HTTP server: a read-only view of the board. Nothing it serves can start a probe."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from monitor.export.prometheus import Exposition
from monitor.model import State
from monitor.net.clock import Clock
from monitor.settings import WebSettings
from monitor.state import Board, Record
from monitor.view import VERSION, incident_view, target_details, target_view
from monitor.web.page import STYLE, render

STALLED_AFTER = 3
"""So many of the longest interval without a finished probe, and the monitor is not well."""

_SHUTDOWN_SECONDS = 1.0
_REQUEST_LIMIT = 4096
_SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Server": "egress-monitor",
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def build_app(board: Board, clock: Clock) -> web.Application:
    """Make the application that shows ``board``."""
    app = web.Application(middlewares=[_guard], client_max_size=_REQUEST_LIMIT)
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
    """Serve ``app`` for the length of the block.

    Raises:
        OSError: if it can't listen there.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
        yield
    finally:
        await runner.cleanup()


@web.middleware
async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        response = await handler(request)
    except web.HTTPException as error:
        error.headers.update(_SECURITY_HEADERS)
        raise
    response.headers.update(_SECURITY_HEADERS)
    return response


class _Views:
    """The handlers; each reads the board as it is at that moment."""

    def __init__(self, board: Board, clock: Clock) -> None:
        self._board = board
        self._clock = clock
        self._exposition = Exposition(board)

    async def metrics(self, request: web.Request) -> web.Response:
        body, content_type = self._exposition.render(request.headers.get("Accept", ""))
        response = web.Response(body=body, headers={"Content-Type": content_type})
        response.enable_compression()
        return response

    async def healthz(self, _: web.Request) -> web.Response:
        age = self._silence()
        well = age <= self._patience()
        text = "ok" if well else f"no probe was finished for {age:.0f} s"
        return web.Response(text=f"{text}\n", status=200 if well else 503)

    def _silence(self) -> float:
        vitals = self._board.vitals
        last = vitals.last_completed_at or vitals.started_at
        return self._clock.time() - last if last and self._probed() else 0.0

    def _patience(self) -> float:
        longest = max((r.target.interval + r.target.timeout for r in self._probed()), default=0.0)
        return STALLED_AFTER * longest

    def _probed(self) -> list[Record]:
        return [r for r in self._board.records.values() if not r.target.unknown]

    async def readyz(self, _: web.Request) -> web.Response:
        waiting = sum(r.attempt is None for r in self._probed())
        text = f"{waiting} targets have no result yet\n" if waiting else "ok\n"
        return web.Response(text=text, status=503 if waiting else 200)

    async def targets(self, _: web.Request) -> web.Response:
        records = self._board.records.values()
        return web.json_response(
            {
                "version": VERSION,
                "generated_at": round(self._clock.time(), 3),
                "targets": [_target(record) for record in records],
            }
        )

    async def target(self, request: web.Request) -> web.Response:
        record = self._board.records.get(request.match_info["id"])
        if record is None:
            return web.json_response({"version": VERSION, "error": "no such target"}, status=404)
        return web.json_response(
            {"version": VERSION, **_target(record), **target_details(record.attempt)}
        )

    async def incidents(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "version": VERSION,
                "generated_at": round(self._clock.time(), 3),
                "incidents": [incident_view(incident) for incident in self._board.incidents],
            }
        )

    async def page(self, _: web.Request) -> web.Response:
        return web.Response(text=render(self._board, self._clock.time()), content_type="text/html")

    async def style(self, _: web.Request) -> web.Response:
        return web.Response(text=STYLE, content_type="text/css")


def _target(record: Record) -> dict[str, object]:
    attempt = record.attempt
    view = target_view(record.target, record.health.state, attempt, record.verdict)
    known = record.health.state is not State.UNKNOWN
    view["since"] = round(record.health.since, 3) if known else None
    view["last_probe_at"] = round(attempt.started_at, 3) if attempt else None
    view["interval_seconds"] = record.target.interval
    view["probes"] = record.probes
    return view

"""The HTTP server: a read-only view of the board. Nothing it serves can start a probe."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from monitor.model.settings import WebSettings
from monitor.net.clock import Clock
from monitor.state.store import StateStore
from monitor.web.access import admits, challenges
from monitor.web.certificate import ListenerCertificate
from monitor.web.connection import REQUEST_LIMIT, SECURITY_HEADERS, Connection
from monitor.web.sse import Streams
from monitor.web.views import Views

_SHUTDOWN_SECONDS = 1.0
_HANDSHAKE_SECONDS = 5.0


def build_app(store: StateStore, clock: Clock, settings: WebSettings) -> web.Application:
    """Make the application that shows ``store``: GET and HEAD of what is listed here, to who
    may read it."""
    app = web.Application(client_max_size=REQUEST_LIMIT, middlewares=[_guard(settings)])
    app.on_response_prepare.append(_secure)
    views, streams = Views(store, clock), Streams(store)
    app.on_shutdown.append(streams.close)
    app.router.add_get("/", views.overview)
    app.router.add_get("/targets/{id}", views.target_page)
    app.router.add_get("/incidents/{id}", views.incident_page)
    app.router.add_get("/static/{name}", views.asset)
    app.router.add_get("/events", streams.serve, allow_head=False)
    app.router.add_get("/metrics", views.metrics)
    app.router.add_get("/healthz", views.healthz)
    app.router.add_get("/readyz", views.readyz)
    app.router.add_get("/api/v1/targets", views.targets)
    app.router.add_get("/api/v1/targets/{id}", views.target)
    app.router.add_get("/api/v1/targets/{id}/history", views.history)
    app.router.add_get("/api/v1/incidents", views.incidents)
    app.router.add_get("/api/v1/incidents/{id}", views.incident)
    app.router.add_get("/api/v1/gateways", views.gateways)
    return app


def not_listening(settings: WebSettings, error: OSError) -> str:
    """Say why ``serve`` can't listen; asyncio's own words repeat the address."""
    reason = (error.strerror or str(error)).rpartition("): ")[2]
    return f"can't listen on {settings.host}:{settings.port}: {reason}"


@asynccontextmanager
async def serve(app: web.Application, settings: WebSettings) -> AsyncIterator[None]:
    """Serve ``app`` for the length of the block, and end within 2 s after it.

    Raises:
        OSError: if it can't listen there, or its certificate can't be used.
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
    certificate = None
    if settings.cert_file and settings.key_file:
        certificate = ListenerCertificate(settings.cert_file, settings.key_file)
    return await loop.create_server(
        lambda: Connection(server, loop),
        settings.host,
        settings.port,
        ssl=certificate.context if certificate else None,
        ssl_handshake_timeout=_HANDSHAKE_SECONDS if certificate else None,
        reuse_address=True,
    )


def _guard(settings: WebSettings) -> Middleware:
    asked = [("WWW-Authenticate", challenge) for challenge in challenges(settings)]

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if admits(settings, request.path, request.headers.get("Authorization", "")):
            return await handler(request)
        return web.Response(status=401, text="authentication required\n", headers=asked)

    return guard


async def _secure(_: web.Request, response: web.StreamResponse) -> None:
    """Put the headers on every answer, errors included; an asset has its own Cache-Control."""
    kept = response.headers.get("Cache-Control")
    response.headers.update(SECURITY_HEADERS)
    if kept is not None:
        response.headers["Cache-Control"] = kept

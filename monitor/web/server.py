"""The HTTP server: a view of the store that cannot disturb probing.

``serve`` accepts connections (listener.py), ``Guard`` checks each request (guard.py), ``Views``
answers it (views.py).
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from monitor.model.settings import WebSettings
from monitor.net.clock import Clock
from monitor.state.self_metrics import WebMetrics
from monitor.state.store import StateStore
from monitor.web.admission import connection_limit
from monitor.web.certificate import ListenerCertificate
from monitor.web.connection import REQUEST_LIMIT, SECURITY_HEADERS, Connection
from monitor.web.guard import Guard
from monitor.web.listener import Listener
from monitor.web.sse import Streams
from monitor.web.views import ProbeNow, Views

_SHUTDOWN_SECONDS = 1.0
"""Time that responses in progress have at shutdown, in seconds."""

_GUARD = web.AppKey("guard", Guard)
_METRICS = web.AppKey("metrics", WebMetrics)


def build_app(
    store: StateStore, clock: Clock, settings: WebSettings, probe_now: ProbeNow | None = None
) -> web.Application:
    """Make the application that shows ``store`` to clients that ``settings`` admit. ``probe_now``
    probes a target on a user's request."""
    metrics = store.self_metrics.web
    guard = Guard(settings, metrics)
    app = web.Application(client_max_size=REQUEST_LIMIT, middlewares=[_middleware(guard)])
    app[_GUARD], app[_METRICS] = guard, metrics
    app.on_response_prepare.append(_secure)
    views, streams = Views(store, clock, probe_now), Streams(store)
    app.on_shutdown.append(streams.close)
    app.on_shutdown.append(views.close)
    app.router.add_get("/", views.overview)
    app.router.add_get("/targets/{id}", views.target_page)
    app.router.add_get("/incidents/{id}", views.incident_page)
    app.router.add_post("/targets/{id}/probe", views.probe_from_page)
    app.router.add_get("/runbook/", views.runbook_index)
    app.router.add_get("/runbook/{cause}", views.runbook)
    app.router.add_get("/badge.svg", views.badge)
    app.router.add_get("/feed.atom", views.feed)
    app.router.add_get("/static/{name}", views.asset)
    app.router.add_get("/events", streams.serve, allow_head=False)
    app.router.add_get("/metrics", views.metrics)
    app.router.add_get("/healthz", views.healthz)
    app.router.add_get("/readyz", views.readyz)
    app.router.add_get("/api/v1/targets", views.targets)
    app.router.add_get("/api/v1/targets/{id}", views.target)
    app.router.add_get("/api/v1/targets/{id}/history", views.history)
    app.router.add_post("/api/v1/targets/{id}/probe", views.probe)
    app.router.add_get("/api/v1/openapi.json", views.openapi)
    app.router.add_get("/api/v1/incidents", views.incidents)
    app.router.add_get("/api/v1/incidents/{id}", views.incident)
    app.router.add_get("/api/v1/gateways", views.gateways)
    return app


def use_settings(app: web.Application, settings: WebSettings) -> None:
    """Apply changed credentials and allowed hosts at once; the rest of ``settings`` belongs to
    the listener."""
    app[_GUARD].use(settings)


def needs_restart(old: WebSettings, new: WebSettings) -> bool:
    """Report whether a change of the settings takes a new listener."""
    return (old.host, old.port, old.cert_file, old.key_file) != (
        new.host,
        new.port,
        new.cert_file,
        new.key_file,
    )


def not_listening(settings: WebSettings, error: OSError) -> str:
    """Return the reason why ``serve`` cannot listen."""
    reason = error.strerror or str(error)
    return f"can't listen on {settings.host}:{settings.port}: {reason[:1].lower()}{reason[1:]}"


@asynccontextmanager
async def serve(app: web.Application, settings: WebSettings) -> AsyncIterator[None]:
    """Serve ``app`` for the length of the block, and end within 2 s after it.

    Raises:
        OSError: if an address is not available, or the certificate is not usable.
    """
    certificate = None
    if settings.cert_file and settings.key_file:
        certificate = ListenerCertificate(settings.cert_file, settings.key_file)
    runner = web.AppRunner(app, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    assert runner.server is not None, "the runner is set up"
    listener = Listener(
        partial(Connection, runner.server, asyncio.get_running_loop()),
        limit=connection_limit(resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
        metrics=app[_METRICS],
        certificate=certificate,
    )
    try:
        await listener.listen(settings.host, settings.port)
        yield
    finally:
        listener.stop_accepting()
        await runner.cleanup()
        await listener.close()


def _middleware(guard: Guard) -> Middleware:
    @web.middleware
    async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await guard.handle(request, handler)

    return handle


async def _secure(_: web.Request, response: web.StreamResponse) -> None:
    """Put the headers on every answer, errors included; an asset has its own Cache-Control."""
    kept = response.headers.get("Cache-Control")
    response.headers.update(SECURITY_HEADERS)
    if kept is not None:
        response.headers["Cache-Control"] = kept

"""One client's connection: bounded in number and size, and curt with what is no request."""

from __future__ import annotations

import asyncio

import structlog
from aiohttp import web

IDLE_SECONDS = 75.0
"""After so long without a whole request a connection is closed."""

CONNECTIONS_LIMIT = 64
"""With more clients at once the oldest one goes: descriptors are needed to probe with, and who
holds connections open must not keep an orchestrator from asking how the monitor is."""

REQUEST_LIMIT = 4096
HEADERS_LIMIT = 64
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Server": "egress-monitor",
}

log = structlog.get_logger(__name__)


class Connection(web.RequestHandler):
    """aiohttp's protocol, but it tells nothing about itself to who sends rubbish, and does
    not let them fill the log."""

    __slots__ = ("_server",)

    def __init__(self, server: web.Server, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # documented as off
            keepalive_timeout=IDLE_SECONDS,
            lingering_time=0.0,
            max_line_size=REQUEST_LIMIT,
            max_field_size=REQUEST_LIMIT,
            max_headers=HEADERS_LIMIT,
        )
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection; if there are too many now, end the one that was made first."""
        super().connection_made(transport)
        connections = self._server.connections
        if len(connections) > CONNECTIONS_LIMIT:
            connections[0].force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what could not be read (4xx) or what a bug of ours broke (500)."""
        if status >= 500:
            log.error("request failed", path=request.path, exc_info=exc)
        else:
            log.debug("not a request", error=type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was already begun")
        text = "internal error\n" if status >= 500 else "bad request\n"
        response = web.Response(status=status, text=text, headers=SECURITY_HEADERS)
        response.force_close()
        return response

"""One client's connection: requests bounded in size, phases reported, terse answers to junk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog
from aiohttp import web

from monitor.web.admission import ConnectionPhase
from monitor.web.listener import Client

REQUEST_LIMIT = 4096
"""Maximum length of a request line, of a header field and of a body, in bytes."""

HEADERS_LIMIT = 64
"""Maximum number of header fields of a request."""

HEAD_LIMIT = 32 * 1024
"""Maximum number of bytes received before a request is complete."""

WRITE_BUFFER = 32 * 1024
"""Unsent bytes of a connection above which its response waits for the client."""

_HEAD_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nServer: egress-monitor\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)

_NEVER = 86_400.0
"""Timeout of aiohttp's own idle timer: the listener enforces the deadlines, and aborts."""

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Server": "egress-monitor",
}

log = structlog.get_logger(__name__)


class Connection(web.RequestHandler):
    """aiohttp's protocol with the listener's deadlines. It reveals nothing to clients that send
    junk, and does not let them fill the log."""

    __slots__ = ("_head", "_on_lost", "client")

    def __init__(
        self,
        server: web.Server,
        loop: asyncio.AbstractEventLoop,
        client: Client,
        on_lost: Callable[[], None],
    ) -> None:
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # documented as off
            keepalive_timeout=_NEVER,
            lingering_time=0.0,
            max_line_size=REQUEST_LIMIT,
            max_field_size=REQUEST_LIMIT,
            max_headers=HEADERS_LIMIT,
        )
        self.client = client
        self._on_lost = on_lost
        self._head = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Limit the bytes that wait for a client that does not read."""
        super().connection_made(transport)
        assert isinstance(transport, asyncio.WriteTransport)
        transport.set_write_buffer_limits(high=WRITE_BUFFER)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Give the place of the connection back."""
        super().connection_lost(exc)
        self._on_lost()

    def data_received(self, data: bytes) -> None:
        """Parse bytes; the deadline of a request starts with its first byte."""
        if data and self.client.phase is ConnectionPhase.IDLE:
            self.client.enter(ConnectionPhase.REQUEST, self._loop.time())
        self._head = self._head + len(data) if self.client.phase is ConnectionPhase.REQUEST else 0
        if self._head > HEAD_LIMIT and self.transport is not None:
            self.transport.write(_HEAD_TOO_LARGE)
            self.force_close()
            return
        super().data_received(data)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Write the response; the connection is idle afterwards."""
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            self.client.enter(ConnectionPhase.IDLE, self._loop.time())

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a malformed request (4xx) or report a bug of the monitor (500)."""
        if isinstance(exc, ConnectionError):
            raise exc  # The client is gone; no answer can reach it.
        if status >= 500:
            log.error("request failed", path=request.path, exc_info=exc)
        else:
            log.debug("malformed request", error=type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was already begun")
        text = "internal error\n" if status >= 500 else "bad request\n"
        response = web.Response(status=status, text=text, headers=SECURITY_HEADERS)
        response.force_close()
        return response

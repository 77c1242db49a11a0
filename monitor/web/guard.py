"""Checks of every request before its handler: rate, credentials, Host header."""

from __future__ import annotations

import asyncio

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from monitor.common.rate_limit import TokenBucket
from monitor.common.sanitize import sanitize
from monitor.model.settings import WebSettings
from monitor.state.self_metrics import WebMetrics
from monitor.web.access import HEALTH_PATHS, Access, access, challenges
from monitor.web.admission import ConnectionPhase, peer_group
from monitor.web.connection import Connection
from monitor.web.credentials import Credentials
from monitor.web.failed_logins import FailedLogins
from monitor.web.host_header import host_allowed
from monitor.web.log_limit import LogLimit

REQUESTS_PER_SECOND = 100.0
"""Maximum rate of requests: one costs about 0.5 ms of the event loop, so clients that send
requests without end take about 5 % of a processor. Requests beyond it wait."""

REQUESTS_BURST = 100.0
"""Number of requests that may arrive at once: pages of several readers with style and script."""

GRANTED = web.RequestKey("granted", bool)
"""Key of a request that came with valid credentials."""

_SHOWN_HOST = 100

log = structlog.get_logger(__name__)


class Guard:
    """Middleware of one application. Its settings may change while it runs."""

    def __init__(self, settings: WebSettings, metrics: WebMetrics) -> None:
        self._metrics = metrics
        self._logins = FailedLogins()
        self._requests = TokenBucket(REQUESTS_PER_SECOND, REQUESTS_BURST)
        self._login_lines, self._host_lines = LogLimit(), LogLimit()
        self.use(settings)

    def use(self, settings: WebSettings) -> None:
        """Apply credentials and allowed hosts to all requests from now on."""
        self._credentials = Credentials(settings, _monotonic)

    async def handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a request, or pass it to its handler."""
        protocol = request.protocol
        if isinstance(protocol, Connection):
            protocol.client.enter(ConnectionPhase.RESPONSE, _monotonic())
        if wait := self._requests.reserve(_monotonic()):
            await asyncio.sleep(wait)
        settings = self._credentials.settings
        match access(settings, request.path, request.headers.get("Authorization", "")):
            case Access.GRANTED:
                request[GRANTED] = True
                return await handler(request)
            case Access.OPEN:
                if request.path in HEALTH_PATHS or self._host_allowed(request, settings):
                    return await handler(request)
                return _misdirected()
            case Access.WRONG:
                await self._login_failed(request)
        asked = [("WWW-Authenticate", challenge) for challenge in challenges(settings)]
        return web.Response(status=401, text="authentication required\n", headers=asked)

    async def _login_failed(self, request: web.Request) -> None:
        self._metrics.failed_logins += 1
        now, client = _monotonic(), request.remote or ""
        if count := self._login_lines.count(now):
            log.warning("wrong credentials for the page", client=client, count=count)
        await asyncio.sleep(self._logins.delay(peer_group(client), now))

    def _host_allowed(self, request: web.Request, settings: WebSettings) -> bool:
        hosts = request.headers.getall("Host", [])
        if host_allowed(hosts, settings.allowed_hosts):
            return True
        self._metrics.refused_hosts += 1
        if count := self._host_lines.count(_monotonic()):
            log.warning(
                "request refused: its Host header names another site",
                host=sanitize(hosts[0])[:_SHOWN_HOST],
                count=count,
                remediation="if this name is the monitor's, add it to web.allowed_hosts",
            )
        return False


def _misdirected() -> web.Response:
    """Return 421 (RFC 9110, section 15.5.20), which does not repeat what the client sent."""
    text = "this host name is not allowed: add it to [web] allowed_hosts in the configuration\n"
    return web.Response(status=421, text=text)


def _monotonic() -> float:
    return asyncio.get_running_loop().time()

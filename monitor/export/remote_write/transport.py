"""The connection to one receiver: TLS, proxy, and the bounds of a response."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Mapping

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from monitor import __version__
from monitor.common.sanitize import sanitize
from monitor.export.remote_write.response import Response, parse_retry_after, parse_written
from monitor.export.remote_write.wire_limit import WireLimit
from monitor.model.settings import RemoteWriteSettings
from monitor.net.clock import Clock
from monitor.net.proxy.rules import Proxy, ProxyChooser, parse_proxy
from monitor.net.sockets.trust_store import TrustStore
from monitor.probes.context import Resolver

USER_AGENT = f"egress-monitor/{__version__}"
TEXT_LIMIT = 2048
"""Bytes of a response's body that are read; the connection is closed if there are more."""

TEXT_SECONDS = 2.0
"""Seconds that a body may take after its headers: the status alone decides."""

HEADERS_LIMIT = 128
"""Header fields of a response; one with more is refused. Lines are at most 8,190 bytes."""

READ_BUFFER = 16_384
"""Bytes of a response that are buffered before reading from the socket pauses."""

_IDLE = 60.0
_SERVER_LIMIT = 100


class TransportError(Exception):
    """No response came; the message gives the reason without secrets. ``delivered``: whether a
    connection existed, so that the request may have been processed."""

    def __init__(self, reason: str, *, delivered: bool = False) -> None:
        super().__init__(reason)
        self.delivered = delivered


class Transport:
    """The connections to one destination. ``open`` is called before the first request."""

    def __init__(
        self,
        settings: RemoteWriteSettings,
        trust_store: Callable[[], TrustStore],
        resolver: Callable[[], Resolver],
        proxies: ProxyChooser,
        clock: Clock,
    ) -> None:
        """Prepare the connections. ``trust_store`` and ``resolver`` return those of the probes.

        Raises:
            OSError: if a certificate or key cannot be used.
            ValueError: if the URL of the proxy is invalid.
        """
        self._url = URL(settings.url, encoded=True)
        self._timeout = settings.timeout
        self._trust_store = trust_store
        self._resolver = resolver
        private = settings.ca_file is not None or settings.cert_file is not None
        self._own = _OwnContext(settings, trust_store) if private else None
        self._proxy = _proxy(settings, self._url, proxies)
        self._clock = clock
        self._wire_limit = WireLimit()
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> None:
        """Begin; needs a running event loop."""
        connector = aiohttp.TCPConnector(
            limit=2,
            keepalive_timeout=_IDLE,
            resolver=_Names(self._resolver),
            socket_factory=self._wire_limit.make_socket,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            auto_decompress=False,
            max_headers=HEADERS_LIMIT,
            read_bufsize=READ_BUFFER,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("Accept-Encoding",),
        )

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def post(self, body: bytes, headers: Mapping[str, str]) -> Response:
        """Send a body and return the response.

        Raises:
            TimeoutError: if it does not come in time.
            TransportError: if the connection fails, or the response is not valid HTTP.
        """
        assert self._session is not None, "open was called"
        login = self._proxy.authorization if self._proxy else None
        to_proxy = {"Proxy-Authorization": login} if login else {}
        # Only the CONNECT request of a tunnel goes to the proxy; without a tunnel, every request.
        tunnel = self._url.scheme == "https"
        plain = {"User-Agent": USER_AGENT, **headers}
        self._wire_limit.reset()
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._session.post(
                    self._url,
                    data=body,
                    headers=plain if tunnel else {**plain, **to_proxy},
                    allow_redirects=False,
                    ssl=self._context(),
                    proxy=_proxy_url(self._proxy),
                    proxy_headers=to_proxy if tunnel else None,
                ) as response,
            ):
                return await self._read(response)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if isinstance(error, TimeoutError):
                raise
            raise _described(error) from None

    def refresh(self) -> None:
        """Load the destination's own certificate and key again if the files changed."""
        if self._own is not None:
            self._own.refresh()

    def _context(self) -> ssl.SSLContext | bool:
        """Return the context of the probes unless the destination has its own files: a context
        with the system's store takes a megabyte."""
        if self._url.scheme != "https":
            return True
        return self._own.context if self._own is not None else self._trust_store().context()

    async def _read(self, response: aiohttp.ClientResponse) -> Response:
        text = await _text_of(response)
        written, counted = parse_written(response.headers)
        return Response(
            status=response.status,
            written=written,
            counted=counted,
            retry_after=parse_retry_after(response.headers.get("Retry-After"), self._clock.time()),
            text=sanitize(text, replacement=" "),
            page=bool(text) and response.content_type == "text/html",
            location=_location(response.headers.get("Location", ""), self._url),
            server=sanitize(response.headers.get("Server", ""), _SERVER_LIMIT),
        )


async def _text_of(response: aiohttp.ClientResponse) -> str:
    """Return the beginning of a body. A body that is too long, too slow or cut off does not
    matter: the status has been received."""
    text = bytearray()
    try:
        async with asyncio.timeout(TEXT_SECONDS):
            async for chunk in response.content.iter_any():
                text += chunk
                if len(text) >= TEXT_LIMIT:
                    response.close()
                    break
    except (aiohttp.ClientError, OSError, ValueError):
        response.close()
    return text[:TEXT_LIMIT].decode("utf-8", "replace").strip()


def _location(text: str, base: URL) -> str:
    """Return the absolute URL of a Location header without query and userinfo."""
    if not text:
        return ""
    try:
        url = base.join(URL(text))
        return sanitize(f"{url.scheme}://{url.host_port_subcomponent or ''}{url.path}", TEXT_LIMIT)
    except ValueError:
        return ""


def _described(error: Exception) -> TransportError:
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return TransportError(f"the proxy responded {error.status}")
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return TransportError("its certificate is not trusted")
    if isinstance(error, aiohttp.ClientConnectorError):
        reason = error.os_error.strerror or type(error.os_error).__name__
        return TransportError(sanitize(reason, replacement=" ").lower())
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return TransportError("it closed the connection without a response", delivered=True)
    if isinstance(error, aiohttp.ClientResponseError):
        return TransportError("its response is not valid HTTP", delivered=True)
    # The text of aiohttp's own errors may hold the URL with its query.
    cause = error.__cause__ if isinstance(error, aiohttp.ClientError) else error
    words = cause.strerror if isinstance(cause, OSError) else None
    reason = sanitize(words or type(error).__name__, replacement=" ").lower()
    return TransportError(reason, delivered=True)


class _Names(AbstractResolver):
    """Resolves names as the probes do. The C library's resolver would hold a thread for as long
    as the name servers are silent."""

    def __init__(self, resolver: Callable[[], Resolver]) -> None:
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        resolution = await self._resolver().resolve(host)
        if resolution.failure is not None or not resolution.addresses:
            raise OSError(None, "its name cannot be resolved")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=_family(address),
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in resolution.addresses
            if family in {socket.AF_UNSPEC, _family(address)}
        ]

    async def close(self) -> None:
        pass


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


class _OwnContext:
    """The TLS context of a destination with its own CAs or client certificate."""

    def __init__(
        self, settings: RemoteWriteSettings, trust_store: Callable[[], TrustStore]
    ) -> None:
        self._settings = settings
        self._trust_store = trust_store
        self._seen = self._state()
        self.context = self._make()

    def refresh(self) -> None:
        """Load the files again if they changed; files that cannot be used change nothing."""
        try:
            if (state := self._state()) != self._seen:
                self.context = self._make()
                self._seen = state
        except OSError:
            return  # a file is being replaced: the next request tries again

    def _state(self) -> list[tuple[int, int]]:
        settings = self._settings
        paths = (settings.ca_file, settings.cert_file, settings.key_file)
        found = [path.stat() for path in paths if path is not None]
        return [(each.st_mtime_ns, each.st_ino) for each in found]

    def _make(self) -> ssl.SSLContext:
        settings = self._settings
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if settings.ca_file is not None:
            context.load_verify_locations(cafile=settings.ca_file)
        else:
            self._trust_store().add_roots(context)
        if settings.cert_file is not None:
            context.load_cert_chain(settings.cert_file, settings.key_file)
        return context


def _proxy(settings: RemoteWriteSettings, url: URL, proxies: ProxyChooser) -> Proxy | None:
    if settings.proxy is not None:
        return parse_proxy(settings.proxy)
    return proxies.choose(url.scheme, url.host or "", url.port or 0)


def _proxy_url(proxy: Proxy | None) -> str | None:
    return f"{proxy.scheme}://{proxy.label}" if proxy else None

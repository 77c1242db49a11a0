"""Carries one request to a receiver and its answer back: TLS, proxy, bounds."""

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
from monitor.export.remote_write.answer import Answer, parse_retry_after, parse_written
from monitor.export.remote_write.protobuf import WRITTEN_HEADER
from monitor.model.settings import RemoteWriteSettings
from monitor.net.clock import Clock
from monitor.net.proxy.rules import Proxy, ProxyChooser, parse_proxy
from monitor.net.sockets.trust_store import TrustStore
from monitor.probes.context import Resolver

USER_AGENT = f"egress-monitor/{__version__}"
_TEXT_LIMIT = 2048
_IDLE = 60.0


class UnreachableError(Exception):
    """No answer came; the message says why in a few words, without secrets."""


class Transport:
    """The connections to one destination. To be entered before it is used."""

    def __init__(
        self,
        settings: RemoteWriteSettings,
        trust_store: Callable[[], TrustStore],
        resolver: Callable[[], Resolver],
        proxies: ProxyChooser,
        clock: Clock,
    ) -> None:
        """Make it ready. ``trust_store`` and ``resolver`` give those of the probes at that moment.

        Raises:
            OSError: if a certificate or key can't be used.
            ValueError: if the proxy's URL can't be read.
        """
        self._url = URL(settings.url, encoded=True)
        self._timeout = settings.timeout
        self._trust_store = trust_store
        self._resolver = resolver
        private = settings.ca_file is not None or settings.cert_file is not None
        self._own = _OwnContext(settings, trust_store) if private else None
        self._proxy = _proxy(settings, self._url, proxies)
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> None:
        """Begin; needs a running event loop."""
        names = _Names(self._resolver)
        connector = aiohttp.TCPConnector(limit=2, keepalive_timeout=_IDLE, resolver=names)
        self._session = aiohttp.ClientSession(
            connector=connector,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("Accept-Encoding",),
        )

    async def close(self) -> None:
        """End every connection."""
        if self._session is not None:
            await self._session.close()

    async def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send a body and return the answer.

        Raises:
            TimeoutError: if it does not come in time.
            UnreachableError: if none can come.
        """
        assert self._session is not None, "it is open"
        login = self._proxy.authorization if self._proxy else None
        to_proxy = {"Proxy-Authorization": login} if login else {}
        # Through a tunnel the receiver would get it; without one only the request reaches him.
        tunnel = self._url.scheme == "https"
        plain = {"User-Agent": USER_AGENT, **headers}
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
                ) as answer,
            ):
                return await self._read(answer)
        except aiohttp.ClientHttpProxyError as error:
            raise UnreachableError(f"the proxy answered {error.status}") from None
        except aiohttp.ClientConnectorCertificateError:
            raise UnreachableError("its certificate is not trusted") from None
        except aiohttp.ClientConnectorError as error:
            reason = error.os_error.strerror or type(error.os_error).__name__
            raise UnreachableError(sanitize(reason, replacement=" ").lower()) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if isinstance(error, TimeoutError):
                raise
            raise UnreachableError(type(error).__name__) from None

    def refresh(self) -> None:
        """Look whether a certificate or key of the destination's own has changed: reads files."""
        if self._own is not None:
            self._own.refresh()

    def _context(self) -> ssl.SSLContext | bool:
        """Return the context of the probes unless the destination has its own files: a context
        with the system's store takes a megabyte."""
        if self._url.scheme != "https":
            return True
        return self._own.context if self._own is not None else self._trust_store().context()

    async def _read(self, answer: aiohttp.ClientResponse) -> Answer:
        text = bytearray()
        async for chunk in answer.content.iter_any():
            text += chunk
            if len(text) >= _TEXT_LIMIT:
                answer.close()  # the rest is not worth the connection
                break
        said = text[:_TEXT_LIMIT].decode("utf-8", "replace").strip()
        return Answer(
            status=answer.status,
            written=parse_written(answer.headers.get(WRITTEN_HEADER)),
            retry_after=parse_retry_after(answer.headers.get("Retry-After"), self._clock.time()),
            text=sanitize(said, replacement=" "),
            page=bool(text) and answer.content_type == "text/html",
        )


class _Names(AbstractResolver):
    """Resolves as the probes do. The C library's resolver would hold a thread for as long as
    the name servers are silent."""

    def __init__(self, resolver: Callable[[], Resolver]) -> None:
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        resolution = await self._resolver().resolve(host)
        if resolution.failure is not None or not resolution.addresses:
            raise OSError(None, "its name can't be resolved")
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
    """The context of a destination that has CAs or a certificate of its own."""

    def __init__(
        self, settings: RemoteWriteSettings, trust_store: Callable[[], TrustStore]
    ) -> None:
        self._settings = settings
        self._trust_store = trust_store
        self._seen = self._state()
        self.context = self._make()

    def refresh(self) -> None:
        """Take the files anew if they have changed; what can't be used changes nothing."""
        try:
            if (state := self._state()) != self._seen:
                self.context = self._make()
                self._seen = state
        except OSError:
            return  # a file that is being replaced: the next request looks again

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

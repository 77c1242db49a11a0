"""Which proxy a request goes through: the rules of Go's net/http, for the runner is Go.

The rules are those of golang.org/x/net/http/httpproxy (``Config``, ``useProxy``), which
net/http's ProxyFromEnvironment uses. Go does not read ALL_PROXY; neither do we.
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from monitor import __version__
from monitor.model import Secret
from monitor.settings import ProxyMode, ProxySettings

_DEFAULT_PORTS = {"http": 80, "https": 443}
REQUIRED_NO_PROXY = (".internal", "169.254.0.0/16", "app.gitpod.io", ".amazonaws.com")
"""What an enterprise runner's NO_PROXY has to hold (docs/requirements.md)."""

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy to dial: ``scheme`` is how it is spoken to itself, "http" or "https"."""

    scheme: str
    host: str
    port: int
    username: str = ""
    password: Secret | None = None

    @property
    def label(self) -> str:
        """``host:port``, without credentials."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def authorization(self) -> str | None:
        """The value of Proxy-Authorization (RFC 7617, in UTF-8), for sending only."""
        if not self.username:
            return None
        password = self.password.reveal() if self.password else ""
        raw = f"{self.username}:{password}".encode()
        return "Basic " + base64.b64encode(raw).decode()


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry of NO_PROXY: a network, or a domain suffix that begins with a dot."""

    network: IpNetwork | None = None
    suffix: str = ""
    itself: bool = False
    port: str = ""

    def covers(self, host: str, port: str, address: IpAddress | None) -> bool:
        if self.network is not None:
            inside = address is not None and address in self.network
        else:
            inside = host.endswith(self.suffix) or (self.itself and host == self.suffix[1:])
        return inside and self.port in {"", port}


class NoProxy:
    """The hosts that are reached without the proxy."""

    def __init__(self, text: str) -> None:
        entries = [part.strip().lower() for part in text.split(",")]
        self._all = "*" in entries
        self._entries = tuple(e for e in map(_entry, entries) if e is not None)

    def covers(self, host: str, port: int) -> bool:
        """Whether ``host`` is dialled directly; localhost and loopback always are."""
        address = _address(host)
        if host == "localhost" or (address is not None and address.is_loopback):
            return True
        name = host.strip().lower()
        return self._all or any(e.covers(name, str(port), address) for e in self._entries)


@dataclass(frozen=True, slots=True)
class ProxyChooser:
    """Chooses the proxy of a request by its scheme, host and port."""

    http: Proxy | None
    https: Proxy | None
    no_proxy: NoProxy

    @classmethod
    def from_settings(cls, settings: ProxySettings, environ: Mapping[str, str]) -> ProxyChooser:
        """Choose as ``[proxy]`` says: by the environment, as written, or never.

        Raises:
            ValueError: if a proxy's URL can't be read; the message holds no credentials.
        """
        if settings.mode is ProxyMode.NONE:
            return cls(None, None, NoProxy(""))
        if settings.mode is ProxyMode.CONFIG:
            both = [
                _with_credentials(parse_proxy(url), settings)
                for url in (settings.http, settings.https)
            ]
            return cls(both[0], both[1], NoProxy(settings.no_proxy))
        # Go refuses HTTP_PROXY in a CGI program, where a client's header could set it.
        http = "" if environ.get("REQUEST_METHOD") else _either(environ, "HTTP_PROXY")
        return cls(
            parse_proxy(http),
            parse_proxy(_either(environ, "HTTPS_PROXY")),
            NoProxy(_either(environ, "NO_PROXY")),
        )

    def choose(self, scheme: str, host: str, port: int) -> Proxy | None:
        """Return the proxy for a request, None when the host is dialled directly."""
        proxy = {"http": self.http, "https": self.https}.get(scheme)
        if proxy is None or self.no_proxy.covers(host, port):
            return None
        return proxy

    @property
    def in_use(self) -> bool:
        """Whether any request would go through a proxy."""
        return self.http is not None or self.https is not None


def parse_proxy(text: str) -> Proxy | None:
    """Read a proxy's URL; a text without scheme means http, as in Go. None for "".

    Raises:
        ValueError: if it is no URL of an HTTP proxy; the text itself is not repeated, for
            it may hold a password.
    """
    if not text:
        return None
    try:
        url = urlsplit(text if "://" in text else f"http://{text}")
        port = url.port
    except ValueError:
        raise ValueError("the proxy's URL can't be read") from None
    if url.scheme not in _DEFAULT_PORTS or not url.hostname:
        raise ValueError("the proxy's URL is not http://host:port or https://host:port")
    password = Secret(unquote(url.password)) if url.password is not None else None
    return Proxy(
        url.scheme,
        url.hostname,
        port or _DEFAULT_PORTS[url.scheme],
        unquote(url.username or ""),
        password,
    )


def connect_request(host: str, port: int, proxy: Proxy) -> bytes:
    """Write the request for a tunnel (RFC 9110 section 9.3.6).

    Raises:
        ValueError: if the host holds anything but visible ASCII.
    """
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if not all("!" <= c <= "~" for c in where):
        raise ValueError("a host takes visible ASCII only")
    lines = [
        f"CONNECT {where} HTTP/1.1",
        f"Host: {where}",
        f"User-Agent: egress-monitor/{__version__}",
    ]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    return "\r\n".join([*lines, "", ""]).encode()


def missing_no_proxy(
    chooser: ProxyChooser, required: Sequence[str] = REQUIRED_NO_PROXY
) -> tuple[str, ...]:
    """Return the required NO_PROXY entries that nothing in the given NO_PROXY covers.

    An entry is covered by itself or by a wider one (``*``, ``amazonaws.com`` for
    ``.amazonaws.com``). Empty when no proxy is in use.
    """
    if not chooser.in_use:
        return ()
    return tuple(entry for entry in required if not _covered(chooser.no_proxy, entry))


def _covered(no_proxy: NoProxy, entry: str) -> bool:
    if "/" in entry:
        network = ipaddress.ip_network(entry)
        ends = (network[0], network[1], network[-1])
        return all(no_proxy.covers(str(a), p) for a in ends for p in _SAMPLES)
    names = [f"any-name{entry}", f"a.b{entry}"] if entry.startswith(".") else [entry]
    return all(no_proxy.covers(name, port) for name in names for port in _SAMPLES)


_SAMPLES = (80, 443)


def _entry(text: str) -> _Entry | None:
    """Read one entry as Go does; None for what Go ignores."""
    if not text or text == "*":
        return None
    if "/" in text:
        try:
            return _Entry(network=ipaddress.ip_network(text, strict=False))
        except ValueError:
            pass
    host, port = _split_port(text)
    if not host:
        return None
    address = _address(host)
    if address is not None:
        return _Entry(network=ipaddress.ip_network(address), port=port)
    host = host.removeprefix("*") if host.startswith("*.") else host
    itself = not host.startswith(".")
    return _Entry(suffix=f".{host}" if itself else host, itself=itself, port=port)


def _split_port(text: str) -> tuple[str, str]:
    """Split as Go's net.SplitHostPort, what it can't split being all host."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        return (host, rest[1:]) if bracket and rest.startswith(":") else (text, "")
    if text.count(":") == 1:
        host, _, port = text.partition(":")
        return host, port
    return text, ""


def _address(host: str) -> IpAddress | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _either(environ: Mapping[str, str], name: str) -> str:
    """Return the variable in upper case, else in lower case, as Go's getEnvAny."""
    return environ.get(name) or environ.get(name.lower()) or ""


def _with_credentials(proxy: Proxy | None, settings: ProxySettings) -> Proxy | None:
    if proxy is None or not settings.username:
        return proxy
    return Proxy(proxy.scheme, proxy.host, proxy.port, settings.username, settings.password)

"""Choose the proxy of a request by the rules of Go's net/http, because the runner is written in Go.

The rules are those of golang.org/x/net/http/httpproxy (``Config``, ``useProxy``; an IPv6
zone is not a domain, as since 0.36), which net/http's ProxyFromEnvironment uses. Go's net/http
does not read ALL_PROXY; neither does the monitor, because it must not take a path that the runner
does not take. It is stricter in two ways: a proxy URL that Go silently ignores, and that of a
SOCKS proxy, which Go would use, are errors.
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from monitor import __version__
from monitor.common.host_name import to_ascii
from monitor.model.secret import Secret
from monitor.model.settings import ProxyMode, ProxySettings

_DEFAULT_PORTS = {"http": 80, "https": 443}

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
        if not self.username and self.password is None:
            return None
        password = self.password.reveal() if self.password else ""
        raw = f"{self.username}:{password}".encode("utf-8", "surrogateescape")
        return "Basic " + base64.b64encode(raw).decode()

    def redact(self, text: str) -> str:
        """Return ``text``, which a peer sent, without the credentials of this proxy."""
        for secret in (self.authorization or "").removeprefix("Basic "), self._password:
            if secret:
                text = text.replace(secret, "***")
        return text

    @property
    def _password(self) -> str:
        return self.password.reveal() if self.password else ""


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
            named = host.endswith(self.suffix) or (self.itself and host == self.suffix[1:])
            inside = named and address is None
        return inside and self.port in {"", port}

    def contains(self, other: _Entry) -> bool:
        """Whether a domain entry covers every name that another one covers."""
        if not self.suffix or not other.suffix.endswith(self.suffix):
            return False
        return self.itself or not other.itself or self.suffix != other.suffix


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
        name = _ascii(host.strip().lower())
        return self._all or any(e.covers(name, str(port), address) for e in self._entries)

    def includes(self, text: str) -> bool:
        """Whether every host that the entry ``text`` covers is covered, at every port."""
        wanted = _entry(text)
        if wanted is None or self._all:
            return True
        entries = [e for e in self._entries if e.port in {"", wanted.port}]
        if wanted.network is None:
            return any(e.contains(wanted) for e in entries)
        return _within(wanted.network, [e.network for e in entries if e.network])


@dataclass(frozen=True, slots=True)
class ProxyChooser:
    """Chooses the proxy of a request by its scheme, host and port."""

    http: Proxy | None
    https: Proxy | None
    no_proxy: NoProxy

    @classmethod
    def from_settings(cls, settings: ProxySettings, environ: Mapping[str, str]) -> ProxyChooser:
        """Choose by ``[proxy]``: by the environment, as written, or never.

        Raises:
            ValueError: if a proxy's URL can't be read; the message holds no credentials.
        """
        if settings.mode is ProxyMode.NONE:
            return cls(None, None, NoProxy(""))
        if settings.named:
            http, https = (named_proxy(url, settings) for url in (settings.http, settings.https))
            return cls(http, https, NoProxy(settings.no_proxy))
        return cls.from_environment(environ)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> ProxyChooser:
        """Choose by HTTP_PROXY, HTTPS_PROXY and NO_PROXY.

        Raises:
            ValueError: if a proxy's URL can't be read; the message holds no credentials.
        """
        # Go refuses HTTP_PROXY in a CGI program, where a client's header could set it.
        http = "" if environ.get("REQUEST_METHOD") else _either(environ, "HTTP_PROXY")
        return cls(
            parse_proxy(http),
            parse_proxy(_either(environ, "HTTPS_PROXY")),
            NoProxy(_either(environ, "NO_PROXY")),
        )

    def choose(self, scheme: str, host: str, port: int) -> Proxy | None:
        """Return the proxy for a request; None if the host is dialed directly."""
        proxy = self.of(scheme)
        return None if proxy is None or self.no_proxy.covers(host, port) else proxy

    def of(self, scheme: str) -> Proxy | None:
        """Return the proxy of a scheme, regardless of NO_PROXY."""
        return {"http": self.http, "https": self.https}.get(scheme)

    @property
    def in_use(self) -> bool:
        """Whether any request would go through a proxy."""
        return self.http is not None or self.https is not None


def parse_proxy(text: str) -> Proxy | None:
    """Read a proxy's URL; a text without scheme means http, as in Go. None for "".

    Raises:
        ValueError: if it is not the URL of an HTTP proxy; the text itself is not repeated,
            because it may hold a password.
    """
    if not text:
        return None
    if any(c <= " " or c == "\x7f" for c in text):  # urlsplit would take some of them out
        raise ValueError("the proxy's URL holds a space or control character")
    try:
        url = urlsplit(text if "://" in text else f"http://{text}")
        port = _DEFAULT_PORTS.get(url.scheme, 0) if url.port is None else url.port
    except ValueError:
        raise ValueError("the proxy's URL can't be read") from None
    if url.scheme.startswith("socks"):
        raise ValueError("the proxy's URL is that of a SOCKS proxy, which is not supported")
    if url.scheme not in _DEFAULT_PORTS or not url.hostname or not port:
        raise ValueError("the proxy's URL is not http://host:port or https://host:port")
    # Within brackets only the zone is encoded: "%25" stands for "%" (RFC 6874 section 2).
    host = unquote(url.hostname) if ":" in url.hostname else _ascii(url.hostname)
    if not all("!" <= c <= "~" for c in host):
        raise ValueError("the proxy's host is neither a name nor an address")
    password = Secret(unquote(url.password)) if url.password is not None else None
    return Proxy(
        url.scheme,
        host,
        port,
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


def _entry(text: str) -> _Entry | None:
    """Read one entry as Go does; None for what Go ignores."""
    if not text or text == "*":
        return None
    network = _network(text)
    if network is not None:
        return _Entry(network=network)
    host, port = _split_port(text)
    if not host:
        return None
    address = None if "%" in host else _address(host)
    if address is not None:
        return _Entry(network=ipaddress.ip_network(address), port=port)
    host = host.removeprefix("*") if host.startswith("*.") else host
    itself = not host.startswith(".")
    suffix = "." + _ascii(host.removeprefix("."))
    return _Entry(suffix=suffix, itself=itself, port=port)


def _network(text: str) -> IpNetwork | None:
    """Read what Go's net.ParseCIDR reads: a length behind the slash, no netmask, no zone."""
    address, _, length = text.partition("/")
    if "%" in address or not (length.isascii() and length.isdecimal()):
        return None
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    first = network.network_address
    mapped = first.ipv4_mapped if isinstance(first, ipaddress.IPv6Address) else None
    if mapped is not None and network.prefixlen >= _MAPPED_BITS:
        return ipaddress.IPv4Network((mapped, network.prefixlen - _MAPPED_BITS))
    return network


_MAPPED_BITS = 96
"""Number of bits before the IPv4 address in ``::ffff:0:0/96`` (RFC 4291 2.5.5.2)."""


def _within(wanted: IpNetwork, networks: Sequence[IpNetwork]) -> bool:
    """Whether networks, joined where they are neighbours, hold all of ``wanted``."""
    if isinstance(wanted, ipaddress.IPv4Network):
        v4 = [n for n in networks if isinstance(n, ipaddress.IPv4Network)]
        return any(wanted.subnet_of(n) for n in ipaddress.collapse_addresses(v4))
    v6 = [n for n in networks if isinstance(n, ipaddress.IPv6Network)]
    return any(wanted.subnet_of(n) for n in ipaddress.collapse_addresses(v6))


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
    if isinstance(address, ipaddress.IPv6Address):
        return address.ipv4_mapped or ipaddress.IPv6Address(int(address))  # without its zone
    return address


def _ascii(name: str) -> str:
    """Return the ASCII form of an internationalized name; an invalid one stays as it is."""
    if name.isascii():
        return name
    try:
        return to_ascii(name)
    except ValueError:
        return name


def _either(environ: Mapping[str, str], name: str) -> str:
    """Return the variable in upper case, else in lower case, as Go's getEnvAny."""
    return environ.get(name) or environ.get(name.lower()) or ""


def named_proxy(url: str, settings: ProxySettings) -> Proxy | None:
    """Return a proxy that the configuration names, with the credentials that it gives.

    Raises:
        ValueError: if the URL can't be read.
    """
    proxy = parse_proxy(url)
    if proxy is None or not settings.username:
        return proxy
    return Proxy(proxy.scheme, proxy.host, proxy.port, settings.username, settings.password)

"""Hosts, ports and URLs of the configuration, and what of them may be shown: pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from monitor.common import identifiers
from monitor.common.host_name import is_host_name, to_ascii
from monitor.config.kinds import BadValueError, repeated
from monitor.model.target import ProxyChoice, ProxyUse

_ALIASES = (".gitpod.remote", ".gitpod.environment")


def parse_allowed_host(text: str) -> str:
    """Read a DNS name of the page: a name, ``*.`` and a name for all names below it, or ``*``."""
    name = text.strip()
    if name == "*":
        return name
    below = name.removeprefix("*.")
    return f"*.{parse_host(below)}" if below != name else parse_host(name)


def parse_host(text: str) -> str:
    """Read a host name or an IP literal; names become lower-case A-labels."""
    name = text.strip().rstrip(".").lower()
    if any(name.endswith(alias) or name == alias[1:] for alias in _ALIASES):
        raise BadValueError(
            f"{repeated(text)} is an alias of SSH's configuration, not a DNS name: "
            "nothing resolves it",
            'give the environment\'s real address and SSH port with protocol = "tcp"',
        )
    if "*" in name:
        raise BadValueError(
            "a wildcard can't be probed", "write one concrete name that stands for it"
        )
    if identifiers.is_address(name):
        return str(ipaddress.ip_address(name))
    try:
        ascii_name = to_ascii(name)
    except ValueError:
        ascii_name = ""
    if not is_host_name(ascii_name):
        raise BadValueError(
            f"{repeated(text)} is not a valid host name", "write a name such as git.example.com"
        )
    return ascii_name


def parse_address(text: str) -> str:
    """Read an IP literal."""
    if not identifiers.is_address(text):
        raise BadValueError(
            f"{repeated(text)} is not a valid IP address", "write one such as 192.0.2.10"
        )
    return str(ipaddress.ip_address(text))


def parse_port(number: int) -> int:
    """Read a port."""
    if not 0 < number < 65536:
        raise BadValueError(f"{number} is not a valid port", "write a number from 1 to 65535")
    return number


def parse_server(text: str) -> str:
    """Read a name server: ``address``, ``address:port`` or ``[v6]:port``."""
    host, port = split_host_port(text)
    parse_address(host)
    return text if port is None else f"{_bracketed(host)}:{parse_port(port)}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def split_host_port(text: str) -> tuple[str, int | None]:
    """Split ``host``, ``host:port`` and ``[v6]:port``."""
    host, port = text, ""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    if port and not (port.isascii() and port.isdecimal()):
        raise BadValueError(
            f"{repeated(port)} is not a valid port", "write a number from 1 to 65535"
        )
    return host, parse_port(int(port)) if port else None


@dataclass(frozen=True, slots=True)
class Listen:
    """Address and port to listen on."""

    host: str
    port: int


def parse_listen(text: str) -> Listen:
    """Read ``address:port``."""
    host, port = split_host_port(text)
    if port is None:
        raise BadValueError("the port is missing", 'write address and port: "0.0.0.0:9242"')
    return Listen(parse_address(host), port)


@dataclass(frozen=True, slots=True)
class Url:
    """The parts of a URL, or of a host written without scheme."""

    scheme: str
    host: str
    port: int | None
    path: str


def parse_url(text: str) -> Url:
    """Read ``https://host:port/path`` or a bare ``host[:port]`` (https then)."""
    try:
        url = urlsplit(text if "://" in text else f"https://{text}")
        port = url.port
    except ValueError:
        raise BadValueError("this is not a valid URL", "write https://host[:port][/path]") from None
    if url.username is not None or url.password is not None:
        raise BadValueError(
            "a URL must not hold a user or password", "take it out: probes need no credentials"
        )
    if url.query or url.fragment:
        raise BadValueError(
            "a URL must not hold a query or fragment", "take it out: it may be a secret"
        )
    if url.scheme not in {"http", "https"}:
        raise BadValueError("the scheme is neither http nor https", "write https://host")
    return Url(url.scheme, parse_host(url.hostname or ""), port, parse_path(url.path or "/"))


def parse_origin(text: str) -> Url:
    """Read the URL of a whole server: scheme, host and port, nothing behind them."""
    url = parse_url(text)
    if url.path != "/":
        raise BadValueError("a path is not used here", "end it behind host and port")
    return url


@dataclass(frozen=True, slots=True)
class BrokerUrl:
    """Location of a broker. ``websocket_path`` is "" for MQTT straight over TCP."""

    host: str
    port: int
    tls: bool
    websocket_path: str


_BROKERS = {
    "mqtt": (1883, False, False),
    "mqtts": (8883, True, False),
    "ws": (80, False, True),
    "wss": (443, True, True),
}
"""By the URL's scheme: the usual port, whether it is TLS, whether it is WebSocket."""


def parse_broker(text: str) -> BrokerUrl:
    """Read ``mqtts://host:port``, or ``wss://host:port/path`` for MQTT over WebSocket."""
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in _BROKERS:
        remediation = "write mqtts://host:port (or mqtt, wss, ws)"
        raise BadValueError(f"the scheme is not one of {', '.join(_BROKERS)}", remediation)
    if "@" in rest:
        remediation = "take it out: write mqtt.username and mqtt.password_file"
        raise BadValueError("a URL must not hold a user or password", remediation)
    port, tls, web = _BROKERS[scheme]
    url = parse_url(f"https://{rest}")
    if url.path != "/" and not web:
        raise BadValueError("mqtt and mqtts have no path", "end it behind host and port")
    return BrokerUrl(url.host, url.port or port, tls, url.path if web else "")


@dataclass(frozen=True, slots=True)
class QueryUrl:
    """A URL with a query that may hold a secret: whole, without the query, in parts."""

    whole: str = field(repr=False)
    shown: str
    parts: Url
    query: str = field(repr=False, default="")


def parse_write_url(text: str) -> QueryUrl:
    """Read the URL of a remote-write receiver; its query is kept and never shown."""
    return _query_url(
        text, "https://host/api/v1/write", "take it out, and write username and password_file"
    )


def parse_query_url(text: str) -> QueryUrl:
    """Read the URL of a service that needs no credentials; its query is kept and never shown."""
    return _query_url(text, "https://checkip.amazonaws.com", "take it out: it is not sent")


def _query_url(text: str, example: str, without_user: str) -> QueryUrl:
    shown, mark, query = text.partition("?")
    if "://" not in shown:
        raise BadValueError("the scheme is missing", f'write "{example}"')
    if "@" in shown:
        raise BadValueError("a URL must not hold a user or password", without_user)
    if not all("!" <= c <= "~" for c in query) or "#" in query:
        raise BadValueError("its query holds more than visible ASCII", "percent-encode it")
    parts = parse_url(shown)
    host = _bracketed(parts.host) + (f":{parts.port}" if parts.port else "")
    shown = f"{parts.scheme}://{host}{parts.path}"
    return QueryUrl(shown + mark + query, shown, parts, query)


def parse_base_url(text: str) -> str:
    """Read the URL of a service: scheme, host and port, no path."""
    url = parse_url(text)
    where = _bracketed(url.host) + (f":{url.port}" if url.port else "")
    return f"{url.scheme}://{where}{'' if url.path == '/' else url.path.rstrip('/')}"


def parse_optional_url(text: str) -> str:
    """Read the URL of a proxy, or "" for none."""
    return parse_base_url(text) if text else ""


def parse_proxy_choice(text: str) -> ProxyChoice:
    """Read which way a target goes: a word, or the URL of a proxy."""
    if text in _PROXY_WORDS:
        return ProxyChoice(ProxyUse(text))
    if "://" not in text:
        words = ", ".join(f'"{word}"' for word in _PROXY_WORDS)
        remediation = f"write {words} or a proxy's URL"
        raise BadValueError("the value is not a valid proxy choice for this target", remediation)
    return ProxyChoice(ProxyUse.FIXED, parse_base_url(text))


_PROXY_WORDS = tuple(use.value for use in ProxyUse if use is not ProxyUse.FIXED)


def parse_path(text: str) -> str:
    """Read the path of a URL."""
    if not text.startswith("/") or not all("!" <= c <= "~" for c in text):
        raise BadValueError("a path begins with / and holds visible ASCII", 'write e.g. "/health"')
    return text

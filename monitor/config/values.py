"""What a value of the configuration may be, and what to write when it is not: pure."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from monitor import shapes
from monitor.model import ProxyChoice, ProxyUse, StatusSet
from monitor.settings import Shard


class BadValueError(ValueError):
    """A value can't be used: ``what`` is wrong with it and the ``cure``."""

    def __init__(self, what: str, cure: str) -> None:
        super().__init__(what)
        self.what = what
        self.cure = cure


class BadItemsError(ValueError):
    """Items of a list can't be used: each by its number, from 1 on, with what is wrong."""

    def __init__(self, items: Mapping[int, BadValueError]) -> None:
        super().__init__("items can't be used")
        self.items = items


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value. ``parse`` takes what TOML gives (of ``types``), ``from_text`` turns
    an environment variable into that.

    Raises (``parse``):
        BadValueError: if the value can't be used.
        BadItemsError: if it is a list, and items of it can't be used.
    """

    name: str
    types: tuple[type, ...]
    parse: Callable[[Any], Any]
    from_text: Callable[[str], Any] = str
    example: str = ""

    def read(self, raw: object) -> Any:  # noqa: ANN401 - its type is the key's own
        """Check the type and parse.

        Raises:
            BadValueError: if the value can't be used.
            BadItemsError: if it is a list, and items of it can't be used.
        """
        wrong_bool = isinstance(raw, bool) and bool not in self.types
        if wrong_bool or not isinstance(raw, self.types):
            raise BadValueError(f"{_shown(raw)} is not {self.name}", f"write {self.example}")
        return self.parse(raw)


def _shown(raw: object) -> str:
    """Name a value's type: the value itself may be a secret in the wrong place."""
    names = {str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    names |= {list: "a list", dict: "a table"}
    return names.get(type(raw), "this")


_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_GROUP = re.compile(r"[a-z][a-z0-9_]{0,62}")
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,98}")
_TOPIC = re.compile(r"[A-Za-z0-9._~-]+(?:/[A-Za-z0-9._~-]+)*")
_CLIENT_ID = re.compile(r"[A-Za-z0-9._:@-]{1,100}")
_ONE_OF = re.compile(r"(?:[a-z][a-z0-9_]{0,62}(?:/[a-z0-9][a-z0-9._-]{0,62})?)?")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_ALIASES = (".gitpod.remote", ".gitpod.environment")
_DAY = 86_400.0
_SHARDS = 1000
_SIZE = re.compile(r"(\d{1,12})(KiB|MiB|GiB|)")
_SIZE_UNITS = {"": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_SIZE_MINIMUM = 4 * 1024**2
_LABEL_NAME = re.compile(r"(?!__)[A-Za-z_][A-Za-z0-9_]{0,99}")
_RESERVED_HEADERS = frozenset(
    {
        "authorization",
        "content-encoding",
        "content-length",
        "content-type",
        "host",
        "transfer-encoding",
        "user-agent",
        "x-prometheus-remote-write-version",
    }
)


def parse_size(raw: str | int) -> int:
    """Read ``"256MiB"`` or a number of bytes."""
    match = _SIZE.fullmatch(str(raw))
    if match is None:
        raise BadValueError(f"{str(raw)[:40]!r} is no size", 'write e.g. "256MiB"')
    size = int(match[1]) * _SIZE_UNITS[match[2]]
    if not _SIZE_MINIMUM <= size <= 1024**4:
        raise BadValueError("a size is at least 4MiB and at most 1024GiB", 'write e.g. "256MiB"')
    return size


def parse_age(raw: str | float) -> float:
    """Read a duration of up to 30 days: ``"48h"``."""
    seconds = float(raw) if not isinstance(raw, str) else _units(raw)
    if not 60 <= seconds <= 30 * _DAY:
        raise BadValueError("it is less than 1m or more than 720h", 'write e.g. "24h"')
    return seconds


def parse_duration(raw: str | float) -> float:
    """Read ``"1m30s"``, ``"500ms"`` or a number of seconds."""
    seconds = float(raw) if not isinstance(raw, str) else _units(raw)
    if not 0 < seconds <= _DAY or not math.isfinite(seconds):
        raise BadValueError("a duration is more than 0 and at most 24h", 'write e.g. "30s"')
    return seconds


def _units(text: str) -> float:
    match = _DURATION.fullmatch(text)
    if match is None or not text:
        cure = 'write a duration such as "30s", "1m30s" or "500ms"'
        raise BadValueError(f"{text[:40]!r} is no duration", cure)
    hours, minutes, seconds, millis = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds + millis / 1000


def parse_host(text: str) -> str:
    """Read a host name or an IP literal; names become lower-case A-labels."""
    name = text.strip().rstrip(".").lower()
    if any(name.endswith(alias) or name == alias[1:] for alias in _ALIASES):
        raise BadValueError(
            f"{text} is an alias of SSH's configuration, not a DNS name: nothing resolves it",
            'give the environment\'s real address and SSH port with protocol = "tcp"',
        )
    if "*" in name:
        raise BadValueError(
            "a wildcard can't be probed", "write one concrete name that stands for it"
        )
    if shapes.is_address(name):
        return str(ipaddress.ip_address(name))
    try:
        ascii_name = name.encode("idna").decode() if not name.isascii() else name
    except UnicodeError:
        ascii_name = ""
    labels = ascii_name.split(".")
    if len(ascii_name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        # What holds an @ may hold a password before it.
        shown = "this" if "@" in text else repr(text[:80])
        raise BadValueError(f"{shown} is no host name", "write a name such as git.example.com")
    return ascii_name


def parse_address(text: str) -> str:
    """Read an IP literal."""
    if not shapes.is_address(text):
        raise BadValueError(f"{text[:80]!r} is no IP address", "write one such as 192.0.2.10")
    return str(ipaddress.ip_address(text))


def parse_port(number: int) -> int:
    """Read a port."""
    if not 0 < number < 65536:
        raise BadValueError(f"{number} is no port", "write a number from 1 to 65535")
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
        raise BadValueError(f"{port[:20]!r} is no port", "write a number from 1 to 65535")
    return host, parse_port(int(port)) if port else None


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen."""

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
        raise BadValueError("this is no URL", "write https://host[:port][/path]") from None
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
    """Where a broker is. ``websocket_path`` is "" for MQTT straight over TCP."""

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
        cure = "write mqtts://host:port (or mqtt, wss, ws)"
        raise BadValueError(f"the scheme is not one of {', '.join(_BROKERS)}", cure)
    if "@" in rest:
        cure = "take it out: write mqtt.username and mqtt.password_file"
        raise BadValueError("a URL must not hold a user or password", cure)
    port, tls, web = _BROKERS[scheme]
    url = parse_url(f"https://{rest}")
    if url.path != "/" and not web:
        raise BadValueError("mqtt and mqtts have no path", "end it behind host and port")
    return BrokerUrl(url.host, url.port or port, tls, url.path if web else "")


def parse_topic(text: str) -> str:
    """Read the beginning of a topic's name (MQTT 5.0 section 4.7)."""
    if not _TOPIC.fullmatch(text):
        cure = 'write words with / between them, such as "egress-monitor" or "site/egress"'
        raise BadValueError(f"{text[:40]!r} can't begin a topic", cure)
    return text


def parse_keepalive(raw: str | float) -> float:
    """Read an interval that MQTT can say: whole seconds in two bytes (MQTT 5.0 3.1.2.10)."""
    seconds = parse_duration(raw)
    if not 5 <= seconds <= 65_535:
        raise BadValueError(f"{seconds:g} s is too short or too long", "write 5s to 18h")
    return seconds


@dataclass(frozen=True, slots=True)
class WriteUrl:
    """The URL of a receiver: whole, without the query that may hold a secret, in parts."""

    whole: str = field(repr=False)
    shown: str
    parts: Url


def parse_write_url(text: str) -> WriteUrl:
    """Read the URL of a remote-write receiver; its query is kept and never shown."""
    shown, mark, query = text.partition("?")
    if "://" not in shown:
        raise BadValueError("the scheme is missing", 'write "https://host/api/v1/write"')
    if "@" in shown:
        cure = "take it out, and write username and password_file"
        raise BadValueError("a URL must not hold a user or password", cure)
    if not all("!" <= c <= "~" for c in query) or "#" in query:
        raise BadValueError("its query holds more than visible ASCII", "percent-encode it")
    parts = parse_url(shown)
    host = _bracketed(parts.host) + (f":{parts.port}" if parts.port else "")
    shown = f"{parts.scheme}://{host}{parts.path}"
    return WriteUrl(shown + mark + query, shown, parts)


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
        cure = f"write {words} or a proxy's URL"
        raise BadValueError("it is no way that a target can go", cure)
    return ProxyChoice(ProxyUse.FIXED, parse_base_url(text))


_PROXY_WORDS = tuple(use.value for use in ProxyUse if use is not ProxyUse.FIXED)


def parse_path(text: str) -> str:
    """Read the path of a URL."""
    if not text.startswith("/") or not all("!" <= c <= "~" for c in text):
        raise BadValueError("a path begins with / and holds visible ASCII", 'write e.g. "/health"')
    return text


def parse_id(text: str) -> str:
    """Read a target's id."""
    if not _ID.fullmatch(text):
        cure = "use lower-case letters, digits, '.', '_' and '-', at most 99"
        raise BadValueError(f"{text[:40]!r} is no id", cure)
    return text


def parse_group(text: str) -> str:
    """Read a group's name."""
    if not _GROUP.fullmatch(text):
        raise BadValueError(f"{text[:40]!r} is no group", "use a-z, 0-9 and _, a letter first")
    return text


def parse_one_of(text: str) -> str:
    """Read a redundant group and an alternative within it: ``"gateways/us01"``; "" is none."""
    if not _ONE_OF.fullmatch(text):
        what = f"{text[:40]!r} is no redundant group with an alternative"
        raise BadValueError(what, 'write e.g. "mirrors/first"')
    return text


def parse_statuses(text: str) -> StatusSet:
    """Read a set of HTTP statuses."""
    try:
        return StatusSet.parse(text)
    except ValueError:
        raise BadValueError(
            f"{text[:40]!r} is no set of HTTP statuses", 'write e.g. "200-399,401"'
        ) from None


def parse_header(text: str) -> str:
    """Read a header's name (RFC 9110 section 5.1)."""
    if not _HEADER.fullmatch(text):
        raise BadValueError(f"{text[:40]!r} is no header's name", "write e.g. x-amzn-requestid")
    return text.lower()


def parse_write_header(text: str) -> str:
    """Read the name of a header that may be added to a remote write."""
    if parse_header(text) in _RESERVED_HEADERS:
        cure = "take it out: the protocol sets it, or a key of its own does"
        raise BadValueError(f"{text} is a reserved header", cure)
    return text


def parse_label(text: str) -> str:
    """Read a label's name."""
    if not _LABEL_NAME.fullmatch(text):
        cure = "use letters, digits and _, no digit first and no two _ first"
        raise BadValueError(f"{text[:40]!r} is no label's name", cure)
    return text


def parse_shape(shape: re.Pattern[str], what: str, cure: str) -> Callable[[str], str]:
    """Return a parser of texts that match ``shape``, or are empty."""

    def parse(text: str) -> str:
        if text and not shape.fullmatch(text):
            raise BadValueError(f"{text[:40]!r} is no {what}", cure)
        return text

    return parse


def parse_file(text: str) -> Path:
    """Read the path of a file that can be read now."""
    path = Path(text)
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        reason = (error.strerror or "can't be read").lower()
        raise BadValueError(f"{text}: {reason}", "write the path of a readable file") from None
    return path


def parse_directory(text: str) -> Path:
    """Read the path of a directory that is there, or may be made."""
    path = Path(text)
    if not path.is_absolute():
        raise BadValueError(f"{text[:80]!r} is no absolute path", "write one that begins with /")
    if path.exists() and not path.is_dir():
        raise BadValueError(f"{text} is no directory", "write the path of a directory")
    return path


def parse_ca_file(text: str) -> Path:
    """Read the path of a PEM file with at least one CA certificate."""
    import ssl  # noqa: PLC0415 - for this key only

    path = parse_file(text)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except ssl.SSLError:
        raise BadValueError(f"{text} holds no PEM certificate", "write a PEM file of CAs") from None
    return path


def parse_shard(text: str) -> Shard:
    """Read ``"2/3"``: the second of three."""
    number, slash, count = text.partition("/")
    if not (slash and number.isdecimal() and count.isdecimal()):
        raise BadValueError(f"{text!r} is no shard", 'write e.g. "1/3", the first of three')
    shard = Shard(int(number), int(count))
    if not 1 <= shard.number <= shard.count <= _SHARDS:
        raise BadValueError(
            f"{text!r} is no shard", f"write a number from 1 to the count, at most {_SHARDS}"
        )
    return shard


def one_of(values: type[StrEnum]) -> Kind:
    """A choice."""
    names = [member.value for member in values]

    def parse(text: str) -> StrEnum:
        if text not in names:
            near = get_close_matches(text, names, n=1)
            cure = f'did you mean "{near[0]}"?' if near else f"write one of {', '.join(names)}"
            raise BadValueError(f"{text[:40]!r} is not one of {', '.join(names)}", cure)
        return values(text)

    return Kind(f"one of {', '.join(names)}", (str,), parse, example=f'"{names[0]}"')


def list_of(kind: Kind) -> Kind:
    """A list of values of one kind."""

    def parse(raw: Sequence[object]) -> tuple[Any, ...]:
        values, wrong = [], {}
        for number, item in enumerate(raw, 1):
            try:
                values.append(kind.read(item))
            except BadValueError as error:
                wrong[number] = error
        if wrong:
            raise BadItemsError(wrong)
        return tuple(values)

    def from_text(text: str) -> list[object]:
        return [kind.from_text(part.strip()) for part in text.split(",") if part.strip()]

    return Kind(f"a list, each {kind.name}", (list,), parse, from_text, f"[{kind.example}]")


def table_of(name: Kind, value: Kind) -> Kind:
    """A table of names and values, each of one kind."""

    def parse(raw: Mapping[str, object]) -> tuple[tuple[Any, Any], ...]:
        values = []
        for key, item in raw.items():
            try:
                values.append((name.read(key), value.read(item)))
            except BadValueError as error:
                raise BadValueError(f"{key[:40]}: {error.what}", error.cure) from None
        return tuple(values)

    example = f"{{ {name.example.strip(chr(34))} = {value.example} }}"
    return Kind(f"a table of {name.name} and {value.name}", (dict,), parse, example=example)


def _bool(text: str) -> object:
    return {"true": True, "false": False}.get(text.lower(), text)


def _number(text: str) -> object:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


def at_least(minimum: float) -> Callable[[float], float]:
    """Return a parser of numbers that are ``minimum`` at least."""

    def parse(number: float) -> float:
        if not minimum <= number < 1e9:
            raise BadValueError(f"{number} is too small or too large", f"write {minimum:g} or more")
        return number

    return parse


def text_kind(name: str, parse: Callable[[str], Any], example: str) -> Kind:
    """A kind that is written as a string."""
    return Kind(name, (str,), parse, example=f'"{example}"')


BOOLEAN = Kind("a boolean", (bool,), bool, _bool, "true or false")
COUNT = Kind("a whole number", (int,), at_least(1), _number, "a whole number, without quotes")
NUMBER = Kind("a number", (int, float), at_least(0.1), _number, "a number, without quotes")
PORT = Kind("a port number", (int,), parse_port, _number, "a number from 1 to 65535, unquoted")
SHARD = text_kind("a shard", parse_shard, "1/3")
DURATION = Kind("a duration", (str, int, float), parse_duration, _number, '"30s"')
AGE = Kind("a duration", (str, int, float), parse_age, _number, '"24h"')
SIZE = Kind("a size", (str, int), parse_size, _number, '"256MiB"')
TEXT = text_kind("a string", str, "text")
HOST = text_kind("a host name or address", parse_host, "git.example.com")
ADDRESS = text_kind("an IP address", parse_address, "192.0.2.10")
SERVER = text_kind("a name server", parse_server, "169.254.169.253")
URL = text_kind("a URL or host", parse_url, "https://git.example.com")
ORIGIN = text_kind(
    "a server's URL", parse_origin, "https://vpce-0123.ec2.eu-central-1.vpce.amazonaws.com"
)
BASE_URL = text_kind("a URL", parse_base_url, "http://169.254.169.254")
PROXY_URL = text_kind("a proxy's URL", parse_optional_url, "http://proxy.example.com:3128")
PROXY_CHOICE = text_kind("a way or a proxy's URL", parse_proxy_choice, "none")
PATH = text_kind("a URL's path", parse_path, "/health")
ID = text_kind("an id", parse_id, "my-endpoint")
GROUP = text_kind("a group", parse_group, "custom")
ONE_OF = text_kind("a redundant group", parse_one_of, "mirrors/first")
STATUSES = text_kind("a set of HTTP statuses", parse_statuses, "200-399,401")
HEADER = text_kind("a header's name", parse_header, "x-amzn-requestid")
WRITE_URL = text_kind(
    "a receiver's URL", parse_write_url, "https://metrics.example.com/api/v1/write"
)
WRITE_HEADER = text_kind("a header's name", parse_write_header, "X-Scope-OrgID")
LABEL = text_kind("a label's name", parse_label, "site")
LISTEN = text_kind("address and port", parse_listen, "0.0.0.0:9242")
FILE = text_kind("a file's path", parse_file, "/run/secrets/proxy-password")
DIRECTORY = text_kind("a directory's path", parse_directory, "/var/lib/egress-monitor")
CA_FILE = text_kind("a PEM file's path", parse_ca_file, "/etc/ssl/certs/ca-certificates.crt")
REGION = text_kind(
    "an AWS region",
    parse_shape(shapes.REGION, "AWS region", 'write e.g. "eu-central-1"'),
    "eu-central-1",
)
SUBNET = text_kind(
    "a subnet's id",
    parse_shape(shapes.SUBNET_ID, "subnet id", 'write e.g. "subnet-0123456789abcdef0"'),
    "subnet-0123456789abcdef0",
)
INSTANCE_TYPE = text_kind(
    "an instance type",
    parse_shape(shapes.INSTANCE_TYPE, "instance type", 'write e.g. "t3.micro"'),
    "t3.micro",
)
ACCOUNT = text_kind(
    "an AWS account id",
    parse_shape(
        shapes.ACCOUNT_ID, "AWS account id", 'write its 12 digits in quotes: "123456789012"'
    ),
    "123456789012",
)
BROKER = text_kind("a broker's URL", parse_broker, "mqtts://broker.example.com:8883")
TOPIC = text_kind("the beginning of a topic", parse_topic, "egress-monitor")
KEEPALIVE = Kind("a duration", (str, int, float), parse_keepalive, _number, '"30s"')
CLIENT_ID = text_kind(
    "a client id",
    parse_shape(_CLIENT_ID, "client id", "use letters, digits, '.', '_', ':', '@', '-'"),
    "monitor-subnet-a",
)
RUNNER = text_kind(
    "a runner's id",
    parse_shape(shapes.RUNNER_ID, "runner id", "use letters, digits, '.', '_', '-'"),
    "runner-1",
)

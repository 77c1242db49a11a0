"""Kinds of values of the configuration, each with its parser. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path

from monitor.common import identifiers
from monitor.config.kinds import (
    BadValueError,
    Kind,
    MissingFileError,
    repeated,
    text_kind,
)
from monitor.config.urls import (
    parse_address,
    parse_allowed_host,
    parse_base_url,
    parse_broker,
    parse_host,
    parse_listen,
    parse_optional_url,
    parse_origin,
    parse_path,
    parse_port,
    parse_proxy_choice,
    parse_query_url,
    parse_server,
    parse_url,
    parse_write_url,
)
from monitor.model.endpoint import StatusSet
from monitor.model.settings import Shard

_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?")
_GROUP = re.compile(r"[a-z][a-z0-9_]{0,62}")
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,98}")
_TOPIC = re.compile(r"[A-Za-z0-9._~-]+(?:/[A-Za-z0-9._~-]+)*")
_CLIENT_ID = re.compile(r"[A-Za-z0-9._:@-]{1,100}")
_REDUNDANCY_GROUP = re.compile(r"(?:[a-z][a-z0-9_]{0,62}(?:/[a-z0-9][a-z0-9._-]{0,62})?)?")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
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
        raise BadValueError(f"{repeated(str(raw))} is not a valid size", 'write e.g. "256MiB"')
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


def parse_address_interval(raw: str | float) -> float:
    """Read the interval of checks of the public address: 1 min to 24 h. The service is another
    party's, and a check by each way out is one request."""
    seconds = parse_duration(raw)
    if seconds < 60:
        raise BadValueError(f"{seconds:g} s is too short", "write 1m or more")
    return seconds


def parse_pulse(raw: str | float) -> float:
    """Read the interval of pulses: ``"0s"`` turns them off, else 1 s to 5 min."""
    seconds = float(raw) if not isinstance(raw, str) else _units(raw)
    if seconds and not 1 <= seconds <= 300:
        raise BadValueError(f"{seconds:g} s is too short or too long", 'write "0s" or 1s to 5m')
    return seconds


def _units(text: str) -> float:
    match = _DURATION.fullmatch(text)
    if match is None or not text:
        remediation = 'write a duration such as "30s", "1m30s" or "500ms"'
        raise BadValueError(f"{repeated(text)} is not a valid duration", remediation)
    hours, minutes, seconds, millis = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds + millis / 1000


def parse_topic(text: str) -> str:
    """Read the beginning of a topic's name (MQTT 5.0 section 4.7)."""
    if not _TOPIC.fullmatch(text):
        remediation = 'write words with / between them, such as "egress-monitor" or "site/egress"'
        raise BadValueError(f"{repeated(text)} can't begin a topic", remediation)
    return text


def parse_keepalive(raw: str | float) -> float:
    """Read an interval that MQTT can express: whole seconds in two bytes (MQTT 5.0 3.1.2.10)."""
    seconds = parse_duration(raw)
    if not 5 <= seconds <= 65_535:
        raise BadValueError(f"{seconds:g} s is too short or too long", "write 5s to 18h")
    return seconds


def parse_id(text: str) -> str:
    """Read a target's id."""
    if not _ID.fullmatch(text):
        remediation = "use lower-case letters, digits, '.', '_' and '-', at most 99"
        raise BadValueError(f"{repeated(text)} is not a valid id", remediation)
    return text


def parse_group(text: str) -> str:
    """Read a group's name."""
    if not _GROUP.fullmatch(text):
        raise BadValueError(
            f"{repeated(text)} is not a valid group", "use a-z, 0-9 and _, a letter first"
        )
    return text


def parse_redundancy_group(text: str) -> str:
    """Read a redundant group and an alternative within it: ``"gateways/us01"``; "" is none."""
    if not _REDUNDANCY_GROUP.fullmatch(text):
        what = f"{repeated(text)} is not a valid redundancy group with an alternative"
        raise BadValueError(what, 'write e.g. "mirrors/first"')
    return text


def parse_statuses(text: str) -> StatusSet:
    """Read a set of HTTP statuses."""
    try:
        return StatusSet.parse(text)
    except ValueError:
        raise BadValueError(
            f"{repeated(text)} is not a valid set of HTTP statuses", 'write e.g. "200-399,401"'
        ) from None


def parse_header(text: str) -> str:
    """Read a header's name (RFC 9110 section 5.1)."""
    if not _HEADER.fullmatch(text):
        raise BadValueError(
            f"{repeated(text)} is not a valid header name", "write e.g. x-amzn-requestid"
        )
    return text.lower()


def parse_write_header(text: str) -> str:
    """Read the name of a header that may be added to a remote write."""
    if parse_header(text) in _RESERVED_HEADERS:
        remediation = "take it out: the protocol sets it, or a key of its own does"
        raise BadValueError(f"{text} is a reserved header", remediation)
    return text


def parse_header_value(text: str) -> str:
    """Read a header's value: one line (RFC 9110 section 5.5)."""
    if not text.isprintable():
        raise BadValueError(
            "a header's value is one line of text", "remove line feeds and control characters"
        )
    return text


def parse_label(text: str) -> str:
    """Read a label's name."""
    if not _LABEL_NAME.fullmatch(text):
        remediation = "use letters, digits and _, no digit first and no two _ first"
        raise BadValueError(f"{repeated(text)} is not a valid label name", remediation)
    return text


def parse_shape(shape: re.Pattern[str], what: str, remediation: str) -> Callable[[str], str]:
    """Return a parser of texts that match ``shape``, or are empty."""

    def parse(text: str) -> str:
        if text and not shape.fullmatch(text):
            raise BadValueError(f"{repeated(text)} is not a valid {what}", remediation)
        return text

    return parse


def parse_file(text: str) -> Path:
    """Read the path of a file that can be read now."""
    path = Path(text)
    try:
        with path.open("rb") as file:
            file.read(1)
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or "it cannot be read").lower()
        # The secret itself may have been written where a file that holds it is to be named.
        shown = text if text.startswith(("/", "./", "../")) else "this file"
        raise MissingFileError(
            f"{shown}: {reason}",
            "write the path of a readable file",
            path if path.is_absolute() and isinstance(error, OSError) else None,
        ) from None
    return path


def parse_directory(text: str) -> Path:
    """Read the path of a directory that is there, or may be made."""
    path = Path(text)
    if not path.is_absolute():
        raise BadValueError(
            f"{repeated(text)} is not an absolute path", "write a path that begins with /"
        )
    if "\0" in text:
        raise BadValueError("a path holds no NUL", "write the path of a directory")
    if path.exists() and not path.is_dir():
        raise BadValueError(f"{text} is not a directory", "write the path of a directory")
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
        raise BadValueError(
            f"{repeated(text)} is not a valid shard", 'write e.g. "1/3", the first of three'
        )
    shard = Shard(int(number), int(count))
    if not 1 <= shard.number <= shard.count <= _SHARDS:
        raise BadValueError(
            f"{repeated(text)} is not a valid shard",
            f"write a number from 1 to the count, at most {_SHARDS}",
        )
    return shard


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


BOOLEAN = Kind("a boolean", (bool,), bool, _bool, "true or false")
COUNT = Kind("a whole number", (int,), at_least(1), _number, "a whole number, without quotes")
NUMBER = Kind("a number", (int, float), at_least(0.1), _number, "a number, without quotes")
PORT = Kind("a port number", (int,), parse_port, _number, "a number from 1 to 65535, unquoted")
SHARD = text_kind("a shard", parse_shard, "1/3")
DURATION = Kind("a duration", (str, int, float), parse_duration, _number, '"30s"')
ADDRESS_INTERVAL = Kind("a duration", (str, int, float), parse_address_interval, _number, '"10m"')
PULSE = Kind("a duration", (str, int, float), parse_pulse, _number, '"5s"')
AGE = Kind("a duration", (str, int, float), parse_age, _number, '"24h"')
SIZE = Kind("a size", (str, int), parse_size, _number, '"256MiB"')
TEXT = text_kind("a string", str, "text")
HOST = text_kind("a host name or address", parse_host, "git.example.com")
ALLOWED_HOST = text_kind("a DNS name", parse_allowed_host, "monitor.example.com")
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
REDUNDANCY_GROUP = text_kind("a redundant group", parse_redundancy_group, "mirrors/first")
STATUSES = text_kind("a set of HTTP statuses", parse_statuses, "200-399,401")
HEADER = text_kind("a header's name", parse_header, "x-amzn-requestid")
WRITE_URL = text_kind(
    "a receiver's URL", parse_write_url, "https://metrics.example.com/api/v1/write"
)
ADDRESS_URL = text_kind("a URL", parse_query_url, "https://checkip.amazonaws.com")
WRITE_HEADER = text_kind("a header's name", parse_write_header, "X-Scope-OrgID")
HEADER_VALUE = text_kind("a header's value", parse_header_value, "tenant-1")
LABEL = text_kind("a label's name", parse_label, "site")
LISTEN = text_kind("address and port", parse_listen, "0.0.0.0:9242")
FILE = text_kind("a file's path", parse_file, "/run/secrets/proxy-password")
DIRECTORY = text_kind("a directory's path", parse_directory, "/var/lib/egress-monitor")
CA_FILE = text_kind("a PEM file's path", parse_ca_file, "/etc/ssl/certs/ca-certificates.crt")
REGION = text_kind(
    "an AWS region",
    parse_shape(identifiers.REGION, "AWS region", 'write e.g. "eu-central-1"'),
    "eu-central-1",
)
SUBNET = text_kind(
    "a subnet's id",
    parse_shape(identifiers.SUBNET_ID, "subnet id", 'write e.g. "subnet-0123456789abcdef0"'),
    "subnet-0123456789abcdef0",
)
INSTANCE_TYPE = text_kind(
    "an instance type",
    parse_shape(identifiers.INSTANCE_TYPE, "instance type", 'write e.g. "t3.micro"'),
    "t3.micro",
)
ACCOUNT = text_kind(
    "an AWS account id",
    parse_shape(
        identifiers.ACCOUNT_ID, "AWS account id", 'write its 12 digits in quotes: "123456789012"'
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
    parse_shape(identifiers.RUNNER_ID, "runner id", "use letters, digits, '.', '_', '-'"),
    "runner-1",
)

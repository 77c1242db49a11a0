"""``egress-monitor healthcheck``: asks the monitor on this machine whether it is healthy.

Orchestrators run it every 30 s next to the monitor, so it imports nothing of the product and as
little of the standard library as possible: no TOML parser, no HTTP client, and TLS only if the
monitor serves by TLS.
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Mapping, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from monitor.cli.options import Options

TIMEOUT = 3.0
"""Seconds for the whole check. Docker and ECS give it 5."""

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 9242
_PLACES = ("config.toml", "/etc/egress-monitor/config.toml")
_EVERY_ADDRESS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}
_RESPONSE_BYTES = 65_536
_CONFIG_BYTES = 4 * 1024 * 1024
_KEYS = ("listen", "cert_file")


def run(arguments: Sequence[str], environ: Mapping[str, str]) -> int | None:
    """Run the command as it is written in most places; None for arguments that the full command
    line has to read or explain."""
    options = _options(arguments)
    if options is None:
        return None
    given = options.get("--port")
    if given is None:
        return check(options.get("--config"), None, environ)
    if given.isascii() and given.isdecimal() and 0 < int(given) < 65_536:
        return check(options.get("--config"), int(given), environ)
    return None


def main(options: Options) -> int:
    """Run the command as the full command line has read it."""
    path = getattr(options.config, "path", options.config)
    return check(str(path) if path else None, options.port, options.environ)


def check(config: str | None, port: int | None, environ: Mapping[str, str]) -> int:
    """Return 0 if ``GET /healthz`` of the monitor on this machine is answered with 200, else 1.
    ``port`` None means the port of the configuration."""
    web = web_settings(config, environ)
    host, configured = address_of(web.get("listen", ""))
    port = port or configured
    try:
        status = _status_of(host, port, tls="cert_file" in web)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        print(f"no answer from {host} port {port}: {reason}", file=sys.stderr)
        return 1
    if status != 200:
        print(f"{host} port {port} answered {status}", file=sys.stderr)
        return 1
    return 0


def web_settings(config: str | None, environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return ``listen`` and ``cert_file`` of the table [web] as far as they are set. A
    configuration that cannot be read or used sets nothing: a running monitor keeps its old one,
    which is most likely the default."""
    found = _from_text(_text(config, environ))
    for key in _KEYS:
        value = environ.get(f"EGRESS_MONITOR_WEB__{key.upper()}")
        if value:
            found[key] = value
    return found


def address_of(listen: str) -> tuple[str, int]:
    """Return where to ask a monitor that listens on ``listen``: this machine if it listens on
    every address; the default for what is no address with a port."""
    host, colon, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not (port.isascii() and port.isdecimal() and len(port) < 6):
        return DEFAULT_HOST, DEFAULT_PORT
    return _EVERY_ADDRESS.get(host, host), int(port)


def _options(arguments: Sequence[str]) -> dict[str, str] | None:
    """Return the options with their values; None if there is anything else."""
    found: dict[str, str] = {}
    rest = list(arguments)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if name not in {"--config", "--port"} or not (equals or rest):
            return None
        found[name] = value if equals else rest.pop(0)
    return found


def _text(config: str | None, environ: Mapping[str, str]) -> str:
    """Return the configuration's text, from where the monitor takes it too."""
    path = config or environ.get("EGRESS_MONITOR_CONFIG")
    if not path and (text := environ.get("EGRESS_MONITOR_CONFIG_TOML")):
        return text
    for place in (path,) if path else _PLACES:
        try:
            with open(place, encoding="utf-8-sig") as file:  # noqa: PTH123 - pathlib costs 3 ms
                return file.read(_CONFIG_BYTES)
        except (OSError, ValueError):
            continue
    return ""


def _from_text(text: str) -> dict[str, str]:
    """Return the keys of [web] in a TOML text: by the shape of its lines, as people write them,
    and by a real parser if a line is of another shape."""
    if '"""' in text or "'''" in text:
        return _parsed(text)
    found: dict[str, str] = {}
    table = ""
    for raw in text.splitlines():
        line = raw.strip()
        if line.startswith("["):
            table = line.partition("#")[0].strip()
        if line.startswith("#") or not any(key in line for key in _KEYS):
            continue
        name, _, value = line.partition("=")
        name, value = name.strip(), value.strip()
        if name not in _KEYS:
            return _parsed(text)
        if table != "[web]":
            if table in {"", "[ web ]"} or '"' in table or "'" in table:
                return _parsed(text)
            continue  # another table's cert_file
        string, quote, rest = value[1:].partition('"')
        plain = value.startswith('"') and quote and "\\" not in string
        if not plain or (rest.strip() and not rest.strip().startswith("#")):
            return _parsed(text)
        found[name] = string
    return found


def _parsed(text: str) -> dict[str, str]:
    import tomllib  # noqa: PLC0415 - costs a third of the whole check

    try:
        web = tomllib.loads(text).get("web", {})
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}
    if not isinstance(web, dict):
        return {}
    return {key: web[key] for key in _KEYS if isinstance(web.get(key), str)}


def _status_of(host: str, port: int, *, tls: bool) -> int:
    """Ask for /healthz and return the status.

    Raises:
        OSError: if no answer arrives.
        ValueError: if the answer is not HTTP.
    """
    shown = f"[{host}]" if ":" in host else host
    request = (
        f"GET /healthz HTTP/1.1\r\nHost: {shown}:{port}\r\n"
        "User-Agent: egress-monitor-healthcheck\r\nConnection: close\r\n\r\n"
    )
    end = time.monotonic() + TIMEOUT
    # Not create_connection: getaddrinfo loads the IDNA codec, which costs 4 ms.
    connection = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        connection.settimeout(TIMEOUT)
        connection.connect((host, port))
        if tls:
            connection = _with_tls(connection)
        connection.sendall(request.encode("ascii"))
        answer = data = b" "
        while data and b"\n" not in answer and len(answer) < _RESPONSE_BYTES:
            connection.settimeout(max(0.001, end - time.monotonic()))
            data = connection.recv(4096)
            answer += data
    finally:
        connection.close()
    version, _, rest = answer[1:].partition(b" ")
    if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
        raise ValueError("the answer is not HTTP")
    return int(rest[:3])


def _with_tls(connection: socket.socket) -> socket.socket:
    import ssl  # noqa: PLC0415 - needed only for a monitor that serves by TLS

    # It is this machine's own server, asked by address: no name needs verification.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(connection)

"""Targets from the command line: ``check URL…`` and ``check HOST:PORT…``."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

from monitor.cli.parser import destination, shown
from monitor.config.endpoints import REACHED
from monitor.model.endpoint import (
    DEFAULT_PORTS,
    DEFAULT_PROBERS,
    Endpoint,
    Expectation,
    Protocol,
    Source,
)
from monitor.model.settings import ConfigError, Problem, Settings
from monitor.model.target import Target

GROUP = "named"
_FIX = "write a URL such as https://git.example.com/ or HOST:PORT"
_NEITHER = "is neither a URL nor HOST:PORT"
_PORT = "has no port from 1 to 65535"
_SCHEMES = {
    "https": Protocol.HTTPS,
    "http": Protocol.HTTP,
    "tls": Protocol.TLS,
    "tcp": Protocol.TCP,
}


def ad_hoc_targets(destinations: Iterable[str], settings: Settings) -> tuple[Target, ...]:
    """Return one target per destination, with the interval and timeout of the configuration.

    Raises:
        ConfigError: if a destination is neither a URL nor HOST:PORT.
    """
    made: dict[str, Target] = {}
    problems: list[Problem] = []
    for text in destinations:
        try:
            endpoint = _endpoint(text)
        except ValueError as error:
            problems.append(Problem("arguments", shown(text) or "''", str(error), _FIX))
            continue
        schedule = settings.schedule
        made[endpoint.id] = Target(endpoint, schedule.interval, schedule.timeout)
    if problems:
        raise ConfigError(tuple(problems))
    return tuple(made.values())


def _endpoint(text: str) -> Endpoint:
    if any(character.isspace() for character in text):
        raise ValueError("contains a space")
    if "://" not in text:
        host, port = _place(text)
        return _made(f"{host}:{port}", host, port, Protocol.TCP)
    try:
        url = urlsplit(text)
    except ValueError:  # brackets that do not hold an IPv6 address
        raise ValueError("has no valid host") from None
    protocol = _SCHEMES.get(url.scheme.lower())
    if protocol is None:
        raise ValueError(f"has the unknown scheme {url.scheme!r}")
    if url.username or url.password or url.query:
        raise ValueError("has a user or a query, which may be secret; leave them out")
    if not url.hostname:
        raise ValueError("has no valid host")
    number = _port_of(url) or DEFAULT_PORTS.get(protocol)
    if number is None:
        raise ValueError("has no port")
    name = f"{url.hostname}:{number}" if url.port else url.hostname
    path = url.path or "/"
    return _made(f"{name}{path.rstrip('/')}", url.hostname, number, protocol, path)


def _place(text: str) -> tuple[str, int]:
    """Split HOST:PORT."""
    if text.count(":") > 1 and "[" not in text:
        raise ValueError("is an IPv6 address without brackets; [ADDRESS]:PORT is meant")
    try:
        host, port = destination(text)
    except argparse.ArgumentTypeError:
        raise ValueError(_PORT if text.rpartition(":")[0] else _NEITHER) from None
    if not port:
        raise ValueError(_NEITHER)
    return host, port


def _port_of(url: SplitResult) -> int | None:
    try:
        number = url.port
    except ValueError:
        raise ValueError(_PORT) from None
    if number == 0:
        raise ValueError(_PORT)
    return number


def _made(name: str, host: str, port: int, protocol: Protocol, path: str = "/") -> Endpoint:
    return Endpoint(
        id=name,
        group=GROUP,
        host=host,
        port=port,
        protocol=protocol,
        prober=DEFAULT_PROBERS[protocol],
        path=path,
        expect=REACHED if path == "/" else Expectation(),
        source=Source.CONFIG,
    )

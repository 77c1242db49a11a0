"""Targets from the command line: ``check URL…`` and ``check HOST:PORT…``."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from urllib.parse import urlsplit

from monitor.cli.parser import destination
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
        except (ValueError, argparse.ArgumentTypeError) as error:
            problems.append(Problem("arguments", _shown(text), str(error) or "is not usable", _FIX))
            continue
        schedule = settings.schedule
        made[endpoint.id] = Target(endpoint, schedule.interval, schedule.timeout)
    if problems:
        raise ConfigError(tuple(problems))
    return tuple(made.values())


def _shown(text: str) -> str:
    """Return the text without user, password and query, which may be secret."""
    scheme, separator, rest = text.partition("://")
    place = rest.rpartition("@")[2] if separator else text
    return f"{scheme}{separator}{place}".partition("?")[0] if separator else place


def _endpoint(text: str) -> Endpoint:
    if "://" not in text:
        host, port = destination(text)
        if not port:
            raise ValueError("is neither a URL nor HOST:PORT")
        return _made(f"{host}:{port}", host, port, Protocol.TCP)
    url = urlsplit(text)
    protocol = _SCHEMES.get(url.scheme.lower())
    if protocol is None:
        raise ValueError(f"has the unknown scheme {url.scheme!r}")
    if url.username or url.password or url.query:
        raise ValueError("has a user or a query, which may be secret; leave them out")
    if not url.hostname or any(character.isspace() for character in text):
        raise ValueError("has no valid host")
    number = url.port or DEFAULT_PORTS.get(protocol)
    if number is None:
        raise ValueError("has no port")
    shown = f"{url.hostname}:{number}" if url.port else url.hostname
    path = url.path or "/"
    return _made(f"{shown}{path.rstrip('/')}", url.hostname, number, protocol, path)


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

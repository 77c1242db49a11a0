"""Turns the tables ``[[remote_write]]`` into settings, and their receivers into endpoints."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from monitor.config.reader import Reading
from monitor.config.urls import QueryUrl, Url
from monitor.model.endpoint import DEFAULT_PORTS, Protocol
from monitor.model.settings import RemoteWriteSettings


def remote_writes(reading: Reading) -> tuple[RemoteWriteSettings, ...]:
    """Return the destinations, and note what is wrong with them."""
    found: dict[str, RemoteWriteSettings] = {}
    for number, values in reading.below("remote_write["):
        path = f"remote_write[{number}"
        _check(path, values, reading)
        if "url" not in values or reading.waits_for_file(f"{path}."):
            continue  # the URL's problem is noted; without a file nothing can be sent
        destination = _destination(values)
        if destination.name in found:
            what = f"two destinations are called {destination.name}"
            reading.problem(f"{path}.name", what, "give each a name of its own")
        found[destination.name] = destination
    return tuple(found.values())


def receivers(reading: Reading, named: Iterable[Url]) -> Iterator[tuple[Protocol, Url]]:
    """Yield the receivers to be probed beside those that ``metrics`` names already.

    Where a destination trusts its own CAs or shows a certificate, HTTP would fail without
    them: its port is probed. One with a proxy of its own is reached on a way that probes
    do not take.
    """
    known = {_place(url) for url in named}
    for _, values in reading.below("remote_write["):
        if "url" not in values or "proxy" in values:
            continue
        url: Url = values["url"].parts
        if _place(url) not in known:
            known.add(_place(url))
            private = values.keys() & {"ca_file", "cert_file"}
            yield Protocol.TCP if private else Protocol(url.scheme), url


def _place(url: Url) -> tuple[str, int]:
    return url.host, url.port or DEFAULT_PORTS[Protocol(url.scheme)]


def _destination(values: Mapping[str, Any]) -> RemoteWriteSettings:
    url: QueryUrl = values["url"]
    given = {"name": url.parts.host.replace(":", "-")} | dict(values)
    return RemoteWriteSettings(**(given | {"url": url.whole, "shown_url": url.shown}))


def _check(path: str, values: Mapping[str, Any], reading: Reading) -> None:
    """Note the problems that only several keys together have."""
    methods = ("bearer_token_file", "bearer_token", "username", "sigv4_region")
    given = [key for key in methods if values.get(key)]
    if len(given) > 1:
        what = f"{' and '.join(given)} exclude each other"
        reading.problem(f"{path}.{given[-1]}", what, "keep one of them")
    if values.keys() & {"password_file", "password"} and not values.get("username"):
        reading.problem(f"{path}.username", "it is missing", 'write username = "name"')
    if "key_file" in values and "cert_file" not in values:
        remediation = "name the certificate that the key is for"
        reading.problem(f"{path}.cert_file", "it is missing", remediation)
    if "cert_file" in values:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(
                values["cert_file"], values.get("key_file"), password=""
            )
        except (ssl.SSLError, OSError):
            remediation = "write PEM files of a certificate and of its key, without a passphrase"
            reading.problem(f"{path}.cert_file", "it can't be used with its key", remediation)

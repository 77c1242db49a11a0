"""Turns the user's own hosts and added endpoints into rows like those of the catalogue. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from monitor.config.reader import Reading
from monitor.config.remote_write import receivers
from monitor.config.urls import Url
from monitor.model.endpoint import (
    DEFAULT_PORTS,
    DEFAULT_PROBERS,
    Endpoint,
    Expectation,
    Protocol,
    Source,
    StatusSet,
)
from monitor.model.settings import TargetSettings

OWN_GROUPS = ("scm", "sso", "metrics")
REACHED = Expectation(StatusSet(((200, 402), (404, 406), (408, 499))))
"""Accepted statuses of a host without a path: all except 403 and 407, which a filter or proxy sends
instead of the host, and 5xx."""


def user_endpoints(reading: Reading) -> tuple[tuple[Endpoint, ...], dict[str, TargetSettings]]:
    """Return the user's endpoints, and their settings apart from their row."""
    rows: list[Endpoint] = []
    for group in OWN_GROUPS:
        rows += [_own(group, url) for url in reading.table("").get(group, ())]
    metrics = reading.table("").get("metrics", ())
    rows += [_own("metrics", url, protocol) for protocol, url in receivers(reading, metrics)]
    alternate: dict[str, TargetSettings] = {}
    for number, values in reading.below("endpoint["):
        row = _added(f"endpoint[{number}", values, reading)
        if row is not None:
            rows.append(row)
            alternate[row.id] = TargetSettings(
                interval=values.get("interval"),
                timeout=values.get("timeout"),
                addresses=values.get("addresses"),
                proxy=values.get("proxy"),
                address=values.get("address"),
                connect_port=values.get("connect_port"),
            )
    return tuple(rows), alternate


def _own(group: str, url: Url, protocol: Protocol | None = None) -> Endpoint:
    protocol = protocol or Protocol(url.scheme)
    usual_port = DEFAULT_PORTS[Protocol(url.scheme)]
    port = url.port or usual_port
    usual = port == usual_port
    name = f"{group}-{url.host}{'' if usual else f'-{port}'}"
    path = url.path.strip("/").lower()
    if path:
        name += "-" + "".join(c if c.isalnum() else "-" for c in path)[:40]
    return Endpoint(
        id=name.replace(":", "-"),
        group=group,
        host=url.host,
        port=port,
        protocol=protocol,
        prober=DEFAULT_PROBERS[protocol],
        path=url.path,
        expect=REACHED,
        required=group != "metrics",
        source=Source.CONFIG,
    )


def _added(path: str, values: Mapping[str, Any], reading: Reading) -> Endpoint | None:
    """Return the row; None if a required key is missing, which is noted already."""
    if "id" not in values or "host" not in values:
        return None
    protocol: Protocol = values.get("protocol", Protocol.HTTPS)
    port = values.get("port") or DEFAULT_PORTS.get(protocol)
    if port is None:
        reading.problem(f"{path}.port", "it is missing", f"{protocol} has no usual port: write one")
        return None
    if protocol is Protocol.DNS and "query" not in values:
        reading.problem(f"{path}.query", "it is missing", 'write query = "the.name.to.ask.for"')
        return None
    return Endpoint(
        id=values["id"],
        group=values.get("group", "custom"),
        host=values["host"],
        port=port,
        protocol=protocol,
        prober=DEFAULT_PROBERS[protocol],
        path=values.get("path", "/"),
        method=str(values.get("method", "GET")),
        expect=_expectation(values),
        required=values.get("required", True),
        enabled=values.get("enabled", True),
        query=values.get("query", ""),
        redundancy_group=values.get("redundancy_group", ""),
        source=Source.CONFIG,
        note=values.get("note", ""),
    )


def _expectation(values: Mapping[str, Any]) -> Expectation:
    default = Expectation() if "path" in values else REACHED
    return Expectation(
        values.get("expect_status", default.statuses),
        values.get("expect_headers", default.headers),
    )

"""The results of discovery across restarts: one small file whose values are validated like live
ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from monitor.catalog.chains import SHAPES
from monitor.common.state_file import MALFORMED, read_file, reason_of
from monitor.discovery.redirects import SOURCES_KEPT, place_of
from monitor.model.discovery import FoundBy, UnlistedHost, WildcardSample

NAME = "discovery.json"
SIZE_LIMIT = 1_048_576
_VERSION = 1
_ROWS, _STEPS, _TEXT = 200, 10, 512


class CacheError(Exception):
    """The file is not usable; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The state that survives a restart. ``reached`` is the time at which each chain last succeeded
    (Unix seconds), by its id."""

    wildcard_samples: Mapping[str, WildcardSample] = field(default_factory=dict)
    reached: Mapping[str, float] = field(default_factory=dict)
    hosts: tuple[UnlistedHost, ...] = ()


def encode(kept: Kept) -> bytes:
    """Return the content of a cache file."""
    document = {
        "version": _VERSION,
        "wildcard_samples": {
            row: _wildcard_sample_out(s) for row, s in kept.wildcard_samples.items()
        },
        "reached": dict(kept.reached),
        "hosts": [_host_out(host) for host in kept.hosts],
    }
    return json.dumps(document).encode("ascii")


def decode(data: bytes) -> Kept:
    """Return the state in a file's content.

    Raises:
        CacheError: if ``encode`` does not write such content.
    """
    try:
        document = json.loads(data)
        if document["version"] != _VERSION:
            raise CacheError("it is of another version")
        rows, hosts, reached = document["wildcard_samples"], document["hosts"], document["reached"]
        if max(len(rows), len(hosts), len(reached)) > _ROWS:
            raise CacheError("it holds more than was ever found")
        return Kept(
            wildcard_samples={_text(row): _wildcard_sample_in(raw) for row, raw in rows.items()},
            reached={_text(chain): _time(at) for chain, at in reached.items()},
            hosts=tuple(map(_host_in, hosts)),
        )
    except MALFORMED as error:
        raise CacheError(f"its content is malformed ({type(error).__name__})") from None


def load(directory: Path | None) -> Kept:
    """Return the state in ``directory``; an empty one without a file.

    Raises:
        CacheError: if the file is unreadable or not usable.
    """
    if directory is None:
        return Kept()
    try:
        data = read_file(directory / NAME, SIZE_LIMIT)
    except OSError as error:
        raise CacheError(reason_of(error)) from None
    return Kept() if data is None else decode(data)


def _wildcard_sample_out(wildcard_sample: WildcardSample) -> dict[str, object]:
    return {
        "host": wildcard_sample.host,
        "path": wildcard_sample.path,
        "found_at": wildcard_sample.found_at,
        "chain": wildcard_sample.chain,
        "steps": list(wildcard_sample.steps),
    }


def _wildcard_sample_in(raw: Mapping[str, Any]) -> WildcardSample:
    host, path, steps = raw["host"], raw["path"], raw["steps"]
    if not SHAPES["host"].fullmatch(host) or not SHAPES["path"].fullmatch(path):
        raise ValueError("no wildcard sample")
    if not 0 < len(steps) <= _STEPS:
        raise ValueError("no steps")
    return WildcardSample(
        host,
        path,
        FoundBy.CHAIN,
        _time(raw["found_at"]),
        _text(raw["chain"]),
        tuple(map(_text, steps)),
    )


def _host_out(host: UnlistedHost) -> dict[str, object]:
    return {
        "host": host.host,
        "port": host.port,
        "protocol": host.protocol.value,
        "sources": list(host.sources),
        "first_seen": host.first_seen,
        "last_seen": host.last_seen,
    }


def _host_in(raw: Mapping[str, Any]) -> UnlistedHost:
    host, port = _text(raw["host"]), raw["port"]
    name = f"[{host}]" if ":" in host else host
    place = place_of(f"{_text(raw['protocol'])}://{name}:{port}/")
    if place is None or (place.host, place.port) != (host, port):
        raise ValueError("no host")
    sources = tuple(map(_text, raw["sources"]))[:SOURCES_KEPT]
    return UnlistedHost(
        host, port, place.protocol, sources, _time(raw["first_seen"]), _time(raw["last_seen"])
    )


def _text(raw: object) -> str:
    if not isinstance(raw, str) or not raw.isprintable() or len(raw) > _TEXT:
        raise TypeError("no text")
    return raw


def _time(raw: object) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not 0 <= raw < 1e11:
        raise TypeError("no time")
    return float(raw)

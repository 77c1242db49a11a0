"""The results of discovery across restarts: one small file whose values are validated like live
ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from monitor.catalog.chains import SHAPES
from monitor.common.state_file import read_file, reason_of
from monitor.discovery.redirects import SOURCES_KEPT, place_of
from monitor.model.discovery import FoundBy, UnlistedHost, WildcardSample

NAME = "discovery.json"
SIZE_LIMIT = 1_048_576
_VERSION = 2
_ROW_LIMIT, _STEP_LIMIT, _TEXT_LIMIT = 200, 10, 512


class CacheError(Exception):
    """The file is not usable; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The state that survives a restart. ``reached`` is the time at which each chain last succeeded
    (Unix seconds), by its id."""

    wildcard_samples: Mapping[str, WildcardSample] = field(default_factory=dict)
    reached: Mapping[str, float] = field(default_factory=dict)
    hosts: tuple[UnlistedHost, ...] = ()


@dataclass(frozen=True, slots=True)
class _Document:
    """The content of the file: these fields as JSON."""

    version: int
    kept: Kept = field(default_factory=Kept)


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(_Document)
_TIME_LIMIT = 1e11


def encode(kept: Kept) -> bytes:
    """Return the content of a cache file. Failures of this run are not part of it."""
    samples = {row: replace(s, broken=None) for row, s in kept.wildcard_samples.items()}
    hosts = tuple(replace(host, denial_reason="") for host in kept.hosts)
    return _ENCODER.encode(_Document(_VERSION, Kept(samples, kept.reached, hosts)))


def decode(data: bytes) -> Kept:
    """Return the state in a file's content.

    Raises:
        CacheError: if ``encode`` does not write such content.
    """
    try:
        document = _DECODER.decode(data)
        if document.version != _VERSION:
            raise CacheError("it is of another version")
        _check(document.kept)
    except (ValueError, RecursionError) as error:  # ValueError: of msgspec and of the checks
        raise CacheError(f"its content is malformed ({type(error).__name__})") from None
    return document.kept


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


def _check(kept: Kept) -> None:
    """Check what the types do not express.

    Raises:
        ValueError: if discovery does not find such values.
    """
    if max(len(kept.wildcard_samples), len(kept.hosts), len(kept.reached)) > _ROW_LIMIT:
        raise ValueError("more than was ever found")
    for row, sample in kept.wildcard_samples.items():
        _check_texts(row)
        _check_sample(sample)
    for chain, reached_at in kept.reached.items():
        _check_texts(chain)
        _check_time(reached_at)
    for host in kept.hosts:
        _check_host(host)


def _check_sample(sample: WildcardSample) -> None:
    if not SHAPES["host"].fullmatch(sample.host) or not SHAPES["path"].fullmatch(sample.path):
        raise ValueError("no wildcard sample")
    if not 0 < len(sample.steps) <= _STEP_LIMIT:
        raise ValueError("no steps")
    if sample.found_by is not FoundBy.CHAIN or sample.broken or sample.found_at is None:
        raise ValueError("it was not found by a chain")
    _check_texts(sample.chain, *sample.steps)
    _check_time(sample.found_at)


def _check_host(host: UnlistedHost) -> None:
    name = f"[{host.host}]" if ":" in host.host else host.host
    place = place_of(f"{host.protocol}://{name}:{host.port}/")
    if place is None or (place.host, place.port) != (host.host, host.port):
        raise ValueError("no host")
    if len(host.sources) > SOURCES_KEPT or host.denial_reason:
        raise ValueError("no sources")
    _check_texts(host.host, *host.sources)
    _check_time(host.first_seen)
    _check_time(host.last_seen)


def _check_texts(*texts: str) -> None:
    if not all(text.isprintable() and len(text) <= _TEXT_LIMIT for text in texts):
        raise ValueError("no text")


def _check_time(value: float) -> None:
    if not 0 <= value < _TIME_LIMIT:
        raise ValueError("no time")

"""Series, samples, and the marker that a series has ended. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

STALE_BITS = struct.pack("<Q", 0x7FF0000000000002)
STALE: float = struct.unpack("<d", STALE_BITS)[0]
"""The NaN that means "this series has ended" (Remote-Write specification, "Stale Markers").
Only its bits distinguish it from other NaNs: never compute with it."""

Labels = tuple[tuple[str, str], ...]

NAME = "__name__"
_SEPARATOR = "\0"


class MetricType(IntEnum):
    """Types by their number, which is the same in the messages of both versions."""

    UNKNOWN = 0
    COUNTER = 1
    GAUGE = 2
    HISTOGRAM = 3


@dataclass(frozen=True, slots=True)
class Family:
    """Name, type and help text of a metric. ``name`` is as in a TYPE line of the text format:
    that of a counter ends in ``_total``."""

    name: str
    type: MetricType
    help: str


@dataclass(slots=True, eq=False)
class Series:
    """One series. ``key`` is its own labels as one text (see ``key_of``): thousands of series
    are kept, and a text is a fraction of a tuple of pairs. ``external`` labels are those of
    the monitor; a series' own come before them, as in Prometheus."""

    key: str
    family: Family
    external: Labels = ()

    @property
    def metric(self) -> str:
        """The name of the metric."""
        return self.key.partition(_SEPARATOR)[0]

    def labels(self) -> Labels:
        """Return every label, sorted by name, none with an empty value."""
        name, *rest = self.key.split(_SEPARATOR)
        own = dict(zip(rest[::2], rest[1::2], strict=True))
        merged = {**dict(self.external), **own, NAME: name}
        return tuple(sorted((n, v) for n, v in merged.items() if v))


Point = tuple[Series, int, float]
"""A sample: series, time (Unix milliseconds) and value."""

Timed = tuple[int, float]


def key_of(name: str, labels: Mapping[str, str]) -> str:
    """Return the key of a series with these labels."""
    parts = [name]
    for label in sorted(labels):
        parts += (label, labels[label].replace(_SEPARATOR, "?"))
    return _SEPARATOR.join(parts)


def is_stale(value: float) -> bool:
    """Whether a value is the marker."""
    return struct.pack("<d", value) == STALE_BITS


@dataclass(slots=True)
class Batch:
    """Samples read together, in order of time per series. ``end``: the position of the queue
    after it, a segment's number and an offset; ``latest``: whether that segment is the one that
    is still appended to."""

    series: dict[Series, list[Timed]] = field(default_factory=dict)
    count: int = 0
    oldest: int = 0
    newest: int = 0
    end: tuple[int, int] = (0, 0)
    latest: bool = True

    def add(self, points: Iterable[Point]) -> None:
        """Add points."""
        for series, at, value in points:
            self.series.setdefault(series, []).append((at, value))
            self.oldest = min(self.oldest or at, at)
            self.newest = max(self.newest, at)
            self.count += 1

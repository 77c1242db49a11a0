"""Declaration of a metric family: name, type, help, labels, and source of the samples."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from monitor.common.histogram import Histogram
from monitor.health.status import TargetStatus
from monitor.state.self_metrics import RemoteWriteMetrics
from monitor.state.store import StateStore

Sample = tuple[tuple[str, ...], float]
"""Values of the family's labels, and the sample's value."""


class Kind(StrEnum):
    """The type of a family."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class TargetFamily:
    """A family with samples per target. ``take`` returns the values of ``labels``, which follow
    ``target`` and ``group``, with the sample's value."""

    name: str
    kind: Kind
    help: str
    take: Callable[[TargetStatus], Iterable[Sample]]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HistogramFamily:
    """A histogram per target."""

    name: str
    help: str
    take: Callable[[TargetStatus], Histogram]


@dataclass(frozen=True, slots=True)
class MonitorFamily:
    """A family about the monitor itself."""

    name: str
    kind: Kind
    help: str
    take: Callable[[StateStore], Iterable[Sample]]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WriteFamily:
    """A family with samples per remote-write destination. ``take`` returns the values of
    ``labels``, which follow ``destination``, with the sample's value."""

    name: str
    kind: Kind
    help: str
    take: Callable[[RemoteWriteMetrics], Iterable[Sample]]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MonitorHistogram:
    """A histogram about the monitor itself."""

    name: str
    help: str
    take: Callable[[StateStore], Histogram]


def one(value: float | None) -> Iterable[Sample]:
    """Return the sample of a family without own labels; no sample for None."""
    return () if value is None else (((), value),)

"""What a metric family is declared as: its name, type, help, labels, and what it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from monitor.state.self_metrics import Histogram, WriteVitals
from monitor.state.store import Board, Record

Sample = tuple[tuple[str, ...], float]
"""Values of the family's labels, and the sample's value."""


class Kind(StrEnum):
    """The type of a family."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class TargetFamily:
    """A family with samples for each target. ``take`` gives the labels behind ``target``
    and ``group`` with their value."""

    name: str
    kind: Kind
    help: str
    take: Callable[[Record], Iterable[Sample]]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HistogramFamily:
    """A histogram for each target."""

    name: str
    help: str
    take: Callable[[Record], Histogram]


@dataclass(frozen=True, slots=True)
class MonitorFamily:
    """A family about the monitor itself."""

    name: str
    kind: Kind
    help: str
    take: Callable[[Board], Iterable[Sample]]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WriteFamily:
    """A family about each remote-write destination. ``take`` gives the labels behind
    ``destination`` with their value."""

    name: str
    kind: Kind
    help: str
    take: Callable[[WriteVitals], Iterable[Sample]]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MonitorHistogram:
    """A histogram about the monitor itself."""

    name: str
    help: str
    take: Callable[[Board], Histogram]


def one(value: float | None) -> Iterable[Sample]:
    """Return the one sample of a family without labels of its own; none for None."""
    return () if value is None else (((), value),)

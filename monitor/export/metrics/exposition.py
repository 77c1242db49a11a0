"""Writes the board in Prometheus' text format or OpenMetrics, as the scraper asks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass, replace
from enum import Enum

from prometheus_client import ProcessCollector, generate_latest
from prometheus_client.core import Metric
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector

from monitor.common.histogram import Histogram
from monitor.export.metrics.families import families
from monitor.health.status import TargetStatus
from monitor.state.self_metrics import RemoteWriteMetrics
from monitor.state.store import StateStore

_OPENMETRICS = "application/openmetrics-text"
_EOF = b"# EOF\n"


class Format(Enum):
    """The formats there are; the value is the content type."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = f"{_OPENMETRICS}; version=1.0.0; charset=utf-8"


def negotiate(accept: str) -> Format:
    """Choose by a request's Accept header: OpenMetrics where it is named, else text.

    prometheus_client's own choice puts the scraper's parameters into the answer's headers
    and fails on a version that is no number.
    """
    for part in accept.split(","):
        kind, *parameters = (piece.strip() for piece in part.split(";"))
        if kind == _OPENMETRICS and "q=0" not in parameters:
            return Format.OPENMETRICS
    return Format.TEXT


def render(store: StateStore, form: Format = Format.TEXT) -> bytes:
    """Return the board's metrics and those of this process."""
    return _whole(_parts(store, form), form)


async def render_politely(store: StateStore, form: Format) -> bytes:
    """Return the same, all of this moment, but let the event loop run after each family:
    writing thousands of lines at a stretch would show up as latency of the probes."""
    parts = []
    for part in _parts(snapshot(store), form):
        parts.append(part)
        await asyncio.sleep(0)
    return _whole(parts, form)


def snapshot(store: StateStore) -> StateStore:
    """Return the board as it is now: what changes in place is copied, the rest is shared."""
    self_metrics = copy(store.self_metrics)
    self_metrics.loop_lag, self_metrics.lateness = (
        _still(self_metrics.loop_lag),
        _still(self_metrics.lateness),
    )
    statuses = {name: _copied(status) for name, status in store.statuses.items()}
    mqtt = copy(store.mqtt)
    if mqtt is not None:
        mqtt.dropped = mqtt.dropped.copy()
    writes = {name: _writes_copied(writes) for name, writes in store.writes.items()}
    return replace(store, statuses=statuses, self_metrics=self_metrics, mqtt=mqtt, writes=writes)


def _copied(status: TargetStatus) -> TargetStatus:
    still = copy(status)
    still.failures, still.durations = status.failures.copy(), _still(status.durations)
    return still


def _writes_copied(self_metrics: RemoteWriteMetrics) -> RemoteWriteMetrics:
    still = copy(self_metrics)
    still.dropped, still.failures = self_metrics.dropped.copy(), self_metrics.failures.copy()
    still.requests = _still(self_metrics.requests)
    return still


def _still(histogram: Histogram) -> Histogram:
    return Histogram(histogram.bounds, histogram.counts.copy(), histogram.total)


@dataclass(frozen=True, slots=True)
class _Family(Collector):
    """One family as a registry: the library formats nothing less."""

    metric: Metric

    def collect(self) -> Iterable[Metric]:
        return (self.metric,)


def _parts(store: StateStore, form: Format) -> Iterator[bytes]:
    for metric in families(store):
        yield _written(_Family(metric), form)
    yield _written(ProcessCollector(registry=None), form)


def _written(collector: Collector, form: Format) -> bytes:
    if form is Format.TEXT:
        return generate_latest(collector)
    written: bytes = generate_openmetrics(collector)  # type: ignore[no-untyped-call]
    return written.removesuffix(_EOF)


def _whole(parts: Iterable[bytes], form: Format) -> bytes:
    return b"".join(parts) + (_EOF if form is Format.OPENMETRICS else b"")

"""All metric families with their samples. The families are declared as data in this package.

A family that blackbox_exporter has too has the same name. No label holds text from a server, so
the number of series is bounded by the configuration: issuer and subject of a certificate, which
blackbox_exporter puts into labels, are on the page and in the API. One exception: a host that
discovery found is a target's host, in a validated form; there is one per wildcard, and at most
``[discovery] max_hosts`` from redirects.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain
from math import isfinite

from prometheus_client.core import Metric

from monitor.common.histogram import Histogram
from monitor.common.sanitize import sanitize
from monitor.export.metrics.family import Kind, MonitorFamily, TargetFamily, WriteFamily
from monitor.export.metrics.monitor_families import (
    MONITOR_FAMILIES,
    MONITOR_HISTOGRAMS,
    PULSE_FAMILIES,
    PULSE_LABELS,
    PULSE_RTT,
)
from monitor.export.metrics.target_families import (
    FOR_EVERY_TARGET,
    HISTOGRAM_FAMILIES,
    TARGET_FAMILIES,
)
from monitor.export.metrics.write_families import WRITE_FAMILIES, WRITE_REQUESTS
from monitor.health.status import TargetStatus
from monitor.state.store import StateStore


def families(store: StateStore) -> Iterator[Metric]:
    """Return the families that have samples. Every sample is a finite number."""
    every = chain(about_targets(store.statuses.values()), about_the_monitor(store))
    return (metric for metric in every if metric.samples)


def about_targets(every: Collection[TargetStatus]) -> Iterator[Metric]:
    """Return the families with series per target; some may have no sample."""
    statuses = [r for r in every if not r.target.missing_values]
    for family in TARGET_FAMILIES:
        labels = ("target", "group", *family.labels)
        metric = Metric(family.name, family.help, family.kind.value)
        for status in every if family.name in FOR_EVERY_TARGET else statuses:
            own = (status.target.id, status.target.group)
            for values, value in family.take(status):
                _add(metric, family, _named(labels, (*own, *values)), value)
        yield metric
    for histogram in HISTOGRAM_FAMILIES:
        metric = Metric(histogram.name, histogram.help, Kind.HISTOGRAM.value)
        for status in statuses:
            if status.probes:
                mine = {"target": status.target.id, "group": status.target.group}
                _add_histogram(metric, mine, histogram.take(status))
        yield metric


def about_the_monitor(store: StateStore) -> Iterator[Metric]:
    """Return the families about the monitor itself; some may have no sample."""
    for family in (*MONITOR_FAMILIES, *PULSE_FAMILIES):
        metric = Metric(family.name, family.help, family.kind.value)
        for values, value in family.take(store):
            _add(metric, family, _named(family.labels, values), value)
        yield metric
    for histogram in MONITOR_HISTOGRAMS:
        metric = Metric(histogram.name, histogram.help, Kind.HISTOGRAM.value)
        _add_histogram(metric, {}, histogram.take(store))
        yield metric
    metric = Metric(PULSE_RTT, "Round-trip times of pulses by the kernel.", Kind.HISTOGRAM.value)
    for values, pulses in store.pulses.items():
        _add_histogram(metric, _named(PULSE_LABELS, values), pulses.rtt)
    yield metric
    yield from _about_remote_write(store)


def _about_remote_write(store: StateStore) -> Iterator[Metric]:
    for family in WRITE_FAMILIES:
        metric = Metric(family.name, family.help, family.kind.value)
        for name, self_metrics in store.writes.items():
            for values, value in family.take(self_metrics):
                _add(
                    metric, family, _named(("destination", *family.labels), (name, *values)), value
                )
        yield metric
    metric = Metric(WRITE_REQUESTS, "How long remote-write requests took.", Kind.HISTOGRAM.value)
    for name, self_metrics in store.writes.items():
        _add_histogram(metric, {"destination": name}, self_metrics.requests)
    yield metric


def _add(
    metric: Metric,
    family: TargetFamily | MonitorFamily | WriteFamily,
    labels: dict[str, str],
    value: float,
) -> None:
    suffix = "_total" if family.kind is Kind.COUNTER else ""
    if isfinite(value):
        metric.add_sample(f"{family.name}{suffix}", labels, value)


def _named(names: Iterable[str], values: Iterable[str]) -> dict[str, str]:
    # A lone surrogate of the environment has no encoding, and would cost the whole scrape.
    return dict(zip(names, map(sanitize, values), strict=True))


def _add_histogram(metric: Metric, labels: Mapping[str, str], histogram: Histogram) -> None:
    total = 0
    for bound, count in zip((*histogram.bounds, None), histogram.counts, strict=True):
        total += count
        le = "+Inf" if bound is None else str(bound)
        metric.add_sample(f"{metric.name}_bucket", {**labels, "le": le}, total)
    metric.add_sample(f"{metric.name}_count", dict(labels), total)
    metric.add_sample(f"{metric.name}_sum", dict(labels), histogram.total)

"""Takes samples of the state store: of a target when it was probed, of the monitor regularly.

A target's series change when it is probed; they are sampled once a probe, with the time at
which that probe ended. A target that is not probed for a while is sampled again, because a
Prometheus-compatible receiver forgets a series without a sample for five minutes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import ProcessCollector
from prometheus_client.core import Metric

from monitor.export.metrics.families import about_targets, about_the_monitor
from monitor.export.remote_write.series import STALE, Family, MetricType, Point, Series, key_of
from monitor.health.machine import Health
from monitor.health.status import TargetStatus
from monitor.model.probe_result import ProbeResult
from monitor.state.store import StateStore

OWN_EVERY = 15.0
"""Seconds between two samples of the monitor's own series: 15."""

AGAIN_AFTER = 60.0
"""Seconds after which a target that was not probed is sampled again."""

TARGETS_AT_ONCE = 32
"""Targets sampled in one go, during which the event loop waits: 32."""

_STEP_BACK = 1000
"""Milliseconds by which a sample may be older than the one before it although the clock was not
set back: the result of a probe is processed a little after the probe ended."""

_TYPES = {
    "counter": MetricType.COUNTER,
    "gauge": MetricType.GAUGE,
    "histogram": MetricType.HISTOGRAM,
}


@dataclass(slots=True)
class _Sampled:
    """The last sample of a target, or of the monitor: its series and time."""

    series: dict[str, Series] = field(default_factory=dict)
    at: int = 0
    probe_result: ProbeResult | None = None
    health: Health | None = None


class Sampler:
    """Remembers what was sampled, to know what is due and which series have ended.
    ``correction``: seconds to add to the times of probes while the clock is wrong."""

    def __init__(self) -> None:
        self._targets: dict[str, _Sampled] = {}
        self._own = _Sampled()
        self._everything = False
        self._families: dict[str, Family] = {}
        self._process = ProcessCollector(registry=None)
        self.correction = 0.0

    def everything_is_due(self) -> None:
        """Sample everything the next time, because a destination was added."""
        self._everything = True

    def sample(self, store: StateStore, now: float) -> Iterator[list[Point]]:
        """Yield what is due at ``now`` (Unix seconds), a few targets at a time."""
        moment = int(now * 1000)
        everything, self._everything = self._everything, False
        if gone := self._targets.keys() - store.statuses.keys():
            yield [p for name in gone for p in _ended(self._targets.pop(name), moment)]
        due = [r for r in store.statuses.values() if everything or self._is_due(r, moment)]
        for start in range(0, len(due), TARGETS_AT_ONCE):
            yield self._sample_targets(due[start : start + TARGETS_AT_ONCE], moment)
        if everything or not 0 <= moment - self._own.at < OWN_EVERY * 1000:
            yield self._sample_own(store, moment)

    def sample_target(self, status: TargetStatus, now: float) -> list[Point]:
        """Return what is due of one target at ``now``, which is called after each probe: each is
        sampled, however soon the next one follows."""
        moment = int(now * 1000)
        return self._sample_targets([status], moment) if self._is_due(status, moment) else []

    def stale_markers(self, now: float) -> list[Point]:
        """Return a marker that it has ended for each series."""
        moment = int(now * 1000)
        everything = [*self._targets.values(), self._own]
        return [point for sampled in everything for point in _ended(sampled, moment)]

    def _is_due(self, status: TargetStatus, moment: int) -> bool:
        sampled = self._targets.get(status.target.id)
        return (
            sampled is None
            or sampled.probe_result is not status.probe_result
            or sampled.health != status.health
            or not 0 <= moment - sampled.at < AGAIN_AFTER * 1000
        )

    def _sample_targets(self, statuses: list[TargetStatus], moment: int) -> list[Point]:
        values = self._values(about_targets(statuses))
        points: list[Point] = []
        for status in statuses:
            name = status.target.id
            sampled = self._targets.setdefault(name, _Sampled())
            new = (
                status.probe_result is not sampled.probe_result and status.probe_result is not None
            )
            at = moment
            if new and status.probe_result is not None:
                at = _ended_at(status.probe_result, moment, int(self.correction * 1000))
            sampled.probe_result, sampled.health = status.probe_result, status.health
            points += _changed(sampled, values.get(name, {}), _behind(sampled.at, at))
        return points

    def _sample_own(self, store: StateStore, moment: int) -> list[Point]:
        values = self._values((*about_the_monitor(store), *self._process.collect()))
        return list(_changed(self._own, values.get("", {}), _behind(self._own.at, moment)))

    def _values(self, metrics: Iterable[Metric]) -> dict[str, dict[str, tuple[Family, float]]]:
        """Return family and value of each series by its key, by the target it is of."""
        values: dict[str, dict[str, tuple[Family, float]]] = {}
        for metric in metrics:
            family = self._family(metric)
            for sample in metric.samples:
                key = key_of(sample.name, sample.labels)
                of = values.setdefault(sample.labels.get("target", ""), {})
                of[key] = family, sample.value
        return values

    def _family(self, metric: Metric) -> Family:
        if metric.name not in self._families:
            kind = _TYPES.get(metric.type, MetricType.UNKNOWN)
            suffix = "_total" if kind is MetricType.COUNTER else ""
            family = Family(metric.name + suffix, kind, metric.documentation)
            self._families[metric.name] = family
        return self._families[metric.name]


def _ended_at(probe_result: ProbeResult, moment: int, correction: int) -> int:
    ended = int((probe_result.started_at + probe_result.duration) * 1000)
    # The clock may have jumped before or after the probe: the nearer time is the true one.
    nearest = min(ended, ended + correction, key=lambda at: abs(moment - at))
    return min(nearest, moment)


def _behind(last: int, at: int) -> int:
    """Return ``at``, or the millisecond after the last sample if that is a little later: a series
    has one value per millisecond. A clock that was set back further is followed."""
    return last + 1 if last - _STEP_BACK < at <= last else at


def _changed(
    sampled: _Sampled, values: Mapping[str, tuple[Family, float]], at: int
) -> Iterator[Point]:
    """Yield the values, and stale markers for the series that have no value any more."""
    gone = [series for key, series in sampled.series.items() if key not in values]
    old = sampled.series
    sampled.series = {
        key: old.get(key) or Series(key, family) for key, (family, _) in values.items()
    }
    sampled.at = at
    for key, (_, value) in values.items():
        yield sampled.series[key], at, value
    for series in gone:
        yield series, at, STALE


def _ended(sampled: _Sampled, moment: int) -> Iterator[Point]:
    at = _behind(sampled.at, moment)
    for series in sampled.series.values():
        yield series, at, STALE

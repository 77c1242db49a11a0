"""Exposition of the store in Prometheus' text format or OpenMetrics, as the scraper prefers.

Both formats group the samples by family. Rendering goes through the targets one by one instead,
so that the event loop can run between two targets and the samples of one target still belong to
one result. prometheus_client writes everything but the samples of targets, of which there may be
100,000.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from math import isfinite

from prometheus_client import ProcessCollector, generate_latest
from prometheus_client.core import Metric
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from monitor.common.content_negotiation import preferred_type
from monitor.common.histogram import Histogram
from monitor.common.sanitize import sanitize
from monitor.export.metrics.families import about_the_monitor
from monitor.export.metrics.family import HistogramFamily, Kind, TargetFamily
from monitor.export.metrics.target_families import (
    FOR_EVERY_TARGET,
    HISTOGRAM_FAMILIES,
    TARGET_FAMILIES,
)
from monitor.health.status import TargetStatus
from monitor.state.store import StateStore

_EOF = b"# EOF\n"
_TARGETS_PER_PIECE = 50
_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})

Labels = tuple[tuple[str, str], ...]


class Format(Enum):
    """Exposition formats; the value is the content type."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def negotiate(accept: str) -> Format:
    """Return the format that an Accept header prefers; text if it accepts neither.

    prometheus_client's own choice copies the scraper's parameters into the response's headers
    and fails on a version that is not a number.
    """
    chosen = preferred_type(accept, [form.value for form in Format])
    return Format(chosen) if chosen else Format.TEXT


def render(store: StateStore, form: Format = Format.TEXT) -> bytes:
    """Return the metrics of the store and of this process."""
    return b"".join(exposition_pieces(store, form))


def exposition_pieces(store: StateStore, form: Format) -> Iterator[bytes]:
    """Yield the same in pieces. Each takes less than 1 ms: one target's samples are made (an
    empty piece), or the samples of one family for some targets are joined."""
    families: tuple[TargetFamily | HistogramFamily, ...]
    families = (*TARGET_FAMILIES, *HISTOGRAM_FAMILIES)
    samples: list[list[str]] = [[] for _ in families]
    for status in list(store.statuses.values()):
        _add_target(status, samples)
        yield b""
    for family, lines in zip(families, samples, strict=True):
        if lines:
            kind = family.kind.value if isinstance(family, TargetFamily) else "histogram"
            yield _written(_Family(Metric(family.name, family.help, kind)), form)
        for start in range(0, len(lines), _TARGETS_PER_PIECE):
            yield "".join(lines[start : start + _TARGETS_PER_PIECE]).encode("utf-8", "replace")
        lines.clear()
    for metric in about_the_monitor(store):
        if metric.samples:
            yield _written(_Family(metric), form)
    yield _written(ProcessCollector(registry=None), form)
    if form is Format.OPENMETRICS:
        yield _EOF


def _add_target(status: TargetStatus, samples: list[list[str]]) -> None:
    """Add the lines of one target to each family, in the order of the families."""
    own = (("target", _escaped(status.target.id)), ("group", _escaped(status.target.group)))
    known = not status.target.missing_values
    plain = _joined(own)
    for family, lines in zip(TARGET_FAMILIES, samples, strict=False):
        if known or family.name in FOR_EVERY_TARGET:
            text = "".join(_family_lines(family, status, own, plain))
            if text:
                lines.append(text)
    for histogram, lines in zip(HISTOGRAM_FAMILIES, samples[len(TARGET_FAMILIES) :], strict=True):
        if known and status.probes:
            lines.append("".join(_histogram_lines(histogram, histogram.take(status), own)))


def _family_lines(
    family: TargetFamily, status: TargetStatus, own: Labels, plain: str
) -> Iterator[str]:
    name = f"{family.name}_total" if family.kind is Kind.COUNTER else family.name
    for values, value in family.take(status):
        if not isfinite(value):
            continue
        labels = plain
        if values:
            escaped = map(_escaped, values)
            labels = _joined((*own, *zip(family.labels, escaped, strict=True)))
        yield f"{name}{{{labels}}} {_number(value)}\n"


def _histogram_lines(family: HistogramFamily, histogram: Histogram, own: Labels) -> Iterator[str]:
    name, total = family.name, 0
    for bound, count in zip((*histogram.bounds, None), histogram.counts, strict=True):
        total += count
        le = "+Inf" if bound is None else str(bound)
        labels = _joined((*own, ("le", le)))
        yield f"{name}_bucket{{{labels}}} {_number(total)}\n"
    labels = _joined(own)
    yield f"{name}_count{{{labels}}} {_number(total)}\n"
    yield f"{name}_sum{{{labels}}} {_number(histogram.total)}\n"


def _joined(labels: Labels) -> str:
    return ",".join(f'{name}="{value}"' for name, value in sorted(labels))


def _escaped(value: str) -> str:
    # A lone surrogate of the environment has no encoding, and would cost the whole scrape.
    return sanitize(value).translate(_ESCAPES)


def _number(value: float) -> str:
    written: str = floatToGoString(value)  # type: ignore[no-untyped-call]
    return written


@dataclass(frozen=True, slots=True)
class _Family(Collector):
    """One family as a registry: the library formats nothing less."""

    metric: Metric

    def collect(self) -> Iterable[Metric]:
        return (self.metric,)


def _written(collector: Collector, form: Format) -> bytes:
    if form is Format.TEXT:
        return generate_latest(collector)
    written: bytes = generate_openmetrics(collector)  # type: ignore[no-untyped-call]
    return written.removesuffix(_EOF)

"""Writes the references of metrics and configuration from the code: ``make reference``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from monitor.config.keys import TABLES, Key
from monitor.config.reader import variable
from monitor.export.metrics.family import (
    HistogramFamily,
    Kind,
    MonitorFamily,
    MonitorHistogram,
    TargetFamily,
    WriteFamily,
)
from monitor.export.metrics.monitor_families import MONITOR_FAMILIES, MONITOR_HISTOGRAMS
from monitor.export.metrics.target_families import HISTOGRAM_FAMILIES, TARGET_FAMILIES
from monitor.export.metrics.write_families import WRITE_FAMILIES, WRITE_REQUESTS

FOLDER = Path(__file__).parent
_PER_TARGET = ("target", "group")
Family = TargetFamily | HistogramFamily | MonitorFamily | MonitorHistogram | WriteFamily


def metrics() -> str:
    """Return the text of metrics.md."""
    return "\n".join(
        (
            "# Metrics",
            "",
            "Written by `make reference` from `monitor/export/metrics/*_families.py`: change those.",
            "",
            "Names that blackbox_exporter has for the same thing are its names. All labels' values",
            "are bounded by the configuration: nothing that a server sends becomes a label. Times",
            "are Unix seconds. Beside these there are `process_*` of the process itself.",
            "",
            "## Of each target",
            "",
            *_families((*TARGET_FAMILIES, *HISTOGRAM_FAMILIES), _PER_TARGET),
            "",
            "## Of the monitor",
            "",
            *_families((*MONITOR_FAMILIES, *MONITOR_HISTOGRAMS), ()),
            "",
            "## Of each receiver of remote writes",
            "",
            f"Beside the histogram `{WRITE_REQUESTS}`:",
            "",
            *_families(WRITE_FAMILIES, ("destination",)),
            "",
        )
    )


def configuration() -> str:
    """Return the text of configuration.md."""
    return "\n".join(
        (
            "# Configuration",
            "",
            "Written by `make reference` from `monitor/config/keys.py`: change that, not this.",
            "[config.toml](../config.toml) has every key with an example.",
            "",
            "A key of a table without a name may also come from the environment variable that is",
            "named beside it, which goes before the file; a list is written with commas there. An",
            "empty variable counts as not set. `egress-monitor validate` tells everything that is",
            "wrong at once and ends with 2; a running monitor reads the file anew on SIGHUP and",
            "keeps the old configuration when the new one is wrong.",
            "",
            *(line for path in TABLES for line in _table(path, TABLES[path])),
        )
    )


def written() -> Mapping[str, str]:
    """Return the text of each reference by its file's name."""
    makers: Mapping[str, Callable[[], str]] = {
        "metrics.md": metrics,
        "configuration.md": configuration,
    }
    return {name: make() for name, make in makers.items()}


def _families(families: Sequence[Family], shared: tuple[str, ...]) -> Iterator[str]:
    yield "| name | type | labels | meaning |"
    yield "| --- | --- | --- | --- |"
    for family in sorted(families, key=lambda family: family.name):
        kind = getattr(family, "kind", Kind.HISTOGRAM)
        name = family.name + ("_total" if kind is Kind.COUNTER else "")
        labels = (*shared, *getattr(family, "labels", ()))
        cells = (f"`{name}`", kind.value, ", ".join(f"`{label}`" for label in labels), family.help)
        yield f"| {' | '.join(map(_cell, cells))} |"


def _table(path: str, keys: Sequence[Key]) -> Iterator[str]:
    title = {"": "The top of the file"}.get(path) or f"`{_heading(path)}`"
    yield f"## {title}"
    yield ""
    named = path != "" and not path.isidentifier()
    yield f"| key | {'' if named else 'environment | '}value | default | meaning |"
    yield f"| --- | {'' if named else '--- | '}--- | --- | --- |"
    for key in keys:
        default = f"`{key.default}`" if key.default else "needed" if key.required else ""
        own = [] if named else [f"`{variable(path, key.name)}`"]
        cells = (f"`{key.name}`", *own, key.kind.name, default, key.doc)
        yield f"| {' | '.join(map(_cell, cells))} |"
    yield ""


def _heading(path: str) -> str:
    if path.endswith("[]"):
        return f"[[{path.removesuffix('[]')}]]"
    return f"[{path.replace('*', 'NAME')}]"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    for name, text in written().items():
        (FOLDER / name).write_text(text, encoding="utf-8")

"""Series and points for tests."""

from __future__ import annotations

from monitor.export.remote_write.series import Family, MetricType, Point, Series

NOW = 1_800_000_000.0
MOMENT = int(NOW * 1000)
FAMILY = Family("probe_success", MetricType.GAUGE, "Whether the last probe reached it.")


def series(name: str = "probe_success", *, external: tuple[tuple[str, str], ...] = ()) -> Series:
    return Series(f"{name}\0group\0scm\0target\0{name}-1", FAMILY, external)


def points(count: int, *, at: int = MOMENT, each: int = 1) -> list[Point]:
    """``each`` points, a second apart, of ``count`` series."""
    many = [series(f"m{number}") for number in range(count)]
    return [(one, at + 1000 * n, float(n)) for n in range(each) for one in many]

"""Samples grouped by series, and the ways to divide them. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.export.remote_write.series import Series, Timed

Rows = dict[Series, list[Timed]]
"""The samples of each series, oldest first."""

MOST_GENERATIONS = 8
"""Upper bound of the parts that ``generations`` returns."""


def count(rows: Rows) -> int:
    """Return the number of samples."""
    return sum(map(len, rows.values()))


def take(rows: Rows, limit: int) -> tuple[Rows, Rows]:
    """Return the first ``limit`` samples (at least one) and the rest, which is empty if
    ``limit`` suffices. The older samples of a series never come after its newer ones."""
    taken: Rows = {}
    rest: Rows = {}
    left = max(1, limit)
    for series, points in rows.items():
        if left > 0:
            taken[series] = points[:left]
        if len(points) > left:
            rest[series] = points[max(0, left) :]
        left -= len(points)
    return taken, rest


def generations(rows: Rows) -> Iterator[Rows]:
    """Yield rows divided by time: the first samples of each series, then the next, in at most
    ``MOST_GENERATIONS`` parts."""
    longest = max(map(len, rows.values()), default=0)
    step = max(1, -(-longest // MOST_GENERATIONS))
    for start in range(0, longest, step):
        part = {s: points[start : start + step] for s, points in rows.items()}
        yield {s: points for s, points in part.items() if points}


def by_metric(rows: Rows) -> dict[str, Rows]:
    """Return rows by the name of their metric."""
    found: dict[str, Rows] = {}
    for series, points in rows.items():
        found.setdefault(series.metric, {})[series] = points
    return found

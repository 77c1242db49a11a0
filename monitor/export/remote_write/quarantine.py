"""Series and metrics that a receiver rejects, and when they are sent again. Pure.

A series that was rejected once is sent apart from then on, so that it spoils no request of the
others. One that was rejected twice in a row, or a metric rejected as a whole, is left out: its
samples are dropped, except that it is sent again after a pause, because a receiver's limits
change. The pause grows with the number of series left out, so that at most about eight requests
are spent on all of them in 45 seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from monitor.export.remote_write.rows import Rows
from monitor.export.remote_write.series import Series

PAUSE = 45.0
"""Seconds for which a series is left out before it is sent again, if they are few."""

PAUSE_EACH = 6.0
"""Seconds that each series left out adds to the pause once they are many."""

LONGEST_PAUSE = 3600.0
"""Upper bound of the pause, in seconds."""

RETESTS = 8
"""Series or metrics left out that are sent again with one batch, at most."""

MOST_ENTRIES = 1000
"""Upper bound of the entries kept; what is rejected beyond it is isolated each time."""

FORGET_AFTER = 7200.0
"""Seconds after which an entry is forgotten of which no sample came."""


@dataclass(slots=True)
class _Entry:
    rejections: int
    due_at: float
    seen_at: float


@dataclass(slots=True)
class Division:
    """The rows of a batch: to be sent together, apart from these, one by one by the name of the
    entry, and not at all."""

    clear: Rows = field(default_factory=dict)
    apart: Rows = field(default_factory=dict)
    due: dict[str, Rows] = field(default_factory=dict)
    left_out: Rows = field(default_factory=dict)


class Quarantine:
    """The entries of one receiver: a metric by its name, a series by its key. ``now`` is
    monotonic seconds."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}

    def divide(self, rows: Rows, now: float) -> Division:
        """Divide a batch."""
        division = Division()
        if not self._entries:
            division.clear = rows
            return division
        for series, points in rows.items():
            name, entry = self._entry_of(series)
            if entry is None:
                division.clear[series] = points
                continue
            entry.seen_at = now
            if entry.rejections == 1:
                division.apart[series] = points
            elif name in division.due or (now >= entry.due_at and len(division.due) < RETESTS):
                division.due.setdefault(name, {})[series] = points
            else:
                division.left_out[series] = points
        return division

    def rejected(self, name: str, now: float, *, whole_metric: bool = False) -> None:
        """Learn that a series or metric was rejected."""
        entry = self._entries.get(name)
        if entry is None:
            self._forget(now)
            if len(self._entries) >= MOST_ENTRIES:
                return
            entry = self._entries[name] = _Entry(int(whole_metric), now, now)
        entry.rejections += 1
        entry.due_at = now + min(max(PAUSE, PAUSE_EACH * len(self._entries)), LONGEST_PAUSE)

    def accepted(self, rows: Rows) -> None:
        """Learn that samples of these series were accepted."""
        for series in rows if self._entries else ():
            self._entries.pop(series.key, None)
            self._entries.pop(series.metric, None)

    def disturbed(self, now: float) -> None:
        """Send everything again soon: the receiver has changed its behavior."""
        for entry in self._entries.values():
            entry.due_at = min(entry.due_at, now)

    def names(self) -> list[str]:
        """Return what is left out now, metrics by name, series by the name of their metric."""
        left = (name for name, entry in self._entries.items() if entry.rejections > 1)
        return sorted({name.partition("\0")[0] for name in left})

    def _entry_of(self, series: Series) -> tuple[str, _Entry | None]:
        for name in (series.metric, series.key):
            if (entry := self._entries.get(name)) is not None:
                return name, entry
        return "", None

    def _forget(self, now: float) -> None:
        old = [n for n, entry in self._entries.items() if now - entry.seen_at > FORGET_AFTER]
        for name in old:
            del self._entries[name]

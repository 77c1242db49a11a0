"""The findings about an incident apart from its cause: what changed, where packets stop."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from monitor.diagnosis.changes import Change
from monitor.model.path import PathTrace, ResetHop

LIMIT = 100
"""Investigations kept: as many as past incidents."""


@dataclass(frozen=True, slots=True)
class Investigation:
    """The findings about one incident. ``target_id`` is the target that was compared and traced;
    ``name`` is its host. ``control`` is the trace to a host that works on the same port."""

    target_id: str
    name: str
    changes: tuple[Change, ...] = ()
    path: PathTrace | None = None
    control_name: str = ""
    control: PathTrace | None = None
    reset: ResetHop | None = None

    @property
    def changes_in_words(self) -> str:
        """The changes in words, by minute; "" if there are none."""
        by_minute: dict[str, list[str]] = {}
        for change in sorted(self.changes, key=lambda change: -change.at):
            at = f"{datetime.fromtimestamp(change.at, UTC):%H:%M}"
            by_minute.setdefault(at, []).append(change.sentence)
        return " ".join(
            f"Changed at {at} UTC: {'; '.join(sentences)}." for at, sentences in by_minute.items()
        )

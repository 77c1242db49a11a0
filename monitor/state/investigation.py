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
        """The changes in one sentence; "" if there are none."""
        if not self.changes:
            return ""
        at = datetime.fromtimestamp(self.changes[0].at, UTC)
        listed = "; ".join(change.sentence for change in self.changes)
        return f"Changed at {at:%H:%M} UTC: {listed}."

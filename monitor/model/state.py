"""The state of a target."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """The state of a target."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    UNKNOWN = "unknown"

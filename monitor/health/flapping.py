"""Flap damping: detection of targets that change state too often. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from monitor.model.causes import Cause
from monitor.model.state import State

LOOK_BACK = 20
"""Number of recent results that are considered: ten minutes at the default interval."""

CHANGES = 8
"""Number of changes between consecutive results from which a target flaps: at least about one in
four failed. One failed probe causes two changes, and an outage of any length causes two as well."""

FALLS = 3
FALLS_WITHIN = 1800.0
"""From this number of outages within this number of seconds they are one flapping target."""

CALM = 300.0
"""Seconds without a failure after which a target no longer flaps: ten probes at the default
interval."""

CALM_RESULTS = 3
"""Consecutive successes needed in addition to ``CALM``, for probes that are minutes apart."""

_MASK = (1 << LOOK_BACK) - 1
_CALM_MASK = (1 << CALM_RESULTS) - 1


@dataclass(frozen=True, slots=True)
class Flaps:
    """Evidence about flapping. ``results`` holds one bit per result, the latest the lowest, set
    for a failure; ``falls`` the times (Unix seconds) of the last outages. ``cause`` is that of
    the last failure, and ``bad_at`` its time. ``been_down``: it was down at least once since it
    was last up."""

    flapping: bool = False
    results: int = 0
    falls: tuple[float, ...] = ()
    cause: Cause | None = None
    bad_at: float = 0.0
    been_down: bool = False

    @property
    def changes(self) -> int:
        """The number of recent results that differ from the previous one."""
        return ((self.results ^ (self.results >> 1)) & (_MASK >> 1)).bit_count()


def after(flaps: Flaps, cause: Cause | None, now: float) -> Flaps:
    """Return the evidence after one more result: a success, or a failure with ``cause``."""
    seen = replace(flaps, results=(flaps.results << 1 | (cause is not None)) & _MASK)
    if cause is not None:
        seen = replace(seen, cause=cause, bad_at=now)
    if not seen.flapping:
        return replace(seen, flapping=seen.changes >= CHANGES)
    calm = now - seen.bad_at >= CALM and not seen.results & _CALM_MASK
    return Flaps() if calm else seen


def moved(flaps: Flaps, before: State, state: State, now: float) -> Flaps:
    """Return how a target flaps that changes from ``before`` to ``state``.

    A fall is one from up, and one down again of a target that has not been up since it was
    down: what comes down over degraded has fallen once.
    """
    again = state is State.DOWN and flaps.been_down
    seen = _fallen(flaps, now) if before is State.UP or again else flaps
    been_down = state is State.DOWN or (flaps.been_down and state is not State.UP)
    return replace(seen, been_down=been_down)


def _fallen(flaps: Flaps, now: float) -> Flaps:
    """Return how a target flaps that falls now."""
    falls = (*flaps.falls, now)[-FALLS:]
    often = len(falls) == FALLS and now - falls[0] <= FALLS_WITHIN
    return replace(flaps, falls=falls, flapping=flaps.flapping or often)

"""Whether a target changes too often to be believed: flap damping. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from monitor.model.causes import Cause
from monitor.model.state import State

LOOK_BACK = 20
"""So many of the latest results are looked at: ten minutes at the usual interval."""

CHANGES = 8
"""Of these results so many differ from the one before: about one in four is bad, or more. One
lost probe makes two changes, and an outage, however long, makes two as well."""

FALLS = 3
FALLS_WITHIN = 1800.0
"""So many falls from up within so many seconds are no longer separate outages."""

CALM = 300.0
"""Seconds without a bad result after which a target is believed again: ten probes at the usual
interval."""

CALM_RESULTS = 3
"""Good results in a row that it takes beside ``CALM``, where probes are minutes apart."""

_MASK = (1 << LOOK_BACK) - 1
_CALM_MASK = (1 << CALM_RESULTS) - 1


@dataclass(frozen=True, slots=True)
class Flaps:
    """What flapping is told by. ``results`` holds a bit a result, the latest the lowest, set
    where it was bad; ``falls`` the times (Unix seconds) of the last falls. ``cause``
    is that of the last bad result, and ``bad_at`` its time. ``been_down``: it has been down
    since it was up the last time."""

    flapping: bool = False
    results: int = 0
    falls: tuple[float, ...] = ()
    cause: Cause | None = None
    bad_at: float = 0.0
    been_down: bool = False

    @property
    def changes(self) -> int:
        """How many of the latest results differ from the one before."""
        return ((self.results ^ (self.results >> 1)) & (_MASK >> 1)).bit_count()


def after(flaps: Flaps, cause: Cause | None, now: float) -> Flaps:
    """Return how a target flaps after one more result, good or for a cause bad."""
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

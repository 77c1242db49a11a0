"""Length of time that a page shows: an hour, a day or a week."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from htpy import Element, a, nav, p, span

from monitor.health.timeline import CELL_BYTES, DAY, HOUR, WEEK, Resolution, Strip
from monitor.state.store import StateStore
from monitor.web.pages.parts import clock, day_and_clock

RANGES = {"1h": HOUR, "24h": DAY, "7d": WEEK}
"""Resolutions by their name in a page's address."""

COLUMNS_MINIMUM = 6
"""Minimum number of columns of a bar. A monitor that started five minutes ago shows this many
instead of a bar that is empty except for its end."""

_YOUNG = 2 * 3600.0


def chosen_range(name: str, store: StateStore) -> Resolution:
    """Return the resolution with this name. Without a valid name: a day, or an hour as long as
    the monitor remembers less than two."""
    if name in RANGES:
        return RANGES[name]
    slots = max((len(s.timeline.closed) // CELL_BYTES for s in store.statuses.values()), default=0)
    return HOUR if slots * DAY.seconds < _YOUNG else DAY


def in_words(resolution: Resolution) -> str:
    """Return the length of time, as in a column's title."""
    return f"Last {resolution.label}"


def range_links(current: Resolution) -> Element:
    """Return links to the same page with another length of time."""
    links = [
        a(href=f"?range={name}", aria_current="true" if resolution is current else None)[
            resolution.label
        ]
        for name, resolution in RANGES.items()
    ]
    return nav(".ranges", aria_label="Length of time")[span["Show the last"], links]


def clipped(strips: Collection[Strip]) -> list[Strip]:
    """Cut the columns before the first measurement of all strips, down to ``COLUMNS_MINIMUM``."""
    if not strips:
        return []
    columns = len(next(iter(strips)).worst)
    unmeasured = min(strip.unmeasured for strip in strips)
    cut = max(0, min(unmeasured, columns - COLUMNS_MINIMUM))
    return [strip.without(cut) for strip in strips] if cut else list(strips)


def axis(strip: Strip, resolution: Resolution) -> Element:
    """Return the times below a bar."""
    shown = day_and_clock if resolution is WEEK else clock
    middle = strip.start + strip.step * len(strip.worst) / 2
    return p(".axis")[span[shown(strip.start)], span[shown(middle)], span["now"]]


def together(strips: Iterable[Strip]) -> Strip:
    """Return one strip for several targets: their worst states, the mean of their uptimes."""
    every = list(strips)
    shares = [s.uptime for s in every if s.uptime is not None]
    return Strip(
        start=every[0].start,
        step=every[0].step,
        worst=tuple(map(max, zip(*(s.worst for s in every), strict=True))),
        latencies=(),
        uptime=sum(shares) / len(shares) if shares else None,
    )

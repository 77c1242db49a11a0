"""Badge of the overall state as SVG, for dashboards and wikis. Pure."""

from __future__ import annotations

from htpy import Element, svg

from monitor.model.state import State
from monitor.state.store import StateStore
from monitor.web.assets import COLORS
from monitor.web.pages.overview import headline
from monitor.web.pages.parts import path

rect, text_element, title_element = (Element(name, "", None) for name in ("rect", "text", "title"))
_LABEL = "egress"
_CHARACTER = 6.6
"""Approximate width of a character of 11 px sans-serif, in pixels."""


def overall(store: StateStore) -> tuple[State, str]:
    """Return the overall state and the words of the badge."""
    statuses = list(store.statuses.values())
    state, _ = headline(store, statuses)
    bad = sum(s.health.state in {State.DOWN, State.DEGRADED} for s in statuses)
    match state:
        case State.UP:
            return state, "up"
        case State.UNKNOWN:
            return state, "not known yet"
    return state, f"{state.value}, {bad} of {len(statuses)}"


def badge(state: State, words: str) -> str:
    """Return a badge with the label "egress" and the words on the color of the state."""
    left = round(len(_LABEL) * _CHARACTER) + 12
    right = round(len(words) * _CHARACTER) + 12
    drawn = svg(
        xmlns="http://www.w3.org/2000/svg",
        width=str(left + right),
        height="20",
        role="img",
        aria_label=f"{_LABEL}: {words}",
    )[
        title_element[f"{_LABEL}: {words}"],
        path(fill="#3b434b", d=f"M3 0h{left - 3}v20H3a3 3 0 0 1-3-3V3a3 3 0 0 1 3-3z"),
        path(
            fill=COLORS[state],
            d=f"M{left} 0h{right - 3}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3H{left}z",
        ),
        [
            text_element(
                x=str(x), y="14", fill="#fff", font_family="Verdana,DejaVu Sans,sans-serif",
                font_size="11", text_anchor="middle", textLength=str(width - 12),
            )[word]
            for x, width, word in (
                (left / 2, left, _LABEL),
                (left + right / 2, right, words),
            )
        ],
    ]  # fmt: skip
    return str(drawn)

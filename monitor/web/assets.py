"""Static files of the pages, under names that change with their content."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

from monitor.model.state import State

COLORS = {
    State.UP: "#1a7f4b",
    State.DEGRADED: "#b26a00",
    State.DOWN: "#c62828",
    State.UNKNOWN: "#6b7480",
}
_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
    '<circle cx="8" cy="8" r="7" fill="{color}"/>{sign}</svg>'
)
_SIGNS = {
    State.UP: "M4.5 8.2l2.4 2.4 4.6-5",
    State.DEGRADED: "M8 4v5M8 11v1.4",
    State.DOWN: "M5 5l6 6M11 5l-6 6",
    State.UNKNOWN: "M5 8h6",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is served. ``name`` holds a digest of the content: it never changes."""

    name: str
    kind: str
    content: bytes


def _asset(stem: str, suffix: str, kind: str, content: bytes) -> Asset:
    return Asset(f"{stem}.{sha256(content).hexdigest()[:12]}.{suffix}", kind, content)


def _file(stem: str, suffix: str, kind: str) -> Asset:
    content = files("monitor.web").joinpath("static", f"{stem}.{suffix}").read_bytes()
    return _asset(stem, suffix, kind, content)


def _icon(state: State) -> Asset:
    sign = f'<path d="{_SIGNS[state]}" fill="none" stroke="#fff" stroke-width="2"/>'
    text = _ICON.format(color=COLORS[state], sign=sign)
    return _asset(f"icon-{state.value}", "svg", "image/svg+xml", text.encode())


STYLE = _file("style", "css", "text/css")
SCRIPT = _file("page", "js", "text/javascript")
_ICONS = {state: _icon(state) for state in State}
ASSETS = {asset.name: asset for asset in (STYLE, SCRIPT, *_ICONS.values())}


def icon_name(state: State) -> str:
    """Return the name of the icon that a browser's tab shows for a state."""
    return _ICONS[state].name

"""Building blocks of all pages: text, times, states, lists of facts, tables, links."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from urllib.parse import quote

from htpy import (
    Element,
    Node,
    Renderable,
    a,
    caption,
    code,
    dd,
    div,
    dl,
    dt,
    fragment,
    span,
    strong,
    svg,
    tbody,
    th,
    thead,
    tr,
)
from htpy import (
    table as table_element,
)
from htpy import (
    time as time_element,
)

from monitor.common.sanitize import sanitize
from monitor.model.endpoint import DEFAULT_PORTS, Protocol
from monitor.model.state import State
from monitor.model.target import Target, shown_path

DAY = 86_400.0
PIECE = 2048
"""Minimum size of a piece of a page, in characters."""

_WEB = frozenset({Protocol.HTTPS, Protocol.HTTP})
WORDS = {
    State.UP: "Up",
    State.DEGRADED: "Degraded",
    State.DOWN: "Down",
    State.UNKNOWN: "Unknown",
}

path, use, symbol, circle = (
    Element(name, "", None) for name in ("path", "use", "symbol", "circle")
)


def pieces(node: Renderable) -> Iterator[str]:
    """Render a node in pieces: its lazy parts are made between two of them."""
    made: list[str] = []
    size = 0
    for chunk in node.iter_chunks():
        made.append(chunk)
        size += len(chunk)
        if size >= PIECE:
            yield "".join(made)
            made.clear()
            size = 0
    yield "".join(made)


def text(value: str) -> str:
    """Return a text with a replacement for each character that does not print. htpy escapes it."""
    return sanitize(value, replacement="\ufffd")


def lines(value: str) -> str:
    """Return a text of several lines; within a line like ``text``."""
    return "\n".join(map(text, value.split("\n")))


def prose(sentence: str) -> Node:
    """Return a sentence; parts between backticks are code."""
    parts = re.split("`([^`]+)`", text(sentence))
    return [code[part] if number % 2 else part for number, part in enumerate(parts) if part]


def words(name: str) -> str:
    """Return an identifier of the monitor, such as a group or a scope, as words."""
    return text(name.replace("_", " "))


def nothing() -> Node:
    """Return the sign for a value that is not known."""
    return span(".quiet")["\u2013"]


def mark(state: State) -> Element:
    """Return the sign of a state: a shape of its own, so that it works without color."""
    return svg(class_=f"mark {state.value}", aria_hidden="true", viewBox="0 0 16 16")[
        use(href=f"#mark-{state.value}")
    ]


def state_words(state: State) -> Element:
    """Return the sign of a state and its word."""
    return span(class_=f"state {state.value}")[mark(state), WORDS[state]]


def moment(at: float, now: float) -> Node:
    """Return a time in UTC; with the date unless it is within the last 20 hours."""
    instant = _utc(at)
    if instant is None:
        return nothing()
    shape = "%H:%M:%S" if abs(now - at) < DAY * 5 / 6 else "%Y-%m-%d %H:%M"
    return time_element(datetime=f"{instant:%Y-%m-%dT%H:%M:%SZ}")[f"{instant.strftime(shape)} UTC"]


def clock(at: float) -> str:
    """Return a time of day."""
    instant = _utc(at)
    return f"{instant:%H:%M} UTC" if instant else ""


def day_and_clock(at: float) -> str:
    """Return a date without the year and a time of day."""
    instant = _utc(at)
    return f"{instant:%b %d, %H:%M} UTC" if instant else ""


def date(at: float) -> Node:
    """Return a date."""
    instant = _utc(at)
    if instant is None:
        return nothing()
    return time_element(datetime=f"{instant:%Y-%m-%dT%H:%M:%SZ}")[f"{instant:%Y-%m-%d}"]


def since(at: float, now: float) -> Node:
    """Return a time and the time that passed since."""
    return [moment(at, now), f" ({lasted(now - at)} ago)"]


def lasted(seconds: float) -> str:
    """Return a duration in its two greatest units."""
    if not math.isfinite(seconds):
        return "?"
    whole = max(0, int(seconds))
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min"
    hours, days = whole // 3600, whole // 86_400
    if hours < 48:
        return f"{hours} h {whole % 3600 // 60} min"
    return f"{days} d {hours % 24} h" if days < 7 else f"{days} d"


def duration(seconds: float) -> str:
    """Return a configured duration: exact, also below a second."""
    if seconds >= 1 and seconds == int(seconds):
        return lasted(seconds)
    return f"{seconds:g} s" if seconds >= 1 else f"{seconds * 1000:g} ms"


def latency(seconds: float | None) -> str:
    """Return a latency as text; "" if it is not known."""
    if seconds is None or not math.isfinite(seconds):
        return ""
    value = seconds * 1000
    return f"{value:.1f}\u202fms" if value < 9.95 else f"{value:,.0f}\u202fms"


def millis(seconds: float | None) -> Node:
    """Return a latency, or the sign for an unknown one."""
    return latency(seconds) or nothing()


def share(value: float | None) -> str:
    """Return a share as text, never 100 % for less than all of it; "" if it is not known."""
    return "" if value is None else f"{math.floor(value * 1e4) / 100:g}\u202f%"


def percent(value: float | None) -> Node:
    """Return a share, or the sign for an unknown one."""
    return share(value) or nothing()


def count(number: int, noun: str) -> str:
    """Return a number of things."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def facts(pairs: Iterable[tuple[str, Node]]) -> Node:
    """Return a list of facts; those without a value are left out."""
    rows = [div[dt[name], dd[value]] for name, value in pairs if value]
    return dl(".facts")[rows] if rows else None


def evidence(found: Mapping[str, str] | Iterable[tuple[str, str]]) -> Node:
    """Return observed facts; a mapping has identifiers as names, pairs have plain words."""
    if isinstance(found, Mapping):
        pairs = [(words(name), value) for name, value in found.items()]
    else:
        pairs = [(text(name), value) for name, value in found]
    return facts((name, code[text(value)]) for name, value in pairs if value)


def table(caption_text: str, columns: Iterable[Node], rows: Iterable[Node], kind: str = "") -> Node:
    """Return a table in a frame that scrolls by itself if it is too wide. A table of the kind
    "wide" can be scrolled by keyboard although it has no link. Rows are made lazily."""
    reached = (
        {"role": "group", "tabindex": "0", "aria-label": text(caption_text)}
        if kind == "wide"
        else {}
    )
    return div(".scroll", reached)[
        table_element(class_=kind or None)[
            caption[text(caption_text)],
            thead[tr[(th(scope="col")[column] for column in columns)]],
            tbody[rows],
        ]
    ]


def target_link(target_id: str, root: str) -> Element:
    """Return a link to a target's page; ``root`` leads from here to the overview."""
    return a(href=f"{root}targets/{quoted(target_id)}")[text(target_id)]


def incident_href(incident_id: str, root: str) -> str:
    """Return the address of an incident's page."""
    return f"{root}incidents/{quoted(incident_id)}"


def quoted(part: str) -> str:
    """Return a text as one segment of a URL."""
    return quote(part, safe="", errors="replace")


def place(target: Target) -> str:
    """Return the URL of a target without the query of its path. A host that stands for a
    wildcard is shown as the wildcard: its name is made up, such as ``3000--0000…``."""
    protocol = target.endpoint.protocol
    wildcard = (target.endpoint.wildcard or "").partition("/")[0]
    if wildcard.startswith("*."):
        return text(f"{protocol.value}://{wildcard}")
    host = f"[{target.host}]" if ":" in target.host else target.host
    port = "" if target.port == DEFAULT_PORTS.get(protocol) and protocol in _WEB else target.port
    shown = shown_path(target) if protocol in _WEB else ""
    return text(f"{protocol.value}://{host}{port and f':{port}'}{shown}")


def note(words_of: str, value: Node) -> Node:
    """Return a paragraph that begins with words in bold type."""
    return fragment[strong[words_of], " ", value]


def _utc(at: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(at, UTC)
    except (ValueError, OverflowError, OSError):
        return None

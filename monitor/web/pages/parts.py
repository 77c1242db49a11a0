"""What every page is made of: escaped text, times, states, lists of facts, links."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from html import escape
from urllib.parse import quote

from monitor.common.sanitize import sanitize
from monitor.model.endpoint import DEFAULT_PORTS, Protocol
from monitor.model.state import State
from monitor.model.target import Target, shown_path

DAY = 86_400.0
NOTHING = '<span class="quiet">\u2013</span>'
_WEB = frozenset({Protocol.HTTPS, Protocol.HTTP})
WORDS = {
    State.UP: "Up",
    State.DEGRADED: "Degraded",
    State.DOWN: "Down",
    State.UNKNOWN: "Unknown",
}


def text(value: str) -> str:
    """Escape a text for HTML and its attributes. What does not print is shown as a
    replacement."""
    return escape(sanitize(value, replacement="\ufffd"))


def prose(sentence: str) -> str:
    """Escape a sentence for HTML; what stands between backticks is code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", text(sentence))


def words(name: str) -> str:
    """Return a name of ours, such as a group's or a scope's, as words."""
    return text(name.replace("_", " "))


def mark(state: State) -> str:
    """Return the state's sign: a shape of its own, so that it needs no colour to be told."""
    return (
        f'<svg class="mark {state.value}" aria-hidden="true" viewBox="0 0 16 16">'
        f'<use href="#mark-{state.value}"/></svg>'
    )


def state_words(state: State) -> str:
    """Return the state's sign and word."""
    return f'<span class="state {state.value}">{mark(state)}{WORDS[state]}</span>'


def moment(at: float, now: float) -> str:
    """Return a time in UTC; the date only where it is not of the last 20 hours."""
    instant = _utc(at)
    if instant is None:
        return NOTHING
    shape = "%H:%M:%S" if abs(now - at) < DAY * 5 / 6 else "%Y-%m-%d %H:%M"
    return f'<time datetime="{instant:%Y-%m-%dT%H:%M:%SZ}">{instant.strftime(shape)} UTC</time>'


def clock(at: float) -> str:
    """Return a time of day."""
    instant = _utc(at)
    return f"{instant:%H:%M} UTC" if instant else ""


def date(at: float) -> str:
    """Return a day."""
    instant = _utc(at)
    if instant is None:
        return NOTHING
    return f'<time datetime="{instant:%Y-%m-%dT%H:%M:%SZ}">{instant:%Y-%m-%d}</time>'


def since(at: float, now: float) -> str:
    """Return a time and how long ago that is."""
    return f"{moment(at, now)} ({lasted(now - at)} ago)"


def lasted(seconds: float) -> str:
    """Return a length of time in its two greatest units."""
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


def millis(seconds: float | None) -> str:
    """Return a latency."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    value = seconds * 1000
    return f"{value:.1f}\u202fms" if value < 9.95 else f"{value:,.0f}\u202fms"


def percent(share: float | None) -> str:
    """Return a share; never 100 % for less than all of it."""
    if share is None:
        return NOTHING
    shown = math.floor(share * 1e4) / 100
    return f"{shown:g}\u202f%"


def count(number: int, noun: str) -> str:
    """Return a number of things."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Return a list of facts; values are HTML already, those that are empty are left out."""
    rows = "".join(
        f"<div><dt>{text(name)}</dt><dd>{value}</dd></div>" for name, value in pairs if value
    )
    return f'<dl class="facts">{rows}</dl>' if rows else ""


def evidence(found: Mapping[str, str]) -> str:
    """Return what was seen, as a list of facts."""
    return facts((name.replace("_", " "), f"<code>{text(v)}</code>") for name, v in found.items())


def table(caption: str, columns: Iterable[str], rows: Iterable[str], kind: str = "") -> str:
    """Return a table in a frame of its own, that scrolls by itself where it is too wide. A
    table of the kind "wide" can be scrolled by keyboard though no link is in it. Columns and
    rows are HTML already."""
    return "".join(table_pieces(caption, columns, rows, kind))


def table_pieces(
    caption: str, columns: Iterable[str], rows: Iterable[str], kind: str = ""
) -> Iterator[str]:
    """Return the same, row by row."""
    head = "".join(f'<th scope="col">{column}</th>' for column in columns)
    reached = f' role="group" tabindex="0" aria-label="{text(caption)}"' if kind == "wide" else ""
    yield (
        f'<div class="scroll"{reached}><table class="{kind}"><caption>{text(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>"
    )
    yield from rows
    yield "</tbody></table></div>"


def target_link(target_id: str, root: str) -> str:
    """Return a link to a target's page; ``root`` leads from here to the overview."""
    return f'<a href="{root}targets/{quoted(target_id)}">{text(target_id)}</a>'


def incident_href(incident_id: str, root: str) -> str:
    """Return where an incident's page is."""
    return f"{root}incidents/{quoted(incident_id)}"


def quoted(part: str) -> str:
    """Return a text as one part of a URL; there is nothing left in it to escape."""
    return quote(part, safe="", errors="replace")


def place(target: Target) -> str:
    """Return where a target is, as people write it, without the query of its path."""
    protocol = target.endpoint.protocol
    host = f"[{target.host}]" if ":" in target.host else target.host
    port = "" if target.port == DEFAULT_PORTS.get(protocol) and protocol in _WEB else target.port
    path = shown_path(target) if protocol in _WEB else ""
    return text(f"{protocol.value}://{host}{port and f':{port}'}{path}")


def _utc(at: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(at, UTC)
    except (ValueError, OverflowError, OSError):
        return None

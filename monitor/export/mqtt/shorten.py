"""Documents cut down to the packet size that a broker takes. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable

KEPT = frozenset(
    (
        "version", "id", "kind", "at", "subject", "title", "serious", "state", "since", "cause",
        "scope", "shortened",
    )
)  # fmt: skip
"""Keys that a shortened document keeps whole: what happened, to which subject and when."""

SHORTEST_TEXT = 40
"""Characters down to which a text is cut before it is left out."""

_MARK = "..."


def shortened(document: bytes, limit: int) -> bytes | None:
    """Return a JSON object in at most ``limit`` bytes, with ``"shortened": true``; None if even
    what it has to keep is longer. Its longest values are cut first: lists and mappings from
    their end, texts with an ellipsis, and what is short already is left out."""
    if len(document) <= limit:
        return document
    values = json.loads(document)
    if not isinstance(values, dict):
        return None
    values["shortened"] = True
    while len(encoded := encode(values)) > limit:
        optional = [key for key in values if key not in KEPT]
        if not optional:
            return None
        key = max(optional, key=lambda each: len(json.dumps(values[each])))
        values[key] = _cut(values[key])
        if values[key] is None:
            del values[key]
    return encoded


def encode(document: object) -> bytes:
    """Return JSON in ASCII, in one line: texts of peers may hold what UTF-8 can't."""
    return json.dumps(document, separators=(",", ":")).encode("ascii")


def _cut(value: object) -> object:
    """Return about half of a value; None if it is short already."""
    for kind, cut in _CUTS:
        if isinstance(value, kind):
            return cut(value)
    return None


def _cut_text(text: str) -> str | None:
    return None if len(text) <= SHORTEST_TEXT else text[: len(text) // 2 - len(_MARK)] + _MARK


def _cut_list(values: list[object]) -> list[object] | None:
    return values[: len(values) // 2] or None


def _cut_mapping(values: dict[str, object]) -> dict[str, object] | None:
    """Cut the longest value first, as a mapping's entries have names of their own."""
    key = max(values, key=lambda each: len(json.dumps(values[each])), default=None)
    if key is None:
        return None
    cut = _cut(values[key])
    rest = {name: value for name, value in values.items() if name != key}
    return ({**rest, key: cut} if cut is not None else rest) or None


_CUTS: tuple[tuple[type, Callable[..., object]], ...] = (
    (str, _cut_text),
    (list, _cut_list),
    (dict, _cut_mapping),
)

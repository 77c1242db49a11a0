"""Redaction of secrets that a peer repeats: whole, in part, or encoded.

Every ``Secret`` that is alive is known here, so a text from a peer cannot contain one that is in
use: neither in a message, a header, a log line, nor on the page.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

REPLACEMENT = "***"

_WINDOW = 12
"""Characters of a secret that are recognised anywhere in a text: 12. Peers cut texts short."""

_SHORTEST = 4
"""Shortest secret that is redacted: 4 characters. A shorter one would hide ordinary words."""

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_TO_STANDARD = str.maketrans("-_", "+/")
_FOLD = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
"""Lower case of ASCII only: it keeps every position, unlike ``str.lower``."""


class _Registry:
    """Values by owner, as long as the owner is alive."""

    def __init__(self) -> None:
        self._owners: dict[tuple[int, str], weakref.ref[object]] = {}
        self._patterns: _Patterns | None = None

    def add(self, owner: object, value: str) -> None:
        if len(value) < _SHORTEST:
            return
        key = id(owner), value
        self._owners[key] = weakref.ref(owner, lambda _: self._forget(key))
        self._patterns = None

    def _forget(self, key: tuple[int, str]) -> None:
        self._owners.pop(key, None)
        self._patterns = None

    @property
    def any(self) -> bool:
        """Whether a value is known."""
        return bool(self._owners)

    @property
    def patterns(self) -> _Patterns:
        """The substrings to look for now."""
        if self._patterns is None:
            self._patterns = _patterns(frozenset(value for _, value in tuple(self._owners)))
        return self._patterns


@dataclass(frozen=True, slots=True)
class _Patterns:
    """``windows``: substrings of long values, all of the same length. ``short``: whole values."""

    windows: frozenset[str] = frozenset()
    short: tuple[str, ...] = ()

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield the parts of a folded text that are secret, by start."""
        for start in range(len(text) - _WINDOW + 1):
            if text[start : start + _WINDOW] in self.windows:
                yield start, start + _WINDOW
        for value in self.short:
            start = text.find(value)
            while start >= 0:
                yield start, start + len(value)
                start = text.find(value, start + 1)


@lru_cache(maxsize=4)
def _patterns(values: frozenset[str]) -> _Patterns:
    folded = {form.translate(_FOLD) for value in values for form in _forms(value)}
    windows = (form[at : at + _WINDOW] for form in folded for at in range(len(form) - _WINDOW + 1))
    short = tuple(form for form in folded if _SHORTEST <= len(form) < _WINDOW)
    return _Patterns(frozenset(windows), short)


def _forms(value: str) -> Iterator[str]:
    """Yield a value as it is, and as URLs, HTML and JSON encode it."""
    yield value
    yield quote(value, safe="", errors="replace")
    yield quote(value, errors="replace")
    yield html.escape(value)
    yield json.dumps(value)[1:-1]


_REGISTRY = _Registry()


def remember(owner: object, value: str) -> None:
    """Redact ``value`` from now on, as long as ``owner`` is alive."""
    _REGISTRY.add(owner, value)


def any_in_use() -> bool:
    """Return whether there is anything to redact."""
    return _REGISTRY.any


def redact(text: str) -> str:
    """Return ``text`` without any secret that is in use, whole or at least 12 characters of it,
    regardless of case, in clear, in base64, or as URLs, HTML or JSON encode it."""
    patterns = _REGISTRY.patterns
    if not patterns.windows and not patterns.short:
        return text
    text = _BASE64.sub(lambda found: _without_encoded(found[0], patterns), text)
    return _without(text, patterns.spans(text.translate(_FOLD)))


def _without_encoded(token: str, patterns: _Patterns) -> str:
    """Return a word that may be base64, or the replacement if a secret is in what it encodes."""
    whole = token.rstrip("=").translate(_TO_STANDARD)
    try:
        plain = base64.b64decode(whole[: len(whole) // 4 * 4]).decode("utf-8", "replace")
        plain += base64.b64decode(whole + "=" * (-len(whole) % 4)).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        pass
    else:
        if any(True for _ in patterns.spans(plain.translate(_FOLD))):
            return REPLACEMENT
    return token


def _without(text: str, spans: Iterable[tuple[int, int]]) -> str:
    pieces: list[str] = []
    position = 0
    for start, stop in sorted(spans):
        if start >= position:
            pieces += [text[position:start], REPLACEMENT]
        position = max(position, stop)
    return "".join(pieces) + text[position:]

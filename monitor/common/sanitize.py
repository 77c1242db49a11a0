"""Makes text from peers, files and brokers fit to print: they may contain anything."""

from __future__ import annotations

from monitor.common.redact import redact

_LOOK_AHEAD = 64
"""Characters beyond the limit that are redacted: a secret may be cut off at the limit."""


def sanitize(text: str, limit: int | None = None, replacement: str = "?") -> str:
    """Return at most ``limit`` characters of ``text``, without secrets that are in use, and with
    ``replacement`` for each character that does not print: control characters, changes of
    writing direction, halves of surrogate pairs."""
    text = redact(text if limit is None else text[: limit + _LOOK_AHEAD])[:limit]
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else replacement for c in text)

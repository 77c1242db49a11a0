"""Makes what somebody else wrote fit to print: peers, files and brokers send anything."""

from __future__ import annotations


def sanitize(text: str, limit: int | None = None, replacement: str = "?") -> str:
    """Return ``text``, at most ``limit`` characters of it, with ``replacement`` for each that does
    not print: control characters, changes of writing direction, halves of characters."""
    text = text[:limit]
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else replacement for c in text)

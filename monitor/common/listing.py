"""Lists in sentences: the first few by name, the others counted."""

from __future__ import annotations

from collections.abc import Sequence

NO_TARGET = "no target"
"""Affected targets of an incident of the host itself, in words."""


def listed(names: Sequence[str], limit: int) -> str:
    """Return at most ``limit`` names and the number of the others: ``a, b and 3 more``."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more

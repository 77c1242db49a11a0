"""The resolved catalog as a list for terminals on which its table would not fit. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from monitor.common.sanitize import sanitize
from monitor.model.target import Target
from monitor.present.check_text import NARROWEST
from monitor.present.discovery_view import found_text
from monitor.present.report import address_of, by_group, unknown_lines

TABLE_FITS = 160
"""Columns from which the table of endpoints fits without folding most of its cells: 160."""


def endpoint_lines(targets: Sequence[Target], width: int) -> Iterator[str]:
    """Yield a heading per group and a few lines per target, none wider than ``width`` columns."""
    for group, members in by_group(targets, lambda target: target.group):
        yield from _wrapped(group, width, 0)
        for target in members:
            yield from _target(target, width)
    for line in unknown_lines(target for target in targets if target.endpoint.enabled):
        yield from _wrapped(line, width, 0)


def _target(target: Target, width: int) -> Iterator[str]:
    endpoint = target.endpoint
    need = "required" if endpoint.required else "optional"
    yield from _wrapped(f"{target.id}, {need if endpoint.enabled else 'off'}", width, 2)
    yield from _wrapped(address_of(target), width, 4)
    sample = ": ".join(filter(None, (endpoint.wildcard, found_text(target.wildcard_sample))))
    if sample:
        yield from _wrapped(f"sample of {sample}", width, 4)
    yield from _wrapped(endpoint.note, width, 4)


def _wrapped(text: str, width: int, indent: int) -> list[str]:
    margin = " " * indent
    return textwrap.wrap(
        sanitize(text),
        max(NARROWEST, width),
        initial_indent=margin,
        subsequent_indent=margin,
        break_on_hyphens=False,
    )

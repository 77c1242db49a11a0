"""``egress-monitor explain``: the runbook entry of a cause, or the list of causes."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterator
from difflib import get_close_matches

from monitor.cli.options import Options
from monitor.cli.output import print_lines, width_of
from monitor.model.causes import Cause, Section
from monitor.model.settings import ConfigError, Problem
from monitor.present.check_text import NARROWEST, WIDEST, Line


def main(options: Options) -> int:
    """Print the entry and return 0.

    Raises:
        ConfigError: if there is no such cause.
    """
    width = min(width_of(sys.stdout), WIDEST)
    if not options.word:
        print_lines(_list(width), sys.stdout)
        return 0
    try:
        cause = Cause(options.word.strip().lower())
    except ValueError:
        near = get_close_matches(options.word, [cause.value for cause in Cause], 1)
        fix = f"did you mean {near[0]}?" if near else "run `egress-monitor explain` for a list"
        problem = Problem("arguments", options.word, "is not a cause", fix)
        raise ConfigError((problem,)) from None
    print_lines(_entry(cause, width), sys.stdout)
    return 0


def _list(width: int) -> Iterator[Line]:
    for section in Section:
        yield Line(section.value)
        names = [cause.value for cause in Cause if cause.record.section is section]
        for line in textwrap.wrap(", ".join(names), max(18, width - 2)):
            yield Line(f"  {line}")


def _entry(cause: Cause, width: int) -> Iterator[Line]:
    record = cause.record
    title = f"{cause.value} ({record.section.value}; {record.severity.value})"
    yield from map(Line, textwrap.wrap(title, max(NARROWEST, width), break_on_hyphens=False))
    parts = (
        ("Looks like", record.symptom),
        ("Confirm", record.confirm),
        ("Fix", record.fix),
        ("Ask the firewall team", record.request),
    )
    for title, text in parts:
        yield Line("")
        yield from map(Line, textwrap.wrap(title, max(NARROWEST, width)))
        plain = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", text)
        for line in textwrap.wrap(plain, max(18, width - 2), break_on_hyphens=False):
            yield Line(f"  {line}")

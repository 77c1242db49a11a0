"""Output on a terminal, a file or a pipe: width, color, and characters that it can show."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TextIO

from monitor.model.state import State
from monitor.present.check_text import NARROWEST, PIPED, Line

_COLORS: Mapping[State, str] = MappingProxyType(
    {State.UP: "32", State.DEGRADED: "33", State.DOWN: "1;31", State.UNKNOWN: "2"}
)
"""SGR parameters (ECMA-48 section 8.3.117)."""


def width_of(stream: TextIO) -> int:
    """Return the columns to use on ``stream``: those of the terminal, else a fixed number."""
    if not stream.isatty():
        return PIPED
    return shutil.get_terminal_size((80, 24)).columns


def height_of(stream: TextIO) -> int:
    """Return the lines of the terminal that ``stream`` is, 0 for anything else."""
    return shutil.get_terminal_size((80, 24)).lines if stream.isatty() else 0


def in_color(stream: TextIO) -> bool:
    """Return whether to use color: on a terminal, unless NO_COLOR is set (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def print_warning(text: str) -> None:
    """Print a warning to standard error; nothing if ``text`` is empty."""
    if text:
        print(f"warning: {text}", file=sys.stderr)


def print_wrapped(lines: Iterable[str], stream: TextIO) -> None:
    """Print lines, wrapped to the width of a terminal; whole ones go to a file or a pipe."""
    for line in lines:
        parts = textwrap.wrap(line, max(NARROWEST, width_of(stream)), break_on_hyphens=False)
        stream.write("\n".join(parts if stream.isatty() else [line]) + "\n")


def print_lines(lines: Iterable[Line], stream: TextIO) -> None:
    """Print lines, in color if ``stream`` shows it."""
    color = in_color(stream)
    for line in lines:
        text = line.text
        if color and line.state is not None:
            text = f"\x1b[{_COLORS[line.state]}m{text}\x1b[0m"
        stream.write(f"{text}\n")

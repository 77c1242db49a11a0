"""Output on a terminal, a file or a pipe: width, color, and characters that it can show."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TextIO

from monitor.model.state import State
from monitor.present.check_text import PIPED, Line

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


def print_lines(lines: Iterable[Line], stream: TextIO) -> None:
    """Print lines, in color if ``stream`` shows it."""
    color = in_color(stream)
    for line in lines:
        text = line.text
        if color and line.state is not None:
            text = f"\x1b[{_COLORS[line.state]}m{text}\x1b[0m"
        stream.write(f"{text}\n")

"""One file a command: its name is the command's, ``main`` its function.

A command is imported when it is run, so that none pays for what another one needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from monitor.present.formats import FirewallFormat, Format

EVERY = 60.0
"""Seconds from one fault of the demonstration to the next."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says. ``port`` is None where the configuration decides;
    ``firewall`` is None where no request to the firewall team is asked for."""

    config: Path
    environ: Mapping[str, str]
    format: Format = Format.TEXT
    only: tuple[str, ...] = ()
    port: int | None = None
    firewall: FirewallFormat | None = None
    watch: bool = False
    every: float = EVERY

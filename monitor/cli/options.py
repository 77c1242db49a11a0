"""One file a command: its name is the command's, ``main`` its function.

A command is imported when it is run, so that none pays for what another one needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.present.formats import FirewallFormat, Format

if TYPE_CHECKING:
    from monitor.config.source import ConfigSource

EVERY = 60.0
"""Seconds from one fault of the demonstration to the next."""


@dataclass(frozen=True, slots=True)
class TraceOptions:
    """Arguments of ``trace``. ``flows`` is the number of source ports to try, 0 for none;
    ``timeout`` is seconds per probe; ``aws_ranges`` is AWS's ip-ranges.json."""

    host: str
    port: int
    udp: bool = False
    proxy: bool = False
    flows: int = 0
    live: bool = False
    max_hops: int = 30
    probes: int = 3
    timeout: float = 1.0
    aws_ranges: Path | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says. ``port`` is None where the configuration decides;
    ``firewall`` is None where no request to the firewall team is asked for; ``cost`` is the price
    of a NAT gateway in US dollars per GB, None unless the traffic is asked for."""

    config: Path | ConfigSource
    environ: Mapping[str, str]
    format: Format = Format.TEXT
    only: tuple[str, ...] = ()
    port: int | None = None
    firewall: FirewallFormat | None = None
    watch: bool = False
    every: float = EVERY
    trace: TraceOptions | None = None
    cost: float | None = None

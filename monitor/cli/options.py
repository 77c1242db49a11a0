"""The options of commands.

There is one file per command, named like it, with a function ``main``. A command is imported when
it runs, so that none pays for what another one needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.present.formats import FirewallFormat, Format

if TYPE_CHECKING:
    from monitor.config.source import ConfigSource
    from monitor.model.settings import Settings

EVERY = 60.0
"""Seconds from one fault of the demonstration to the next."""

NAT_PRICE = 0.045
"""US dollars per GB that a NAT gateway processes: the list price in us-east-1."""

SHELLS = ("bash", "zsh", "fish")


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
class Overrides:
    """Values of the command line that override the configuration; "" keeps it."""

    region: str = ""
    account_id: str = ""
    profile: str = ""

    def apply(self, settings: Settings) -> Settings:
        """Return ``settings`` with the overrides."""
        from monitor.model.endpoint import Profile  # noqa: PLC0415 - not for --help

        return replace(
            settings,
            region=self.region or settings.region,
            account_id=self.account_id or settings.account_id,
            profile=Profile(self.profile) if self.profile else settings.profile,
        )


@dataclass(frozen=True, slots=True)
class InitOptions:
    """Arguments of ``init``."""

    output: Path
    force: bool = False
    scm: tuple[str, ...] = ()
    sso: tuple[str, ...] = ()
    state: str = ""


@dataclass(frozen=True, slots=True)
class Options:
    """The command line as values.

    ``port`` is None if the configuration decides. ``firewall`` is None unless the firewall request
    is wanted, ``cost`` (US dollars per GB of a NAT gateway) unless the traffic is. ``word`` is the
    cause of ``explain`` or the shell of ``completion``.
    """

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
    everything: bool = False
    quiet: bool = False
    destinations: tuple[str, ...] = ()
    overrides: Overrides = Overrides()
    word: str = ""
    init: InitOptions | None = None

    def settings(self) -> Settings:
        """Load the configuration and apply the overrides.

        Raises:
            ConfigError: if the configuration is wrong.
        """
        from monitor.config import load_settings  # noqa: PLC0415 - slow: not for --help

        return self.overrides.apply(load_settings(self.config, self.environ))

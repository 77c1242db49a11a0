"""What tests of discovery share: targets that are asked on loopback, and an engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from monitor.catalog import build_targets, load_chains
from monitor.catalog.chains import Chain
from monitor.catalog.wildcard_samples import NOTHING, DiscoveryState
from monitor.model.identity import Identity
from monitor.model.settings import DnsSettings, ScheduleSettings, Settings
from monitor.model.target import Target
from monitor.scheduler.engine import Engine
from tests.probes.support import make_probe_context

LIMITS = ScheduleSettings(timeout=2.0, max_connections_per_second=1e6)
SETTINGS = Settings(
    Path("config.toml"),
    region="eu-central-1",
    account_id="123456789012",
    schedule=LIMITS,
    dns=DnsSettings(probe_servers=False),
    registries=("registry-1.docker.io", "auth.docker.io", "ghcr.io"),
)
CHAINS = {chain.id: chain for chain in load_chains()}


def targets(
    port: int = 443, settings: Settings = SETTINGS, found: DiscoveryState = NOTHING
) -> tuple[Target, ...]:
    """Return every target, each to be dialled at one port of loopback."""
    built = build_targets(settings, Identity(), include_disabled=True, found=found)
    return tuple(replace(t, address="127.0.0.1", connect_port=port) for t in built)


def by_id(rows: tuple[Target, ...]) -> Mapping[str, Target]:
    return {row.id: row for row in rows}


def engine(ca_file: Path | None = None, table: Mapping[str, tuple[str, ...]] | None = None):
    return Engine(make_probe_context(ca_file=ca_file, table=table), LIMITS)


def chain_of(text: str) -> Chain:
    """Return a chain of the catalogue by its id."""
    return CHAINS[text]

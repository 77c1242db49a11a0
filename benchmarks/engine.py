"""Our engine as the benchmarks drive it: the daemon's own, without its schedule."""

from __future__ import annotations

from pathlib import Path

from monitor.engine import Engine, make_tools
from monitor.model import DEFAULT_PROBERS, Endpoint, Protocol, Target
from monitor.settings import (
    DnsSettings,
    ProxyMode,
    ProxySettings,
    ScheduleSettings,
    Settings,
    TlsSettings,
)


def make_engine(ca: Path) -> Engine:
    """Make an engine that trusts ``ca`` alone and starts as many probes as it can."""
    settings = Settings(
        Path("none"),
        schedule=ScheduleSettings(max_connections_per_second=1e6),
        dns=DnsSettings(servers=("127.0.0.1",)),
        tls=TlsSettings(ca, system_store=False),
        proxy=ProxySettings(ProxyMode.NONE),
    )
    return Engine(make_tools(settings, {}), settings.schedule)


def make_targets(port: int) -> dict[str, Target]:
    """Make a target for each protocol that is compared, all on one loopback port."""
    return {
        protocol.value: Target(
            Endpoint(
                protocol.value, "bench", "bench.test", port, protocol, DEFAULT_PROBERS[protocol]
            ),
            interval=30.0,
            timeout=5.0,
            address="127.0.0.1",
        )
        for protocol in (Protocol.TCP, Protocol.HTTPS)
    }

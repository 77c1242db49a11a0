"""Our engine as the benchmarks drive it: the daemon's own, without its schedule.

``python -m benchmarks.engine PORT CA`` probes as each line of its standard input requests,
``PROTOCOL COUNT``, and answers ``ok`` or what failed.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from monitor.model.endpoint import DEFAULT_PROBERS, Endpoint, Protocol
from monitor.model.settings import (
    DnsSettings,
    ProxyMode,
    ProxySettings,
    ScheduleSettings,
    Settings,
    TlsSettings,
)
from monitor.model.target import Target
from monitor.scheduler.engine import Engine, make_probe_context


def make_engine(ca: Path) -> Engine:
    """Make an engine that trusts ``ca`` alone and starts as many probes as it can."""
    settings = Settings(
        Path("none"),
        schedule=ScheduleSettings(max_connections_per_second=1e6),
        dns=DnsSettings(servers=("127.0.0.1",)),
        tls=TlsSettings(ca, system_store=False),
        proxy=ProxySettings(ProxyMode.NONE),
    )
    return Engine(make_probe_context(settings, {}), settings.schedule)


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


async def serve(port: int, ca: Path) -> None:
    """Probe as often as each line of standard input requests."""
    engine = make_engine(ca)
    targets = make_targets(port)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        protocol, count = line.split()
        failure = None
        for _ in range(int(count)):
            probe_result, _ = await engine.measure(targets[protocol])
            failure = failure or probe_result.failure
        print("ok" if failure is None else failure, flush=True)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))

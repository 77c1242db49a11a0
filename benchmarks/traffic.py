"""Bytes of one probe on the wire, IP headers included: ``unshare -n python -m benchmarks.traffic``.

The counters of the loopback device in a network namespace of its own count every packet once.
"""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

from monitor.model.endpoint import DEFAULT_PROBERS, Protocol
from monitor.model.pulse import PulseKind, PulsePoint
from monitor.probes import prober
from monitor.probes.pulse import pulse
from tests.internet.ca import Authority
from tests.internet.nginx import Site, nginx_command
from tests.internet.process import accepts, running
from tests.probes.support import make_probe_context, make_target

ROUNDS = 50
_ETHERNET = 14
_HTTPS, _HTTP = 8443, 8080


def counters() -> tuple[int, int]:
    """Return bytes and packets that the loopback device received."""
    lines = Path("/proc/net/dev").read_text().splitlines()
    fields = next(line.split() for line in lines if line.strip().startswith("lo:"))
    return int(fields[1]), int(fields[2])


async def measure(name: str, once: Callable[[], Awaitable[bool]]) -> None:
    """Print bytes and packets per call of ``once``."""
    assert await once()
    before = counters()
    for _ in range(ROUNDS):
        assert await once()
    await asyncio.sleep(0.3)
    size, packets = (after - then for after, then in zip(counters(), before, strict=True))
    size -= _ETHERNET * packets
    print(f"{name:<6} {size / ROUNDS:8.0f} bytes {packets / ROUNDS:6.1f} packets")


async def main(authority: Authority) -> None:
    """Measure each prober and a pulse."""
    context = make_probe_context(table={"a.test": ("127.0.0.1",)}, ca_file=authority.file)
    tls = dict.fromkeys((Protocol.HTTPS, Protocol.TLS), _HTTPS)
    ports = {**tls, Protocol.HTTP: _HTTP, Protocol.TCP: _HTTP}
    for protocol, port in ports.items():
        target = make_target(protocol, "a.test", port)
        probe = prober(DEFAULT_PROBERS[protocol])

        async def once() -> bool:
            return (await probe(target, context)).ok  # noqa: B023 - awaited within the round

        await measure(protocol.value, once)
    point = PulsePoint(PulseKind.TCP, "127.0.0.1", _HTTP)

    async def one_pulse() -> bool:
        return (await pulse(point, Random(1), 1.0)).ok

    await measure("pulse", one_pulse)


if __name__ == "__main__":
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        authority = Authority(folder)
        sites = [Site(("a.test",), _HTTPS, authority.issue("a.test")), Site(("a.test",), _HTTP)]
        command = nginx_command(folder / "nginx", sites)
        with running(command, folder / "log", lambda: accepts(_HTTPS)):
            asyncio.run(main(authority))

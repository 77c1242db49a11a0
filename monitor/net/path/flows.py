"""Connection attempts from chosen source ports: one broken path of several, or packet loss.

Routers, NAT gateways and firewalls choose one of several paths by a hash of the addresses and ports
of a connection (ECMP, RFC 2992). The same source port takes the same path again, so a second round
from the same ports separates a broken member from random loss.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

from monitor.model.path import Flow, FlowTest, ReplyKind
from monitor.net.path.hop import Destination, probe_hop
from monitor.net.path.trace import DEFAULT_TTL

FLOWS = 16
"""Source ports per test. A broken member of eight paths is hit by 16 flows with 88 %."""

_RANGE_FILE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_FALLBACK_RANGE = (32_768, 60_999)
_REPLIES = frozenset({ReplyKind.REACHED, ReplyKind.REFUSED})


async def probe_flows(
    destination: Destination, random: Random, *, count: int = FLOWS, within: float = 3.0
) -> FlowTest:
    """Try ``count`` source ports at the same time, and the same ports again.

    ``within`` is seconds per attempt: the full timeout of the target, because a shorter one would
    count a slow path as broken. A refusal counts as a reply: the path carries packets.
    """
    ports = await _usable_ports(random, count)
    rounds = [await _round(destination, ports, within) for _ in range(2)]
    flows = tuple(
        Flow(port, (rounds[0][port], rounds[1][port]))
        for port in ports
        if port in rounds[0] and port in rounds[1]
    )
    return FlowTest(destination.address, destination.port, flows)


async def _usable_ports(random: Random, count: int) -> list[int]:
    low, high = await asyncio.to_thread(_port_range)
    return random.sample(range(low, high + 1), min(count, high - low + 1))


def _port_range() -> tuple[int, int]:
    try:
        low, high = map(int, _RANGE_FILE.read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return _FALLBACK_RANGE
    return low, high


async def _round(destination: Destination, ports: list[int], within: float) -> dict[int, bool]:
    """Return the outcome by source port, without the ports that this host could not use."""
    async with asyncio.TaskGroup() as group:
        tasks = {
            port: group.create_task(probe_hop(destination, DEFAULT_TTL, within, port))
            for port in ports
        }
    replies = {port: task.result() for port, task in tasks.items()}
    return {
        port: reply.kind in _REPLIES
        for port, reply in replies.items()
        if reply.kind is not ReplyKind.NOT_SENT
    }

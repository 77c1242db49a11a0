"""Connection attempts from chosen source ports: one broken path of several, or packet loss.

Routers, NAT gateways and firewalls choose one of several paths by a hash of the addresses and ports
of a connection (ECMP, RFC 2992). The same source port takes the same path again, so a second try
from the same port separates a broken member from random loss.
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

LEAST = 2.0
"""Shortest time limit of a connection: 2 s. The second SYN leaves after 1 s (RFC 6298 section 2)
and needs time for its reply too."""

_RANGE_FILE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_FALLBACK_RANGE = (32_768, 60_999)
_REPLIES = frozenset({ReplyKind.REACHED, ReplyKind.REFUSED})


async def probe_flows(
    destination: Destination, random: Random, *, count: int = FLOWS, within: float = 3.0
) -> FlowTest:
    """Try ``count`` source ports at the same time, each twice.

    ``within`` is seconds per connection: the full timeout of the target, because a shorter one
    would count a slow path as broken. A refusal counts as a reply: the path carries packets.
    """
    ports = await _usable_ports(random, count)
    within = max(within, LEAST)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_flow(destination, port, within)) for port in ports]
    flows = tuple(flow for task in tasks if (flow := task.result()) is not None)
    return FlowTest(destination.address, destination.port, flows)


async def _flow(destination: Destination, port: int, within: float) -> Flow | None:
    """Try one source port twice; return None if this host could not use it.

    The kernel sends an unanswered SYN again from the same port, so a connection without any reply
    has failed twice, and one whose retransmission was answered has failed once.
    """
    first = await probe_hop(destination, DEFAULT_TTL, within, port)
    if first.kind is ReplyKind.NOT_SENT:
        return None
    if first.kind is ReplyKind.SILENT or first.retransmitted:
        return Flow(port, (False, first.kind in _REPLIES))
    second = await probe_hop(destination, DEFAULT_TTL, within, port)
    if second.kind is ReplyKind.NOT_SENT:
        return None
    works = second.kind in _REPLIES and not second.retransmitted
    return Flow(port, (first.kind in _REPLIES, works))


async def _usable_ports(random: Random, count: int) -> list[int]:
    low, high = await asyncio.to_thread(_port_range)
    return random.sample(range(low, high + 1), min(count, high - low + 1))


def _port_range() -> tuple[int, int]:
    try:
        low, high = map(int, _RANGE_FILE.read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return _FALLBACK_RANGE
    return low, high

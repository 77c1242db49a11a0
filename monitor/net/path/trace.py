"""The hops to a destination, found by probes with increasing time to live."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from monitor.model.path import Hop, HopReply, PathTrace, ReplyKind
from monitor.net.path.hop import Destination, probe_hop

DEFAULT_TTL = 64
"""Time to live of the probe that tests whether the destination replies at all."""

WINDOW = 5
"""Hops probed at the same time."""

SILENT_HOPS = 6
"""Consecutive silent hops after which a trace to a destination that does not reply ends. Routers,
NAT gateways and internet gateways in a VPC often send no ICMP, so a few silent hops are normal."""


@dataclass(frozen=True, slots=True)
class TraceLimits:
    """Limits of one trace: at most ``max_hops * probes + 1`` packets. ``timeout`` is seconds per
    probe."""

    max_hops: int = 30
    probes: int = 3
    timeout: float = 1.0


async def trace(
    destination: Destination,
    limits: TraceLimits | None = None,
    on_hop: Callable[[Hop], None] = lambda _: None,
) -> PathTrace:
    """Trace the path to ``destination``. ``on_hop`` is called with each hop, in order.

    Raises nothing except cancellation.
    """
    limits = limits or TraceLimits()
    replies = await probe_hop(destination, DEFAULT_TTL, limits.timeout)
    hops: list[Hop] = []
    for first in range(1, limits.max_hops + 1, WINDOW):
        window = range(first, min(first + WINDOW, limits.max_hops + 1))
        for hop in await _probe_window(destination, window, limits):
            hops.append(hop)
            on_hop(hop)
            if hop.end is not None:
                return _finished(destination, hops)
        if replies.kind is not ReplyKind.REACHED and _is_silent(hops[-SILENT_HOPS:]):
            break
    return _finished(destination, hops)


async def _probe_window(
    destination: Destination, window: range, limits: TraceLimits
) -> tuple[Hop, ...]:
    async with asyncio.TaskGroup() as group:
        tasks = [
            [
                group.create_task(probe_hop(destination, ttl, limits.timeout))
                for _ in range(limits.probes)
            ]
            for ttl in window
        ]
    return tuple(Hop(ttl, tuple(_done(row))) for ttl, row in zip(window, tasks, strict=True))


def _done(tasks: list[asyncio.Task[HopReply]]) -> list[HopReply]:
    return [task.result() for task in tasks]


def _is_silent(hops: list[Hop]) -> bool:
    return len(hops) == SILENT_HOPS and not any(hop.addresses for hop in hops)


def _finished(destination: Destination, hops: list[Hop]) -> PathTrace:
    """Return the trace without the silent hops behind the last reply, except the first."""
    replied = [number for number, hop in enumerate(hops) if hop.addresses]
    kept = hops[: (replied[-1] if replied else -1) + 2]
    return PathTrace(destination.address, destination.port, destination.transport, tuple(kept))

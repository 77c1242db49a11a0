"""Measures a target the way that it goes, and the other way beside it where both are compared."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from monitor.model.probe_result import Attempt
from monitor.model.target import Target
from monitor.probes.context import Tools
from monitor.probes.measure import Exchange, measure


async def measure_ways(target: Target, tools: Tools, exchange: Exchange, scheme: str) -> Attempt:
    """Measure ``target``; ``scheme`` is what a proxy is chosen by. The attempt is that of the
    way which counts, the other one is ``beside`` it."""
    ways = tools.ways.of(target, scheme)
    if not ways.both:
        return await measure(target, tools, exchange, proxy=ways.taken)
    if tools.starts:
        tools.starts.reserve(asyncio.get_running_loop().time())
    async with asyncio.TaskGroup() as group:
        taken = group.create_task(measure(target, tools, exchange, proxy=ways.taken))
        beside = group.create_task(measure(target, tools, exchange, proxy=ways.beside))
    return replace(taken.result(), beside=beside.result())

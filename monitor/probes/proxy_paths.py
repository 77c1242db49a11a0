"""Measure a target by the path that counts, and by the other one if both are compared."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from monitor.model.probe_result import ProbeResult
from monitor.model.target import Target
from monitor.probes.context import ProbeContext
from monitor.probes.measure import Exchange, measure


async def measure_proxy_paths(
    target: Target, probe_context: ProbeContext, exchange: Exchange, scheme: str
) -> ProbeResult:
    """Measure ``target``; a proxy is chosen by ``scheme``. The result is that of the path which
    counts, the other one is its ``alternate``."""
    proxy_paths = probe_context.proxy_paths.of(target, scheme)
    if not proxy_paths.both:
        return await measure(target, probe_context, exchange, proxy=proxy_paths.taken)
    if probe_context.starts:
        probe_context.starts.reserve(asyncio.get_running_loop().time())
    async with asyncio.TaskGroup() as group:
        taken = group.create_task(measure(target, probe_context, exchange, proxy=proxy_paths.taken))
        alternate = group.create_task(
            measure(target, probe_context, exchange, proxy=proxy_paths.alternate)
        )
    return replace(taken.result(), alternate=alternate.result())

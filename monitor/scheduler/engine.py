"""Runs one measurement within the limits: so many at once, so many a second, never for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import structlog

from monitor.common.rate_limit import TokenBucket
from monitor.diagnosis.causes import diagnose
from monitor.incidents.followup_plan import Look, Question
from monitor.model.diagnosis import Verdict
from monitor.model.probe_result import Attempt, Failure, FailureKind, Phase
from monitor.model.settings import ScheduleSettings, Settings
from monitor.model.target import ProxyChoice, ProxyUse, Target
from monitor.net.aws.credentials import AwsCredentials
from monitor.net.clock import Clock, SystemClock
from monitor.net.dns.resolver import DnsResolver
from monitor.net.proxy.paths import WayChooser
from monitor.net.sockets.trust_store import Trust
from monitor.probes import Probe, prober
from monitor.probes.context import Tools
from monitor.scheduler.loop_lag import LagMeter

if TYPE_CHECKING:
    import aiohttp

GRACE = 2.0
"""Seconds that a prober may take beyond its deadline before it is cut off as hung."""

log = structlog.get_logger(__name__)


def make_tools(
    settings: Settings,
    environ: Mapping[str, str],
    clock: Clock | None = None,
    random: Random | None = None,
) -> Tools:
    """Make what probers work with, as the configuration says.

    Raises:
        ValueError: if a proxy in the environment can't be read.
        OSError: if the CA file can't be read.
    """
    clock = clock or SystemClock()
    random = random or Random()  # noqa: S311 - ids against stray answers, not secrets
    trust = Trust.from_settings(settings.tls)
    trust.context()
    return Tools(
        clock=clock,
        random=random,
        resolver=DnsResolver.from_settings(settings.dns, clock, random),
        trust=trust,
        ways=WayChooser.from_settings(settings.proxy, environ),
        families=settings.families,
        metadata=settings.metadata,
        aws=AwsCredentials(
            environ,
            settings.metadata.endpoint,
            open_session=_session,
            time=clock.time,
        ),
    )


def _session() -> aiohttp.ClientSession:
    import aiohttp  # noqa: PLC0415 - the probers do without it

    return aiohttp.ClientSession()


class Engine:
    """Measures targets: bounds how many are in flight and how many start in a second."""

    def __init__(
        self,
        tools: Tools,
        limits: ScheduleSettings,
        *,
        lag: LagMeter | None = None,
        find_prober: Callable[[str], Probe] = prober,
    ) -> None:
        self._places = asyncio.Semaphore(limits.max_in_flight)
        rate = limits.max_connections_per_second
        self._starts = TokenBucket(rate, burst=max(1.0, rate / 5))
        self.tools = replace(tools, starts=self._starts)
        self._lag = lag or LagMeter()
        self._find_prober = find_prober

    async def measure(self, target: Target, probe: Probe | None = None) -> tuple[Attempt, Verdict]:
        """Measure ``target`` once, by its own prober or by ``probe``, and say what it means.
        Raises nothing but cancellation."""
        attempt = await self._bounded(target, self.tools, probe)
        return attempt, diagnose(target, attempt)

    async def look(self, look: Look) -> Attempt:
        """Take a second look within the same limits. Raises nothing but cancellation."""
        return await self._bounded(*_as_looked(look, self.tools))

    async def _bounded(self, target: Target, tools: Tools, probe: Probe | None = None) -> Attempt:
        loop = asyncio.get_running_loop()
        async with self._places:
            if wait := self._starts.reserve(loop.time()):
                await asyncio.sleep(wait)
            begun = loop.time()
            attempt = await self._guarded(target, tools, probe)
        lag = self._lag.worst_since(begun)
        return replace(attempt, loop_lag=lag) if lag else attempt

    async def _guarded(self, target: Target, tools: Tools, probe: Probe | None) -> Attempt:
        """Run the prober; a bug in it, or one that hangs, is an attempt that says so."""
        clock = self.tools.clock
        started_at, begun = clock.time(), clock.monotonic()
        try:
            async with asyncio.timeout(target.timeout + GRACE):
                probe = probe or self._find_prober(target.endpoint.prober)
                return await probe(target, tools)
        except Exception as error:
            log.exception("prober failed", target=target.id, prober=target.endpoint.prober)
            name = type(error).__name__
            failure = Failure(Phase.CONNECT, FailureKind.INTERNAL, f"unexpected {name}", code=name)
            return Attempt(target.id, started_at, clock.monotonic() - begun, failure=failure)


def _as_looked(look: Look, tools: Tools) -> tuple[Target, Tools]:
    """Return target and tools of a look: it goes directly, but for one that tries the proxy."""
    tools = replace(tools, segment=look.segment)
    if look.question is Question.THROUGH_PROXY:
        return replace(look.target, proxy=None), replace(tools, ways=tools.ways.always())
    return replace(look.target, proxy=ProxyChoice(ProxyUse.NONE)), tools

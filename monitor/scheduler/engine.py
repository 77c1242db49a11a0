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
from monitor.incidents.followup_plan import FollowUp, Rival
from monitor.model.diagnosis import Diagnosis
from monitor.model.probe_result import Failure, FailureKind, Phase, ProbeResult
from monitor.model.settings import ScheduleSettings, Settings
from monitor.model.target import ProxyChoice, ProxyUse, Target
from monitor.net.aws.credentials import AwsCredentials
from monitor.net.clock import Clock, SystemClock
from monitor.net.dns.resolver import DnsResolver
from monitor.net.proxy.paths import ProxySelector
from monitor.net.sockets.trust_store import TrustStore
from monitor.probes import Probe, prober
from monitor.probes.context import ProbeContext
from monitor.scheduler.loop_lag import LagMeter

if TYPE_CHECKING:
    import aiohttp

GRACE = 2.0
"""Seconds that a prober may take beyond its deadline before it is cut off as hung."""

log = structlog.get_logger(__name__)


def make_probe_context(
    settings: Settings,
    environ: Mapping[str, str],
    clock: Clock | None = None,
    random: Random | None = None,
) -> ProbeContext:
    """Make what probers work with, as the configuration says.

    Raises:
        ValueError: if a proxy in the environment can't be read.
        OSError: if the CA file can't be read.
    """
    clock = clock or SystemClock()
    random = random or Random()  # noqa: S311 - ids against stray answers, not secrets
    trust_store = TrustStore.from_settings(settings.tls)
    trust_store.probe_context()
    return ProbeContext(
        clock=clock,
        random=random,
        resolver=DnsResolver.from_settings(settings.dns, clock, random),
        trust_store=trust_store,
        proxy_paths=ProxySelector.from_settings(settings.proxy, environ),
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
        probe_context: ProbeContext,
        limits: ScheduleSettings,
        *,
        lag: LagMeter | None = None,
        find_prober: Callable[[str], Probe] = prober,
    ) -> None:
        self._places = asyncio.Semaphore(limits.max_in_flight)
        rate = limits.max_connections_per_second
        self._starts = TokenBucket(rate, burst=max(1.0, rate / 5))
        self.probe_context = replace(probe_context, starts=self._starts)
        self._lag = lag or LagMeter()
        self._find_prober = find_prober

    async def measure(
        self, target: Target, probe: Probe | None = None
    ) -> tuple[ProbeResult, Diagnosis]:
        """Measure ``target`` once, by its own prober or by ``probe``, and say what it means.
        Raises nothing but cancellation."""
        probe_result = await self._bounded(target, self.probe_context, probe)
        return probe_result, diagnose(target, probe_result)

    async def follow_up(self, follow_up: FollowUp) -> ProbeResult:
        """Take a second look within the same limits. Raises nothing but cancellation."""
        return await self._bounded(*_as_follow_up(follow_up, self.probe_context))

    async def _bounded(
        self, target: Target, probe_context: ProbeContext, probe: Probe | None = None
    ) -> ProbeResult:
        loop = asyncio.get_running_loop()
        async with self._places:
            if wait := self._starts.reserve(loop.time()):
                await asyncio.sleep(wait)
            begun = loop.time()
            probe_result = await self._guarded(target, probe_context, probe)
        lag = self._lag.worst_since(begun)
        return replace(probe_result, loop_lag=lag) if lag else probe_result

    async def _guarded(
        self, target: Target, probe_context: ProbeContext, probe: Probe | None
    ) -> ProbeResult:
        """Run the prober; a bug in it, or one that hangs, is an attempt that says so."""
        clock = self.probe_context.clock
        started_at, begun = clock.time(), clock.monotonic()
        try:
            async with asyncio.timeout(target.timeout + GRACE):
                probe = probe or self._find_prober(target.endpoint.prober)
                return await probe(target, probe_context)
        except Exception as error:
            log.exception("prober failed", target=target.id, prober=target.endpoint.prober)
            name = type(error).__name__
            failure = Failure(Phase.CONNECT, FailureKind.INTERNAL, f"unexpected {name}", code=name)
            return ProbeResult(target.id, started_at, clock.monotonic() - begun, failure=failure)


def _as_follow_up(follow_up: FollowUp, probe_context: ProbeContext) -> tuple[Target, ProbeContext]:
    """Return target and tools of a look: it goes directly, but for one that tries the proxy."""
    probe_context = replace(probe_context, segment=follow_up.segment)
    if follow_up.rival is Rival.THROUGH_PROXY:
        return replace(follow_up.target, proxy=None), replace(
            probe_context, proxy_paths=probe_context.proxy_paths.always()
        )
    return replace(follow_up.target, proxy=ProxyChoice(ProxyUse.NONE)), probe_context

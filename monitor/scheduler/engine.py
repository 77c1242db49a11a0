"""Runs probes under the configured concurrency, rate and time limits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random

from monitor.common.rate_limit import TokenBucket
from monitor.diagnosis.causes import diagnose
from monitor.incidents.followup_plan import FollowUp, Outcome, Rival
from monitor.model.diagnosis import Diagnosis
from monitor.model.path import FlowTest
from monitor.model.probe_result import Failure, FailureKind, Phase, ProbeResult
from monitor.model.settings import ScheduleSettings, Settings
from monitor.model.target import ProxyChoice, ProxyUse, Target
from monitor.net.aws.credentials import AwsCredentials
from monitor.net.clock import Clock, SystemClock
from monitor.net.dns.resolver import DnsResolver
from monitor.net.path.flows import probe_flows
from monitor.net.path.hop import Destination
from monitor.net.proxy.paths import ProxySelector
from monitor.net.sockets.trust_store import TrustStore
from monitor.probes import Probe, prober
from monitor.probes.context import ProbeContext
from monitor.scheduler.evidence import redacted, without_secrets
from monitor.scheduler.loop_lag import LagMeter
from monitor.state.guard import Guard
from monitor.state.self_metrics import GuardedPart, SelfMetrics

GRACE = 2.0
"""Time that a prober may take beyond its deadline before it is cancelled as hung: 2 s, not counting
time in which this process did not run."""

_LATE = 0.5
"""Lateness of the cut-off timer that shows a stall of this process: 500 ms."""


def make_probe_context(
    settings: Settings,
    environ: Mapping[str, str],
    clock: Clock | None = None,
    random: Random | None = None,
) -> ProbeContext:
    """Create the context that probers work with, from the configuration.

    Raises:
        ValueError: if a proxy URL in the environment is malformed.
        OSError: if the CA file cannot be read.
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
            time=clock.time,
        ),
    )


FOLLOW_UP_FLOWS = 8
"""Source ports that a follow-up probe tries, each twice: at most 16 connections."""


class Engine:
    """Measures targets: bounds how many probes are in flight and how many start per second."""

    def __init__(
        self,
        probe_context: ProbeContext,
        limits: ScheduleSettings,
        *,
        lag: LagMeter | None = None,
        guard: Guard | None = None,
        find_prober: Callable[[str], Probe] = prober,
    ) -> None:
        """``lag`` marks results as inadmissible; ``guard`` counts internal errors."""
        self._places = asyncio.Semaphore(limits.max_in_flight)
        rate = limits.max_connections_per_second
        self._starts = TokenBucket(rate, burst=max(1.0, rate / 5))
        self.probe_context = replace(probe_context, starts=self._starts)
        self._lag = lag or LagMeter()
        self._guard = guard or Guard(SelfMetrics())
        self._find_prober = find_prober

    async def measure(
        self, target: Target, probe: Probe | None = None
    ) -> tuple[ProbeResult, Diagnosis]:
        """Measure ``target`` once, by its own prober or by ``probe``, and diagnose the result.
        Raises nothing except cancellation."""
        probe_result = await self._bounded(target, self.probe_context, probe)
        try:
            return probe_result, without_secrets(diagnose(target, probe_result))
        except Exception as error:  # noqa: BLE001 - logged and counted
            self._guard.failed(GuardedPart.DIAGNOSIS, error, target=target.id)
            failed = _internal(target, probe_result.started_at, probe_result.duration, error)
            failed = replace(failed, starvation=probe_result.starvation)
            return failed, diagnose(target, failed)

    async def follow_up(self, follow_up: FollowUp) -> Outcome:
        """Run a follow-up probe within the same limits. Raises nothing except cancellation."""
        if follow_up.rival is Rival.FLOWS:
            return await self._flows(follow_up.target)
        return await self._bounded(*_as_follow_up(follow_up, self.probe_context))

    async def _flows(self, target: Target) -> FlowTest:
        """Connect from chosen source ports, each twice; the connections count as started."""
        loop = asyncio.get_running_loop()
        destination = Destination(target.address or target.host, target.dial_port)
        async with self._places:
            wait = max(self._starts.reserve(loop.time()) for _ in range(2 * FOLLOW_UP_FLOWS))
            if wait:
                await asyncio.sleep(wait)
            return await probe_flows(
                destination,
                self.probe_context.random,
                count=FOLLOW_UP_FLOWS,
                within=target.timeout,
            )

    async def _bounded(
        self, target: Target, probe_context: ProbeContext, probe: Probe | None = None
    ) -> ProbeResult:
        loop = asyncio.get_running_loop()
        async with self._places:
            if wait := self._starts.reserve(loop.time()):
                await asyncio.sleep(wait)
            begun = loop.time()
            probe_result = await self._guarded(target, probe_context, probe)
        probe_result = redacted(probe_result)
        lag = self._lag.worst_since(begun)
        starvation = self._lag.starvation_during(begun, loop.time())
        if not lag and starvation is None:
            return probe_result
        return replace(probe_result, loop_lag=lag, starvation=starvation)

    async def _guarded(
        self, target: Target, probe_context: ProbeContext, probe: Probe | None
    ) -> ProbeResult:
        """Run the prober. An exception in it, or a prober that hangs, becomes an internal error."""
        clock, loop = self.probe_context.clock, asyncio.get_running_loop()
        started_at, begun = clock.time(), clock.monotonic()
        limit = target.timeout + GRACE
        try:
            async with asyncio.timeout(None) as cutoff:
                watchdog = _Watchdog(loop, cutoff, limit)
                try:
                    probe = probe or self._find_prober(target.endpoint.prober)
                    return await probe(target, probe_context)
                finally:
                    watchdog.cancel()
        except Exception as error:  # noqa: BLE001 - logged and counted
            facts = {"target": target.id, "prober": target.endpoint.prober}
            self._guard.failed(GuardedPart.PROBER, error, **facts)
            return _internal(target, started_at, clock.monotonic() - begun, error)


class _Watchdog:
    """Cancels a prober that hangs. A stall of this process is not the prober's fault: if the timer
    itself is late, the prober gets the time again, so that its own deadline ends it."""

    __slots__ = ("_cutoff", "_due", "_loop", "_timer")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, cutoff: asyncio.Timeout, seconds: float
    ) -> None:
        self._loop = loop
        self._cutoff = cutoff
        self._arm(seconds)

    def _arm(self, seconds: float) -> None:
        self._due = self._loop.time() + seconds
        self._timer = self._loop.call_at(self._due, self._over)

    def _over(self) -> None:
        now = self._loop.time()
        if now - self._due >= _LATE:
            self._arm(GRACE)
        else:
            self._cutoff.reschedule(now)

    def cancel(self) -> None:
        """Stop watching: the prober is done."""
        self._timer.cancel()


def _internal(target: Target, started_at: float, duration: float, error: Exception) -> ProbeResult:
    """Return the result of a probe that an error of our own ended."""
    name = type(error).__name__
    failure = Failure(Phase.CONNECT, FailureKind.INTERNAL, f"unexpected {name}", code=name)
    return ProbeResult(target.id, started_at, duration, failure=failure)


def _as_follow_up(follow_up: FollowUp, probe_context: ProbeContext) -> tuple[Target, ProbeContext]:
    """Return target and context of a follow-up probe: direct, except if it tries the proxy."""
    probe_context = replace(probe_context, segment=follow_up.segment)
    if follow_up.rival is Rival.THROUGH_PROXY:
        return replace(follow_up.target, proxy=None), replace(
            probe_context, proxy_paths=probe_context.proxy_paths.always()
        )
    return replace(follow_up.target, proxy=ProxyChoice(ProxyUse.NONE)), probe_context

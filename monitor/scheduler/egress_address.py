"""Checks the public address of each way out, at a URL that the user configured.

Off without ``[egress_address]``. A check that fails is shown and counted, and is never an incident:
the service is not an endpoint of the runner.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

import structlog

from monitor.diagnosis.proxy_path import ProxyPath, may_be_proxied
from monitor.health.status import TargetStatus
from monitor.model.probe_result import FailureKind
from monitor.model.settings import EgressAddressSettings
from monitor.model.target import Target
from monitor.probes.context import ProbeContext
from monitor.probes.egress_address import EgressAddressProbe, egress_address_target
from monitor.scheduler.engine import Engine
from monitor.state.egress_address import Answer, EgressPath
from monitor.state.events import Event, EventKind, Events, egress_address_changed
from monitor.state.store import StateStore

FIRST_CHECK = 2.0
"""Time from the start or a reload to the first check: 2 s. The first results show by then which
ways out the targets use."""

SHORTEST_PAUSE = 60.0
"""Shortest time between two checks, also if an incident asks for one: 60 s."""

log = structlog.get_logger(__name__)


class EgressAddresses:
    """Keeps ``store.egress_paths`` up to date while ``run`` is running."""

    def __init__(self, store: StateStore, events: Events) -> None:
        self._store = store
        self._events = events
        self._settings: EgressAddressSettings | None = None
        self._engine: Engine | None = None
        self._timeout = 0.0
        self._wanted = asyncio.Event()
        events.subscribe(self._take_in)

    def use(self, settings: EgressAddressSettings | None, engine: Engine, timeout: float) -> None:
        """Check by these settings from now on; None: no checks. ``timeout`` is seconds."""
        if settings != self._settings:
            self._store.egress_paths = ()
            self._wanted.set()
        self._settings, self._engine, self._timeout = settings, engine, timeout

    def _take_in(self, event: Event) -> None:
        """Check when an incident opens: another address may be the reason."""
        if event.kind is EventKind.INCIDENT_OPENED:
            self._wanted.set()

    async def run(self) -> None:
        """Check until cancelled."""
        await asyncio.sleep(FIRST_CHECK)
        while True:
            self._wanted.clear()
            settings, engine = self._settings, self._engine
            if settings is None or engine is None:
                await self._wanted.wait()
                continue
            paths = await check_egress_addresses(
                engine, settings, self._timeout, self._store.statuses.values()
            )
            if settings == self._settings:
                self._keep(paths, settings)
            await asyncio.sleep(SHORTEST_PAUSE)
            with suppress(TimeoutError):
                async with asyncio.timeout(settings.interval - SHORTEST_PAUSE):
                    await self._wanted.wait()

    def _keep(self, answers: Mapping[ProxyPath, Answer], settings: EgressAddressSettings) -> None:
        now = self._engine.probe_context.clock.time() if self._engine else 0.0
        known = {path.proxy_path: path for path in self._store.egress_paths}
        after: list[EgressPath] = []
        for proxy_path, answer in answers.items():
            before = known.get(proxy_path, EgressPath(proxy_path))
            path, change = before.taken_in(answer, now, settings.interval)
            if path.failure and not before.failure:
                log.warning("public address not known", way=path.in_words, reason=path.failure)
            elif not before.addresses and path.addresses:
                log.info("public address found", way=path.in_words, address=answer.address)
            if change is not None:
                self._store.context_changes.append(change)
                self._events.publish(egress_address_changed(path, change))
            after.append(path)
        self._store.egress_paths = tuple(after)


async def check_egress_addresses(
    engine: Engine,
    settings: EgressAddressSettings,
    within: float,
    statuses: Iterable[TargetStatus],
) -> Mapping[ProxyPath, Answer]:
    """Request the public address by each way out that the targets use, ``within`` seconds.

    Raises nothing except cancellation.
    """
    target = egress_address_target(settings, within)
    async with asyncio.TaskGroup() as group:
        tasks = {
            path: group.create_task(_request(engine, target, path))
            for path in _paths_in_use(target, engine.probe_context, statuses)
        }
    answers = {path: task.result() for path, task in tasks.items()}
    return {path: answer for path, answer in answers.items() if answer is not None}


async def _request(engine: Engine, target: Target, path: ProxyPath) -> Answer | None:
    """Return the answer; None if this process did not run during the request."""
    probe = EgressAddressProbe(direct=path is ProxyPath.DIRECT)
    result, diagnosis = await engine.measure(target, probe)
    if not result.admissible:
        return None
    if result.failure is None:
        return Answer(address=probe.address)
    if result.failure.kind is FailureKind.HTTP_UNPROVEN:  # it names the peer and the limit
        return Answer(failure=f"{result.failure.message}.")
    return Answer(failure=diagnosis.detail)


def _paths_in_use(
    target: Target, context: ProbeContext, statuses: Iterable[TargetStatus]
) -> Iterator[ProxyPath]:
    """Yield the proxy if there is one, and the direct path if there is none or if targets are
    probed directly too."""
    proxy = context.proxy_paths.always().of(target, target.endpoint.protocol).taken
    if proxy is not None:
        yield ProxyPath.PROXY
    if proxy is None or any(map(_goes_directly, statuses)):
        yield ProxyPath.DIRECT


def _goes_directly(status: TargetStatus) -> bool:
    result = status.probe_result
    return result is not None and not result.proxy and may_be_proxied(status.target.endpoint)

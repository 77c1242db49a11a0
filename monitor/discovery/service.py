"""Discovery next to probing: runs each chain when it is due, and audits redirects.

No probe waits for discovery: a target has a wildcard sample at every moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random

import structlog

from monitor.catalog import load_chains
from monitor.catalog.chains import Chain
from monitor.catalog.wildcard_samples import DiscoveryState
from monitor.common.state_file import StateFile
from monitor.discovery.cache import NAME, CacheError, Kept, encode, load
from monitor.discovery.client import asking
from monitor.discovery.redirects import noted, place_of, redirect_seen_in, remembered
from monitor.discovery.walk import Outcome, RedirectSeen, merged, state_after, walk, wanted
from monitor.health.status import TargetStatus
from monitor.model.discovery import ChainState, UnlistedHost
from monitor.model.settings import Settings
from monitor.model.target import Target
from monitor.net.clock import Clock
from monitor.scheduler.engine import Engine
from monitor.state.events import Events, chain_changed, unlisted_host_seen
from monitor.state.store import StateStore

SOON = (1.0, 5.0)
"""Seconds until a chain first runs (range): after the first probes of the targets, and spread."""

JITTER = (0.8, 1.0)
"""Fraction of its lifetime after which a sample is looked up again (range), so that monitors that
started together do not send requests together."""

RETRY_AFTER = 60.0
"""Delay before a failed chain is retried: 60 s, doubled after each failure."""

TIDY_EVERY = 600.0
"""Interval between removals of hosts that are no longer redirected to: 600 s."""

_REDIRECTS_SEEN = 64

log = structlog.get_logger(__name__)


class Discovery:
    """The wildcard samples and the hosts missing from the allow-list, kept up to date.

    ``on_change`` is called when targets must be rebuilt from ``found``.
    """

    def __init__(
        self,
        directory: Path | None,
        store: StateStore,
        events: Events,
        *,
        clock: Clock,
        random: Random,
        on_change: Callable[[], None],
        chains: Sequence[Chain] | None = None,
    ) -> None:
        self.found = DiscoveryState()
        self._directory = directory
        self._file = StateFile(directory / NAME, "findings") if directory else None
        self._store = store
        self._events = events
        self._clock = clock
        self._random = random
        self._on_change = on_change
        self._chains = {c.id: c for c in (load_chains() if chains is None else chains)}
        self._settings: Settings | None = None
        self._engine: Engine | None = None
        self._rows: dict[str, Target] = {}
        self._due: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._redirects_seen: dict[RedirectSeen, None] = {}
        self._portals: set[str] = set()
        self._awake = asyncio.Event()

    def load(self) -> None:
        """Load the results from before a restart."""
        try:
            kept = load(self._directory)
        except CacheError as error:
            log.warning("findings ignored", directory=str(self._directory), reason=str(error))
            return
        self._store.chains = {
            chain: ChainState(chain, at, at) for chain, at in kept.reached.items()
        }
        self._store.unlisted = kept.hosts
        self.found = DiscoveryState(wildcard_samples=kept.wildcard_samples, hosts=kept.hosts)

    def use(
        self,
        settings: Settings,
        engine: Engine,
        rows: Sequence[Target],
        targets: Sequence[Target],
    ) -> None:
        """Serve ``targets`` from now on: those of ``rows`` that this monitor probes. ``rows``
        include disabled ones and those of other shards."""
        self._settings, self._engine = settings, engine
        self._rows = {row.id: row for row in rows}
        chains = {chain.id for chain in wanted(self._chains.values(), targets, settings)}
        self._store.chains = {k: v for k, v in self._store.chains.items() if k in chains}
        now = asyncio.get_running_loop().time()
        self._due = {id_: self._due.get(id_, now + self._first_delay(id_)) for id_ in chains}
        self._awake.set()

    def look_at(self, status: TargetStatus) -> None:
        """Take in the result of a probe; its redirect is processed later."""
        redirect_seen = redirect_seen_in(status.target, status.probe_result, status.diagnosis)
        if redirect_seen is None and (status.health.imposed is not None or status.cause):
            self._note_portal(status)
        if redirect_seen is not None and len(self._redirects_seen) < _REDIRECTS_SEEN:
            self._redirects_seen[redirect_seen] = None
            self._awake.set()

    def _note_portal(self, status: TargetStatus) -> None:
        """Note the page that answers for this target, by its own diagnosis or by an incident: it
        is not missing from the allow-list."""
        led = redirect_seen_in(status.target, status.probe_result)
        place = place_of(led.url) if led is not None else None
        if place is not None and len(self._portals) < _REDIRECTS_SEEN:
            self._portals.add(place.host)
            self._awake.set()

    async def run(self) -> None:
        """Keep the results up to date until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self._awake.clear()
            await self._take_redirects_seen()
            chain = min(self._due, key=self._due.__getitem__, default=None)
            if chain is not None and self._due[chain] <= loop.time():
                await self._refresh(chain)
                continue
            due = min([loop.time() + TIDY_EVERY, *self._due.values()])
            with suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._awake.wait()

    def save(self) -> None:
        """Save the results if there is a state directory."""
        if self._file is not None:
            self._file.save(encode(self._kept()))

    def _first_delay(self, chain: str) -> float:
        state, lifetime = self._store.chains.get(chain), self._lifetime()
        age = self._clock.time() - state.reached_at if state and state.reached_at else lifetime
        left = (lifetime - age) * self._random.uniform(*JITTER) if age >= 0 else 0.0
        return max(left, self._random.uniform(*SOON))

    def _lifetime(self) -> float:
        return self._settings.discovery.lifetime if self._settings else 0.0

    async def _refresh(self, chain_id: str) -> None:
        assert self._engine is not None, "there is nothing to ask with"
        chain = self._chains[chain_id]
        outcome = await walk(chain, self._rows, asking(self._engine), self._clock)
        loop = asyncio.get_running_loop()
        if chain_id not in self._due:  # a reload did away with it meanwhile
            return
        failures = self._failures.get(chain_id, 0) + 1 if outcome.broken else 0
        self._failures[chain_id] = failures
        lifetime = self._lifetime()
        pause = min(lifetime, RETRY_AFTER * 2 ** min(failures - 1, 20)) if failures else lifetime
        self._due[chain_id] = loop.time() + pause * self._random.uniform(*JITTER)
        await self._take(chain, outcome)

    async def _take(self, chain: Chain, outcome: Outcome) -> None:
        now, before = self._clock.time(), self._store.chains.get(chain.id)
        state = state_after(before, outcome, now)
        self._store.chains = {**self._store.chains, chain.id: state}
        self.found = merged(self.found, chain, outcome)
        if before is None or before.broken != state.broken:
            self._events.publish(*chain_changed(before, state, now))
        self._redirects_seen |= dict.fromkeys(outcome.redirects_seen)
        for row, wildcard_sample in outcome.wildcard_samples.items():
            log.info(
                "wildcard sample found", target=row, host=wildcard_sample.host, chain=outcome.chain
            )
        await self._changed()

    async def _take_redirects_seen(self) -> None:
        """Process the redirects seen, and remove hosts not seen for long."""
        if self._settings is None:
            return
        now, before = self._clock.time(), self._store.unlisted
        hosts = before
        if self._settings.discovery.audit_redirects:
            for redirect_seen in self._redirects_seen:
                hosts = noted(hosts, redirect_seen, self._rows.values(), now, self._settings)
        self._redirects_seen.clear()
        hosts = tuple(host for host in hosts if host.host not in self._portals)
        hosts = remembered(hosts, self._rows.values(), now, self._settings)
        known = {(host.host, host.port) for host in before}
        new = [host for host in hosts if (host.host, host.port) not in known]
        self._events.publish(*(unlisted_host_seen(host, now) for host in new))
        self._store.unlisted = hosts
        if [_lasting(host) for host in hosts] != [_lasting(host) for host in self.found.hosts]:
            self.found = replace(self.found, hosts=hosts)
            await self._changed()

    async def _changed(self) -> None:
        self._on_change()
        await asyncio.to_thread(self.save)

    def _kept(self) -> Kept:
        reached = {k: s.reached_at for k, s in self._store.chains.items() if s.reached_at}
        return Kept(self.found.wildcard_samples, reached, self._store.unlisted)


def _lasting(host: UnlistedHost) -> UnlistedHost:
    """Return the host without the values that each redirect changes."""
    return replace(host, last_seen=0.0)

"""Discovery for a check: every chain gone through once, and the hosts that redirects lead to
checked with the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from monitor.catalog import build_targets, load_chains
from monitor.catalog.wildcard_samples import REDIRECTS, DiscoveryState
from monitor.cli.one_shot import OnResult, check_all
from monitor.discovery.cache import CacheError, Kept, load
from monitor.discovery.client import asking
from monitor.discovery.redirects import noted, redirect_seen_in, remembered
from monitor.discovery.walk import Outcome, merged, state_after, walk, wanted
from monitor.health.status import TargetStatus
from monitor.model.discovery import UnlistedHost
from monitor.model.identity import Identity
from monitor.model.settings import Settings
from monitor.model.target import Target
from monitor.scheduler.engine import Engine
from monitor.state.check_result import DiscoveryFindings

Select = Callable[[Sequence[Target]], Sequence[Target]]


def known(settings: Settings) -> DiscoveryState:
    """Return the results that a running monitor left in ``[state] directory``; none if it is
    unreadable, because the caller may be another user."""
    try:
        kept = load(settings.state.directory)
    except CacheError:
        kept = Kept()
    return DiscoveryState(wildcard_samples=kept.wildcard_samples, hosts=kept.hosts)


async def check(
    settings: Settings,
    identity: Identity,
    engine: Engine,
    select: Select,
    on_result: OnResult = lambda _: None,
) -> tuple[tuple[TargetStatus, ...], DiscoveryFindings]:
    """Check the targets that ``select`` chooses, wildcards by samples found just now."""
    servers, clock = engine.probe_context.resolver.servers, engine.probe_context.clock

    def build(found: DiscoveryState) -> tuple[Target, ...]:
        return build_targets(settings, identity, servers, include_disabled=True, found=found)

    found = replace(known(settings), hosts=())
    everything = build(found)
    rows = {row.id: row for row in everything}
    chosen = select(everything)
    chains = list(wanted(load_chains(), chosen, settings))
    async with asyncio.TaskGroup() as group:
        ask = asking(engine)
        walks = [group.create_task(walk(chain, rows, ask, clock)) for chain in chains]
        fixed = [target for target in chosen if target.wildcard_sample is None]
        first = group.create_task(check_all(fixed, engine.measure, on_result))
    outcomes = [task.result() for task in walks]
    for chain, outcome in zip(chains, outcomes, strict=True):
        found = merged(found, chain, outcome)
    chosen = select(build(found))
    wildcard_samples = [target for target in chosen if target.wildcard_sample is not None]
    statuses = [*first.result(), *await check_all(wildcard_samples, engine.measure, on_result)]
    hosts = _unlisted(outcomes, statuses, everything, clock.time(), settings)
    derived = [t for t in build(replace(found, hosts=hosts)) if _is_derived(t)]
    statuses += await check_all(derived, engine.measure, on_result)
    order = {target.id: place for place, target in enumerate([*chosen, *derived])}
    states = {o.chain: state_after(None, o, clock.time()) for o in outcomes}
    return tuple(sorted(statuses, key=lambda r: order[r.target.id])), DiscoveryFindings(
        states, hosts
    )


def _unlisted(
    outcomes: Iterable[Outcome],
    statuses: Iterable[TargetStatus],
    everything: Sequence[Target],
    now: float,
    settings: Settings,
) -> tuple[UnlistedHost, ...]:
    of_probes = [
        redirect_seen_in(status.target, status.probe_result, status.diagnosis)
        for status in statuses
    ]
    of_chains = [redirect_seen for outcome in outcomes for redirect_seen in outcome.redirects_seen]
    hosts: tuple[UnlistedHost, ...] = ()
    for redirect_seen in (*of_chains, *of_probes):
        if redirect_seen is not None:
            hosts = noted(hosts, redirect_seen, everything, now, settings)
    return remembered(hosts, everything, now, settings)


def _is_derived(target: Target) -> bool:
    return target.group == REDIRECTS and target.endpoint.enabled

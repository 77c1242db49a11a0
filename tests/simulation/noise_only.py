"""Noise alone: lost packets, jitter, host stalls, server restarts, rate limits, steps of the clock.
No incident may open.

While every result is good and every window is full of good results, only the time changes. Such
stretches are skipped: the times at which a probe fails by lost packets alone are drawn from their
rate, and only the time around them is simulated, with full windows of good results before it. Lost
packets that only delay a probe are simulated there as everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

from monitor.diagnosis.causes import diagnose
from monitor.health.machine import Health
from monitor.incidents.observation import WINDOW_RESULTS
from monitor.model.probe_result import Phase
from monitor.model.state import State
from monitor.model.target import Target
from tests.simulation.driver import Driver
from tests.simulation.fault import Contact, Effect, Fault, egress
from tests.simulation.noise import Noise
from tests.simulation.world import World

START = 1_800_000_000.0
WINDOW = 600.0
"""Seconds within which bad results may add up to a partial fault."""

AFTER = 45.0
"""Seconds simulated after the last bad result of a cluster: its confirmation and a slot of each
target."""

STALLED = 0.2
"""Share of the clusters with a host stall of 5 s."""

RESTARTS = 0.2
"""Share of the clusters with a server that restarts: its hosts refuse for up to 1.2 s."""

LIMITED = 0.1
"""Share of the clusters with a host that answers 429 or 503 for less than the time of a retry."""

STEPPED = 0.1
"""Share of the clusters with a step of the clock of up to 2 s."""

_SYNS = {3.0: 2, 10.0: 4}
"""SYN packets within the timeout (seconds): at 0, 1, 3 and 7 s (RFC 6298)."""


def false_incidents(seed: int, hours: float, *, loss: float = 0.01) -> list[str]:
    """Return the incidents that open within some simulated hours of noise."""
    random = Random(f"noise-{seed}")
    timeout = random.choice([3.0, 3.0, 10.0])
    world = World(
        random=Random(random.random()),
        noise=Noise(loss=loss),
        vpc_endpoints=random.random() < 0.5,
        proxied=random.random() < 0.2,
        interval=30.0,
        timeout=timeout,
        pulse=5.0,
    )
    lost = 1 - (1 - loss) ** 2
    rate = len(world.targets) / world.interval * 1.1 * lost ** _SYNS[timeout]
    found: list[str] = []
    for cluster in _clusters(random, rate, hours * 3600):
        found += _simulated(world, random, cluster)
    return found


def _clusters(random: Random, rate: float, seconds: float) -> list[list[float]]:
    """Draw the times of bad results, in groups that lie within one window of each other."""
    clusters: list[list[float]] = []
    at = random.expovariate(rate)
    while at < seconds:
        if clusters and at - clusters[-1][-1] < WINDOW:
            clusters[-1].append(at)
        else:
            clusters.append([at])
        at += random.expovariate(rate)
    return clusters


class _Restart(Fault):
    """A server restarts: it refuses connections for a moment, also those of hosts that share it."""

    def setup(self, random: Random) -> None:
        served = sorted({t.host for t in self.world.targets if egress(t)})
        self.hosts = frozenset(random.sample(served, random.choice([1, 1, 3, 8])))

    def effect(self, phase: Phase, contact: Contact) -> Effect | None:
        hit = contact.target.host in self.hosts and not contact.proxied
        return Effect("refuse") if hit and phase is Phase.CONNECT else None

    def hits(self, target: Target) -> bool:
        return target.host in self.hosts and not self.world.goes_by_proxy(target)


class _RateLimit(_Restart):
    """One host answers that there are too many requests, for a moment."""

    def setup(self, random: Random) -> None:
        self.hosts = frozenset({random.choice([t.host for t in self.world.targets if egress(t)])})
        self.status = random.choice([429, 503])

    def effect(self, phase: Phase, contact: Contact) -> Effect | None:
        hit = contact.target.host in self.hosts and phase is Phase.FIRST_BYTE
        return Effect(f"status:{self.status}") if hit else None


def _restarts(world: World, random: Random, begin: float) -> Iterator[Fault]:
    if random.random() < RESTARTS:
        fault = _Restart(world, random)
        fault.onset = begin + random.uniform(0, 30)
        fault.end = fault.onset + random.uniform(0.1, 1.2)
        yield fault


def _limits(world: World, random: Random, begin: float) -> Iterator[Fault]:
    if random.random() < LIMITED:
        fault = _RateLimit(world, random)
        fault.onset = begin + random.uniform(0, 30)
        fault.end = fault.onset + 0.06
        yield fault


def _simulated(world: World, random: Random, cluster: list[float]) -> list[str]:
    """Simulate the time around bad results."""
    begin = START + cluster[0]
    driver = Driver(world, begin - 1.0, Random(random.random()))
    for target in world.targets:
        health = driver.health[target.id] = Health(State.UP, begin - 3600.0)
        good = next(r for _ in range(99) if (r := world.probe(target, begin)).failure is None)
        for number in range(WINDOW_RESULTS, 0, -1):
            past = replace(good, started_at=begin - number * world.interval)
            driver.engine.observe(target, past, diagnose(target, past), health)
        driver.remember(target.id, good)
    world.faults = [*_restarts(world, random, begin), *_limits(world, random, begin)]
    for fault in world.faults:
        for name in sorted(fault.affected()):
            driver.probe_at(name, fault.onset + random.uniform(0.0, 0.05))
    if random.random() < STEPPED:
        driver.clock_steps.append((begin + random.uniform(0, 30), random.uniform(-2, 2)))
    stalled = random.random() < STALLED
    world.noise.stalls = [(begin + 20.0, begin + 25.0)] if stalled else []
    for at in cluster:
        driver.force_bad(random.choice(world.targets).id, START + at)
    story = driver.run(START + cluster[-1] + AFTER)
    world.noise.stalls, world.faults = [], ()
    return [
        f"{begin:.0f} {i.scope}/{i.subject}/{i.cause} {i.state}"
        for _, s in story.snapshots
        for i in s
    ][:1]

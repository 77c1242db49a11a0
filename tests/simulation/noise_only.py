"""Noise without a fault: lost packets, jitter, host stalls, rate limiting. No incident may open.

While every result of every target is good and has been good for a whole window, nothing changes but
the time: such stretches are skipped. Only around a bad result the world is simulated, from a full
window of good results before it until every window is full of good ones again.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from monitor.diagnosis.causes import diagnose
from monitor.health.machine import Health
from monitor.incidents.observation import WINDOW_RESULTS
from monitor.model.state import State
from tests.simulation.driver import Driver
from tests.simulation.noise import Noise
from tests.simulation.world import World

START = 1_800_000_000.0
CALM = 900.0


def false_incidents(seed: int, hours: float, *, loss: float = 0.01) -> list[str]:
    """Return the incidents that open within some simulated hours of noise."""
    random = Random(f"noise-{seed}")
    noise = Noise(loss=loss)
    world = World(
        random=Random(random.random()),
        noise=noise,
        vpc_endpoints=random.random() < 0.5,
        proxied=random.random() < 0.2,
        interval=30.0,
        timeout=random.choice([3.0, 10.0]),
    )
    found: list[str] = []
    now, end = START, START + hours * 3600
    while now < end:
        now = _next_bad(world, random, now, end)
        if now >= end:
            break
        found += _episode(world, random, now)
        now += CALM
    return found


def _next_bad(world: World, random: Random, now: float, end: float) -> float:
    """Return the time of the next bad result, by probing in slots without any record."""
    number = len(world.targets)
    step = world.interval / number
    while now < end:
        target = world.targets[random.randrange(number)]
        if world.probe(target, now).failure is not None:
            return now
        now += step
    return now


def _episode(world: World, random: Random, at: float) -> list[str]:
    """Simulate the time around a bad result, with a host stall in some of them."""
    driver = Driver(world, at - 1.0, Random(random.random()))
    for target in world.targets:
        driver.health[target.id] = Health(State.UP, at - 3600.0)
        good = next(r for _ in range(99) if (r := world.probe(target, at)).failure is None)
        for number in range(WINDOW_RESULTS):
            past = replace(good, started_at=at - (WINDOW_RESULTS - number) * world.interval)
            driver.engine.observe(target, past, diagnose(target, past), driver.health[target.id])
    world.noise.stalls = [(at + 20.0, at + 25.0)] if random.random() < 0.2 else []
    driver.force_bad(random.choice(world.targets).id)
    story = driver.run(at + CALM)
    world.noise.stalls = []
    return [f"{at:.0f} {i.scope}/{i.subject}/{i.cause}" for _, s in story.snapshots for i in s][:1]

"""Figures of simulated worlds: is every fault identified, once, with the targets it affects?"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random

import tests.simulation.faults  # noqa: F401 - registers the fault models
from monitor.model.incident import Incident
from tests.simulation.driver import Driver, Story, at_time
from tests.simulation.fault import MODELS, Fault
from tests.simulation.noise import Noise
from tests.simulation.world import World

START = 1_800_000_000.0
WARM_UP = 90.0
AFTER = 150.0
GOOD = 0.8


@dataclass
class Outcome:
    """Result of one world."""

    seed: int
    kind: str
    faults: list[str]
    right: list[bool] = field(default_factory=list)
    expected: int = 0
    found: int = 0
    hit: int = 0
    opened: int = 0
    late: int = 0
    seconds_to_open: list[float] = field(default_factory=list)
    seconds_to_close: list[float] = field(default_factory=list)
    contradictions: int = 0
    untrue: int = 0
    notes: list[str] = field(default_factory=list)
    story: Story | None = None


def make_world(seed: int, kind: str) -> tuple[World, list[Fault], Random]:
    """Return a random world with its faults; the same for the same seed."""
    random = Random(f"{kind}-{seed}")
    interval, timeout = random.choice([(30.0, 3.0), (30.0, 3.0), (30.0, 10.0), (10.0, 3.0)])
    for _ in range(2000):
        world = World(
            random=Random(random.random()),
            noise=Noise(loss=random.choice([0.0, 0.002, 0.01])),
            vpc_endpoints=random.random() < 0.5,
            proxied=random.random() < 0.2,
            interval=interval,
            timeout=timeout,
            pulse=random.choice([5.0, 5.0, 5.0, 0.0]),
        )
        faults = _faults(world, random, kind)
        if faults:
            world.faults = faults
            return world, faults, random
    raise RuntimeError(f"no world for seed {seed}")


def _faults(world: World, random: Random, kind: str) -> list[Fault]:
    number = random.choice([2, 2, 3]) if kind == "overlapping" else 1
    wanted = "partial" if kind == "partial" else "total"
    names = sorted(n for n, m in MODELS.items() if m.kind == wanted)
    chosen = [MODELS[n](world, random) for n in random.sample(names, number)]
    if not all(f.possible() and f.affected() for f in chosen):
        return []
    begin = START + WARM_UP + random.uniform(0, world.interval)
    length = random.uniform(6, 12) * world.interval if kind == "partial" else 0
    for fault in chosen:
        fault.onset = begin + (random.uniform(0, 100) if number > 1 else 0)
    last = max(f.onset for f in chosen) + (90 if number > 1 else 0)
    for fault in chosen:
        fault.end = last + (length or random.uniform(4, 8) * world.interval)
    return chosen if number == 1 or _separable(chosen) else []


def _separable(faults: list[Fault]) -> bool:
    """Whether each fault shows on targets of its own for long enough."""
    last = max(f.onset for f in faults)
    if min(f.end for f in faults) - last < 75:
        return False
    for fault in faults:
        others = set().union(*(f.affected() for f in faults if f is not fault))
        if len(fault.affected() - others) < max(1, 0.9 * len(fault.affected())):
            return False
    return True


def run_world(seed: int, kind: str, *, keep: bool = False) -> Outcome:
    """Run one world and judge it."""
    world, faults, random = make_world(seed, kind)
    driver = Driver(world, START, Random(random.random()))
    end = max(f.end for f in faults) + AFTER
    story = driver.run(end)
    outcome = Outcome(seed, kind, [f.describe() for f in faults])
    for fault in faults:
        _judge(fault, faults, story, outcome)
    outcome.opened = len(story.opened)
    outcome.late = sum(
        1
        for at in story.opened.values()
        if any(f.end <= at < f.end + 60 for f in faults)
        and not any(f.onset <= at < f.end for f in faults)
    )
    outcome.contradictions = len(story.contradictions)
    outcome.untrue = len(story.untrue)
    outcome.notes += story.contradictions[:3] + story.untrue[:2]
    if at_time(story, end):
        outcome.notes.append(f"still open at the end: {_texts(at_time(story, end))}")
    if keep:
        outcome.story = story
    return outcome


def _judge(fault: Fault, faults: list[Fault], story: Story, outcome: Outcome) -> None:
    moment = min(f.end for f in faults) - 0.5
    truth = fault.affected()
    incidents = at_time(story, moment)
    matching = [i for i in incidents if i.scope in fault.scopes and i.cause in fault.causes]
    best = max(matching, key=lambda i: _overlap(i, truth), default=None)
    right = best is not None and _overlap(best, truth) >= GOOD
    outcome.right.append(right)
    if not right:
        outcome.notes.append(f"{fault.describe()}: {_texts(incidents)}")
    claimed = {name for i in incidents for name in i.affected if set(i.affected) & truth}
    others = set().union(*(f.affected() for f in faults if f is not fault), set())
    outcome.expected += len(truth)
    outcome.found += len(claimed - (others - truth))
    outcome.hit += len(claimed & truth)
    opened = [
        story.opened[i.id]
        for _, seen in story.snapshots
        for i in seen
        if set(i.affected) & truth and story.opened[i.id] >= fault.onset
    ]
    if opened:
        outcome.seconds_to_open.append(min(opened) - fault.onset)
    if right and best is not None and best.id in story.closed:
        outcome.seconds_to_close.append(story.closed[best.id] - fault.end)


def _overlap(incident: Incident, truth: frozenset[str]) -> float:
    both = len(truth & set(incident.affected))
    return both / max(1, len(truth | set(incident.affected)))


def _texts(incidents: tuple[Incident, ...]) -> str:
    return (
        "; ".join(f"{i.scope}/{i.subject}/{i.cause} x{len(i.affected)}" for i in incidents)
        or "no incident"
    )


def summary(outcomes: list[Outcome]) -> str:
    """Return the table of figures."""
    rights = [r for o in outcomes for r in o.right]
    faults = len(rights)
    opened = [o.opened / len(o.right) for o in outcomes]
    spent = sorted(s for o in outcomes for s in o.seconds_to_open)
    closing = sorted(s for o in outcomes for s in o.seconds_to_close)
    lines = [
        f"identified            {sum(rights)}/{faults} = {sum(rights) / max(1, faults):.2%}",
        f"affected: precision   {_share(outcomes, 'hit', 'found'):.2%}",
        f"affected: recall      {_share(outcomes, 'hit', 'expected'):.2%}",
        f"incidents per fault   mean {sum(opened) / max(1, len(opened)):.3f}, max {max(opened):g}",
        f"opened after the end  {sum(o.late for o in outcomes)}",
        f"contradictions        {sum(o.contradictions for o in outcomes)}",
        f"untrue sentences      {sum(o.untrue for o in outcomes)}",
        f"seconds to open       median {_median(spent):.1f}, max {max(spent, default=0):.1f}",
        f"seconds to close      median {_median(closing):.1f}, max {max(closing, default=0):.1f}",
    ]
    return "\n".join(lines)


def by_model(outcomes: list[Outcome]) -> Counter[str]:
    """Count wrong worlds per fault model."""
    wrong: Counter[str] = Counter()
    for outcome in outcomes:
        for name, right in zip(outcome.faults, outcome.right, strict=True):
            if not right:
                wrong[name.partition("(")[0]] += 1
    return wrong


def _share(outcomes: list[Outcome], part: str, whole: str) -> float:
    parts = sum(int(getattr(o, part)) for o in outcomes)
    return parts / max(1, sum(int(getattr(o, whole)) for o in outcomes))


def _median(values: list[float]) -> float:
    return values[len(values) // 2] if values else 0.0

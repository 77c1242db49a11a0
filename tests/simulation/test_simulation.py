"""A fixed set of simulated worlds: every fault is identified, once, and nothing narrower opens."""

from __future__ import annotations

import pytest

from tests.simulation.driver import at_time
from tests.simulation.fault import MODELS
from tests.simulation.measures import START, make_world, run_world
from tests.simulation.noise_only import false_incidents

SEEDS = {
    "total": (2, 8, 15, 31, 44),
    "partial": (1, 2),
    "overlapping": (3, 5),
}


@pytest.mark.parametrize("kind", SEEDS)
def test_every_fault_is_identified_and_recovers_quietly(kind: str) -> None:
    for seed in SEEDS[kind]:
        outcome = run_world(seed, kind)
        assert all(outcome.right), (seed, outcome.notes)
        assert outcome.contradictions == 0, (seed, outcome.notes)
        assert outcome.late == 0, (seed, outcome.notes)
        assert outcome.opened <= 2 * len(outcome.right), (seed, outcome.notes)


def test_a_world_is_the_same_for_the_same_seed() -> None:
    first, second = (run_world(7, "total", keep=True) for _ in range(2))
    assert first.story is not None
    assert second.story is not None
    assert first.faults == second.faults
    assert [at for at, _ in first.story.snapshots] == [at for at, _ in second.story.snapshots]
    assert at_time(first.story, START) == ()


def test_worlds_have_every_kind_of_fault() -> None:
    kinds = {model.kind for model in MODELS.values()}
    assert kinds == {"total", "partial"}
    seen = {type(f).__name__ for seed in range(900) for f in make_world(seed, "total")[1]}
    assert seen == {name for name, model in MODELS.items() if model.kind == "total"}


def test_noise_alone_opens_no_incident() -> None:
    assert false_incidents(seed=1, hours=20.0) == []

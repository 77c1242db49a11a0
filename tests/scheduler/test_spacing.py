"""Probes are evenly spaced within each class, stable across restarts and reloads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from monitor.catalog import build_targets
from monitor.model.identity import Identity
from monitor.model.settings import Settings
from monitor.model.target import Target
from monitor.scheduler.spacing import Places, Spacing, classes_of, effort, preferred_fraction

TARGETS = build_targets(
    Settings(Path("config.toml"), region="eu-central-1", account_id="123456789012"),
    Identity(),
    ("192.0.2.53:53",),
)


def placed(targets: Sequence[Target]) -> Spacing:
    spacing = Spacing()
    spacing.place(targets)
    return spacing


def members(name: str) -> list[Target]:
    return [target for target in TARGETS if name in dict(classes_of(target))]


def largest_gap(fractions: Sequence[float]) -> float:
    """The longest part of the interval without a probe, 0 to 1."""
    ordered = sorted(fractions)
    return max(after - before for before, after in pairwise([*ordered, ordered[0] + 1.0]))


CLASSES = sorted({name for target in TARGETS for name, _ in classes_of(target)})


@pytest.mark.parametrize("name", CLASSES)
def test_no_class_is_unprobed_for_much_longer_than_with_even_spacing(name: str) -> None:
    spacing, own = placed(TARGETS), members(name)
    gap = largest_gap([spacing.fraction(target.id) for target in own])
    assert gap <= min(1.0, 2.5 / len(own))


@pytest.mark.parametrize("name", [name for name in CLASSES if name.startswith("group ")])
def test_a_group_is_probed_nearly_as_evenly_as_possible(name: str) -> None:
    spacing, own = placed(TARGETS), members(name)
    gap = largest_gap([spacing.fraction(target.id) for target in own])
    assert gap <= 1.25 / len(own)


def test_a_restart_places_every_target_again_at_the_same_moment() -> None:
    one, other = placed(TARGETS), placed(tuple(reversed(TARGETS)))
    assert [one.fraction(t.id) for t in TARGETS] == [other.fraction(t.id) for t in TARGETS]


def test_a_reload_moves_no_target_that_stays() -> None:
    spacing = placed(TARGETS[:-5])
    before = {target.id: spacing.fraction(target.id) for target in TARGETS[:-5]}
    spacing.place(TARGETS[3:])
    after = {target.id: spacing.fraction(target.id) for target in TARGETS[3:]}
    assert {name: after[name] for name in before if name in after} == {
        name: fraction for name, fraction in before.items() if name in after
    }


def test_two_targets_of_one_host_are_half_an_interval_apart() -> None:
    lighthouses = [t for t in TARGETS if t.host == "lighthouse.us01.gitpod.dev"]
    spacing = placed(lighthouses)
    first, second = (spacing.fraction(target.id) for target in lighthouses)
    assert 0.3 <= (first - second) % 1.0 <= 0.7


def test_a_target_that_was_never_placed_is_probed_at_the_start() -> None:
    assert Spacing().fraction("unknown") == 0.0


def test_the_first_fractions_cover_the_whole_interval() -> None:
    fractions = [preferred_fraction(f"target-{number}") for number in range(500)]
    assert all(0.0 <= fraction < 1.0 for fraction in fractions)
    assert largest_gap(fractions) < 0.05


@pytest.mark.parametrize(
    ("targets", "candidates", "passes"),
    [(0, 128, 4), (1, 128, 4), (78, 128, 4), (79, 128, 3), (312, 128, 1), (4000, 10, 1)],
)  # fmt: skip
def test_many_targets_are_placed_with_less_effort_each(
    targets: int, candidates: int, passes: int
) -> None:
    assert effort(targets) == (candidates, passes)


def only(target: Target, *others: tuple[str, float]) -> Places:
    """Places that are taken by others of the class "all"."""
    made = Places(Counter({name: 1 + len(others) for name, _ in classes_of(target)}))
    for name, fraction in others:
        made.take(replace(target, endpoint=replace(target.endpoint, id=name)), fraction)
    return made


@pytest.mark.parametrize(
    ("taken", "better", "worse"),
    [
        ((0.95,), 0.45, 0.05),
        ((0.05,), 0.55, 0.95),
        ((0.0, 0.5), 0.75, 0.6),
        ((0.1, 0.2), 0.65, 0.15),
        ((0.3, 0.9), 0.1, 0.95),
    ],
)
def test_the_middle_of_the_longest_gap_of_the_circle_is_best(
    taken: tuple[float, ...], better: float, worse: float
) -> None:
    target = TARGETS[0]
    cost = only(target, *((f"other-{at}", at) for at in taken)).cost_of(target)
    assert cost(better) < cost(worse)


def test_a_target_that_moves_leaves_its_place_to_others() -> None:
    first, second = TARGETS[:2]
    places = only(first)
    places.take(first, 0.25)
    places.move(first, 64)
    assert places.fractions == {first.id: 0.25}, "nothing else is there, so it stays"
    places.take(second, 0.26)
    places.move(first, 64)
    assert largest_gap(list(places.fractions.values())) < 0.53
    assert list(places.fractions) == [second.id, first.id]


def test_a_group_counts_more_than_everything_that_is_probed() -> None:
    one, same = members("group gateway")[:2]
    other = members("group jetbrains")[0]
    places = Places(Counter(name for t in (one, same, other) for name, _ in classes_of(t)))
    places.take(same, 0.0)
    places.take(other, 0.5)
    cost = places.cost_of(one)
    assert cost(0.5) < cost(0.25), "opposite the other of its group, whatever else is there"

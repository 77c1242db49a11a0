"""Probes are evenly spaced within each class, stable across restarts and reloads."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from monitor.catalog import build_targets
from monitor.model.identity import Identity
from monitor.model.settings import Settings
from monitor.model.target import Target
from monitor.scheduler.spacing import (
    Spacing,
    candidates_per_target,
    classes_of,
    farthest,
    preferred_fraction,
)

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
    return [target for target in TARGETS if name in classes_of(target)]


def largest_gap(fractions: Sequence[float]) -> float:
    """The longest part of the interval without a probe, 0 to 1."""
    ordered = sorted(fractions)
    return max(after - before for before, after in pairwise([*ordered, ordered[0] + 1.0]))


@pytest.mark.parametrize(
    "name", sorted({name for target in TARGETS for name in classes_of(target)})
)
def test_no_class_is_unprobed_for_much_longer_than_with_even_spacing(name: str) -> None:
    spacing, own = placed(TARGETS), members(name)
    gap = largest_gap([spacing.fraction(target.id) for target in own])
    assert gap <= min(1.0, 2.5 / len(own) + 0.15)


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
    ("targets", "count"), [(1, 64), (625, 64), (800, 50), (4000, 10), (9000, 8)]
)
def test_many_targets_are_placed_with_fewer_candidates_each(targets: int, count: int) -> None:
    assert candidates_per_target(targets) == count


@pytest.mark.parametrize(
    ("member", "near", "far"), [(0.95, 0.05, 0.45), (0.05, 0.95, 0.55), (0.0, 0.4, 0.5)]
)
def test_the_interval_is_a_circle(member: float, near: float, far: float) -> None:
    assert farthest((near, far), TARGETS[0], {"all": [member]}) == far


def test_a_crowded_class_counts_relative_to_its_even_spacing() -> None:
    port, *_ = classes_of(TARGETS[0])
    crowd = [0.65, 0.7, 0.72, 0.74, 0.76, 0.78, 0.8, 0.82, 0.84]
    # 0.6 is 0.05 from the crowd, where 0.1 is even, and 0.1 from the other class; 0.79 is 0.01
    # from the crowd and 0.29 from the other class.
    assert farthest((0.79, 0.6), TARGETS[0], {port: crowd, "all": [0.5]}) == 0.6


def test_a_class_that_is_spaced_better_than_evenly_does_not_outweigh_another() -> None:
    port, *_ = classes_of(TARGETS[0])
    # Both are at least a third from the members of the port: the distance to "all" decides.
    taken = {port: [0.0, 0.1], "all": [0.85]}
    assert farthest((0.55, 0.45), TARGETS[0], taken) == 0.45

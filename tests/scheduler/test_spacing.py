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
from monitor.scheduler.spacing import Spacing, classes_of

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

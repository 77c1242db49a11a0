"""Impact of failures in words."""

from __future__ import annotations

from dataclasses import replace

from monitor.model.state import State
from monitor.model.target import Target
from monitor.present.impact import NO_IMPACT, impact
from tests.stores import realistic_board


def everything() -> list[Target]:
    return [status.target for status in realistic_board().statuses.values()]


def down(*groups: str, only: int | None = None) -> list[tuple[Target, State]]:
    found = [t for t in everything() if t.group in groups and t.endpoint.required]
    return [(target, State.DOWN) for target in found[:only]]


def test_groups_with_the_same_consequence_are_one_sentence() -> None:
    assert impact(down("release_artifacts", "container_registries"), everything()) == (
        "New environments cannot start: Ona release artifacts and container registries are "
        "unreachable."
    )


def test_a_part_of_a_group_may_fail() -> None:
    assert impact(down("release_artifacts", only=2), everything()) == (
        "New environments may fail to start: Ona release artifacts (2 of 16) are unreachable."
    )


def test_at_most_two_consequences_are_named_and_the_complete_ones_come_first() -> None:
    lost = [*down("jetbrains", only=1), *down("vscode"), *down("management_plane")]
    told = impact(lost, everything())
    assert told.startswith("Environments cannot be created, started or stopped: the Ona management")
    assert told.endswith("And 1 more consequence.")


def test_what_no_runner_needs_has_no_impact_and_a_working_alternative_hides_it() -> None:
    ((target, _), *_) = down("vscode")
    optional = replace(target, endpoint=replace(target.endpoint, required=False))
    assert impact([(optional, State.DOWN)], everything()) == NO_IMPACT
    covered = impact([(target, State.DOWN)], everything(), {target.id})
    assert covered == "Users notice nothing as long as the alternative works."
    slow = impact([(target, State.DEGRADED)], everything())
    assert slow == "Everything works, but slower or less reliably."


def test_a_group_of_the_user_has_its_name_and_a_total_loss_is_one_sentence() -> None:
    ((target, _), *_) = down("vscode")
    own = replace(target, endpoint=replace(target.endpoint, group="my_tools"))
    told = impact([(own, State.DOWN)], [own])
    assert told == "What needs my tools fails: my tools is unreachable."
    groups = {target.group for target in everything()}
    assert impact(down(*groups), everything()) == (
        "Environments cannot be created, started or reached: almost nothing answers."
    )

"""Redundant groups: a runner works while one of the alternatives does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.catalog import build_targets
from monitor.cli.one_shot import incidents_of
from monitor.health.redundancy import RedundantGroup, covered_by_redundancy, rollup
from monitor.health.status import TargetStatus
from monitor.model.endpoint import Profile
from monitor.model.identity import Identity
from monitor.model.settings import Settings, TargetSettings
from monitor.model.state import State
from monitor.model.target import Target
from monitor.present.report import summary_line
from monitor.state.check_result import redundant_groups_of, summarize
from monitor.state.events import EventKind, redundant_groups_changed
from tests.probe_results import FILTERED, REACHED, probe_result, target

U, D, G, N = State.UP, State.DOWN, State.DEGRADED, State.UNKNOWN


def member(name: str, redundancy_group: str, *, required: bool = True) -> Target:
    made = target(name, required=required)
    return replace(made, endpoint=replace(made.endpoint, redundancy_group=redundancy_group))


def group(*states: State, before: tuple[RedundantGroup, ...] = (), now: float = 1.0):
    pairs = [(member(f"m{n}", f"mirrors/{n}"), state) for n, state in enumerate(states)]
    return rollup(pairs, before, now)


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ((U, U), U),
        ((U, D), G),
        ((G, D), G),
        ((D, D), D),
        ((U, G), G),
        ((U, N), N),
        ((D, N), N),
        ((N, N), N),
        ((D,), D),
    ],
)
def test_one_that_works_of_several_is_degraded_and_none_is_down(states, expected: State):
    (found,) = group(*states)
    assert found.state is expected


def test_an_alternative_needs_all_its_required_targets():
    def stands(*pairs: tuple[Target, State]) -> State:
        return rollup(pairs, (), 1.0)[0].alternatives[0].state

    needed, wanted = member("a", "g/1"), member("b", "g/1", required=False)
    assert stands((needed, U), (member("c", "g/1"), D)) is D
    assert stands((needed, U), (wanted, D)) is G
    assert stands((needed, N), (wanted, U)) is N
    assert stands((wanted, D)) is D


def test_a_target_without_an_alternatives_name_is_one_by_itself():
    pairs = [(member("a", "mirrors"), U), (member("b", "mirrors"), D)]
    (found,) = rollup(pairs, (), 1.0)
    assert [a.name for a in found.alternatives] == ["a", "b"]
    assert found.working == ("a",)


def test_it_is_known_since_when_a_group_stands_so():
    first = group(U, D, now=1.0)
    assert group(U, D, before=first, now=2.0)[0].since == 1.0
    assert group(D, D, before=first, now=2.0)[0].since == 2.0


@given(st.lists(st.sampled_from(list(State)), min_size=1, max_size=5))
def test_only_targets_of_what_does_not_work_are_spared_and_only_while_another_works(
    states: list[State],
):
    groups = group(*states)
    ids = set(covered_by_redundancy(groups))
    not_working = {f"m{n}" for n, s in enumerate(states) if s in {D, N}}
    assert ids == (not_working if len(not_working) < len(states) else set())
    assert groups[0].state is not State.DOWN or not ids


def gateways(*down: str, profile: Profile = Profile.STANDARD, **overrides: TargetSettings):
    settings = Settings(Path("config.toml"), profile=profile, targets=overrides)
    targets = [t for t in build_targets(settings, Identity()) if t.endpoint.gateway]
    return [
        TargetStatus.of(
            t,
            D if t.endpoint.gateway in down else U,
            replace(probe_result(t.id, ok=t.endpoint.gateway not in down)),
            FILTERED if t.endpoint.gateway in down else REACHED,
        )
        for t in targets
    ]


def test_one_gateway_of_two_down_is_degraded_and_no_failure_of_the_check():
    statuses = gateways("us01")
    (found,) = redundant_groups_of(statuses)
    assert (found.name, found.state, found.working) == ("gateways", G, ("eu01",))
    summary = summarize(statuses)
    assert (summary.ok, summary.down, summary.covered_by_redundancy) == (True, 4, 4)
    assert "an alternative works" in summary_line(summary)
    for incident in incidents_of(statuses, 1000.0):
        assert incident.state is State.DEGRADED
        assert incident.detail.endswith("Still works: eu01 of gateways.")


def test_both_gateways_down_is_down():
    statuses = gateways("us01", "eu01")
    assert redundant_groups_of(statuses)[0].state is State.DOWN
    assert not summarize(statuses).ok
    assert {i.state for i in incidents_of(statuses, 1000.0)} == {State.DOWN}


def test_an_incident_of_spared_and_other_targets_is_down():
    statuses = [
        *gateways("us01"),
        TargetStatus.of(target("a"), D, probe_result("a", ok=False), FILTERED),
    ]
    assert State.DOWN in {i.state for i in incidents_of(statuses, 1000.0)}


def test_the_user_may_take_a_target_out_of_its_group():
    statuses = gateways("us01", **{"gateway-us01": TargetSettings(redundancy_group="")})
    assert summarize(statuses).required_missing == 1


def test_an_enterprise_runner_has_no_gateways():
    assert redundant_groups_of(gateways(profile=Profile.ENTERPRISE)) == ()


def test_changes_are_told_and_the_first_look_only_where_something_is_wrong():
    well, worse, down = group(U, U), group(U, D), group(D, D)
    assert redundant_groups_changed((), well, 1.0) == ()
    assert redundant_groups_changed((), group(N, N), 1.0) == ()
    (event,) = redundant_groups_changed(well, worse, 1.0)
    assert (event.kind, event.serious) == (EventKind.REDUNDANT_GROUP_STATE, True)
    assert (event.facts["working"], event.facts["not_working"]) == ("0", "1")
    assert redundant_groups_changed(worse, worse, 1.0) == ()
    assert redundant_groups_changed(worse, down, 1.0)[0].facts["state"] == "down"
    assert not redundant_groups_changed(down, well, 1.0)[0].serious
    assert redundant_groups_changed((), worse, 1.0)[0].serious

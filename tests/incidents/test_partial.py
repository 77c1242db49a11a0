"""Faults that fail a share of the connections: one incident while they last, and none after."""

from __future__ import annotations

import pytest

from monitor.incidents.partial import _outages
from monitor.model.causes import Cause
from monitor.model.incident import Incident, Scope
from monitor.model.path import Flow, FlowTest
from monitor.model.state import State
from tests.incidents.test_correlate import EGRESS, one
from tests.incidents.test_inference import Story, egress_down

STEP = 30.0
PATTERNS = ("..F.", ".F.F", "F.F.", "....")
"""Results of the targets in turn: no host fails steadily."""


def sequence(
    story: Story, name: str, outcomes: str, at: float = 30.0
) -> list[tuple[Incident, ...]]:
    """Feed results 30 s apart, ``F`` for a failure, and return what is open after each."""
    seen = []
    for number, outcome in enumerate(outcomes):
        moment = at + number * STEP
        story.result(name, moment, Cause.TCP_TIMEOUT if outcome == "F" else None)
        for other in EGRESS:
            if other != name:
                story.result(other, moment + 1.0)
        seen.append(story.incidents(moment + 2.0))
    return seen


def flows(*failed: bool) -> FlowTest:
    return FlowTest(
        "192.0.2.1", 443, tuple(Flow(40_000 + n, (not f, not f)) for n, f in enumerate(failed))
    )


def test_a_total_outage_closes_with_the_first_success():
    seen = sequence(Story(), "app", "FFFFFF.")
    assert one(seen[1]).state is State.DOWN
    assert seen[-1] == ()


def test_a_lost_packet_before_a_total_outage_does_not_delay_its_end():
    seen = sequence(Story(), "app", "F......FFFFF.")
    assert one(seen[-2]).state is State.DOWN
    assert seen[-1] == ()


def test_an_endpoint_that_fails_in_part_stays_one_incident_while_failures_recur():
    seen = sequence(Story(), "app", "FF.F.FF..F.F.F..F..F")
    first = one(seen[1])
    later = [one(found) for found in seen[4:]]
    assert {incident.id for incident in later} == {first.id}
    assert all(incident.intermittent for incident in later)
    assert later[-1].scope is Scope.ENDPOINT
    assert later[-1].state is State.DEGRADED


def test_an_endpoint_that_failed_in_part_recovers_after_a_convincing_run_and_only_then():
    seen = sequence(Story(), "app", "FF.F.FF.F.FF.F..........")
    after = seen[14:]
    assert one(after[2]).intermittent
    assert after[-1] == ()


def test_connections_by_source_port_show_a_partial_fault_before_the_first_success():
    story = Story()
    sequence(story, "app", "FFF")
    story.engine.observe_flows("app", flows(*[True] * 5, *[False] * 3), 95.0)
    incident = one(story.incidents(96.0))
    assert (incident.intermittent, incident.state) == (True, State.DEGRADED)
    seen = sequence(story, "app", "....", at=120.0)
    assert {one(found).id for found in seen} == {incident.id}
    assert story.incidents(600.0) == ()


def test_connections_by_source_port_that_all_fail_leave_it_a_total_fault():
    story = Story()
    sequence(story, "app", "FFF")
    story.engine.observe_flows("app", flows(*[True] * 8), 95.0)
    assert not one(story.incidents(96.0)).intermittent
    assert sequence(story, "app", ".", at=120.0) == [()]


def test_an_outage_that_comes_back_in_part_is_the_same_incident():
    story = Story()
    seen = sequence(story, "app", "FFF...F.FF.F")
    ids = {incident.id for found in seen for incident in found}
    assert len(ids) == 1


def test_hosts_that_begin_to_fail_in_part_together_open_one_incident():
    story = Story()
    ids = set[str]()
    for number, outcomes in enumerate(
        zip(*(PATTERNS[n % 4] for n in range(len(EGRESS))), strict=True)
    ):
        for place, (name, outcome) in enumerate(zip(EGRESS, outcomes, strict=True)):
            at = 10.0 + number * 2 + place / 20
            story.result(name, at, Cause.TCP_TIMEOUT if outcome == "F" else None)
            ids |= {i.id for i in story.incidents(at)}
    incident = one(story.incidents(20.0))
    assert ids == {incident.id}
    assert (incident.scope, incident.intermittent) == (Scope.PATH, True)


def test_a_rare_partial_fault_is_over_after_a_run_that_its_share_does_not_explain():
    """What comes after the last failure does not make the fault look rarer."""
    story = Story()
    for turn in range(8):
        for number, name in enumerate(EGRESS):
            bad = (turn + number) % 8 == 0
            story.result(name, 10.0 + turn * 30 + number, Cause.TCP_TIMEOUT if bad else None)
    assert one(story.incidents(250.0)).intermittent
    for turn in range(16):
        for number, name in enumerate(EGRESS):
            story.result(name, 260.0 + turn * 30 + number)
        closed = not story.incidents(290.0 + turn * 30)
        if closed:
            break
    assert closed
    assert turn >= 2, "a few good results show nothing"


def test_a_member_that_fails_once_for_another_reason_stays_in_the_partial_incident():
    story = Story()
    for turn in range(8):
        for number, name in enumerate(EGRESS):
            bad = (turn + number) % 3 == 0
            story.result(name, 10.0 + turn * 30 + number, Cause.TCP_TIMEOUT if bad else None)
            story.incidents(10.0 + turn * 30 + number)
    whole = one(story.incidents(250.0))
    name = next(t for t in whole.affected)
    story.result(name, 251.0, Cause.TCP_TIMEOUT)
    story.result(name, 251.2, Cause.DNS_SLOW)
    found = one(story.incidents(251.5))
    assert found.id == whole.id
    assert name in found.affected


def test_a_wide_total_outage_still_closes_with_the_last_target():
    story = Story()
    egress_down(story, 10.0)
    for name in EGRESS:
        story.result(name, 60.0)
    assert story.incidents(61.0) == ()


@pytest.mark.parametrize(
    ("outcomes", "cost"),
    [("F", 0.0), ("FFF", 0.0), ("FFF.", 1.0), ("F..", 1.0), ("F.F", 4.6), ("FF..FF", 7.0)],
)
def test_outages_that_begin_and_end_explain_runs_and_little_else(outcomes: str, cost: float):
    assert _outages(c == "F" for c in outcomes) == pytest.approx(cost)

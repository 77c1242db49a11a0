"""The index moves only what changed for a target, and forgets what is gone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar

from hypothesis import example, given
from hypothesis import strategies as st

from monitor.health.machine import Health
from monitor.incidents.evidence_index import EvidenceIndex, exposures_of
from monitor.incidents.fault_model import Exposure, FaultModel
from monitor.incidents.observation import WINDOW_RESULTS, Evidence, Track
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.incident import Scope
from monitor.model.probe_result import Connection, Failure, FailureKind, Family, Phase, ProbeResult
from monitor.model.state import State
from tests.incidents.evidence import evidence, target

BAD = Diagnosis(Cause.TCP_TIMEOUT, "x", "y")
GOOD = Diagnosis(None)


class ByAddress(FaultModel):
    """Each address is an element."""

    name = "address"
    scope: ClassVar = Scope.PATH
    cost = 1.0

    def exposures(self, evidence: Evidence) -> Iterable[Exposure]:
        return [(leg.address, evidence.cause is not None) for leg in evidence.legs]


def an_index() -> EvidenceIndex:
    return EvidenceIndex([ByAddress()])


def observed(
    index: EvidenceIndex, host: str, at: float, *, good: bool, address: str = "192.0.2.1"
) -> Track:
    failure = None if good else Failure(Phase.CONNECT, FailureKind.TIMEOUT, "x")
    connection = Connection(address, 443, Family.IPV4, {}, failure)
    result = ProbeResult(host, at, 1.0, None, (connection,), failure)
    health = Health(State.UP if good else State.DOWN)
    return index.observe(target(host), result, GOOD if good else BAD, health)


FIRST, SECOND = ("address", "192.0.2.1"), ("address", "192.0.2.2")


def test_a_target_is_a_member_of_the_elements_of_its_last_result() -> None:
    index = an_index()
    observed(index, "a", 1.0, good=False)
    assert (set(index.members), set(index.bad)) == ({FIRST}, {FIRST})
    observed(index, "a", 2.0, good=True, address="192.0.2.2")
    assert (set(index.members), set(index.bad)) == ({SECOND}, set())
    assert set(index.tracks["a"].since) == {SECOND}


def test_a_recovery_leaves_the_element_and_keeps_the_membership() -> None:
    index = an_index()
    for host in "ab":
        observed(index, host, 1.0, good=False)
    observed(index, "a", 2.0, good=True)
    assert set(index.members[FIRST]) == {"a", "b"}
    assert set(index.bad[FIRST]) == {"b"}
    observed(index, "b", 3.0, good=True)
    assert index.bad == {}


def test_a_run_of_equal_outcomes_has_one_beginning() -> None:
    index = an_index()
    for at, good in ((1.0, True), (2.0, True), (3.0, False), (4.0, False)):
        made = observed(index, "a", at, good=good)
    assert made.since[FIRST] == 3.0
    assert [seen.at for seen in made.window] == [1.0, 2.0, 3.0, 4.0]
    assert made.window[0].evidence is made.window[1].evidence


def test_a_recovery_has_a_time() -> None:
    index = an_index()
    assert observed(index, "a", 1.0, good=True).recovered_at == 0.0
    observed(index, "a", 2.0, good=False)
    assert observed(index, "a", 3.0, good=True).recovered_at == 3.0
    assert observed(index, "a", 4.0, good=True).recovered_at == 3.0


@given(st.lists(st.booleans(), max_size=3 * WINDOW_RESULTS))
@example([False] * WINDOW_RESULTS + [True] * 5)
@example([True] + [False] * WINDOW_RESULTS)
def test_failures_are_counted_within_the_window(outcomes: list[bool]) -> None:
    index = an_index()
    for number, good in enumerate(outcomes):
        made = observed(index, "a", float(number), good=good)
        recent = outcomes[max(0, number + 1 - WINDOW_RESULTS) : number + 1]
        assert made.failures == recent.count(False)
        assert ("a" in index.troubled) is (made.failures > 0)


def test_the_last_trouble_is_kept_after_a_success() -> None:
    index = an_index()
    observed(index, "a", 1.0, good=False)
    made = observed(index, "a", 2.0, good=True)
    assert (made.trouble, made.diagnosis) == (BAD, GOOD)


def test_targets_that_are_gone_or_changed_are_forgotten() -> None:
    index = an_index()
    for host in "ab":
        observed(index, host, 1.0, good=False)
    changed = target("b", port=8443, name="b")
    index.apply([changed, target("c")])
    assert set(index.tracks) == {"b", "c"}
    assert (index.members, index.bad, index.troubled) == ({}, {}, {})
    assert index.tracks["b"].target is changed
    assert not index.tracks["b"].window


def test_a_target_with_another_interval_keeps_its_evidence() -> None:
    index = an_index()
    observed(index, "a", 1.0, good=False)
    slower = replace(target("a"), interval=60.0)
    index.apply([slower])
    assert index.tracks["a"].target is slower
    assert len(index.tracks["a"].window) == 1
    index.forget("unknown")
    assert set(index.troubled) == {"a"}


def test_a_health_state_is_what_the_results_show() -> None:
    index = an_index()
    made = observed(index, "a", 1.0, good=True)
    imposed = Health(State.DOWN, imposed=State.DOWN, own=State.UP)
    index.settle_state(made, imposed)
    assert (made.state, made.held) == (State.UP, False)


def test_working_targets_are_those_with_a_good_result_since_a_time() -> None:
    index = an_index()
    observed(index, "a", 1.0, good=True)
    observed(index, "b", 2.0, good=True)
    observed(index, "c", 3.0, good=False)
    assert [t.target.host for t in index.working(*FIRST, 2.0)] == ["b"]
    assert [t.target.host for t in index.working(*FIRST, 0.0)] == ["a", "b"]
    assert index.working("address", "203.0.113.1", 0.0) == []


def test_an_element_is_bad_if_one_of_its_exposures_is() -> None:
    class Twice(ByAddress):
        def exposures(self, evidence: Evidence) -> Iterable[Exposure]:
            return [("x", True), ("x", False), ("y", False), ("y", False)]

    assert exposures_of([Twice()], evidence()) == {
        ("address", "x"): True,
        ("address", "y"): False,
    }

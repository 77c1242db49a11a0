"""Scores: what a shared fault explains better than separate ones, and when a partial one is over.

The figures are nats; the tests compare hypotheses, as the selection does.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.incidents.evidence_index import EvidenceIndex
from monitor.incidents.fault_model import Exposure, FaultModel, Figures, Hypothesis, Mode
from monitor.incidents.observation import Evidence, Observation
from monitor.incidents.partial import (
    PARTIAL_SECONDS,
    YOUNG,
    _alternates,
    _Count,
    _entropy,
    _gain,
    _steadily_bad,
    partial,
)
from monitor.incidents.scoring import EXEMPT, LEAST_SHARE, OWN_FAULT, SUSPECT, narrowed, total
from monitor.model.causes import Cause
from monitor.model.incident import Scope
from monitor.model.probe_result import ProbeResult
from monitor.model.state import State
from tests.incidents.evidence import TIMEOUT, evidence, hypothesis, target, track

BAD = Cause.TCP_TIMEOUT
ELEMENT = ("shared", "all")


class Shared(FaultModel):
    """Everything depends on one element."""

    name = "shared"
    scope = Scope.PATH
    cost = 8.0
    modes = frozenset(Mode)

    def exposures(self, evidence: Evidence) -> Iterable[Exposure]:
        return [("all", evidence.cause is not None)]


class Soft(Shared):
    soft = True


class Alone(Shared):
    alone = True
    min_hosts = 1


def index_of(
    results: Sequence[tuple[str, float, bool]], model: FaultModel | None = None, **states: State
) -> EvidenceIndex:
    """An index after results (host, time, whether it is good); hosts that fail are down."""
    index = EvidenceIndex([model or Shared()])
    for host, at, good in results:
        made = index.tracks.get(host)
        if made is None:
            made = index.tracks[host] = track(host)
        seen = evidence(made.target, None if good else BAD)
        exposures = {ELEMENT: not good}
        index._append(made, Observation(at, seen, exposures))
        index._expose(made, exposures)
        made.state = states.get(host, State.UP if good else State.DOWN)
        if made.failures:
            index.troubled[host] = made
    return index


def one_total(index: EvidenceIndex, *reserved: str) -> Hypothesis | None:
    return next(iter(total(index, ELEMENT, reserved)), None)


def test_each_host_that_fails_adds_the_cost_of_a_fault_of_its_own() -> None:
    found = one_total(index_of([(host, 10.0, False) for host in "abc"]))
    assert found is not None
    assert found.score == pytest.approx(3 * OWN_FAULT - 8.0)
    assert found.figures == Figures(results=3, bad=3, failing_hosts=3, working_hosts=0)
    assert found.onset == 10.0


def test_two_targets_of_one_host_count_once_and_the_confirmed_one_counts() -> None:
    index = index_of([(name, 10.0, False) for name in "abc"], a=State.UP)
    index.tracks["b"].target = target("a", name="b")
    found = one_total(index)
    assert found is not None
    assert found.score == pytest.approx(2 * OWN_FAULT - 8.0)
    assert found.figures.failing_hosts == 2


def test_a_failure_that_nothing_confirms_is_worth_less() -> None:
    found = one_total(index_of([(n, 10.0, False) for n in "abc"], c=State.UP))
    assert found is not None
    assert found.score == pytest.approx(2 * OWN_FAULT + SUSPECT - 8.0)


def test_each_host_that_works_since_the_onset_has_a_price() -> None:
    failing = [(host, 10.0, False) for host in "abc"]
    found = one_total(index_of([*failing, ("x", 10.0, True), ("y", 9.9, True)]))
    assert found is not None
    assert found.score == pytest.approx(3 * OWN_FAULT - EXEMPT - 8.0)
    assert [t.target.host for t in found.working] == ["x"]
    assert found.figures == Figures(results=4, bad=3, failing_hosts=3, working_hosts=1)


def test_an_element_is_broken_only_if_most_of_its_hosts_fail() -> None:
    failing = [(host, 10.0, False) for host in "abc"]
    enough = [(host, 11.0, True) for host in "xy"]
    assert len(failing) / 5 == LEAST_SHARE
    assert one_total(index_of([*failing, *enough])) is not None
    assert one_total(index_of([*failing, *enough, ("z", 11.0, True)])) is None
    assert one_total(index_of(failing[:1])) is None


def test_what_failed_long_before_is_left_to_a_reason_of_its_own() -> None:
    old = [("old", 10.0, False)]
    working = [(host, 50.0, True) for host in "xyz"]
    failing = [(host, 100.0, False) for host in "abcde"]
    found = one_total(index_of([*old, *working, *failing]))
    assert found is not None
    assert found.onset == 100.0
    assert sorted(t.target.host for t in found.failing) == list("abcde")
    without = one_total(index_of([*old, *failing]))
    assert without is not None
    assert without.onset == 10.0


def test_a_probe_that_was_waiting_at_the_onset_fails_for_the_same_reason() -> None:
    results = [("slow", 8.0, False), *((h, 9.0, True) for h in "uvwxyz")]
    results += [(h, 10.0, False) for h in "abc"]
    index = index_of(results)
    found = one_total(index)
    assert found is not None
    assert {t.target.id for t in found.failing} == set("abc")
    index.tracks["slow"].probe_result = ProbeResult("slow", 8.0, 3.0, None, (), None)
    waited = one_total(index)
    assert waited is not None
    assert {t.target.id for t in waited.failing} == {*"abc", "slow"}
    assert (waited.onset, waited.score) == (8.0, found.score + OWN_FAULT)
    assert waited.figures == Figures(4, 4, 4, 0)


def test_a_target_that_is_reserved_counts_neither_way() -> None:
    index = index_of([(host, 10.0, False) for host in "abc"])
    found = one_total(index, "a")
    assert found is not None
    assert sorted(t.target.host for t in found.failing) == ["b", "c"]


def test_a_model_of_partial_faults_alone_assumes_no_total_one() -> None:
    class Partly(Shared):
        modes: ClassVar = frozenset({Mode.PARTIAL})

    assert one_total(index_of([(host, 10.0, False) for host in "abc"], Partly())) is None


def test_a_soft_result_counts_in_full_once_it_repeats() -> None:
    results = [(host, at, False) for host in "abc" for at in (10.0, 40.0)]
    index = index_of(results, Soft())
    for made in index.tracks.values():
        for seen in list(made.window):
            made.window.append(replace(seen, evidence=evidence(made.target)))
        made.state = State.UP
    found = one_total(index)
    assert found is not None
    assert found.score == pytest.approx(3 * OWN_FAULT - 8.0)


def flaky(hosts: str = "abcdef", turns: int = 8, period: int = 3) -> list[tuple[str, float, bool]]:
    """Results of several hosts, of which every ``period``-th fails."""
    return [
        (host, 30.0 * turn + number, (turn + number) % period != 0)
        for turn in range(turns)
        for number, host in enumerate(hosts)
    ]


NOW = 220.0


def test_a_share_of_results_that_fails_on_all_hosts_is_a_partial_fault() -> None:
    found = partial(index_of(flaky()), ELEMENT, (), NOW)
    assert found is not None
    assert found.mode is Mode.PARTIAL
    assert (found.figures.results, found.figures.bad) == (48, 16)
    assert (found.figures.failing_hosts, found.figures.working_hosts) == (6, 0)
    assert found.onset == 0.0
    assert found.score > 0


def test_too_few_or_only_bad_results_are_no_partial_fault() -> None:
    few = [(host, at, at != 30.0) for host in "abc" for at in (0.0, 30.0, 60.0)]
    assert partial(index_of(few), ELEMENT, (), 70.0) is None
    whole = [(host, at, False) for host in "abcdef" for at in (0.0, 30.0, 60.0)]
    assert partial(index_of(whole), ELEMENT, (), 70.0) is None
    assert partial(index_of([("a", 0.0, True)]), ELEMENT, (), 70.0) is None


def test_what_fails_and_recovers_together_is_no_partial_fault() -> None:
    together = [
        (host, 30.0 * turn + number, turn not in {2, 3})
        for turn in range(8)
        for number, host in enumerate("abcdef")
    ]
    assert partial(index_of(together), ELEMENT, (), NOW) is None


def test_a_partial_fault_needs_two_hosts_unless_it_is_about_one() -> None:
    results = flaky("a", turns=8, period=2)
    assert partial(index_of(results), ELEMENT, (), NOW) is None
    assert partial(index_of(results), ELEMENT, (), NOW, going_on=True) is not None
    assert partial(index_of(results, Alone()), ELEMENT, (), NOW) is not None
    once = [(host, at, at != 90.0) for host, at, _ in results]
    assert partial(index_of(once, Alone()), ELEMENT, (), NOW) is None


def test_a_partial_fault_of_one_endpoint_needs_more_than_its_cost() -> None:
    rare = [("a", 30.0 * turn, turn % 5 != 0) for turn in range(20)]
    assert partial(index_of(rare, Alone()), ELEMENT, (), 600.0) is None
    often = [("a", 30.0 * turn, turn % 2 != 0) for turn in range(20)]
    assert partial(index_of(often, Alone()), ELEMENT, (), 600.0) is not None


def test_old_and_cleared_results_do_not_count() -> None:
    index = index_of(flaky())
    assert partial(index, ELEMENT, (), NOW + PARTIAL_SECONDS) is None
    for made in index.tracks.values():
        made.cleared_at = 1e6
    assert partial(index, ELEMENT, (), NOW) is None


def test_a_partial_fault_is_over_after_a_run_of_good_results() -> None:
    after = [(host, 240.0 + 30 * n, True) for n in range(12) for host in "abcdef"]
    index = index_of([*flaky(), *after])
    assert partial(index, ELEMENT, (), 600.0, going_on=True) is None
    shorter = index_of([*flaky(), *after[:12]])
    assert partial(shorter, ELEMENT, (), 300.0, going_on=True) is not None


def test_good_results_of_the_last_timeout_do_not_end_it() -> None:
    after = [(host, 240.0 + n / 10, True) for n in range(12) for host in "abcdef"]
    index = index_of([*flaky(), *after])
    assert partial(index, ELEMENT, (), 240.0 + TIMEOUT - 0.1, going_on=True) is not None
    assert partial(index, ELEMENT, (), 241.0 + TIMEOUT, going_on=True) is None


def test_a_fault_that_goes_on_needs_no_new_evidence() -> None:
    few = index_of([("a", 0.0, False), ("b", 1.0, True), ("a", 30.0, True)])
    assert partial(few, ELEMENT, (), 40.0) is None
    found = partial(few, ELEMENT, (), 40.0, going_on=True)
    assert found is not None
    assert found.score >= 1.0
    assert [t.target.host for t in found.failing] == ["a"]
    assert [t.target.host for t in found.working] == ["b"]


def test_a_young_partial_fault_goes_on_before_its_targets_work_again_by_themselves() -> None:
    results = [(host, at, False) for host in "abc" for at in (0.0, 1.0)]
    results += [(host, 0.5, True) for host in "uvwxyz"]
    index = index_of(results)
    found = partial(index, ELEMENT, (), YOUNG, going_on=True, steady=False)
    assert found is not None
    assert {t.target.id for t in found.failing} == set("abc")
    assert partial(index, ELEMENT, (), YOUNG + 0.1, going_on=True, steady=False) is None
    assert partial(index, ELEMENT, (), YOUNG, steady=False) is None


def test_a_target_that_only_fails_is_not_claimed_by_a_partial_fault() -> None:
    dead = [("dead", 30.0 * turn + 7, False) for turn in range(20)]
    found = partial(index_of([*flaky(turns=20), *dead]), ELEMENT, (), 610.0)
    assert found is not None
    assert "dead" not in {t.target.host for t in found.failing}


def test_a_reserved_target_is_not_counted_in_a_partial_fault() -> None:
    index = index_of(flaky())
    found = partial(index, ELEMENT, ("a",), NOW)
    assert found is not None
    assert "a" not in {t.target.host for t in found.failing}
    assert (found.figures.bad, found.figures.failing_hosts) == (13, 5)


@pytest.mark.parametrize(
    ("outcomes", "independent"),
    [
        ("", False),
        ("b", False),
        ("bb", False),
        ("bgb" + "g" * 3 + "b", True),
        ("bgbg", True),
        ("gggbgbg", True),
        ("bgb", False),
        ("bbbbgggg", False),
        ("bbbbbggggbbbbb", False),
        ("bbgbggbbgb", True),
        ("bgggggggggggggggggbg", False),
        ("bbbbbgggggbbbbbggggg", False),
        ("bbbbggggbbbbggggbbbb", True),
    ],
)
def test_independent_failures_alternate_with_successes(outcomes: str, *, independent: bool) -> None:
    merged = [(float(n), outcome == "b") for n, outcome in enumerate(outcomes)]
    assert _alternates(Shared(), merged, ()) is independent


def test_entropy_is_the_cost_of_naming_which_results_are_bad() -> None:
    assert _entropy(10, 0) == _entropy(10, 10) == 0.0
    assert _entropy(2, 1) == pytest.approx(2 * math.log(2))
    assert _entropy(4, 1) == pytest.approx(math.log(4) + 3 * math.log(4 / 3))
    assert _entropy(4, 1) == pytest.approx(_entropy(4, 3))


def gain(n: int, k: int, share: float) -> float:
    return _gain([_Count(track("a"), n, k)], min(max(share, 0.001), 0.999))


@given(st.integers(1, 30), st.integers(0, 30), st.floats(0, 1))
def test_a_common_share_gains_most_for_a_target_that_has_it(n: int, k: int, share: float) -> None:
    k = min(k, n)
    assert gain(n, k, share) <= gain(n, k, k / n) + 1e-9
    if k == 0:
        assert -EXEMPT <= gain(n, k, share) <= 0.0


def test_a_gain_is_what_separate_noise_or_an_own_fault_would_cost() -> None:
    # One bad result of ten: noise explains it at 4.6 nats, a common share of 10 % at 3.25.
    assert gain(10, 1, 0.1) == pytest.approx(4.6 - _entropy(10, 1))
    # Five of ten: a fault of its own is cheaper than noise five times.
    assert gain(10, 5, 0.5) == pytest.approx(OWN_FAULT)
    assert gain(2, 0, 0.5) == pytest.approx(-2 * math.log(2))
    assert gain(20, 0, 0.5) == -EXEMPT


def test_two_targets_of_a_host_that_only_fails_are_one_fault_of_its_own() -> None:
    counts = [_Count(track("a"), 3, 3), _Count(track("a"), 3, 3)]
    assert _gain(counts, 0.5) == pytest.approx(OWN_FAULT - 6 * math.log(2))


@pytest.mark.parametrize(
    ("causes", "share", "steady"),
    [
        ((BAD,) * 20, 0.5, True),
        ((BAD,) * 16, 0.5, False),
        ((BAD,) * 17, 0.5, True),
        ((BAD, None) * 10, 0.5, False),
        ((BAD,) * 2 + (None,) + (BAD,) * 2, 0.001, False),
        ((BAD,) * 3, 0.001, True),
    ],
)
def test_a_run_of_failures_that_a_share_does_not_explain_is_steady(
    causes: tuple[Cause | None, ...], share: float, *, steady: bool
) -> None:
    made = track("a", *causes)
    assert _steadily_bad(made, share) is steady


def test_a_hypothesis_that_loses_nothing_stays_as_it_is() -> None:
    found = hypothesis(Shared(), "all", *(track(host, BAD) for host in "abc"))
    assert narrowed(found, {"x"}) is found


def test_a_hypothesis_loses_the_share_of_its_gain_that_another_explains() -> None:
    found = hypothesis(Shared(), "all", *(track(host, BAD) for host in "abcd"), score=16.0)
    left = narrowed(found, {"a"})
    assert left is not None
    assert [t.target.host for t in left.failing] == ["b", "c", "d"]
    assert left.score == pytest.approx((16.0 + 8.0) * 3 / 4 - 8.0)
    assert left.figures.failing_hosts == 3


def test_hosts_that_work_are_paid_for_once_more_by_what_is_left() -> None:
    working = [track(host, None) for host in "xy"]
    failing = [track(host, BAD) for host in "abcd"]
    found = hypothesis(Shared(), "all", *failing, working=working, score=10.0)
    left = narrowed(found, {"a"})
    assert left is not None
    assert left.score == pytest.approx((10.0 + 8.0 + 2 * EXEMPT) * 3 / 4 - 8.0 - 2 * EXEMPT)
    gains = {t.target.id: number for number, t in enumerate(failing, 1)}
    part = narrowed(replace(found, mode=Mode.PARTIAL, gains=gains), {"a"})
    assert part is not None
    assert part.score == pytest.approx(10.0 - 1)


def test_too_little_that_is_left_is_nothing() -> None:
    failing = [track(host, BAD) for host in "abc"]
    found = hypothesis(Shared(), "all", *failing)
    assert narrowed(found, set("abc")) is None
    assert narrowed(found, set("ab")) is None
    assert narrowed(found, {"a"}) is not None
    broad = hypothesis(Shared(), "all", *failing, working=[track(h, None) for h in "xy"])
    assert narrowed(broad, {"a"}) is None
    assert narrowed(replace(broad, mode=Mode.PARTIAL), {"a"}) is not None


def test_a_second_target_of_a_host_that_is_left_keeps_the_host() -> None:
    other = track("a", BAD, of=target("a", name="a2"))
    found = hypothesis(Shared(), "all", track("a", BAD), other, track("b", BAD), score=4.0)
    left = narrowed(found, {"a"})
    assert left is not None
    assert left.figures.failing_hosts == 2
    assert left.score == pytest.approx(4.0)


def test_one_host_of_two_targets_loses_nothing_with_one_of_them() -> None:
    other = track("a", BAD, of=target("a", name="a2"))
    found = hypothesis(Alone(), "all", track("a", BAD), other, score=4.0)
    left = narrowed(found, {"a"})
    assert left is not None
    assert left.score == pytest.approx(4.0)


def test_results_of_exactly_ten_minutes_ago_still_count() -> None:
    assert partial(index_of(flaky(turns=8)), ELEMENT, (), PARTIAL_SECONDS) is not None
    first = [(host, 0.0, False) for host in "abcd"]
    later = [(host, 30.0 + n, n % 2 == 0) for n, host in enumerate("abcd" * 3)]
    found = partial(index_of([*first, *later]), ELEMENT, (), PARTIAL_SECONDS)
    assert found is not None
    assert found.onset == 0.0
    late = partial(index_of([*first, *later]), ELEMENT, (), PARTIAL_SECONDS + 1)
    assert late is None or late.onset > 0.0


def test_a_soft_result_alone_is_only_a_suspicion() -> None:
    index = index_of([(host, 10.0, False) for host in "abc"], Soft())
    for made in index.tracks.values():
        seen = made.window[-1]
        made.window[-1] = replace(seen, evidence=evidence(made.target))
        made.state = State.UP
    found = one_total(index)
    assert found is not None
    assert found.score == pytest.approx(3 * SUSPECT - 8.0)
    for made in index.tracks.values():
        made.window.append(made.window[-1])
    again = one_total(index)
    assert again is not None
    assert again.score == pytest.approx(3 * SUSPECT - 8.0), "the same result twice"

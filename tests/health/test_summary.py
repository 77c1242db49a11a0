"""Targets are counted by state; required ones that were not proved reachable are missing."""

from __future__ import annotations

from dataclasses import replace

from monitor.health.summary import Summary, tally
from monitor.model.state import State
from tests.probe_results import target

U, D, G, N = State.UP, State.DOWN, State.DEGRADED, State.UNKNOWN


def test_every_state_is_counted() -> None:
    states = (U, U, U, G, G, D, N, N, N, N)
    pairs = [(target(f"t{number}"), state) for number, state in enumerate(states)]
    assert tally(pairs) == Summary(10, up=3, degraded=2, down=1, unknown=4, required_missing=5)


def test_an_optional_target_is_never_missing_and_a_degraded_one_is_reached() -> None:
    pairs = [(target("a", required=False), D), (target("b"), G), (target("c"), U)]
    assert tally(pairs).required_missing == 0
    assert tally(pairs).ok


def test_a_required_target_that_is_down_or_unknown_is_missing() -> None:
    for state in (D, N):
        assert tally([(target("a"), state)]).required_missing == 1
        assert not tally([(target("a"), state)]).ok


def test_a_target_whose_alternative_works_is_covered_by_it() -> None:
    mirrors = [target("a"), target("b")]
    mirrors = [
        replace(t, endpoint=replace(t.endpoint, redundancy_group=f"mirrors/{t.id}"))
        for t in mirrors
    ]
    summary = tally([(mirrors[0], D), (mirrors[1], U), (target("c"), D)])
    assert (summary.required_missing, summary.covered_by_redundancy) == (1, 1)
    summary = tally([(mirrors[0], D), (mirrors[1], D)])
    assert (summary.required_missing, summary.covered_by_redundancy) == (2, 0)

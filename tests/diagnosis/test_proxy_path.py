"""The two ways to a target: which was taken, how they compare, and what that tells."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.diagnosis.evidence import evidence_of
from monitor.diagnosis.proxy_path import (
    Comparison,
    Way,
    comparison,
    finding,
    may_be_proxied,
    way_of,
    way_text,
    ways_of,
)
from monitor.model.endpoint import Protocol
from monitor.model.probe_result import Attempt, Failure, FailureKind, Phase
from monitor.model.target import Target
from tests.attempts import attempt, target

FAILED = Failure(Phase.PROXY, FailureKind.PROXY_STATUS, "the proxy answered 403", code="403")


def way(*, proxy: bool, ok: bool) -> Attempt:
    made = attempt("t")
    return replace(made, proxy="p.corp:3128" if proxy else None, failure=None if ok else FAILED)


def both(*, through: bool, directly: bool, taken: Way = Way.PROXY) -> Attempt:
    proxied, direct = way(proxy=True, ok=through), way(proxy=False, ok=directly)
    first, other = (proxied, direct) if taken is Way.PROXY else (direct, proxied)
    return replace(first, beside=other)


@pytest.mark.parametrize(
    ("through", "directly", "told"),
    [
        (True, True, Comparison.BOTH),
        (True, False, Comparison.PROXY_ONLY),
        (False, True, Comparison.DIRECT_ONLY),
        (False, False, Comparison.NEITHER),
    ],
)
@pytest.mark.parametrize("taken", Way)
def test_two_ways_compare_the_same_whichever_counts(
    through: bool, directly: bool, told: Comparison, taken: Way
):
    assert comparison(both(through=through, directly=directly, taken=taken)) is told


def test_one_way_is_not_compared():
    assert comparison(way(proxy=True, ok=True)) is None
    assert comparison(None) is None
    assert ways_of(way(proxy=False, ok=True)) == {}
    assert list(ways_of(way(proxy=True, ok=True))) == [Way.PROXY]
    assert way_of(None) is None
    assert way_of(way(proxy=False, ok=True)) is Way.DIRECT


def test_the_way_is_said_with_how_the_other_went():
    good = both(through=True, directly=False)
    assert way_text(target("t"), good) == (
        "through p.corp:3128; directly it fails: the proxy answered 403"
    )
    assert way_text(target("t"), both(through=True, directly=True)).endswith("directly in 250 ms")
    assert way_text(target("t"), way(proxy=False, ok=True)) == "directly"
    assert evidence_of(good)["other_way"].startswith("directly it fails")


def udp() -> Target:
    made = target("t")
    return replace(made, endpoint=replace(made.endpoint, protocol=Protocol.UDP, prober="nebula"))


def test_what_no_proxy_can_carry_goes_directly_as_always():
    assert not may_be_proxied(udp().endpoint)
    assert way_text(udp(), way(proxy=False, ok=True)) == "directly, as always"


@pytest.mark.parametrize(
    ("made", "sentence", "cure"),
    [
        (
            both(through=False, directly=True),
            "only through the proxy it fails",
            "add it to NO_PROXY",
        ),
        (
            both(through=True, directly=False, taken=Way.DIRECT),
            "reached only through the proxy",
            "out of NO_PROXY",
        ),
        (both(through=True, directly=False), "", ""),
        (both(through=False, directly=False), "", ""),
        (way(proxy=True, ok=False), "", ""),
    ],
)
def test_the_other_way_is_a_finding_only_where_it_works_and_this_one_does_not(
    made: Attempt, sentence: str, cure: str
):
    said = finding(made)
    assert sentence in said[0]
    assert cure in said[1]
    assert bool(said[0]) is bool(sentence)

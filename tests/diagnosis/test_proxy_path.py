"""The two ways to a target: which was taken, how they compare, and what that tells."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.diagnosis.evidence import evidence_of
from monitor.diagnosis.proxy_path import (
    Comparison,
    ProxyPath,
    comparison,
    hypothesis,
    may_be_proxied,
    proxy_path_of,
    proxy_path_text,
    proxy_paths_of,
)
from monitor.model.endpoint import Protocol
from monitor.model.probe_result import Failure, FailureKind, Phase, ProbeResult
from monitor.model.target import Target
from tests.probe_results import probe_result, target

FAILED = Failure(Phase.PROXY, FailureKind.PROXY_STATUS, "the proxy answered 403", code="403")


def proxy_path(*, proxy: bool, ok: bool) -> ProbeResult:
    made = probe_result("t")
    return replace(made, proxy="p.corp:3128" if proxy else None, failure=None if ok else FAILED)


def both(*, through: bool, directly: bool, taken: ProxyPath = ProxyPath.PROXY) -> ProbeResult:
    proxied, direct = proxy_path(proxy=True, ok=through), proxy_path(proxy=False, ok=directly)
    first, other = (proxied, direct) if taken is ProxyPath.PROXY else (direct, proxied)
    return replace(first, alternate=other)


@pytest.mark.parametrize(
    ("through", "directly", "told"),
    [
        (True, True, Comparison.BOTH),
        (True, False, Comparison.PROXY_ONLY),
        (False, True, Comparison.DIRECT_ONLY),
        (False, False, Comparison.NEITHER),
    ],
)
@pytest.mark.parametrize("taken", ProxyPath)
def test_two_ways_compare_the_same_whichever_counts(
    through: bool, directly: bool, told: Comparison, taken: ProxyPath
):
    assert comparison(both(through=through, directly=directly, taken=taken)) is told


def test_one_way_is_not_compared():
    assert comparison(proxy_path(proxy=True, ok=True)) is None
    assert comparison(None) is None
    assert proxy_paths_of(proxy_path(proxy=False, ok=True)) == {}
    assert list(proxy_paths_of(proxy_path(proxy=True, ok=True))) == [ProxyPath.PROXY]
    assert proxy_path_of(None) is None
    assert proxy_path_of(proxy_path(proxy=False, ok=True)) is ProxyPath.DIRECT


def test_the_way_is_said_with_how_the_other_went():
    good = both(through=True, directly=False)
    assert proxy_path_text(target("t"), good) == (
        "through p.corp:3128; directly it fails: the proxy answered 403"
    )
    assert proxy_path_text(target("t"), both(through=True, directly=True)).endswith(
        "directly in 250 ms"
    )
    assert proxy_path_text(target("t"), proxy_path(proxy=False, ok=True)) == "directly"
    assert evidence_of(good)["other_way"].startswith("directly it fails")


def udp() -> Target:
    made = target("t")
    return replace(made, endpoint=replace(made.endpoint, protocol=Protocol.UDP, prober="nebula"))


def test_what_no_proxy_can_carry_goes_directly_as_always():
    assert not may_be_proxied(udp().endpoint)
    assert proxy_path_text(udp(), proxy_path(proxy=False, ok=True)) == "directly, as always"


@pytest.mark.parametrize(
    ("made", "sentence", "remediation"),
    [
        (
            both(through=False, directly=True),
            "only through the proxy it fails",
            "add it to NO_PROXY",
        ),
        (
            both(through=True, directly=False, taken=ProxyPath.DIRECT),
            "reached only through the proxy",
            "out of NO_PROXY",
        ),
        (both(through=True, directly=False), "", ""),
        (both(through=False, directly=False), "", ""),
        (proxy_path(proxy=True, ok=False), "", ""),
    ],
)
def test_the_other_way_is_a_finding_only_where_it_works_and_this_one_does_not(
    made: ProbeResult, sentence: str, remediation: str
):
    said = hypothesis(made)
    assert sentence in said[0]
    assert remediation in said[1]
    assert bool(said[0]) is bool(sentence)

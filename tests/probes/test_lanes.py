"""The address that a client would use: order, head start and failure, as in Go's dialer."""

from __future__ import annotations

import pytest

from monitor.model.probe_result import Connection, Failure, FailureKind, Family, Phase
from monitor.model.settings import FamilyChoice
from monitor.probes.lanes import (
    FALLBACK_DELAY,
    LaneResult,
    failure_of_lanes,
    goes_on,
    lanes_of,
    winner,
)

V4, V4B, V6, V6B = "198.51.100.1", "198.51.100.2", "2001:db8::1", "2001:db8::2"
SOURCES = {V4: "198.51.100.9", V4B: "198.51.100.9", V6: "2001:db8::9", V6B: "2001:db8::9"}
REFUSED = Failure(Phase.CONNECT, FailureKind.OS_ERROR, "Connection refused", 111, "ECONNREFUSED")
RESET = Failure(Phase.TLS, FailureKind.OS_ERROR, "Connection reset by peer", 104, "ECONNRESET")


def lanes(
    *addresses: str, families: FamilyChoice = FamilyChoice.AUTO, without: str = ""
) -> tuple[tuple[str, ...], ...]:
    def source_of(address: str) -> str | None:
        return None if without and without in address else SOURCES[address]

    return lanes_of(addresses, families, source_of)


def lane(failure: Failure | None, established: float | None, address: str = V4) -> LaneResult:
    family = Family.IPV6 if ":" in address else Family.IPV4
    connection = Connection(address, 443, family, {}, failure)
    return LaneResult((connection,), established, 1.0)


@pytest.mark.parametrize(
    ("addresses", "families", "without", "expected"),
    [
        ((V4,), FamilyChoice.AUTO, "", ((V4,),)),
        ((V4, V4B, V6), FamilyChoice.AUTO, "", ((V6,), (V4, V4B))),
        ((V4, V6), FamilyChoice.AUTO, ":", ((V4,),)),
        ((V4, V6), FamilyChoice.AUTO, ".", ((V6,),)),
        ((V4, V6), FamilyChoice.BOTH, ":", ((V4,), (V6,))),
        ((V4, V6), FamilyChoice.IPV4, "", ((V4,),)),
        ((V4, V6), FamilyChoice.IPV6, "", ((V6,),)),
        ((V4,), FamilyChoice.IPV6, "", ()),
        ((V4, V4B), FamilyChoice.AUTO, ".", ((V4, V4B),)),
        ((), FamilyChoice.AUTO, "", ()),
    ],
)
def test_families_are_dialed_in_the_order_of_preference(
    addresses: tuple[str, ...],
    families: FamilyChoice,
    without: str,
    expected: tuple[tuple[str, ...], ...],
):
    assert lanes(*addresses, families=families, without=without) == expected


@pytest.mark.parametrize(
    ("primary", "other", "first"),
    [
        (0.01, 0.001, True),
        (FALLBACK_DELAY, 0.01, True),
        (FALLBACK_DELAY + 0.2, 0.01, False),
        (FALLBACK_DELAY + 0.2, 0.5, True),
        (None, 0.01, False),
        (0.01, None, True),
        (None, None, True),
    ],
)
def test_the_preferred_family_has_a_head_start(
    primary: float | None, other: float | None, first: bool
):
    results = [lane(None, primary, V6), lane(None, other, V4)]
    assert (winner(results) is results[0]) is first


def test_a_failure_after_connecting_is_the_endpoints_own():
    results = [lane(RESET, 0.01, V6), lane(None, 0.01, V4)]
    assert failure_of_lanes(results, FamilyChoice.AUTO) is RESET


def test_a_family_that_does_not_connect_fails_only_if_both_are_required():
    results = [lane(REFUSED, None, V6), lane(None, 0.01, V4)]
    assert failure_of_lanes(results, FamilyChoice.AUTO) is None
    assert failure_of_lanes(results, FamilyChoice.BOTH) is REFUSED


def test_the_first_error_of_the_preferred_family_is_reported():
    other = Failure(Phase.CONNECT, FailureKind.TIMEOUT, "no answer in time")
    first = Connection(V6, 443, Family.IPV6, {}, REFUSED)
    second = Connection(V6B, 443, Family.IPV6, {}, other)
    results = [LaneResult((first, second), None, 1.0), lane(other, None, V4)]
    assert failure_of_lanes(results, FamilyChoice.AUTO) is REFUSED


def test_only_an_address_that_does_not_answer_leads_to_the_next_one():
    assert goes_on(REFUSED)
    assert goes_on(Failure(Phase.EXCHANGE, FailureKind.TIMEOUT, "no answer in time"))
    assert not goes_on(None)
    assert not goes_on(RESET)
    assert not goes_on(Failure(Phase.EXCHANGE, FailureKind.NTP_REFUSED, "RATE"))
    assert not goes_on(Failure(Phase.CONNECT, FailureKind.INTERNAL, "a bug"))

"""Faults of the way out: what supports them, what contradicts them, and how they read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.incidents.fault_model import Figures, Hypothesis
from monitor.incidents.models.egress import (
    AddressFamily,
    AllEgress,
    Port,
    PublicEgress,
    fails_on_path,
)
from monitor.incidents.observation import Leg
from monitor.model.causes import Cause
from monitor.model.endpoint import Protocol
from monitor.model.groups import RESOLVER_GROUP
from tests.incidents.evidence import (
    evidence,
    hypothesis,
    leg,
    nothing_works,
    shown,
    target,
    track,
    works,
)

C = Cause
V4, V6 = "192.0.2.1", "2001:db8::1"
CONNECTED = leg(ok=False, connected=True)
NEAR = target("10.0.0.2", group=RESOLVER_GROUP, port=53, protocol=Protocol.DNS)


@pytest.mark.parametrize(
    ("cause", "legs", "fails"),
    [
        (C.TCP_TIMEOUT, (leg(ok=False),), True),
        (C.DNS_TIMEOUT, (), True),
        (C.TCP_TIMEOUT, (CONNECTED,), False),
        (C.HTTP_STATUS, (leg(ok=False),), False),
        (None, (leg(),), False),
    ],
)
def test_a_result_fails_on_the_path_before_anything_answered(
    cause: Cause | None, legs: tuple[Leg, ...], *, fails: bool
) -> None:
    assert fails_on_path(evidence(cause=cause, legs=legs)) is fails


def test_all_egress_depends_on_what_leaves_the_subnet_directly() -> None:
    model = AllEgress()
    assert shown(model, evidence(cause=C.TCP_TIMEOUT)) == [("egress", True)]
    assert shown(model, evidence()) == [("egress", False)]
    assert shown(model, evidence(cause=C.HTTP_STATUS, legs=(CONNECTED,))) == [("egress", False)]
    assert shown(model, evidence(cause=C.DNS_NXDOMAIN, legs=())) == []
    assert shown(model, evidence(cause=C.TCP_TIMEOUT, proxy="p:1")) == []
    assert shown(model, evidence(NEAR, C.TCP_TIMEOUT)) == []


def test_lookups_alone_are_not_all_egress() -> None:
    model = AllEgress()
    lookups = [track(host, C.DNS_TIMEOUT) for host in ("a.example", "b.example")]
    one = track("c.example", C.TCP_TIMEOUT)
    assert not model.admits(hypothesis(model, "egress", *lookups), nothing_works)
    found = hypothesis(model, "egress", *lookups, one)
    assert model.admits(found, nothing_works)
    assert model.cause(found) is C.TCP_TIMEOUT


def test_all_egress_says_whether_anything_still_works() -> None:
    model = AllEgress()
    failing = [track(host, C.TCP_TIMEOUT) for host in ("a.example", "b.example")]
    whole = hypothesis(model, "egress", *failing)
    assert model.detail(whole, nothing_works) == (
        "Nothing outside this subnet answers: all 2 hosts tried fail, connections time out."
    )
    most = hypothesis(model, "egress", *failing, working=[track("c.example", None)])
    assert model.detail(most, nothing_works) == (
        "Most of what is outside this subnet fails: 2 of 3 hosts, connections time out. "
        "Still works: c.example."
    )
    assert "default route" in model.remediation(whole)
    refused = hypothesis(model, "egress", track("a.example", C.TCP_REFUSED))
    assert "it refuses it" in model.remediation(refused)


def public(address: str, *, connected: bool) -> Leg:
    is_public = not address.startswith("10.")
    return leg(address, ok=connected, connected=connected, public=is_public)


def test_public_egress_separates_public_from_private_addresses() -> None:
    model = PublicEgress()
    failed, reached = public(V4, connected=False), public(V4, connected=True)
    private = public("10.0.0.9", connected=True)
    assert shown(model, evidence(cause=C.TCP_TIMEOUT, legs=(failed,))) == [("public", True)]
    assert shown(model, evidence(legs=(reached,))) == [("public", False)]
    assert shown(model, evidence(legs=(private,))) == [("private", False)]
    assert shown(model, evidence(legs=(private, failed))) == []
    silent = public("10.0.0.9", connected=False)
    assert shown(model, evidence(cause=C.TCP_TIMEOUT, legs=(silent,))) == []
    assert shown(model, evidence(legs=())) == []
    assert shown(model, evidence(legs=(reached,), proxy="p:1")) == []
    assert shown(model, evidence(NEAR, legs=(reached,))) == []


def test_public_egress_needs_a_private_address_that_works() -> None:
    model = PublicEgress()
    failing = [track(host, C.TCP_TIMEOUT) for host in ("a.example", "b.example")]
    found = hypothesis(model, "public", *failing)
    endpoint = works(track("ec2.eu-west-1.amazonaws.com", None))
    assert model.admits(found, endpoint)
    assert not model.admits(found, nothing_works)
    assert not model.admits(hypothesis(model, "private", *failing), endpoint)
    assert model.subject(found) == "public addresses"
    assert model.detail(found, endpoint) == (
        "Nothing at a public address answers (all 2 hosts tried fail, connections time out), while "
        "private addresses do: ec2.eu-west-1.amazonaws.com."
    )
    assert "NAT gateway" in model.remediation(found)


def test_an_address_family_is_judged_by_its_own_connections() -> None:
    model = AddressFamily()
    both = (leg(V4), leg(V6, ok=False))
    assert shown(model, evidence(legs=both)) == [("ipv4", False), ("ipv6", True)]
    failed = (leg(V4, ok=False), leg(V6, ok=False))
    assert shown(model, evidence(cause=C.TCP_TIMEOUT, legs=failed)) == [
        ("ipv4", True),
        ("ipv6", True),
    ]
    assert shown(model, evidence(legs=(leg(V4),))) == [("ipv4", False)]
    answered = (leg(V4, ok=False), leg(V6, ok=False, connected=True))
    assert shown(model, evidence(cause=C.HTTP_STATUS, legs=answered)) == [("ipv6", False)]
    assert shown(model, evidence(legs=both, proxy="p:1")) == []
    assert shown(model, evidence(NEAR, legs=both)) == []


def family_fault(*, unrouted: bool = False) -> Hypothesis:
    legs = (leg(V4), leg(V6, ok=False, unrouted=unrouted))
    up = [track(host, None, legs=legs) for host in ("a.example", "b.example")]
    return hypothesis(AddressFamily(), "ipv6", *up)


def test_an_address_family_is_broken_only_while_the_other_one_works() -> None:
    model, found = AddressFamily(), family_fault()
    asked: list[tuple[str, str]] = []

    def working(name: str, key: str, since: float) -> list[object]:
        asked.append((name, key))
        return [track("c.example", None)]

    assert model.admits(found, working)  # type: ignore[arg-type]
    assert asked == [("address_family", "ipv4")]
    assert not model.admits(found, nothing_works)


def test_what_fails_over_both_families_needs_another_reason() -> None:
    model = AddressFamily()
    both = track("a.example", C.TCP_TIMEOUT, legs=(leg(V4, ok=False), leg(V6, ok=False)), ok=False)
    only = track("b.example", C.TCP_TIMEOUT, legs=(leg(V6, ok=False),), ok=False)
    found = hypothesis(model, "ipv6", both, only)
    assert model.claims(found) == [only]
    assert not model.admits(hypothesis(model, "ipv6", both), works(track("c.example", None)))
    assert model.detail(found, nothing_works) == (
        "This host gets no answer over IPv6 while IPv4 works: b.example. b.example have only IPv6 "
        "and are down."
    )


def test_one_packet_lost_over_the_other_family_does_not_need_another_reason() -> None:
    model, family = AddressFamily(), family_fault()
    failed = (leg(V4, ok=False), leg(V6, ok=False))
    once = track("c.example", None, C.TCP_TIMEOUT)
    once.window[-1] = replace(
        once.window[-1], evidence=evidence(once.target, C.TCP_TIMEOUT, legs=failed, ok=False)
    )
    found = replace(family, failing=(*family.failing, once))
    assert model.claims(found) == list(found.failing)
    assert model.detail(found, nothing_works) == (
        "This host gets no answer over IPv6 while IPv4 works: a.example, b.example, c.example."
    )
    once.window.append(once.window[-1])
    assert model.claims(found) == list(family.failing)


def test_a_family_is_not_lost_if_most_fail_over_both() -> None:
    model, family = AddressFamily(), family_fault()
    failed = (leg(V4, ok=False), leg(V6, ok=False))
    both = []
    for name in "cde":
        made = track(f"{name}.example", None, C.TCP_TIMEOUT)
        seen = evidence(made.target, C.TCP_TIMEOUT, legs=failed, ok=False)
        made.window[-1] = replace(made.window[-1], evidence=seen)
        both.append(made)
    working = works(track("x.example", None))
    assert not model.admits(replace(family, failing=(*family.failing, *both)), working)
    assert model.admits(replace(family, failing=(*family.failing, *both[:2])), working)


def test_a_family_without_a_route_is_told_as_such() -> None:
    model = AddressFamily()
    unrouted, silent = family_fault(unrouted=True), family_fault()
    assert model.cause(unrouted) is C.NETWORK_UNREACHABLE
    assert model.cause(silent) is C.TCP_TIMEOUT
    assert model.detail(unrouted, nothing_works) == (
        "This host has no route for IPv6 while IPv4 works: a.example, b.example."
    )
    assert "egress-only internet gateway" in model.remediation(silent)
    v4 = hypothesis(model, "ipv4", track("a.example", None, legs=(leg(V4, ok=False), leg(V6))))
    assert "(NAT gateway)" in model.remediation(v4)
    assert model.cause(hypothesis(model, "ipv4", track("a.example"))) is C.TCP_TIMEOUT


def test_a_port_is_judged_by_direct_connections() -> None:
    model = Port()
    assert shown(model, evidence(cause=C.TCP_TIMEOUT)) == [("tcp/443", True)]
    assert shown(model, evidence()) == [("tcp/443", False)]
    udp = target(port=4242, protocol=Protocol.UDP)
    assert shown(model, evidence(udp, C.UDP_NO_REPLY)) == [("udp/4242", True)]
    assert shown(model, evidence(cause=C.DNS_TIMEOUT)) == []
    assert shown(model, evidence(proxy="p:1")) == []
    assert shown(model, evidence(NEAR)) == []
    assert shown(model, evidence(cause=C.DNS_NXDOMAIN, legs=())) == []


@pytest.mark.parametrize(
    ("cause", "words", "remediation"),
    [
        (C.TCP_TIMEOUT, "gets no answer from all 2 hosts tried", "Open outbound TCP 443"),
        (C.TCP_REFUSED, "is refused by all 2 hosts tried", "a firewall answers for TCP 443"),
        (C.ADMIN_PROHIBITED, "is rejected on the way to", "Open outbound TCP 443"),
    ],
)
def test_a_port_is_worded_by_its_cause(cause: Cause, words: str, remediation: str) -> None:
    model = Port()
    found = hypothesis(model, "tcp/443", track("a.example", cause), track("b.example", cause))
    assert words in model.detail(found, nothing_works)
    assert model.detail(found, nothing_works).endswith(": a.example, b.example.")
    assert remediation in model.remediation(found)


def test_counts_name_the_hosts_that_fail_and_all_of_them() -> None:
    found = hypothesis(Port(), "tcp/443", track(), figures=Figures(9, 5, 3, 2))
    assert "3 of 5 hosts" in Port().detail(found, nothing_works)


def test_a_family_of_a_target_that_works_over_the_other_one_is_claimed() -> None:
    model = AddressFamily()
    both = (leg(V4, ok=False), leg(V6))
    up = track("a.example", None, legs=both)
    assert model.claims(hypothesis(model, "ipv4", up)) == [up]
    only = track("b.example", C.TCP_TIMEOUT, legs=(leg(V4, ok=False),), ok=False)
    assert model.claims(hypothesis(model, "ipv4", only)) == [only]
    assert model.claims(hypothesis(model, "ipv4", track("c.example"))) != []

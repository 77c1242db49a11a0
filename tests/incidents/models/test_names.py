"""Faults of name resolution: all names, one server, one zone, a sinkhole."""

from __future__ import annotations

import pytest

from monitor.incidents.models.names import NameServer, Resolver, Sinkhole, Zone, by_cause
from monitor.incidents.observation import Track
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.endpoint import Protocol
from monitor.model.groups import RESOLVER_GROUP
from tests.incidents.evidence import (
    evidence,
    hypothesis,
    nothing_works,
    shown,
    target,
    track,
    works,
)

C = Cause


def server(address: str = "10.0.0.2", *causes: Cause | None) -> Track:
    of = target(address, group=RESOLVER_GROUP, port=53, protocol=Protocol.DNS)
    return track(address, *causes, of=of)


def unresolved(host: str, cause: Cause = C.DNS_TIMEOUT) -> Track:
    return track(host, cause, resolved=False, servers=(("10.0.0.2", "silent"),))


def test_the_resolver_is_judged_by_lookups_and_by_its_own_probes() -> None:
    model, own = Resolver(), server().target
    assert shown(model, evidence(resolved=True)) == [("names", False)]
    assert shown(model, evidence(cause=C.DNS_SERVFAIL, resolved=False)) == [("names", True)]
    assert shown(model, evidence(cause=C.NETWORK_UNREACHABLE, resolved=False)) == []
    assert shown(model, evidence(resolved=None)) == []
    assert shown(model, evidence(own, C.DNS_TIMEOUT)) == [("names", True)]
    assert shown(model, evidence(own, C.NETWORK_UNREACHABLE)) == [("names", True)]
    assert shown(model, evidence(own, C.SLOW)) == []
    assert shown(model, evidence(own, resolved=True)) == []


@pytest.mark.parametrize(
    ("failing", "admitted"),
    [
        ([unresolved("a.example"), unresolved("b.example")], True),
        ([unresolved("a.example")], False),
        ([unresolved("a.example"), server("10.0.0.2", C.DNS_TIMEOUT)], True),
        ([server("10.0.0.2", C.DNS_TIMEOUT)], False),
        ([unresolved(f"{n}.corp.test", C.DNS_NXDOMAIN) for n in "abc"], False),
        ([unresolved(h, C.DNS_NXDOMAIN) for h in ("a.corp.test", "b.corp.test", "c.two")], True),
        ([unresolved(h, C.DNS_NXDOMAIN) for h in ("a.corp.test", "c.two")], False),
    ],
)
def test_the_resolver_is_blamed_only_for_names_of_several_zones(
    failing: list[Track], *, admitted: bool
) -> None:
    model = Resolver()
    assert model.admits(hypothesis(model, "names", *failing), nothing_works) is admitted
    working = hypothesis(model, "names", *failing, working=[track("x.example", None)])
    assert not model.admits(working, nothing_works)


def test_one_lookup_that_works_does_not_clear_the_name_servers() -> None:
    model = Resolver()
    failing = [unresolved(f"{n}.example") for n in "abc"]
    found = hypothesis(model, "names", *failing, working=[track("x.example", None)])
    assert model.admits(found, nothing_works)
    assert model.detail(found, nothing_works) == (
        "Name server 10.0.0.2 does not resolve most names (no answer in time): a.example, "
        "b.example, c.example. Still resolved: x.example."
    )


@pytest.mark.parametrize(("working", "admitted"), [(1, True), (2, False)])
def test_a_server_that_answers_is_blamed_if_hardly_any_name_resolves(
    working: int, *, admitted: bool
) -> None:
    model = Resolver()
    failing = [unresolved(f"{n}.{n}.test", C.DNS_NXDOMAIN) for n in "abcde"]
    up = [track(f"x{n}.example", None) for n in range(working)]
    found = hypothesis(model, "names", *failing, working=up)
    assert model.admits(found, nothing_works) is admitted


def test_two_servers_that_fail_before_a_lookup_has_ended_are_one_fault() -> None:
    model = Resolver()
    servers = [server(f"10.0.0.{n}", C.DNS_TIMEOUT) for n in (2, 3)]
    found = hypothesis(model, "names", *servers)
    assert model.admits(found, nothing_works)
    assert model.cause(found) is C.DNS_TIMEOUT
    assert model.detail(found, nothing_works) == (
        "Name servers 10.0.0.2, 10.0.0.3 fail (no answer in time)."
    )
    working = hypothesis(model, "names", *servers, working=[track("x.example", None)])
    assert not model.admits(working, nothing_works), "a third one answers"


def test_the_resolver_is_named_by_its_broken_servers_or_by_those_asked() -> None:
    model = Resolver()
    names = [unresolved("a.example"), unresolved("b.example")]
    asked = hypothesis(model, "names", *names)
    assert model.subject(asked) == "10.0.0.2"
    assert model.detail(asked, nothing_works) == (
        "Name server 10.0.0.2 does not resolve names (no answer in time): a.example, b.example."
    )
    broken = [server("10.0.0.3", C.DNS_TIMEOUT), server("10.0.0.4", C.DNS_TIMEOUT)]
    several = hypothesis(model, "names", *names, *broken)
    assert model.subject(several) == "10.0.0.3, 10.0.0.4"
    assert model.detail(several, nothing_works) == (
        "Name servers 10.0.0.3, 10.0.0.4 do not resolve names (no answer in time): "
        "a.example, b.example."
    )
    assert model.subject(hypothesis(model, "names", track("a.example"))) == "name servers"
    assert "DHCP option set" in model.remediation(asked)


def test_the_cause_is_that_of_the_names() -> None:
    model = Resolver()
    found = hypothesis(
        model, "names", server("10.0.0.2", C.NETWORK_UNREACHABLE), unresolved("a.example")
    )
    assert model.cause(found) is C.DNS_TIMEOUT
    alone = hypothesis(model, "names", server("10.0.0.2", C.NETWORK_UNREACHABLE))
    assert model.cause(alone) is C.NETWORK_UNREACHABLE


def test_a_name_server_is_judged_by_its_own_probe() -> None:
    model, own = NameServer(), server().target
    assert shown(model, evidence(own, C.DNS_TIMEOUT)) == [("10.0.0.2", True)]
    assert shown(model, evidence(own)) == [("10.0.0.2", False)]
    assert shown(model, evidence(cause=C.DNS_TIMEOUT)) == []


def test_a_name_server_tells_whether_names_still_resolve() -> None:
    model = NameServer()
    found = hypothesis(model, "10.0.0.2", server("10.0.0.2", C.DNS_TIMEOUT))
    assert model.detail(found, nothing_works) == "10.0.0.2 fails."
    others = works(track("a.example", None))
    assert model.detail(found, others).endswith(" Names still resolve by the others.")
    well = hypothesis(model, "10.0.0.2", server("10.0.0.2", None))
    assert model.detail(well, nothing_works) == "10.0.0.2 fails."
    assert "DHCP option set" in model.remediation(found)
    slow = server("10.0.0.2", C.SLOW)
    assert model.remediation(hypothesis(model, "10.0.0.2", slow)) == "Repair 10.0.0.2."


def test_a_zone_is_judged_by_the_answers_to_its_names() -> None:
    model, own = Zone(), target("a.b.corp.example")
    assert shown(model, evidence(own, resolved=True)) == [("corp.example", False)]
    wrong = evidence(own, C.DNS_NXDOMAIN, resolved=False)
    assert shown(model, wrong) == [("corp.example", True)]
    assert shown(model, evidence(own, C.DNS_TIMEOUT, resolved=False)) == []
    assert shown(model, evidence(own, C.DNS_NXDOMAIN, resolved=None)) == []
    assert shown(model, evidence(server().target, resolved=True)) == []


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (C.DNS_NXDOMAIN, "do not exist, by the name server's answer"),
        (C.DNS_NODATA, "have no address, by the name server's answer"),
        (C.DNS_SINKHOLED, "get an address that cannot be right"),
    ],
)
def test_a_zone_is_worded_by_the_answer(cause: Cause, words: str) -> None:
    model = Zone()
    failing = [unresolved(host, cause) for host in ("a.corp.example", "b.corp.example")]
    whole = hypothesis(model, "corp.example", *failing)
    assert model.subject(whole) == "*.corp.example"
    assert model.detail(whole, nothing_works) == (
        f"All names of corp.example {words} ({cause.value}): a.corp.example, b.corp.example."
    )
    most = hypothesis(model, "corp.example", *failing, working=[track("c.corp.example", None)])
    assert model.detail(most, nothing_works).startswith("Most names of corp.example")
    assert "DNS Firewall" in model.remediation(whole)


def test_a_sinkhole_is_one_address_where_something_else_answers() -> None:
    model = Sinkhole()
    stranger = evidence(cause=C.TLS_NAME_MISMATCH, resolved=True)
    assert shown(model, stranger) == [("192.0.2.1", True)]
    assert shown(model, evidence(resolved=True)) == [("192.0.2.1", False)]
    assert shown(model, evidence(cause=C.TCP_TIMEOUT, resolved=True)) == []
    assert shown(model, evidence(resolved=None)) == []
    assert shown(model, evidence(resolved=True, legs=())) == []
    assert shown(model, evidence(resolved=True, proxy="p:1")) == []
    failing = [track(host, C.TLS_NAME_MISMATCH) for host in ("a.example", "b.example")]
    found = hypothesis(model, "192.0.2.1", *failing)
    assert model.admits(found, nothing_works)
    used = hypothesis(model, "192.0.2.1", *failing, working=[track("c.example", None)])
    assert not model.admits(used, nothing_works)
    assert model.cause(found) is C.DNS_SINKHOLED
    assert "(tls_name_mismatch): a sinkhole" in model.detail(found, nothing_works)
    failing[0].diagnosis = Diagnosis(C.TLS_NAME_MISMATCH, "x", "y", {"subject": "CN=block"})
    assert "(its certificate is for CN=block)" in model.detail(found, nothing_works)
    assert "DNS Firewall" in model.remediation(found)


def test_targets_are_parted_by_the_cause_of_their_last_bad_result() -> None:
    timeout, refused = track("a", C.TCP_TIMEOUT, None), track("b", C.TCP_REFUSED)
    other, good = track("c", C.TCP_REFUSED, C.TCP_TIMEOUT), track("d", None)
    assert by_cause([timeout, refused, other, good]) == [
        ("tcp_timeout", [timeout, other]),
        ("tcp_refused", [refused]),
        ("", [good]),
    ]

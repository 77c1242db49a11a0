"""Remarks on a lookup: unanswered questions, EDNS, the hosts file, Extended DNS Errors."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.diagnosis.causes import diagnose
from monitor.diagnosis.evidence import evidence_of
from monitor.diagnosis.lookups import (
    family_of_type,
    lookup_used_the_time,
    other_type,
    unanswered,
    waited_for,
)
from monitor.model.causes import Cause
from monitor.model.probe_result import (
    Connection,
    DnsAnswer,
    Failure,
    FailureKind,
    Family,
    Phase,
    ProbeResult,
    Resolution,
    ResolutionSource,
)
from tests.probe_results import probe_result, target

SILENCE = Failure(Phase.RESOLVE, FailureKind.TIMEOUT, "no answer in time")


def answer(qtype: str, *addresses: str, rcode: str | None = "NOERROR") -> DnsAnswer:
    failure = None if rcode else SILENCE
    return DnsAnswer("10.0.0.2:53", qtype, rcode, addresses, 0.01, failure=failure, name="a.test")


GOOD, NONE = answer("A", "192.0.2.1"), answer("AAAA", rcode=None)


def lookup(*answers: DnsAnswer, source: ResolutionSource = ResolutionSource.DNS) -> Resolution:
    return Resolution("a.test", source, ("192.0.2.1",), answers, name="a.test")


def reached(resolution: Resolution) -> ProbeResult:
    connection = Connection("192.0.2.1", 443, Family.IPV4, {Phase.RESOLVE: 0.1})
    return replace(probe_result("t"), resolution=resolution, connections=(connection,))


@pytest.mark.parametrize(
    ("answers", "missing"),
    [
        ((GOOD, NONE, NONE), "AAAA"),
        ((GOOD, NONE), "AAAA"),
        ((GOOD, NONE, answer("AAAA")), ""),
        ((GOOD, answer("AAAA", rcode="NXDOMAIN")), ""),
        ((GOOD, answer("AAAA", rcode="SERVFAIL"), answer("AAAA", rcode="SERVFAIL")), ""),
        ((answer("A", rcode=None), answer("A", rcode=None), answer("AAAA", "2001:db8::1")), "A"),
        ((GOOD,), ""),
        ((), ""),
    ],
)
def test_a_question_that_is_never_answered_is_named(answers: tuple[DnsAnswer, ...], missing: str):
    assert unanswered(lookup(*answers)) == missing


def test_a_silent_record_type_makes_a_target_degraded_and_says_what_it_costs():
    diagnosis = diagnose(target("t"), reached(lookup(GOOD, NONE, NONE)))
    assert diagnosis.cause is Cause.DNS_PARTIAL
    assert "answers A for" in diagnosis.detail
    assert "not AAAA within 0.0 s" in diagnosis.detail
    assert "IPv6" in diagnosis.detail


def test_the_hosts_file_is_named_as_the_source():
    found = replace(lookup(source=ResolutionSource.HOSTS), name="")
    assert evidence_of(reached(found))["address_source"] == "/etc/hosts"


def test_the_name_that_a_search_domain_made_is_named():
    found = replace(lookup(GOOD), host="gitlab", name="gitlab.corp.test")
    assert evidence_of(reached(found))["resolved_as"] == "gitlab.corp.test"
    assert "resolved_as" not in evidence_of(reached(replace(lookup(GOOD), host="a.test.")))


def test_a_server_that_refuses_edns_is_named_though_the_fallback_works():
    found = lookup(replace(GOOD, edns_refused="FORMERR"))
    assert "FORMERR to EDNS" in evidence_of(reached(found))["edns"]


def test_extended_errors_are_evidence_once_and_bounded():
    said = replace(GOOD, extended=((15, "policy 7"), (22, "")))
    many = replace(GOOD, extended=tuple((n, "") for n in range(10)))
    evidence = evidence_of(reached(lookup(said, said, many)))
    assert evidence["dns_error"] == "10.0.0.2:53: 15 Blocked (policy 7)"
    assert len([name for name in evidence if name.startswith("dns_error")]) == 4


@pytest.mark.parametrize(
    ("phases", "used"),
    [
        ({Phase.RESOLVE: 2.0, Phase.CONNECT: 0.1}, True),
        ({Phase.RESOLVE: 1.0, Phase.CONNECT: 2.0}, False),
        ({Phase.RESOLVE: 1.6, Phase.FIRST_BYTE: 1.7}, False),
        ({}, False),
    ],
)
def test_a_lookup_is_to_blame_only_for_most_of_the_time(phases: dict[Phase, float], used: bool):
    connection = Connection("192.0.2.1", 443, Family.IPV4, phases)
    assert lookup_used_the_time(connection, 3.0) is used


def test_a_timeout_after_a_slow_lookup_says_what_the_lookup_took():
    failure = Failure(Phase.FIRST_BYTE, FailureKind.TIMEOUT, "no answer in time")
    phases = {Phase.RESOLVE: 8.2, Phase.FIRST_BYTE: 1.8}
    connection = Connection("192.0.2.1", 443, Family.IPV4, phases, failure)
    failed = replace(probe_result("t"), connections=(connection,), failure=failure)
    diagnosis = diagnose(replace(target("t"), timeout=10.0), failed)
    assert diagnosis.cause is Cause.DNS_SLOW
    assert "took 8.2 s of the 10 s" in diagnosis.detail
    assert "first byte" in diagnosis.detail


def test_the_longest_wait_for_a_record_type_counts():
    found = lookup(
        replace(GOOD, qtype="AAAA", seconds=1.0),
        replace(GOOD, qtype="AAAA", seconds=3.0),
        replace(GOOD, qtype="AAAA", seconds=2.0),
        replace(GOOD, qtype="A", seconds=9.0),
    )
    assert waited_for(found, "AAAA") == 3.0
    assert waited_for(lookup(GOOD), "AAAA") == 0.0
    assert waited_for(None, "AAAA") == 0.0


def test_half_of_the_timeout_is_most_of_it():
    half = Connection("192.0.2.1", 443, Family.IPV4, {Phase.RESOLVE: 1.5, Phase.CONNECT: 1.5})
    assert lookup_used_the_time(half, 3.0)
    assert not lookup_used_the_time(half, 3.1)
    assert not lookup_used_the_time(None, 3.0)


def test_a_record_type_has_a_family_and_another_type():
    assert [(other_type(q), family_of_type(q)) for q in ("A", "AAAA", "")] == [
        ("AAAA", "IPv4"), ("A", "IPv6"), ("AAAA", ""),
    ]  # fmt: skip

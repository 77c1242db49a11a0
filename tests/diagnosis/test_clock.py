"""This host's clock by the answers of others: unrelated sites have to agree, caches say nothing."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.diagnosis.clock import (
    RECENT,
    SITES,
    ClockEstimate,
    ClockSource,
    agrees,
    confirms,
    estimate,
    in_words,
    site_of,
)
from monitor.health.status import TargetStatus
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.incident import Scope
from monitor.model.probe_result import (
    Certificate,
    Connection,
    Failure,
    FailureKind,
    Family,
    HttpFacts,
    Phase,
    ProbeResult,
    TlsFacts,
)
from monitor.model.state import State
from monitor.model.target import Target
from monitor.net.http.date import date_offset, parse_date
from tests.incidents.correlating import correlate
from tests.probe_results import probe_result, target

NOW = 1_800_000_000.0
HOSTS = ("app.one.test", "app.two.test", "app.three.test", "app.four.test")


def answer(offset: float | None, *, verified: bool = True, waited: float = 0.1) -> ProbeResult:
    tls = TlsFacts("TLSv1.3", None, None, verified, None, ())
    http = HttpFacts("1.1", 200, {}, None, 0, date_offset=offset)
    phases = {Phase.FIRST_BYTE: waited}
    connection = Connection("192.0.2.1", 443, Family.IPV4, phases, tls=tls, http=http)
    return replace(probe_result("x"), started_at=NOW, connections=(connection,))


def by_time_server(offset: float) -> ProbeResult:
    connection = Connection("192.0.2.123", 123, Family.IPV4, {}, rtt=0.02)
    return replace(
        probe_result("ntp"), started_at=NOW, connections=(connection,), clock_offset=offset
    )


def answers(*offsets: float | None) -> list[tuple[str, ProbeResult | None]]:
    return [(host, answer(offset)) for host, offset in zip(HOSTS, offsets, strict=False)]


def test_sites_that_agree_tell_the_time():
    told = estimate(answers(59.7, 60.1, 60.4), NOW)
    assert told == ClockEstimate(ClockSource.DATE, 60.1, 1.05, 3)
    assert told is not None
    assert told.skewed
    assert in_words(told) == "60 s behind (± 1.1 s, by the answers of 3 sites)"


@pytest.mark.parametrize(
    "offsets", [(), (60.0, 60.0), (60.0, 60.0, None), (60.0, 0.0, -60.0), (0.0, 0.0, 60.0, 60.0)]
)
def test_too_few_that_agree_tell_nothing(offsets: tuple[float | None, ...]):
    assert estimate(answers(*offsets), NOW) is None


def test_one_operator_with_many_hosts_counts_once():
    theirs = [(f"api{n}.one.test", answer(3600.0)) for n in range(20)]
    told = estimate([*theirs, *answers(0.1, 0.2, 0.0, -0.1)[1:]], NOW)
    assert told is not None
    assert abs(told.offset) < 1


def test_who_is_not_verified_and_what_is_old_does_not_count():
    assert estimate([(h, answer(60.0, verified=False)) for h in HOSTS], NOW) is None
    assert estimate(answers(60.0, 60.0, 60.0), NOW + RECENT + 1) is None
    assert estimate(answers(60.0, 60.0, 60.0), NOW - RECENT - 1) is None


def test_a_time_server_is_more_precise_than_the_dates_that_agree_with_it():
    told = estimate([*answers(1.0, 0.4, 0.6), ("ntp.test", by_time_server(0.004))], NOW)
    assert told == ClockEstimate(ClockSource.NTP, 0.004, 0.01, 1)


@pytest.mark.parametrize("servers", [(3600.0,), (3600.0, 0.01), (3600.0, 3600.1, 0.01)])
def test_three_sites_outvote_a_time_server_that_is_wrong(servers: tuple[float, ...]):
    by_servers = [(f"ntp{n}.test", by_time_server(offset)) for n, offset in enumerate(servers)]
    told = estimate([*answers(0.4, 0.5, 0.6), *by_servers], NOW)
    assert told is not None
    assert abs(told.offset) <= 1.0


def test_the_majority_of_time_servers_decides():
    offsets = (0.01, 3600.0, 0.02, -0.01)
    told = estimate([(f"n{n}.test", by_time_server(o)) for n, o in enumerate(offsets)], NOW)
    assert told is not None
    assert (told.sites, abs(told.offset) < 0.1) == (3, True)


def test_two_time_servers_that_disagree_tell_nothing():
    """RFC 5905 section 11.2.1: it takes three to find the one that is wrong."""
    said = [("one.test", by_time_server(0.0)), ("two.test", by_time_server(3600.0))]
    told = estimate(said, NOW)
    assert told is not None
    assert abs(told.offset) <= told.uncertainty
    assert not told.skewed
    assert not any(confirms(result, told) for _, result in said)


def test_time_servers_that_agree_show_a_wrong_clock():
    said = [("one.test", by_time_server(3600.0)), ("two.test", by_time_server(3600.1))]
    told = estimate(said, NOW)
    assert told is not None
    assert told.skewed
    assert all(confirms(result, told) for _, result in said)


def test_unrelated_is_what_shares_no_more_than_a_registry():
    assert site_of("sts.eu-central-1.amazonaws.com") == site_of("s3.amazonaws.com")
    assert site_of("app.gitpod.io") != site_of("app.ona.com")


@given(st.floats(-86_400, 86_400), st.integers(0, 10_000))
def test_the_true_offset_is_within_the_uncertainty(offset: float, seed: int):
    random = Random(seed)
    seen: list[tuple[str, ProbeResult | None]] = []
    for host in HOSTS:
        made, back, there = NOW + random.random(), random.uniform(0, 0.3), random.uniform(0, 0.3)
        theirs = math.floor(made + offset)
        headers = {"date": formatted(theirs)}
        told = date_offset(headers, made + back, there + back)
        seen.append((host, answer(told, waited=there + back)))
    found = estimate(seen, NOW)
    assert found is not None
    assert abs(found.offset - offset) <= found.uncertainty


def formatted(seconds: float) -> str:
    from email.utils import formatdate

    return formatdate(seconds, usegmt=True)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784111777.0),
        ("Thu, 31 Dec 1998 23:59:60 GMT", 915148800.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 784111777.0),
        ("Sun, 06 Nov 1994 08:49:37 +0000", None),
        ("Sun, 31 Feb 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 0000 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994 24:49:37 GMT", None),
        ("Sun, ٠٦ Nov 1994 08:49:37 GMT", None),
        ("", None),
    ],
)
def test_a_date_has_a_form_of_rfc_9110_or_is_none(text: str, seconds: float | None):
    assert parse_date(text) == seconds


@given(st.text(max_size=60))
def test_no_header_breaks_it(text: str):
    assert parse_date(text) is None or text.endswith("GMT")


def test_what_a_cache_answers_was_made_some_time_ago():
    date = formatted(NOW)
    assert date_offset({"date": date}, NOW, 0.0) == 0.5
    assert date_offset({"date": date, "age": "0"}, NOW, 0.0) == 0.5
    assert date_offset({"date": date, "age": "17"}, NOW, 0.0) is None
    assert date_offset({"date": date, "age": "junk"}, NOW, 0.0) is None


def host_target(host: str) -> Target:
    made = target(host.replace(".", "-"), "scm")
    return replace(made, endpoint=replace(made.endpoint, host=host))


def test_a_wrong_clock_is_an_incident_of_this_host_though_everything_is_up():
    statuses = [
        TargetStatus.of(host_target(host), State.UP, told, Diagnosis(None), since=NOW - 9000)
        for host, told in answers(-90.0, -90.2, -89.9)
    ]
    (incident,) = correlate(statuses, (), NOW)
    assert (incident.scope, incident.subject, incident.cause) == (
        Scope.HOST,
        "clock",
        Cause.CLOCK_SKEW,
    )
    assert (incident.state, incident.started_at) == (State.DEGRADED, NOW)
    assert incident.detail.startswith("This host's clock is 90 s ahead (± 1.1 s, by the answers")
    assert len(incident.affected) == SITES
    (again,) = correlate(statuses, (incident,), NOW + 30)
    assert (again.id, again.started_at) == (incident.id, NOW)
    well = [replace(s, probe_result=answer(0.2)) for s in statuses]
    assert correlate(well, (again,), NOW + 60) == ()


def refused(
    host: str, cause: Cause, issuer: str, not_before: float, not_after: float
) -> TargetStatus:
    leaf = Certificate("CN=x", issuer, (), not_before, not_after, "1", "0" * 64)
    tls = TlsFacts(None, None, None, False, "no", (leaf,))
    failure = Failure(Phase.TLS, FailureKind.TLS_VERIFY, "no", code="9")
    connection = Connection("192.0.2.1", 443, Family.IPV4, {}, failure, tls=tls)
    made = replace(probe_result(host, ok=False), started_at=NOW, connections=(connection,))
    diagnosis = Diagnosis(cause, "Refused.", "Look.")
    return TargetStatus.of(host_target(host), State.DOWN, made, diagnosis, since=NOW - 5)


def test_certificates_that_are_all_not_valid_yet_name_the_clock_and_by_how_much():
    day = 86_400.0
    statuses = [
        refused(host, Cause.TLS_NOT_YET_VALID, "O=CA", NOW + days * day, NOW + 900 * day)
        for host, days in zip(HOSTS, (5, 30, 60, 90), strict=True)
    ]
    (incident,) = correlate(statuses, (), NOW)
    assert (incident.scope, incident.cause, incident.state) == (
        Scope.HOST,
        Cause.CLOCK_SKEW,
        State.DOWN,
    )
    assert "at least 5 days behind (by the certificates of 4 hosts)" in incident.detail


def test_certificates_of_several_issuers_that_have_all_expired_name_the_clock():
    day = 86_400.0
    statuses = [
        refused(host, Cause.TLS_EXPIRED, f"O=CA {n % 2}", NOW - 900 * day, NOW - (n + 3) * day)
        for n, host in enumerate(HOSTS)
    ]
    (incident,) = correlate(statuses, (), NOW)
    assert (incident.scope, incident.cause) == (Scope.HOST, Cause.CLOCK_SKEW)
    assert "at least 3 days ahead" in incident.detail


def test_one_issuer_that_let_its_certificates_lapse_is_not_the_clock():
    statuses = [refused(host, Cause.TLS_EXPIRED, "O=Corp", NOW - 9e6, NOW - 9e5) for host in HOSTS]
    assert all(i.scope is not Scope.HOST for i in correlate(statuses, (), NOW))


def server(offset: float, rtt: float = 0.02, at: float = NOW) -> ProbeResult:
    made = by_time_server(offset)
    connection = replace(made.connections[0], rtt=rtt)
    return replace(made, started_at=at, connections=(connection,))


def told_by(*results: ProbeResult) -> ClockEstimate | None:
    return estimate([(f"ntp{n}", result) for n, result in enumerate(results)], NOW)


def test_an_answer_counts_for_five_minutes():
    for age, counts in ((RECENT, True), (RECENT + 1, False), (-RECENT, True), (-RECENT - 1, False)):
        assert (told_by(server(60.0, at=NOW - age)) is not None) is counts


def test_a_time_server_without_a_round_trip_is_left_out():
    bare = replace(by_time_server(60.0), connections=())
    assert told_by(bare) is None
    assert told_by(replace(by_time_server(60.0), clock_offset=None)) is None


def test_servers_agree_within_their_uncertainties_and_a_second():
    near = told_by(server(0.0), server(1.02), server(60.0))
    assert near is not None
    assert (near.offset, near.sites) == (0.51, 2)
    exact = told_by(server(0.0, rtt=0.5), server(1.5, rtt=0.5), server(60.0))
    assert exact is not None
    assert exact.sites == 2
    apart = told_by(server(0.0), server(1.03), server(60.0))
    assert apart is not None
    assert apart.sites == 3


def test_a_majority_is_more_than_half():
    two = told_by(server(0.0), server(60.0))
    assert two is not None
    assert two.sites == 2
    assert two.uncertainty == pytest.approx(30.01)
    three = told_by(server(0.0), server(0.1), server(60.0), server(90.0), server(0.2))
    assert three is not None
    assert (three.offset, three.sites) == (0.1, 3)


def test_the_uncertainty_is_that_of_the_worst_server_and_their_spread():
    told = told_by(server(10.0, rtt=0.2), server(10.5, rtt=0.6), server(10.1, rtt=0.2))
    assert told is not None
    assert told.offset == 10.1
    assert told.uncertainty == pytest.approx(0.3 + 0.4)


def test_servers_that_agree_with_the_dates_count_and_otherwise_the_more_numerous():
    dates = answers(60.0, 60.1, 60.2)
    others = [("b", server(-60.0)), ("c", server(-60.0))]
    agreeing = estimate([*dates, ("a", server(65.0)), *others], NOW)
    assert agreeing is not None
    assert (agreeing.source, agreeing.offset) == (ClockSource.NTP, 65.0)
    few = estimate([*dates, *others], NOW)
    assert few is not None
    assert few.source is ClockSource.DATE
    many = estimate([*dates, *((f"n{n}", server(-60.0)) for n in range(3))], NOW)
    assert many is not None
    assert many.source is ClockSource.NTP


@pytest.mark.parametrize(
    ("offset", "told", "confirmed"),
    [
        (60.0, ClockEstimate(ClockSource.NTP, 60.0, 0.1, 1), True),
        (None, ClockEstimate(ClockSource.NTP, 60.0, 0.1, 1), True),
        (60.0, None, True),
        (60.0, ClockEstimate(ClockSource.NTP, 5.1, 0.1, 1), False),
        (65.1, ClockEstimate(ClockSource.NTP, 60.0, 0.1, 1), True),
        (65.2, ClockEstimate(ClockSource.NTP, 60.0, 0.1, 1), False),
        (54.8, ClockEstimate(ClockSource.NTP, 60.0, 0.1, 1), False),
        (60.0, ClockEstimate(ClockSource.NTP, -60.0, 0.1, 1), False),
    ],
)
def test_a_time_server_is_confirmed_by_what_the_evidence_shares(
    offset: float | None, told: ClockEstimate | None, *, confirmed: bool
):
    result = replace(by_time_server(0.0), clock_offset=offset)
    assert confirms(result, told) is confirmed
    assert confirms(None, told)


def test_sites_agree_within_five_seconds_and_more_than_half_of_them():
    assert estimate(answers(55.0, 60.0, 65.0), NOW) is not None
    assert estimate(answers(54.9, 60.0, 65.0), NOW) is None
    hosts = [f"app.{n}.test" for n in range(6)]
    offsets = (60.0, 60.0, 60.0, 0.0, 90.0, 120.0)
    mixed = [(host, answer(offset)) for host, offset in zip(hosts, offsets, strict=True)]
    assert estimate(mixed, NOW) is None
    assert estimate(mixed[:5], NOW) is not None


def test_an_answer_agrees_by_its_date_only():
    told = ClockEstimate(ClockSource.DATE, 60.0, 1.0, 3)
    assert agrees(answer(65.0), told)
    assert not agrees(answer(65.1), told)
    assert not agrees(answer(60.0, verified=False), told)
    assert not agrees(answer(None), told)
    assert not agrees(None, told)
    failure = Failure(Phase.TRANSFER, FailureKind.TIMEOUT, "x")
    assert not agrees(replace(answer(60.0), failure=failure), told)


def test_an_offset_is_worded_by_its_direction_and_source():
    ahead = ClockEstimate(ClockSource.NTP, -90.4, 0.5, 1)
    assert in_words(ahead) == "90 s ahead (± 0.5 s, by a time server)"

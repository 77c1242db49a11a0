"""A wrong clock of this host: by time servers, by dates of answers, by certificates."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.incidents.models.clock import HostClock, clock_words
from monitor.incidents.observation import Track
from monitor.model.causes import Cause
from monitor.model.probe_result import (
    Certificate,
    Connection,
    Family,
    HttpFacts,
    Phase,
    ProbeResult,
    TlsFacts,
)
from tests.incidents.evidence import evidence, hypothesis, nothing_works, shown, track

C = Cause
NOW = 1_800_000_000.0
HOUR, DAY = 3600.0, 86_400.0
CERTIFICATE = Certificate("CN=a", "CN=Issuing", ("a",), 0.0, NOW * 2, "01", "00")


def at_now(made: Track, *connections: Connection, offset: float | None = None) -> Track:
    """The track with its only result now."""
    (seen,) = made.window
    made.window[-1] = replace(seen, at=NOW)
    made.probe_result = ProbeResult(
        made.target.id, NOW, 1.0, None, connections, clock_offset=offset
    )
    return made


def dated(host: str, offset: float) -> Track:
    """A target that works; its verified answer's date is ``offset`` seconds from this clock."""
    http = HttpFacts("1.1", 200, {}, None, 0, date_offset=offset)
    tls = TlsFacts("TLSv1.3", None, None, True, None, (CERTIFICATE,))
    phases = {Phase.FIRST_BYTE: 0.01}
    connection = Connection("192.0.2.1", 443, Family.IPV4, phases, tls=tls, http=http)
    return at_now(track(host, None, skewed=abs(offset) > 30), connection)


def ntp(host: str, offset: float, cause: Cause | None = C.CLOCK_SKEW) -> Track:
    connection = Connection("169.254.169.123", 123, Family.IPV4, {}, rtt=0.001)
    return at_now(track(host, cause, ok=True, skewed=True), connection, offset=offset)


def invalid(host: str, cause: Cause, seconds: float, issuer: str = "CN=Issuing") -> Track:
    """A target whose certificate is not valid, by ``seconds``."""
    certificate = replace(CERTIFICATE, issuer=issuer, not_before=NOW + seconds)
    if cause is C.TLS_EXPIRED:
        certificate = replace(CERTIFICATE, issuer=issuer, not_after=NOW - seconds)
    tls = TlsFacts(None, None, None, False, "x", (certificate,))
    connection = Connection("192.0.2.1", 443, Family.IPV4, {}, tls=tls)
    return at_now(track(host, cause), connection)


def claimed(*tracks: Track) -> list[str]:
    model = HostClock()
    found = hypothesis(model, "clock", *tracks)
    assert model.admits(found, nothing_works) is bool(model.claims(found))
    return [t.target.host for t in model.claims(found)]


def test_the_clock_is_judged_by_what_shows_the_time() -> None:
    model = HostClock()
    for cause in (C.CLOCK_SKEW, C.TLS_NOT_YET_VALID, C.TLS_EXPIRED):
        assert shown(model, evidence(cause=cause)) == [("clock", True)]
    assert shown(model, evidence(skewed=True)) == [("clock", True)]
    assert shown(model, evidence(skewed=False)) == [("clock", False)]
    assert shown(model, evidence()) == []
    assert shown(model, evidence(cause=C.TCP_TIMEOUT)) == []


def test_a_time_server_shows_it_alone() -> None:
    assert claimed(ntp("time.test", 90.0)) == ["time.test"]
    assert claimed(ntp("time.test", 90.0, None)) == []


def test_a_time_server_that_dates_contradict_does_not_show_it() -> None:
    others = [dated(f"{n}.corp.test", 0.0) for n in "abc"]
    sites = [dated(host, 0.0) for host in ("a.one", "b.two", "c.three")]
    assert claimed(ntp("time.test", 90.0), *sites) == []
    assert claimed(ntp("time.test", 90.0), *others) == ["time.test"]


def test_dates_of_three_unrelated_sites_show_it() -> None:
    hosts = ("a.one", "b.two", "c.three")
    assert claimed(*(dated(host, 90.0) for host in hosts)) == list(hosts)
    assert claimed(*(dated(host, 90.0) for host in ("a.one", "b.two", "x.b.two"))) == []
    assert claimed(*(dated(host, 1.0) for host in hosts)) == []


def test_certificates_that_are_not_valid_yet_show_it_for_three_hosts() -> None:
    early = [invalid(f"{n}.example.test", C.TLS_NOT_YET_VALID, 3 * HOUR) for n in "abc"]
    assert claimed(*early) == [f"{n}.example.test" for n in "abc"]
    assert claimed(*early[:2]) == []
    assert clock_words(early) == "at least 3 hours behind (by the certificates of 3 hosts)"


@pytest.mark.parametrize(
    ("hosts", "issuers", "shows"),
    [
        (("a.one", "b.two", "c.three"), ("CN=A", "CN=B", "CN=A"), True),
        (("a.one", "b.two", "c.three"), ("CN=A", "CN=A", "CN=A"), False),
        (("a.corp.one", "b.corp.one", "c.three"), ("CN=A", "CN=B", "CN=C"), False),
    ],
)
def test_expired_certificates_show_it_for_unrelated_sites_and_issuers(
    hosts: tuple[str, ...], issuers: tuple[str, ...], *, shows: bool
) -> None:
    late = [
        invalid(host, C.TLS_EXPIRED, 40 * DAY, issuer)
        for host, issuer in zip(hosts, issuers, strict=True)
    ]
    assert claimed(*late) == (list(hosts) if shows else [])
    words = "at least 40 days ahead (by the certificates of 3 hosts)" if shows else ""
    assert clock_words(late) == words


def test_one_early_certificate_joins_what_others_show() -> None:
    early = invalid("d.example", C.TLS_NOT_YET_VALID, HOUR)
    assert claimed(ntp("time.test", 90.0), early) == ["time.test", "d.example"]
    assert claimed(early) == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (2 * DAY, "at least 2 days "),
        (2 * DAY - 1, "at least 48 hours "),
        (2 * HOUR, "at least 2 hours "),
        (2 * HOUR - 60, "at least 119 min "),
        (120.0, "at least 2 min "),
        (119.0, "at least 119 s "),
        (0.0, ""),
    ],
)
def test_the_least_error_is_told_in_a_fitting_unit(seconds: float, words: str) -> None:
    early = [invalid(f"{n}.test", C.TLS_NOT_YET_VALID, seconds) for n in "abc"]
    early.append(invalid("d.test", C.TLS_NOT_YET_VALID, seconds + DAY))
    assert clock_words(early) == f"{words}behind (by the certificates of 4 hosts)"


def test_the_clock_is_worded_by_the_best_source() -> None:
    model = HostClock()
    found = hypothesis(model, "clock", ntp("time.test", 90.0))
    assert model.detail(found, nothing_works) == (
        "This host's clock is 90 s behind (± 0.0 s, by a time server): certificates and signed "
        "requests are refused."
    )
    assert model.facts(found) == {"clock": "90 s behind (± 0.0 s, by a time server)"}
    assert (model.subject(found), model.cause(found)) == ("clock", C.CLOCK_SKEW)
    assert "chronyc makestep" in model.remediation(found)


def test_a_small_offset_of_dates_is_not_told() -> None:
    assert clock_words([dated(host, 3.0) for host in ("a.one", "b.two", "c.three")]) == ""
    assert clock_words([]) == ""
    model = HostClock()
    assert model.facts(hypothesis(model, "clock", dated("a.one", 3.0))) == {}
    assert "clock is wrong:" in model.detail(
        hypothesis(model, "clock", dated("a.one", 3.0)), nothing_works
    )

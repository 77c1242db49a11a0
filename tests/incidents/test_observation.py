"""Evidence of one result: addresses, name servers, the ClientHello and the clock."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest

from monitor.incidents.observation import (
    WINDOW_SECONDS,
    Evidence,
    Observation,
    Track,
    evidence_of,
    is_near,
    is_public,
)
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.endpoint import Protocol
from monitor.model.groups import RESOLVER_GROUP
from monitor.model.probe_result import (
    Connection,
    DnsAnswer,
    Failure,
    FailureKind,
    Family,
    HttpFacts,
    Phase,
    ProbeResult,
    Resolution,
    ResolutionSource,
    TlsFacts,
)
from monitor.model.state import State
from monitor.model.target import Target
from tests.probe_results import target

REACHED = Diagnosis(None)
FAILED = Diagnosis(Cause.TCP_TIMEOUT, "x", "y")


def connection(
    phase: Phase | None = None,
    kind: FailureKind = FailureKind.TIMEOUT,
    *,
    address: str = "192.0.2.1",
    number: int | None = None,
    code: str | None = None,
    **facts: object,
) -> Connection:
    failure = None if phase is None else Failure(phase, kind, "x", number, code)
    made = Connection(address, 443, Family.IPV4, {}, failure)
    return replace(made, **facts)  # type: ignore[arg-type]


def over(protocol: Protocol, group: str = "vscode") -> Target:
    made = target("a", group)
    return replace(made, endpoint=replace(made.endpoint, protocol=protocol))


def seen(
    *connections: Connection, protocol: Protocol = Protocol.HTTPS, **facts: object
) -> Evidence:
    failure = connections[-1].failure if connections else None
    result = ProbeResult("a", 100.0, 1.0, None, connections, failure)
    result = replace(result, **facts)  # type: ignore[arg-type]
    return evidence_of(over(protocol), result, FAILED if failure else REACHED)


def answered(*rcodes: tuple[str, str | None]) -> Resolution:
    answers = tuple(DnsAnswer(server, "A", rcode, (), 0.01) for server, rcode in rcodes)
    return Resolution("a.example", ResolutionSource.DNS, (), answers)


@pytest.mark.parametrize(
    ("phase", "kind", "hello"),
    [
        (None, FailureKind.TIMEOUT, "passed"),
        (Phase.RESOLVE, FailureKind.TIMEOUT, ""),
        (Phase.CONNECT, FailureKind.TIMEOUT, ""),
        (Phase.PROXY, FailureKind.TIMEOUT, ""),
        (Phase.TLS, FailureKind.TIMEOUT, "silent"),
        (Phase.TLS, FailureKind.OS_ERROR, "reset"),
        (Phase.TLS, FailureKind.CLOSED, "reset"),
        (Phase.TLS, FailureKind.TLS_ALERT, "passed"),
        (Phase.FIRST_BYTE, FailureKind.TIMEOUT, "passed"),
    ],
)
def test_the_phase_of_a_failure_shows_what_became_of_the_client_hello(
    phase: Phase | None, kind: FailureKind, hello: str
) -> None:
    assert seen(connection(phase, kind)).hello == hello
    assert seen(connection(phase, kind), protocol=Protocol.HTTP).hello == ""


def test_facts_of_the_session_show_that_the_client_hello_passed() -> None:
    tls = TlsFacts("TLSv1.3", None, None, True, None, ())
    http = HttpFacts("1.1", 200, {}, None, 0)
    assert seen(connection(Phase.TLS, tls=tls)).hello == "passed"
    assert seen(connection(Phase.TLS, http=http)).hello == "passed"


def test_the_best_outcome_of_the_client_hello_counts() -> None:
    silent, reset = connection(Phase.TLS), connection(Phase.TLS, FailureKind.CLOSED)
    assert seen(silent, reset).hello == "reset"
    assert seen(silent, connection(), reset).hello == "passed"
    assert seen().hello == ""


@pytest.mark.parametrize(
    ("protocol", "phase", "connected"),
    [
        (Protocol.HTTPS, None, True),
        (Protocol.HTTPS, Phase.RESOLVE, False),
        (Protocol.HTTPS, Phase.CONNECT, False),
        (Protocol.HTTPS, Phase.TLS, True),
        (Protocol.UDP, None, True),
        (Protocol.UDP, Phase.EXCHANGE, False),
        (Protocol.TCP, Phase.EXCHANGE, True),
    ],
)
def test_a_peer_connected_if_the_failure_came_later(
    protocol: Protocol, phase: Phase | None, *, connected: bool
) -> None:
    assert seen(connection(phase), protocol=protocol).connected is connected
    assert seen(connection(phase, received=10), protocol=protocol).connected


def test_an_error_of_this_host_shows_nothing_about_the_network() -> None:
    local = connection(Phase.CONNECT, FailureKind.OS_ERROR, number=errno.EMFILE)
    assert seen(local).legs == ()
    assert len(seen(local, connection()).legs) == 1


@pytest.mark.parametrize(
    ("code", "unrouted"),
    [("ENETUNREACH", True), ("EHOSTUNREACH", True), ("ECONNREFUSED", False), (None, False)],
)
def test_an_unreachable_network_is_unrouted(code: str | None, *, unrouted: bool) -> None:
    (leg,) = seen(connection(Phase.CONNECT, FailureKind.OS_ERROR, code=code)).legs
    assert (leg.ok, leg.unrouted) == (False, unrouted)
    (good,) = seen(connection()).legs
    assert (good.ok, good.unrouted) == (True, False)


def test_the_address_is_that_of_the_leg_that_works() -> None:
    bad, good = connection(Phase.CONNECT), connection(address="192.0.2.9")
    assert seen(bad, good).address == "192.0.2.9"
    assert seen(bad).address == "192.0.2.1"
    assert seen().address == ""


def test_a_name_server_is_well_if_one_of_its_answers_is() -> None:
    resolution = answered(
        ("10.0.0.2", None), ("10.0.0.2", "NOERROR"), ("10.0.0.2", "SERVFAIL"),
        ("10.0.0.3", None), ("10.0.0.4", None), ("10.0.0.4", "REFUSED"), ("10.0.0.5", "NXDOMAIN"),
    )  # fmt: skip
    assert seen(resolution=resolution).servers == (
        ("10.0.0.2", ""),
        ("10.0.0.3", "silent"),
        ("10.0.0.4", "REFUSED"),
        ("10.0.0.5", ""),
    )


def test_a_name_is_resolved_only_if_a_name_server_was_asked() -> None:
    resolution = answered(("10.0.0.2", "NOERROR"))
    failure = Failure(Phase.RESOLVE, FailureKind.TIMEOUT, "x")
    assert seen(resolution=resolution).resolved is True
    assert seen(resolution=replace(resolution, failure=failure)).resolved is False
    literal = replace(resolution, source=ResolutionSource.LITERAL)
    assert seen(resolution=literal).resolved is None
    assert seen().resolved is None


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("https://login.portal.example/x?y", "login.portal.example"),
        ("http://Portal.Example:8080", "portal.example"),
        ("//portal.example?to=https://a", "portal.example"),
        ("https://user:word@portal.example/", "portal.example"),
        ("/login", ""),
        ("", ""),
    ],
)
def test_a_redirect_leads_to_a_host(location: str, host: str) -> None:
    http = HttpFacts("1.1", 302, {}, None, 0, redirect=location)
    assert seen(connection(http=http)).redirect == host


@pytest.mark.parametrize(("offset", "skewed"), [(0.0, False), (1e6, True), (-1e6, True)])
def test_a_clock_is_judged_by_an_exchange_or_by_a_verified_date(
    offset: float, *, skewed: bool
) -> None:
    assert seen(clock_offset=offset).skewed is skewed
    tls = TlsFacts("TLSv1.3", None, None, True, None, ())
    http = HttpFacts("1.1", 200, {}, None, 0, date_offset=offset)
    assert seen(connection(tls=tls, http=http)).skewed is skewed
    assert seen(connection(tls=replace(tls, verified=False), http=http)).skewed is None
    assert seen(connection(http=http)).skewed is None
    assert seen(connection(tls=tls, http=replace(http, date_offset=None))).skewed is None
    assert seen(connection(tls=tls)).skewed is None


@pytest.mark.parametrize(
    ("address", "public", "near"),
    [
        ("192.0.2.1", True, False),
        ("10.1.2.3", False, False),
        ("172.31.0.1", False, False),
        ("172.32.0.1", True, False),
        ("100.64.1.1", False, False),
        ("169.254.169.254", False, True),
        ("127.0.0.1", False, True),
        ("2001:db8::1", True, False),
        ("fd00:ec2::254", False, False),
        ("fe80::1%eth0", False, True),
        ("::1", False, True),
        ("a.example", False, False),
    ],
)
def test_an_address_is_public_or_near(address: str, *, public: bool, near: bool) -> None:
    assert is_public(address) is public
    assert is_near(address) is near
    (leg,) = seen(connection(address=address)).legs
    assert (leg.public, leg.local) == (public, near)


def test_name_servers_and_link_local_services_are_near() -> None:
    result = ProbeResult("a", 100.0, 1.0)
    assert evidence_of(over(Protocol.DNS, RESOLVER_GROUP), result, REACHED).near
    assert not evidence_of(over(Protocol.HTTPS), result, REACHED).near
    assert evidence_of(over(Protocol.DNS), result, REACHED).transport == "udp/443"
    assert evidence_of(over(Protocol.HTTPS), result, REACHED).transport == "tcp/443"


def track(*outcomes: bool, state: State = State.DOWN) -> Track:
    made = Track(target("a"), state=state)
    for number, good in enumerate(outcomes):
        evidence = seen(connection()) if good else seen(connection(Phase.CONNECT))
        made.window.append(Observation(100.0 * number, evidence))
    return made


def test_a_track_is_judged_by_its_last_result() -> None:
    assert (track().bad, track().at, track().last) == (False, 0.0, None)
    assert (track(True, False).bad, track(True, False).at) == (True, 100.0)
    assert not track(False, True).bad
    assert track(False).failing
    assert track(False, state=State.DEGRADED).failing
    assert not track(False, state=State.UP).failing
    assert not track(True).failing


def test_results_leave_the_window_by_age() -> None:
    made = track(True, True, True)
    assert [o.at for o in made.recent(100.0 + WINDOW_SECONDS)] == [100.0, 200.0]
    assert [o.at for o in made.recent(101.0 + WINDOW_SECONDS)] == [200.0]

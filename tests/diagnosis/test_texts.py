"""Whatever an attempt holds, diagnosis says one thing about it, fit to print, and no secret."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.diagnosis.causes import CLOCK_TOLERANCE, diagnose
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.endpoint import DEFAULT_PROBERS, Endpoint, Protocol
from monitor.model.probe_result import (
    Certificate,
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
    TcpFacts,
    TlsFacts,
)
from monitor.model.target import Addresses, AddressPolicy, Target

SECRET = "hunter2"

texts = st.text(max_size=400)
numbers = st.floats(allow_nan=True, allow_infinity=True)
failures = st.builds(
    Failure,
    st.sampled_from(Phase),
    st.sampled_from(FailureKind),
    texts,
    st.none() | st.integers(-1, 200),
    st.none() | texts,
    st.none() | st.tuples(st.integers(0, 255), st.integers(0, 255)),
)
maybe_failures = st.none() | failures
certificates = st.builds(
    Certificate, texts, texts, st.just(()), numbers, numbers, texts, st.just("0" * 64)
)
connections = st.builds(
    Connection,
    st.sampled_from(["192.0.2.1", "2001:db8::1", ""]),
    st.integers(0, 65_535),
    st.sampled_from(Family),
    st.dictionaries(st.sampled_from(Phase), numbers, max_size=3),
    maybe_failures,
    rtt=st.none() | numbers,
    resends=st.none() | st.integers(0, 9),
    tcp=st.none() | st.builds(TcpFacts, numbers, numbers, st.none(), st.integers(0, 9), st.just(0)),
    tls=st.none()
    | st.builds(
        TlsFacts,
        st.none() | texts,
        st.none() | texts,
        st.none(),
        st.none() | st.booleans(),
        st.none() | texts,
        st.lists(certificates, max_size=2).map(tuple),
    ),
    http=st.none()
    | st.builds(
        HttpFacts,
        texts,
        st.integers(0, 999),
        st.dictionaries(st.sampled_from(["server", "content-type"]), texts),
        st.none(),
        st.just(0),
        st.binary(max_size=50),
    ),
)
answers = st.builds(
    DnsAnswer,
    st.just("10.0.0.2:53"),
    st.sampled_from(["A", "AAAA"]),
    st.none() | texts,
    st.just(()),
    numbers,
    failure=maybe_failures,
)
resolutions = st.builds(
    Resolution,
    st.just("host.test"),
    st.sampled_from(ResolutionSource),
    st.just(()),
    st.lists(answers, max_size=5).map(tuple),
    maybe_failures,
)
attempts = st.builds(
    ProbeResult,
    st.just("t"),
    numbers,
    numbers,
    st.none() | resolutions,
    st.lists(connections, max_size=3).map(tuple),
    maybe_failures,
    st.none() | st.just("proxy.test:3128"),
    st.none() | numbers,
    numbers,
)
blamed = attempts.map(
    lambda a: replace(a, failure=a.connections[-1].failure) if a.connections else a
)
"""Attempts whose failure is that of a connection, as probers make them."""

endpoints = st.sampled_from(Protocol).flatmap(
    lambda protocol: st.builds(
        Endpoint,
        st.just("t"),
        st.sampled_from(["aws_api", "resolver", "custom"]),
        st.just("host.test"),
        st.just(443),
        st.just(protocol),
        st.sampled_from(sorted({DEFAULT_PROBERS[protocol], "imds", "tls"})),
        st.just(f"/path?token={SECRET}"),
    )
)
targets = st.builds(
    Target, endpoints, st.just(30.0), st.just(3.0), addresses=st.sampled_from(Addresses)
)


@given(targets, attempts | blamed)
def test_every_attempt_has_one_verdict_that_is_fit_to_print(
    target: Target, probe_result: ProbeResult
):
    diagnosis = diagnose(target, probe_result)
    if probe_result.failure is not None:
        assert isinstance(diagnosis.cause, Cause)
    said = [diagnosis.detail, diagnosis.remediation]
    assert all(map(bool, said)) == (diagnosis.cause is not None) == any(said)
    assert all(len(text) <= 400 for text in said)
    for name, value in diagnosis.evidence.items():
        assert name.isidentifier()
        assert value
        assert value.isprintable()
        assert len(value) <= 400
    assert SECRET not in repr(diagnosis)


@given(targets, attempts | blamed)
def test_the_same_attempt_means_the_same_again(target: Target, probe_result: ProbeResult):
    assert diagnose(target, probe_result) == diagnose(target, probe_result)


@given(targets, st.floats(-CLOCK_TOLERANCE, CLOCK_TOLERANCE))
def test_an_answer_with_nothing_amiss_has_no_cause(target: Target, offset: float):
    connection = Connection("192.0.2.1", 443, Family.IPV4, {Phase.CONNECT: 0.01})
    probe_result = ProbeResult("t", 0.0, 0.01, None, (connection,), clock_offset=offset)
    assert diagnose(target, probe_result).cause is None


def told(
    *connections: Connection,
    failure: Failure | None = None,
    policy: AddressPolicy = AddressPolicy.ANY,
    **facts: object,
) -> Diagnosis:
    endpoint = Endpoint("t", "custom", "host.test", 443, Protocol.HTTPS, "http")
    chosen = failure or (connections[-1].failure if connections else None)
    result = ProbeResult("t", 0.0, 1.0, None, connections, chosen)
    result = replace(result, **facts)  # type: ignore[arg-type]
    return diagnose(Target(endpoint, 30.0, 2.5, address_policy=policy), result)


def connection(address: str, failure: Failure | None = None, **facts: object) -> Connection:
    made = Connection(address, 443, Family.IPV4, {}, failure)
    return replace(made, **facts)  # type: ignore[arg-type]


TIMEOUT = Failure(Phase.CONNECT, FailureKind.TIMEOUT, "no answer in time")


@pytest.mark.parametrize(("offset", "ahead"), [(9.0, "ahead"), (-9.0, "behind")])
def test_a_clock_is_told_by_its_direction(offset: float, ahead: str):
    detail = told(connection("192.0.2.1"), clock_offset=offset).detail
    assert "9.0 s" in detail
    assert ahead in detail


@pytest.mark.parametrize(("icmp", "reporter"), [(None, "This host itself"), ((3, 1), "A router")])
def test_an_unreachable_host_is_told_by_its_reporter(icmp: tuple[int, int] | None, reporter: str):
    unreachable = Failure(
        Phase.CONNECT, FailureKind.OS_ERROR, "No route to host", 113, "EHOSTUNREACH", icmp
    )
    assert reporter in told(connection("192.0.2.1", unreachable)).detail


@pytest.mark.parametrize(("address", "family"), [("192.0.2.1", "IPv4"), ("2001:db8::1", "IPv6")])
def test_a_missing_source_address_is_told_with_its_family(address: str, family: str):
    missing = Failure(
        Phase.CONNECT, FailureKind.NO_SOURCE, "no source address", code="EADDRNOTAVAIL"
    )
    diagnosis = told(connection(address, missing))
    assert diagnosis.cause is Cause.LOCAL_ADDRESS_MISSING
    assert family in diagnosis.detail


def test_dead_addresses_are_counted_and_named():
    dead = [connection(f"192.0.2.{n}", TIMEOUT) for n in range(6)]
    detail = told(*dead, connection("192.0.2.99")).detail
    assert "6 of 7" in detail
    assert "192.0.2.3 (no answer in time) and 2 more" in detail
    assert "192.0.2.4" not in detail


def test_an_address_that_is_not_dialed_is_told_with_the_way_to_allow_it():
    private = Failure(Phase.RESOLVE, FailureKind.DNS_SINKHOLE, "a private address", code="10.0.0.1")
    refused = told(failure=private, policy=AddressPolicy.PUBLIC)
    assert refused.detail == (
        "host.test, which a server named, leads to 10.0.0.1, a private address."
    )
    assert "discovery.allow_private" in refused.remediation
    assert "discovery.allow_private" not in told(failure=private).remediation
    timeout = replace(private, kind=FailureKind.TIMEOUT)
    assert "allow_private" not in told(failure=timeout, policy=AddressPolicy.PUBLIC).remediation


def test_a_proxys_schemes_are_those_of_its_field_or_of_the_failure():
    status = Failure(Phase.PROXY, FailureKind.PROXY_STATUS, "407", code="407 Negotiate, NTLM")
    by_code = told(connection("10.0.0.8", status), proxy="p.test:3128")
    assert "accepts only Negotiate, NTLM" in by_code.detail
    http = HttpFacts("1.1", 407, {"proxy-authenticate": "Kerberos"}, None, 0)
    by_field = told(connection("10.0.0.8", status, http=http), proxy="p.test:3128")
    assert "accepts only Kerberos" in by_field.detail


@pytest.mark.parametrize(
    ("anchor", "shown"), [("CN=Corp CA", "CN=Corp CA"), (None, "a CA of this host")]
)
def test_a_response_over_inspected_tls_names_the_ca(anchor: str | None, shown: str):
    refused = Failure(Phase.TRANSFER, FailureKind.HTTP_STATUS, "was 403", code="403")
    http = HttpFacts("1.1", 403, {}, None, 0)
    tls = TlsFacts(None, None, None, True, None, (), anchor=anchor, anchor_public=False)
    detail = told(connection("192.0.2.1", refused, http=http, tls=tls)).detail
    assert f"Its certificate is of {shown}, not a public CA." in detail


def test_a_redirect_is_told_by_its_destination():
    http = HttpFacts("1.1", 302, {}, None, 0, redirect="https://login.portal.test/x")
    diagnosis = told(connection("192.0.2.1", http=http))
    assert diagnosis.cause is Cause.HTTP_FOREIGN_REDIRECT
    assert "https://login.portal.test/x" in diagnosis.detail

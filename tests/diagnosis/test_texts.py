"""Whatever an attempt holds, diagnosis says one thing about it, fit to print, and no secret.

Covers: monitor/diagnosis/evidence.py
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from monitor.diagnosis.causes import CLOCK_TOLERANCE, diagnose
from monitor.model.causes import Cause
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
from monitor.model.target import Addresses, Target

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

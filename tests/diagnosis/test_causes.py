"""Every failure that can be seen has one cause, one sentence and one cure."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.diagnosis.causes import CLOCK_TOLERANCE, diagnose
from monitor.diagnosis.evidence import evidence_of
from monitor.model.causes import Cause
from monitor.model.endpoint import DEFAULT_PROBERS, Endpoint, Protocol, Source
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
from monitor.model.target import Target

K, P, C = FailureKind, Phase, Cause
NOT_YET_PROBED = {
    C.AWS_NO_CREDENTIALS,
    C.AWS_PERMISSION_DENIED,
    C.AMI_NOT_VISIBLE,
    C.AMI_NOT_LAUNCHABLE,
    C.SLOW,
    C.STARVED_HOST,
}

PARTIAL = {C.HTTP_FOREIGN_REDIRECT, C.ADDRESS_FAILED, C.DNS_PARTIAL}
"""Causes of probes that have not failed: tests/probes/test_addresses.py, test_lookups.py."""


def target(protocol: Protocol = Protocol.HTTPS, prober: str | None = None) -> Target:
    name = prober or DEFAULT_PROBERS[protocol]
    return Target(Endpoint("t", "g", "host.test", 443, protocol, name), 30.0, 10.0)


def probe_result(
    failure: Failure | None,
    *,
    issuer: str | None = None,
    names: tuple[str, ...] = (),
    until: float = 1.0,
    aia: bool = False,
    page: bytes | None = None,
    status: int = 403,
    fields: dict[str, str] | None = None,
    proxy: str | None = None,
    offset: float | None = None,
    address: str = "192.0.2.9",
    lookup: float = 0.0,
) -> ProbeResult:
    tls = None
    if issuer:
        leaf = Certificate("CN=host.test", issuer, names, 0.0, until, "1", "0")
        chain = (replace(leaf, names_issuer_url=aia),)
        tls = TlsFacts(None, None, None, False, "no", chain)
    http = (
        HttpFacts("1.1", status, fields or {}, None, len(page), page) if page is not None else None
    )
    family = Family.IPV6 if ":" in address else Family.IPV4
    phases = {P.RESOLVE: lookup, P.FIRST_BYTE: 3.0} if lookup else {}
    connection = Connection(address, 443, family, phases, failure, tls=tls, http=http)
    return ProbeResult("t", 0.0, 1.0, None, (connection,), failure, proxy, offset)


def os_error(phase: Phase, number: int, icmp: tuple[int, int] | None = None) -> Failure:
    return Failure(phase, K.OS_ERROR, "it broke", number, errno.errorcode[number], icmp)


def kind(phase: Phase, what: FailureKind, code: str | None = None) -> Failure:
    return Failure(phase, what, "it broke", code=code)


CASES = [
    (kind(P.RESOLVE, K.TIMEOUT), {}, C.DNS_TIMEOUT),
    (os_error(P.RESOLVE, errno.ECONNREFUSED), {}, C.DNS_UNREACHABLE),
    (os_error(P.RESOLVE, errno.ENETUNREACH), {}, C.DNS_UNREACHABLE),
    (os_error(P.RESOLVE, errno.EACCES), {}, C.DNS_UNREACHABLE),
    (os_error(P.RESOLVE, errno.EHOSTUNREACH, (3, 13)), {}, C.DNS_UNREACHABLE),
    (os_error(P.RESOLVE, errno.ENETUNREACH), {"proxy": "p:1"}, C.DNS_UNREACHABLE),
    (os_error(P.RESOLVE, errno.ETIMEDOUT), {}, C.DNS_TIMEOUT),
    (os_error(P.RESOLVE, errno.EMFILE), {}, C.LOCAL_RESOURCE_EXHAUSTED),
    (kind(P.RESOLVE, K.DNS_ALIAS, "gone.example"), {}, C.DNS_ALIAS_BROKEN),
    (kind(P.RESOLVE, K.DNS_ALIAS, "gone.example"), {"proxy": "p:1"}, C.PROXY_UNREACHABLE),
    (kind(P.RESOLVE, K.DNS_LAME), {}, C.DNS_LAME),
    (kind(P.RESOLVE, K.DNS_EDNS, "NOTIMP"), {}, C.DNS_EDNS_REFUSED),
    (kind(P.RESOLVE, K.HOSTS_SINKHOLE, "0.0.0.0"), {}, C.HOSTS_FILE_SINKHOLED),
    (kind(P.RESOLVE, K.NO_FAMILY, "ipv6"), {}, C.NO_ADDRESS_OF_FAMILY),
    (kind(P.RESOLVE, K.DNS_RCODE, "NXDOMAIN"), {}, C.DNS_NXDOMAIN),
    (kind(P.RESOLVE, K.DNS_RCODE, "SERVFAIL"), {}, C.DNS_SERVFAIL),
    (kind(P.RESOLVE, K.DNS_RCODE, "NOTIMP"), {}, C.DNS_SERVFAIL),
    (kind(P.RESOLVE, K.DNS_FORMAT), {}, C.DNS_SERVFAIL),
    (kind(P.RESOLVE, K.DNS_RCODE, "REFUSED"), {}, C.DNS_REFUSED),
    (kind(P.RESOLVE, K.DNS_NODATA), {}, C.DNS_NODATA),
    (kind(P.RESOLVE, K.DNS_SINKHOLE, "0.0.0.0"), {}, C.DNS_SINKHOLED),
    (kind(P.CONNECT, K.TIMEOUT), {}, C.TCP_TIMEOUT),
    (os_error(P.CONNECT, errno.ETIMEDOUT), {}, C.TCP_TIMEOUT),
    (os_error(P.CONNECT, errno.ECONNREFUSED), {}, C.TCP_REFUSED),
    (os_error(P.CONNECT, errno.ENETUNREACH), {}, C.NETWORK_UNREACHABLE),
    (os_error(P.CONNECT, errno.EHOSTUNREACH), {}, C.HOST_UNREACHABLE),
    (os_error(P.CONNECT, errno.EHOSTUNREACH, (3, 13)), {}, C.ADMIN_PROHIBITED),
    (os_error(P.CONNECT, errno.EHOSTUNREACH, (1, 1)), {}, C.ADMIN_PROHIBITED),
    (os_error(P.CONNECT, errno.EACCES, (1, 1)), {}, C.ADMIN_PROHIBITED),
    (os_error(P.CONNECT, errno.ENOPROTOOPT, (3, 2)), {}, C.HOST_UNREACHABLE),
    (os_error(P.EXCHANGE, errno.ENONET, (3, 8)), {}, C.HOST_UNREACHABLE),
    (os_error(P.CONNECT, errno.EACCES), {}, C.LOCAL_ROUTE_DISCARDS),
    (os_error(P.CONNECT, errno.EINVAL), {}, C.LOCAL_ROUTE_DISCARDS),
    (os_error(P.EXCHANGE, errno.EINVAL), {}, C.LOCAL_ROUTE_DISCARDS),
    (os_error(P.CONNECT, errno.EINVAL), {"address": "fe80::1"}, C.ADDRESS_NEEDS_ZONE),
    (os_error(P.CONNECT, errno.EPERM), {}, C.LOCAL_FIREWALL),
    (os_error(P.EXCHANGE, errno.EPERM), {}, C.LOCAL_FIREWALL),
    (os_error(P.CONNECT, errno.ENODEV), {}, C.LOCAL_ERROR),
    (os_error(P.CONNECT, errno.ENOTSOCK), {}, C.LOCAL_ERROR),
    (os_error(P.FIRST_BYTE, errno.EIO), {}, C.LOCAL_ERROR),
    (os_error(P.TLS, errno.EPIPE), {}, C.TLS_RESET_ON_HELLO),
    (kind(P.CONNECT, K.NO_SOURCE), {}, C.LOCAL_ADDRESS_MISSING),
    (kind(P.CONNECT, K.TIMEOUT), {"lookup": 9.5}, C.DNS_SLOW),
    (kind(P.FIRST_BYTE, K.TIMEOUT), {"lookup": 6.0}, C.DNS_SLOW),
    (kind(P.FIRST_BYTE, K.TIMEOUT), {"lookup": 2.0}, C.HTTP_TIMEOUT),
    (os_error(P.CONNECT, errno.EADDRNOTAVAIL), {}, C.LOCAL_PORT_EXHAUSTED),
    (os_error(P.CONNECT, errno.EMFILE), {}, C.LOCAL_RESOURCE_EXHAUSTED),
    (os_error(P.FIRST_BYTE, errno.ECONNRESET), {}, C.TCP_RESET),
    (os_error(P.TLS, errno.ECONNRESET), {}, C.TLS_RESET_ON_HELLO),
    (kind(P.TLS, K.CLOSED), {}, C.TLS_RESET_ON_HELLO),
    (kind(P.TLS, K.TIMEOUT), {}, C.TLS_TIMEOUT_ON_HELLO),
    (kind(P.TLS, K.TLS_VERIFY, "10"), {}, C.TLS_EXPIRED),
    (kind(P.TLS, K.TLS_VERIFY, "9"), {}, C.TLS_NOT_YET_VALID),
    (kind(P.TLS, K.TLS_VERIFY, "62"), {}, C.TLS_NAME_MISMATCH),
    (kind(P.TLS, K.TLS_VERIFY, "18"), {"issuer": "CN=host.test"}, C.TLS_UNTRUSTED),
    (kind(P.TLS, K.TLS_VERIFY, "20"), {"issuer": "O=Zscaler Inc."}, C.TLS_INTERCEPTED),
    (kind(P.TLS, K.TLS_VERIFY, "10"), {"issuer": "CN=x", "until": 2e9}, C.TLS_CA_EXPIRED),
    (kind(P.TLS, K.TLS_VERIFY, "26"), {"issuer": "CN=x"}, C.TLS_CERTIFICATE_UNSUITABLE),
    (kind(P.TLS, K.TLS_VERIFY, "20"), {"issuer": "CN=x", "aia": True}, C.TLS_INCOMPLETE_CHAIN),
    (kind(P.TLS, K.TLS_VERIFY, "62"), {"issuer": "x", "names": ("*.test",)}, C.TLS_NAME_MISMATCH),
    (
        kind(P.TLS, K.TLS_VERIFY, "62"),
        {"issuer": "x", "names": ("*.a.host.test",)},
        C.TLS_NAME_NOT_COVERED,
    ),
    (kind(P.TLS, K.TLS_REJECTED_BY_GO), {}, C.TLS_REJECTED_BY_GO),
    (kind(P.TLS, K.TLS_ALERT, "112"), {}, C.TLS_NAME_REFUSED),
    (kind(P.TLS, K.TLS_ALERT, "120"), {}, C.TLS_NO_APPLICATION_PROTOCOL),
    (kind(P.TLS, K.TLS_ALERT, "70"), {}, C.TLS_PROTOCOL),
    (kind(P.TLS, K.TLS_CLIENT_CERTIFICATE, "40"), {}, C.TLS_CLIENT_CERTIFICATE_REQUIRED),
    (kind(P.TLS, K.TLS_LARGE_HELLO), {}, C.TLS_LARGE_CLIENT_HELLO),
    (kind(P.TLS, K.TLS_PLAINTEXT, "HTTP"), {}, C.TLS_NOT_SPOKEN),
    (kind(P.TLS, K.TLS_PROTOCOL, "UNSUPPORTED_PROTOCOL"), {}, C.TLS_PROTOCOL),
    (kind(P.CONNECT, K.TIMEOUT), {"proxy": "p:1"}, C.PROXY_UNREACHABLE),
    (os_error(P.CONNECT, errno.ECONNREFUSED), {"proxy": "p:1"}, C.PROXY_UNREACHABLE),
    (kind(P.PROXY, K.PROXY_STATUS, "407"), {"proxy": "p:1"}, C.PROXY_AUTH_REQUIRED),
    (kind(P.PROXY, K.PROXY_STATUS, "403"), {"proxy": "p:1"}, C.PROXY_DENIED),
    (kind(P.PROXY, K.PROXY_STATUS, "502"), {"proxy": "p:1"}, C.PROXY_UPSTREAM_FAILED),
    (kind(P.PROXY, K.TIMEOUT), {"proxy": "p:1"}, C.PROXY_UPSTREAM_FAILED),
    (kind(P.PROXY, K.CLOSED), {"proxy": "p:1"}, C.PROXY_UPSTREAM_FAILED),
    (kind(P.TLS, K.CLOSED), {"proxy": "p:1"}, C.PROXY_TUNNEL_FAILED),
    (kind(P.TLS, K.TIMEOUT), {"proxy": "p:1"}, C.PROXY_TUNNEL_FAILED),
    (os_error(P.TLS, errno.ECONNRESET), {"proxy": "p:1"}, C.PROXY_TUNNEL_FAILED),
    (kind(P.PROXY, K.PROXY_STATUS, "407 Negotiate, NTLM"), {"proxy": "p:1"}, C.PROXY_AUTH_REQUIRED),
    (kind(P.TRANSFER, K.HTTP_STATUS, "511"), {"page": b"", "status": 511}, C.CAPTIVE_PORTAL),
    (
        kind(P.TRANSFER, K.HTTP_STATUS, "502"),
        {"page": b"", "status": 502, "fields": {"proxy-status": "p; error=dns_error"}},
        C.HTTP_INTERMEDIARY_ERROR,
    ),
    (kind(P.FIRST_BYTE, K.TIMEOUT), {}, C.HTTP_TIMEOUT),
    (kind(P.TRANSFER, K.TIMEOUT), {}, C.HTTP_TIMEOUT),
    (kind(P.TRANSFER, K.HTTP_STATUS, "503"), {}, C.HTTP_STATUS),
    (
        kind(P.TRANSFER, K.HTTP_STATUS, "403"),
        {"page": b"<html><title>Web Page Blocked</title>"},
        C.HTTP_BLOCKED_PAGE,
    ),
    (kind(P.TRANSFER, K.HTTP_STATUS, "403"), {"page": b'{"denied": true}'}, C.HTTP_STATUS),
    (kind(P.TRANSFER, K.HTTP_UNPROVEN, "200"), {"page": b"<html>hi"}, C.HTTP_BLOCKED_PAGE),
    (kind(P.TRANSFER, K.HTTP_STATUS, "407"), {}, C.PROXY_AUTH_REQUIRED),
    (kind(P.CONNECT, K.CLOSED), {"proxy": "p:1"}, C.PROXY_UNREACHABLE),
    (kind(P.CONNECT, K.CLOSED), {}, C.TCP_RESET),
    (kind(P.FIRST_BYTE, K.CLOSED), {}, C.HTTP_PROTOCOL),
    (kind(P.TRANSFER, K.HTTP_FORMAT), {}, C.HTTP_PROTOCOL),
    (kind(P.TRANSFER, K.HTTP_TRUNCATED), {}, C.HTTP_TRUNCATED),
    (kind(P.FIRST_BYTE, K.HTTP2_BROKEN, "GOAWAY"), {}, C.HTTP2_BROKEN),
    (kind(P.EXCHANGE, K.TIMEOUT), {}, C.UDP_NO_REPLY),
    (kind(P.EXCHANGE, K.UDP_FORMAT), {}, C.UDP_NOT_SPOKEN),
    (os_error(P.EXCHANGE, errno.ECONNREFUSED), {}, C.UDP_PORT_UNREACHABLE),
    (os_error(P.EXCHANGE, errno.EPROTO, (12, 0)), {}, C.UDP_NO_REPLY),
    (kind(P.EXCHANGE, K.NTP_REFUSED, "RATE"), {}, C.NTP_REFUSED),
    (kind(P.EXCHANGE, K.NTP_REFUSED, "UNSYNCHRONIZED"), {}, C.NTP_UNSYNCHRONIZED),
    (kind(P.TOKEN, K.IMDS_STATUS, "302"), {}, C.IMDS_FOREIGN),
    (kind(P.TOKEN, K.IMDS_STATUS, "400"), {}, C.IMDS_REJECTED),
    (kind(P.IDENTITY, K.IMDS_STATUS, "401"), {}, C.IMDS_REJECTED),
    (kind(P.TOKEN, K.IMDS_STATUS, "429"), {}, C.IMDS_THROTTLED),
    (kind(P.IDENTITY, K.IMDS_STATUS, "503"), {}, C.IMDS_THROTTLED),
    (kind(P.IDENTITY, K.IMDS_FOREIGN), {}, C.IMDS_FOREIGN),
    (kind(P.TOKEN, K.TIMEOUT), {}, C.HTTP_TIMEOUT),
    (kind(P.TOKEN, K.IMDS_HOP_LIMIT), {}, C.IMDS_HOP_LIMIT),
    (kind(P.TOKEN, K.IMDS_DISABLED, "403"), {}, C.IMDS_DISABLED),
    (kind(P.TOKEN, K.IMDS_V1_ONLY, "404"), {}, C.IMDS_V1_ONLY),
    (kind(P.TRANSFER, K.ENDPOINT_POLICY, "403"), {}, C.VPC_ENDPOINT_DENIED),
    (None, {"offset": CLOCK_TOLERANCE + 1}, C.CLOCK_SKEW),
    (None, {"offset": CLOCK_TOLERANCE - 1}, None),
    (None, {}, None),
    (kind(P.TLS, K.INTERNAL, "KeyError"), {}, C.INTERNAL_ERROR),
]


@pytest.mark.parametrize(("failure", "facts", "cause"), CASES)
def test_what_is_seen_names_the_cause(
    failure: Failure | None, facts: dict[str, object], cause: Cause | None
):
    diagnosis = diagnose(target(), probe_result(failure, **facts))  # type: ignore[arg-type]
    assert diagnosis.cause is cause
    assert bool(diagnosis.detail) == bool(diagnosis.remediation) == (cause is not None)


def test_every_cause_that_a_prober_can_meet_has_a_case_and_every_cause_has_a_text():
    assert {cause for *_, cause in CASES if cause} == set(Cause) - NOT_YET_PROBED - PARTIAL
    assert all(cause.record.sentence and cause.record.remediation for cause in Cause)


def test_silence_on_a_dns_exchange_is_a_dns_timeout():
    diagnosis = diagnose(target(Protocol.DNS), probe_result(kind(P.EXCHANGE, K.TIMEOUT)))
    assert diagnosis.cause is C.DNS_TIMEOUT


def test_the_sentence_names_the_host_and_the_cure_the_port():
    diagnosis = diagnose(target(), probe_result(kind(P.CONNECT, K.TIMEOUT)))
    assert diagnosis.detail == "TCP 443 to host.test (192.0.2.9) is dropped silently."
    assert "outbound TCP 443" in diagnosis.remediation
    assert diagnosis.evidence["phase"] == "connect"


texts = st.text(max_size=300)
failures = st.builds(
    Failure,
    st.sampled_from(Phase),
    st.sampled_from(FailureKind),
    texts,
    st.one_of(st.none(), st.sampled_from(sorted(errno.errorcode))),
    st.one_of(st.none(), texts),
    st.one_of(st.none(), st.tuples(st.integers(0, 255), st.integers(0, 255))),
)
pages = st.one_of(st.none(), st.binary(max_size=200))
offsets = st.one_of(st.none(), st.floats(allow_nan=False))
proxies = st.one_of(st.none(), st.just("proxy.test:3128"))


@given(
    st.one_of(st.none(), failures),
    texts,
    pages,
    proxies,
    offsets,
    st.sampled_from(Protocol),
)
def test_any_attempt_has_a_verdict_that_is_fit_to_print(
    failure: Failure | None,
    issuer: str,
    page: bytes | None,
    proxy: str | None,
    offset: float | None,
    protocol: Protocol,
):
    diagnosis = diagnose(
        target(protocol),
        probe_result(failure, issuer=issuer, page=page, proxy=proxy, offset=offset),
    )
    if failure is not None:
        assert diagnosis.cause is not None
    for text in (diagnosis.detail, diagnosis.remediation, *diagnosis.evidence.values()):
        assert len(text) <= 400
    assert all(v.isprintable() for v in diagnosis.evidence.values())


def test_interception_by_a_trusted_ca_is_a_fact_and_no_fault():
    diagnosis = diagnose(target(), probe_result(None, issuer="CN=Zscaler Intermediate Root CA"))
    assert diagnosis.cause is None
    assert diagnosis.evidence["inspected_by"] == "CN=Zscaler Intermediate Root CA"
    assert "inspected_by" not in diagnose(target(), probe_result(None, issuer="CN=R11")).evidence


def test_what_the_kernel_and_the_wire_tell_is_evidence():
    failure = os_error(P.EXCHANGE, errno.EHOSTUNREACH, (3, 13))
    connection = Connection(
        "192.0.2.9", 4242, Family.IPV4, {}, failure, resends=2, sent=48, received=0
    )
    seen = ProbeResult("t", 0.0, 1.0, None, (connection,), failure)
    evidence = evidence_of(seen)
    assert evidence["icmp"] == "type 3 code 13"
    assert evidence["resends"] == "2"
    assert evidence["bytes"] == "48 sent, 0 received"
    assert evidence["code"] == "EHOSTUNREACH"


ERRNO, OTHER = errno.ECONNRESET, errno.ENOPROTOOPT


@pytest.mark.parametrize(
    ("failure", "proxy", "cause"),
    [
        (os_error(P.TLS, ERRNO), "p:1", C.PROXY_TUNNEL_FAILED),
        (os_error(P.TLS, errno.ETIMEDOUT), "p:1", C.PROXY_TUNNEL_FAILED),
        (kind(P.TLS, K.TIMEOUT), "p:1", C.PROXY_TUNNEL_FAILED),
        (kind(P.TLS, K.CLOSED), "p:1", C.PROXY_TUNNEL_FAILED),
        (os_error(P.TLS, OTHER), "p:1", C.LOCAL_ERROR),
        (os_error(P.TLS, ERRNO), None, C.TLS_RESET_ON_HELLO),
        (os_error(P.FIRST_BYTE, ERRNO), "p:1", C.TCP_RESET),
        (kind(P.PROXY, K.HTTP_FORMAT), "p:1", C.PROXY_UNREACHABLE),
        (kind(P.FIRST_BYTE, K.HTTP_FORMAT), "p:1", C.HTTP_PROTOCOL),
        (kind(P.PROXY, K.PROXY_TLS), "p:1", C.PROXY_UNREACHABLE),
        (kind(P.RESOLVE, K.DNS_NODATA), "p:1", C.PROXY_UNREACHABLE),
        (kind(P.RESOLVE, K.DNS_NODATA), None, C.DNS_NODATA),
    ],
)
def test_a_tunnel_breaks_at_the_proxy_and_a_name_of_the_proxy_is_the_proxys(
    failure: Failure, proxy: str | None, cause: Cause
):
    assert diagnose(target(), probe_result(failure, proxy=proxy)).cause is cause


@pytest.mark.parametrize(
    ("source", "public", "anchor", "inspector"),
    [
        (Source.CATALOG, False, "CN=Corp CA", "CN=Corp CA"),
        (Source.CATALOG, False, None, "a CA of this host"),
        (Source.CATALOG, True, "CN=Public", None),
        (Source.CATALOG, None, "CN=Unknown", None),
        (Source.CONFIG, False, "CN=Corp CA", None),
        (Source.DERIVED, False, "CN=Corp CA", "CN=Corp CA"),
    ],
)
def test_an_added_ca_inspects_public_services_and_may_vouch_for_configured_hosts(
    source: Source, public: bool | None, anchor: str | None, inspector: str | None
):
    made = target()
    made = replace(made, endpoint=replace(made.endpoint, source=source))
    tls = TlsFacts("TLSv1.3", None, None, True, None, (), anchor=anchor, anchor_public=public)
    result = probe_result(None)
    result = replace(result, connections=(replace(result.connections[0], tls=tls),))
    diagnosis = diagnose(made, result)
    assert diagnosis.cause is None
    assert diagnosis.evidence.get("inspected_by") == inspector
    failed = replace(result, failure=kind(P.TRANSFER, K.TIMEOUT))
    assert "inspected_by" not in diagnose(made, failed).evidence


def test_an_icmp_error_is_not_blamed_on_this_host_or_on_filters_that_send_none():
    other = diagnose(target(), probe_result(os_error(P.CONNECT, errno.ENOPROTOOPT, (3, 2))))
    assert other.detail.startswith("A router reports")
    prohibited = diagnose(target(), probe_result(os_error(P.CONNECT, errno.EHOSTUNREACH, (3, 13))))
    assert "drop silently, so they are not at fault" in prohibited.remediation


@pytest.mark.parametrize(
    ("icmp", "prohibited"),
    [((3, 9), True), ((3, 10), True), ((3, 13), True), ((1, 1), True), ((3, 1), False),
     ((3, 8), False), ((3, 11), False), ((1, 0), False)],
)  # fmt: skip
def test_administrative_prohibition_is_known_by_type_and_code(
    icmp: tuple[int, int], prohibited: bool
):
    failure = os_error(P.CONNECT, errno.EHOSTUNREACH, icmp)
    expected = C.ADMIN_PROHIBITED if prohibited else C.HOST_UNREACHABLE
    assert diagnose(target(), probe_result(failure)).cause is expected

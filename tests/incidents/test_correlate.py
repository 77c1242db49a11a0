"""The correlator: what failures share, without a network.

Covers: monitor/incidents/inference.py, monitor/incidents/selection.py, monitor/incidents/wording.py
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.health.status import TargetStatus
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.endpoint import DEFAULT_PROBERS, Endpoint, Protocol
from monitor.model.incident import Incident, Scope
from monitor.model.probe_result import (
    Certificate,
    Connection,
    Failure,
    FailureKind,
    Family,
    Phase,
    ProbeResult,
    Resolution,
    ResolutionSource,
    TlsFacts,
)
from monitor.model.state import State
from monitor.model.target import Target
from tests.incidents.correlating import correlate
from tests.probe_results import altered

HTTPS, TCP, UDP, DNS, HTTP = (
    Protocol.HTTPS,
    Protocol.TCP,
    Protocol.UDP,
    Protocol.DNS,
    Protocol.HTTP,
)
CATALOG = {
    "app": ("management_plane", "app.test", 443, HTTPS),
    "app2": ("management_plane", "app2.test", 443, HTTPS),
    "gw-us": ("gateway", "us.gw.test", 8443, HTTPS),
    "gw-eu": ("gateway", "eu.gw.test", 8443, HTTPS),
    "lh-us-udp": ("gateway_lighthouse", "lh.us.test", 4242, UDP),
    "lh-eu-udp": ("gateway_lighthouse", "lh.eu.test", 4242, UDP),
    "lh-us-tcp": ("gateway_lighthouse", "lh.us.test", 4242, TCP),
    "lh-eu-tcp": ("gateway_lighthouse", "lh.eu.test", 4242, TCP),
    "releases-a": ("release_artifacts", "releases.test", 443, HTTPS),
    "releases-b": ("release_artifacts", "releases.test", 443, HTTPS),
    "ec2": ("aws_api", "ec2.eu-west-1.amazonaws.com", 443, HTTPS),
    "s3": ("aws_api", "s3.eu-west-1.amazonaws.com", 443, HTTPS),
    "sts": ("aws_api", "sts.eu-west-1.amazonaws.com", 443, HTTPS),
    "imds": ("instance_metadata", "169.254.169.254", 80, HTTP),
    "dns-1": ("resolver", "10.0.0.2", 53, DNS),
    "dns-2": ("resolver", "10.0.0.3", 53, DNS),
}


def target(name: str) -> Target:
    group, host, port, protocol = CATALOG[name]
    return Target(Endpoint(name, group, host, port, protocol, DEFAULT_PROBERS[protocol]), 30, 10)


def status(name: str, cause: Cause | None = None, **facts: object) -> TargetStatus:
    """A target that is up, or down with ``cause``."""
    phase = Phase.RESOLVE if cause and cause.value.startswith("dns_") else Phase.CONNECT
    failure = None if cause is None else Failure(phase, FailureKind.TIMEOUT, "x")
    connection = Connection("192.0.2.1", 443, Family.IPV4, {}, failure)
    if issuer := facts.get("issuer"):
        chain = (replace(CERTIFICATE, issuer=str(issuer)),)
        connection = replace(connection, tls=TlsFacts(None, None, None, False, "x", chain))
    host = CATALOG[name][1]
    source = ResolutionSource.LITERAL if host[0].isdigit() else ResolutionSource.DNS
    unresolved = failure if phase is Phase.RESOLVE else None
    resolution = Resolution(host, source, ("192.0.2.1",), failure=unresolved)
    probe_result = ProbeResult(
        name,
        float(facts.get("at", 100.0)),  # type: ignore[arg-type]
        1.0,
        resolution,
        (connection,),
        failure,
        proxy=facts.get("proxy"),  # type: ignore[arg-type]
    )
    state = State.UP if cause is None else State.DOWN
    diagnosis = Diagnosis(cause, f"{name} fails", f"mend {name}") if cause else Diagnosis(None)
    return TargetStatus.of(target(name), state, probe_result, diagnosis, since=105.0)


CERTIFICATE = Certificate("CN=a", "CN=b", ("a",), 0.0, 1.0, "01", "00")


def world(failing: Mapping[str, Cause], **facts: object) -> list[TargetStatus]:
    return [status(name, failing.get(name), **facts) for name in CATALOG]


def every(cause: Cause, *names: str) -> dict[str, Cause]:
    return dict.fromkeys(names, cause)


EGRESS = tuple(n for n in CATALOG if n not in {"imds", "dns-1", "dns-2"})


def one(incidents: tuple[Incident, ...]) -> Incident:
    assert len(incidents) == 1, [(i.scope, i.subject, i.affected) for i in incidents]
    return incidents[0]


CASES = {
    "nothing fails": ({}, None, ""),
    "one endpoint": (every(Cause.TCP_TIMEOUT, "app"), Scope.ENDPOINT, "app.test"),
    "all paths of one host are one endpoint": (
        every(Cause.HTTP_STATUS, "releases-a", "releases-b"),
        Scope.ENDPOINT,
        "releases.test",
    ),
    "all egress dropped": (
        every(Cause.TCP_TIMEOUT, *EGRESS) | every(Cause.UDP_NO_REPLY, "lh-us-udp", "lh-eu-udp"),
        Scope.ALL_EGRESS,
        "egress",
    ),
    "no route": (every(Cause.NETWORK_UNREACHABLE, *EGRESS), Scope.ALL_EGRESS, "egress"),
    "resolver silent": (
        every(Cause.DNS_TIMEOUT, *EGRESS, "dns-1", "dns-2"),
        Scope.RESOLVER,
        "10.0.0.2, 10.0.0.3",
    ),
    "resolver fails names alone": (every(Cause.DNS_SERVFAIL, *EGRESS), Scope.RESOLVER, ""),
    "no name exists any more": (
        every(Cause.DNS_NXDOMAIN, *EGRESS) | every(Cause.DNS_TIMEOUT, "app", "s3", "dns-1"),
        Scope.RESOLVER,
        "10.0.0.2",
    ),
    "one zone does not exist": (
        every(Cause.DNS_NXDOMAIN, "gw-us", "gw-eu"),
        Scope.RESOLVER,
        "*.gw.test",
    ),
    "one of two name servers dead": (
        every(Cause.DNS_TIMEOUT, "dns-2"),
        Scope.RESOLVER,
        "10.0.0.3",
    ),
    "udp 4242 everywhere": (
        every(Cause.UDP_NO_REPLY, "lh-us-udp", "lh-eu-udp"),
        Scope.PORT,
        "udp/4242",
    ),
    "tcp 8443 everywhere": (every(Cause.TCP_TIMEOUT, "gw-us", "gw-eu"), Scope.PORT, "tcp/8443"),
    "one gateway of two": (every(Cause.TCP_TIMEOUT, "gw-us"), Scope.ENDPOINT, "us.gw.test"),
    "region": (every(Cause.TCP_TIMEOUT, "ec2", "s3", "sts"), Scope.REGION, "eu-west-1"),
    "group": (every(Cause.TLS_RESET_ON_HELLO, "app", "app2"), Scope.GROUP, "management_plane"),
    "ports exhausted": (
        every(Cause.LOCAL_PORT_EXHAUSTED, "app", "s3"),
        Scope.HOST,
        "local_port_exhausted",
    ),
    "metadata alone": (every(Cause.IMDS_HOP_LIMIT, "imds"), Scope.ENDPOINT, "169.254.169.254"),
    "clock": (every(Cause.TLS_NOT_YET_VALID, "app", "s3", "gw-us"), Scope.HOST, "clock"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_failures_share_is_one_incident(case: str):
    failing, scope, subject = CASES[case]
    incidents = correlate(world(failing), (), 110.0)
    if scope is None:
        assert incidents == ()
        return
    incident = one(incidents)
    assert (incident.scope, incident.affected) == (scope, tuple(sorted(failing)))
    assert not subject or incident.subject == subject
    assert incident.detail
    assert incident.remediation
    assert incident.started_at == 100.0


def test_a_proxy_that_is_down_is_one_incident():
    incident = one(
        correlate(
            world(every(Cause.PROXY_UNREACHABLE, *EGRESS), proxy="proxy.test:3128"), (), 110.0
        )
    )
    assert (incident.scope, incident.subject) == (Scope.PROXY, "proxy.test:3128")


def test_a_proxy_that_denies_one_host_is_that_hosts_incident():
    incident = one(correlate(world(every(Cause.PROXY_DENIED, "app"), proxy="p:1"), (), 110.0))
    assert incident.scope is Scope.ENDPOINT


def test_interception_is_named_by_its_issuer():
    incident = one(
        correlate(
            world(every(Cause.TLS_INTERCEPTED, "app", "s3"), issuer="CN=Corp Proxy"), (), 110.0
        )
    )
    assert (incident.scope, incident.subject) == (Scope.TLS_INTERCEPTION, "CN=Corp Proxy")


def test_two_breakages_at_once_are_two_incidents():
    failing = every(Cause.UDP_NO_REPLY, "lh-us-udp", "lh-eu-udp") | every(Cause.HTTP_STATUS, "app")
    incidents = correlate(world(failing), (), 110.0)
    assert {(i.scope, i.affected) for i in incidents} == {
        (Scope.PORT, ("lh-eu-udp", "lh-us-udp")),
        (Scope.ENDPOINT, ("app",)),
    }


def without_ipv6(number: int, code: str) -> list[TargetStatus]:
    """Everything is up over IPv4, and over IPv6 fails with an error of the kernel's."""
    broken = Failure(Phase.CONNECT, FailureKind.OS_ERROR, "x", number, code)
    connections = (
        Connection("192.0.2.1", 443, Family.IPV4, {}),
        Connection("2001:db8::1", 443, Family.IPV6, {}, broken),
    )
    return [
        replace(s, probe_result=replace(s.probe_result, connections=connections))
        for s in world({})
        if s.probe_result
    ]


def test_a_broken_family_is_degraded_and_named():
    incident = one(correlate(without_ipv6(errno.ENETUNREACH, "ENETUNREACH"), (), 110.0))
    assert (incident.scope, incident.subject) == (Scope.ADDRESS_FAMILY, "ipv6")
    assert (incident.cause, incident.state) == (Cause.NETWORK_UNREACHABLE, State.DEGRADED)


def test_a_host_without_descriptors_has_no_broken_family():
    assert correlate(without_ipv6(errno.EMFILE, "EMFILE"), (), 110.0) == ()


def test_a_dead_address_of_some_names_is_no_broken_family_but_one_of_all_names_is():
    def partly(s: TargetStatus, dead: str) -> TargetStatus:
        assert s.probe_result
        failure = Failure(Phase.CONNECT, FailureKind.TIMEOUT, "no answer")
        working = (
            Connection("192.0.2.1", 443, Family.IPV4, {}),
            Connection("192.0.2.2", 443, Family.IPV4, {}),
            Connection("2001:db8::1", 443, Family.IPV6, {}),
        )
        connections = tuple(
            replace(c, failure=failure) if c.address == dead else c for c in working
        )
        diagnosis = Diagnosis(Cause.ADDRESS_FAILED, "One fails.", "Allow it.")
        probe_result = replace(s.probe_result, connections=connections)
        return altered(s, state=State.DEGRADED, diagnosis=diagnosis, probe_result=probe_result)

    world_of = world({})
    some = [partly(s, "192.0.2.2") if s.target.id.startswith("gw") else s for s in world_of]
    incidents = correlate(some, (), 110.0)
    assert {(i.scope, i.subject) for i in incidents} == {
        (Scope.ENDPOINT, "us.gw.test"),
        (Scope.ENDPOINT, "eu.gw.test"),
    }
    whole = [partly(s, "2001:db8::1") if s.target.id in EGRESS else s for s in world_of]
    incident = one(correlate(whole, (), 110.0))
    assert (incident.scope, incident.subject) == (Scope.ADDRESS_FAMILY, "ipv6")
    assert incident.state is State.DEGRADED


def test_an_incident_grows_into_a_wider_scope_and_keeps_its_id():
    first = one(correlate(world(every(Cause.TCP_TIMEOUT, "app")), (), 110.0))
    wider = one(correlate(world(every(Cause.TCP_TIMEOUT, *EGRESS)), (first,), 115.0))
    assert wider.scope is Scope.ALL_EGRESS
    assert (wider.id, wider.started_at) == (first.id, first.started_at)


def test_an_incident_shrinks_and_closes():
    whole = one(correlate(world(every(Cause.TCP_TIMEOUT, *EGRESS)), (), 110.0))
    rest = one(correlate(world(every(Cause.TCP_TIMEOUT, "app")), (whole,), 120.0))
    assert (rest.scope, rest.affected, rest.id) == (Scope.ENDPOINT, ("app",), whole.id)
    assert correlate(world({}), (rest,), 130.0) == ()


def test_a_success_from_before_the_failures_does_not_contradict_a_wide_scope():
    failing = every(Cause.TCP_TIMEOUT, *EGRESS[:5])
    stale = [status(n, failing.get(n), at=100.0 if n in failing else 90.0) for n in CATALOG]
    assert one(correlate(stale, (), 110.0)).scope is Scope.ALL_EGRESS
    fresh = [status(n, failing.get(n), at=100.0 if n in failing else 101.0) for n in CATALOG]
    assert all(i.scope is not Scope.ALL_EGRESS for i in correlate(fresh, (), 110.0))


@given(st.dictionaries(st.sampled_from(sorted(CATALOG)), st.sampled_from(list(Cause))))
@settings(deadline=None)
def test_every_failing_target_is_in_exactly_one_incident(failing: dict[str, Cause]):
    incidents = correlate(world(failing), (), 110.0)
    affected = [name for incident in incidents for name in incident.affected]
    assert sorted(affected) == sorted(failing)
    assert len({i.id for i in incidents}) == len(incidents)
    again = correlate(world(failing), incidents, 140.0)
    assert {i.id for i in again} == {i.id for i in incidents}
    assert again == incidents


def test_names_that_all_lead_to_one_stranger_are_sinkholed():
    failing = every(Cause.TLS_NAME_MISMATCH, "ec2", "s3")
    elsewhere = [s for s in world(failing) if s.target.id not in failing]
    moved = [
        replace(s, probe_result=replace(s.probe_result, connections=(_at(s, "198.51.100.250"),)))
        for s in world(failing)
        if s.target.id in failing
    ]
    incident = one(correlate([*elsewhere, *moved], (), 110.0))
    assert (incident.scope, incident.cause) == (Scope.RESOLVER, Cause.DNS_SINKHOLED)
    assert "198.51.100.250" in incident.detail


def test_one_host_with_another_name_in_its_certificate_is_no_sinkhole():
    incident = one(correlate(world(every(Cause.TLS_NAME_MISMATCH, "app")), (), 110.0))
    assert (incident.scope, incident.cause) == (Scope.ENDPOINT, Cause.TLS_NAME_MISMATCH)


def _at(status: TargetStatus, address: str) -> Connection:
    assert status.probe_result is not None
    return replace(status.probe_result.connections[0], address=address)


def test_a_breakage_that_falls_apart_keeps_its_id_once_and_the_parts_have_their_own():
    first = one(correlate(world(every(Cause.TCP_TIMEOUT, "app")), (), 110.0))
    whole = correlate(world(every(Cause.TCP_TIMEOUT, *EGRESS)), (first,), 115.0)
    parts = correlate(world(every(Cause.TCP_TIMEOUT, "app", "s3")), whole, 120.0)
    assert len({i.id for i in parts}) == 2
    assert first.id in {i.id for i in parts}


@given(st.data())
@settings(deadline=None)
def test_the_order_of_targets_and_incidents_does_not_matter(data: st.DataObject):
    failing = data.draw(
        st.dictionaries(st.sampled_from(sorted(CATALOG)), st.sampled_from(list(Cause)))
    )
    statuses = world(failing)
    opened = correlate(statuses, (), 110.0)
    shuffled = data.draw(st.permutations(statuses))
    told = {(i.scope, i.subject, i.cause, i.affected) for i in correlate(shuffled, (), 110.0)}
    assert told == {(i.scope, i.subject, i.cause, i.affected) for i in opened}
    assert correlate(statuses, data.draw(st.permutations(opened)), 140.0) == opened


@given(
    st.lists(
        st.dictionaries(st.sampled_from(sorted(CATALOG)), st.sampled_from(list(Cause))),
        max_size=6,
    )
)
@settings(deadline=None)
def test_ids_are_distinct_and_kept_while_anything_they_affected_still_fails(
    rounds: list[dict[str, Cause]],
):
    opened: tuple[Incident, ...] = ()
    for number, failing in enumerate(rounds):
        now = 110.0 + 30 * number
        before, opened = opened, correlate(world(failing), opened, now)
        assert len({i.id for i in opened}) == len(opened)
        assert sorted(n for i in opened for n in i.affected) == sorted(failing)
        assert all(i.started_at <= now for i in opened)
        kept = {i.id for i in opened}
        for incident in before:
            if len(opened) == 1 and len(before) == 1 and set(incident.affected) & set(failing):
                assert incident.id in kept


@given(st.sampled_from(list(Cause)), st.permutations(EGRESS))
@settings(deadline=None)
def test_what_grows_target_by_target_never_forgets_when_it_began(cause: Cause, order: list[str]):
    opened: tuple[Incident, ...] = ()
    for count in range(1, len(order) + 1):
        statuses = [
            altered(s, since=100.0 + order.index(s.target.id)) if s.target.id in order else s
            for s in world(every(cause, *order[:count]))
        ]
        opened = correlate(statuses, opened, 110.0 + count)
        assert opened[0].started_at == 100.0


def test_two_thousand_targets_that_all_fail_are_few_incidents():
    """Would take minutes if each target were compared with each other."""
    copies = [
        replace(
            s,
            target=replace(
                s.target, endpoint=replace(s.target.endpoint, id=f"{s.target.id}-{number}")
            ),
        )
        for number in range(2000 // len(EGRESS))
        for s in world(every(Cause.DNS_SERVFAIL, *EGRESS))
    ]
    incident = one(correlate(copies, (), 110.0))
    assert incident.scope is Scope.RESOLVER


def test_a_name_server_that_fails_names_is_told_by_these_names():
    dead = one(correlate(world(every(Cause.DNS_TIMEOUT, *EGRESS, "dns-1", "dns-2")), (), 110.0))
    assert dead.detail.startswith("Name servers 10.0.0.2, 10.0.0.3 do not resolve names")
    assert "10.0.0.2" not in dead.detail.partition(":")[2]


def test_a_name_server_that_another_one_replaces_takes_no_name_down():
    dead = one(correlate(world(every(Cause.DNS_TIMEOUT, "dns-2")), (), 110.0))
    assert dead.detail == "dns-2 fails Names still resolve by the others."

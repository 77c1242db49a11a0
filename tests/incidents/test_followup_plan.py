"""Second looks: which are taken for what, where they go, and what they settle.

Covers: monitor/incidents/followup_verdict.py
"""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.health.status import TargetStatus
from monitor.incidents.followup_plan import (
    FollowUpResult,
    Rival,
    follow_up_result_of,
    follow_ups_for,
)
from monitor.incidents.followup_verdict import refine, whom
from monitor.incidents.wording import STILL_WORKS
from monitor.model.causes import Cause
from monitor.model.incident import LIKELY, PROVEN, Incident, Scope
from monitor.model.path import FlowPattern
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
from monitor.model.state import State
from tests.incidents.correlating import correlate
from tests.incidents.test_correlate import CATALOG, every, one, status, world
from tests.model.test_path import flows

Q = Rival
ADDRESSES = {name: f"192.0.2.{number}" for number, name in enumerate(CATALOG, 10)}
SERVER = "10.0.0.2:53"


def placed(statuses: list[TargetStatus], proxy: str | None = None) -> list[TargetStatus]:
    """Give each host an address of its own, and a second one that is never tried."""
    result = []
    for s in statuses:
        assert s.probe_result is not None
        first = next(ADDRESSES[n] for n, row in CATALOG.items() if row[1] == s.target.host)
        connection = replace(s.probe_result.connections[0], address=first)
        answers = (DnsAnswer(SERVER, "A", "NOERROR", (first,), 0.01),)
        found = Resolution(s.target.host, ResolutionSource.DNS, (first, f"{first}9"[:13]), answers)
        probe_result = replace(
            s.probe_result, connections=(connection,), resolution=found, proxy=proxy
        )
        result.append(replace(s, probe_result=probe_result))
    return result


def incident_of(cause: Cause, *names: str, proxy: str | None = None):
    statuses = placed(world(every(cause, *names)), proxy)
    return one(correlate(statuses, (), 110.0)), statuses


def rivals(cause: Cause, *names: str, proxy: str | None = None) -> list[Rival]:
    incident, statuses = incident_of(cause, *names, proxy=proxy)
    return list(dict.fromkeys(follow_up.rival for follow_up in follow_ups_for(incident, statuses)))


def test_a_cut_hello_is_tried_with_another_name_at_the_same_address():
    incident, statuses = incident_of(Cause.TLS_RESET_ON_HELLO, "gw-us", "gw-eu")
    (follow_up,) = follow_ups_for(incident, statuses)
    assert (follow_up.rival, follow_up.target.address) == (Q.OTHER_NAME, ADDRESSES["gw-us"])
    assert (follow_up.target.host, follow_up.target.port) == ("app.test", 8443)
    assert follow_up.target.endpoint.prober == "tls"


def test_a_silent_hello_is_also_tried_in_small_segments():
    incident, statuses = incident_of(Cause.TLS_TIMEOUT_ON_HELLO, "app")
    small = follow_ups_for(incident, statuses)[-1]
    assert (small.rival, small.segment, small.target.host) == (
        Q.SMALL_SEGMENTS,
        500,
        "app.test",
    )


@pytest.mark.parametrize(
    ("cause", "names", "expected"),
    [
        (Cause.TCP_TIMEOUT, ("app",), [Q.FLOWS, Q.OTHER_ADDRESS, Q.SAME_PORT]),
        (Cause.UDP_NO_REPLY, ("lh-us-udp",), [Q.TCP]),
        (Cause.DNS_NXDOMAIN, ("app",), [Q.OTHER_SERVER]),
        (Cause.HTTP_STATUS, ("app",), []),
        (Cause.LOCAL_PORT_EXHAUSTED, ("app",), []),
    ],
)
def test_each_doubt_has_its_looks(cause: Cause, names: tuple[str, ...], expected: list[Rival]):
    assert rivals(cause, *names) == expected


def test_what_the_proxy_fails_is_tried_without_it():
    assert rivals(Cause.PROXY_DENIED, "app", proxy="proxy.test:3128") == [Q.ALTERNATE_PROXY]
    assert rivals(Cause.TLS_RESET_ON_HELLO, "app", proxy="p:1") == [Q.ALTERNATE_PROXY]
    assert rivals(Cause.PROXY_TUNNEL_FAILED, "app", proxy="p:1") == [Q.ALTERNATE_PROXY]


def test_what_fails_directly_is_tried_through_the_proxy_that_others_use():
    incident, statuses = incident_of(Cause.TCP_TIMEOUT, "app")
    statuses[1] = replace(
        statuses[1], probe_result=replace(statuses[1].probe_result, proxy="proxy:3128")
    )
    assert Q.THROUGH_PROXY in [follow_up.rival for follow_up in follow_ups_for(incident, statuses)]


def test_another_port_of_the_same_host_is_tried_first():
    incident, statuses = incident_of(Cause.TCP_TIMEOUT, "gw-us")
    host = next(s for s in statuses if s.target.id == "gw-us").target.host
    ports = [x for x in follow_ups_for(incident, statuses) if x.rival is Q.OTHER_PORT]
    others = {s.target.port for s in statuses if s.target.host == host} - {8443}
    assert [follow_up.target.endpoint.port in others for follow_up in ports] == [True] * bool(
        others
    )


def test_nothing_is_looked_at_without_an_address_or_anybody_to_speak():
    incident, statuses = incident_of(Cause.TLS_RESET_ON_HELLO, "app")
    blind = [
        replace(s, probe_result=replace(s.probe_result, connections=(), resolution=None))
        if s.probe_result
        else s
        for s in statuses
    ]
    assert follow_ups_for(incident, blind) == ()
    assert follow_ups_for(replace(incident, affected=("gone",)), statuses) == ()


@given(st.dictionaries(st.sampled_from(sorted(CATALOG)), st.sampled_from(list(Cause)), max_size=8))
def test_looks_are_few_and_go_only_where_the_configuration_points(failing: dict[str, Cause]):
    statuses = placed(world(failing))
    hosts = {s.target.host for s in statuses}
    addresses = {a for s in statuses for a in s.probe_result.resolution.addresses} | {None}
    for incident in correlate(statuses, (), 110.0):
        follow_ups = follow_ups_for(incident, statuses)
        assert len(follow_ups) <= 6
        for follow_up in follow_ups:
            assert follow_up.target.host in hosts
            assert follow_up.target.endpoint.query in hosts | {""}
            assert follow_up.target.address in addresses
            assert follow_up.target.id not in CATALOG
        told = refine(incident, {}, ())
        assert told == incident


def follow_up(rival: Rival):
    incident, statuses = incident_of(Cause.TLS_TIMEOUT_ON_HELLO, "app")
    return next(x for x in follow_ups_for(incident, statuses) if x.rival is rival)


def test_any_byte_that_tls_answers_counts_and_silence_does_not():
    refused = Failure(Phase.TLS, FailureKind.TLS_VERIFY, "not for that name", code="62")
    silent = Failure(Phase.TLS, FailureKind.TIMEOUT, "no answer in time")

    def seen(failure: Failure, received: int) -> FollowUpResult:
        connection = Connection("192.0.2.1", 443, Family.IPV4, {}, failure, received=received)
        probe_result = ProbeResult("x", 1.0, 1.0, None, (connection,), failure)
        return follow_up_result_of(follow_up(Q.OTHER_NAME), probe_result)

    assert seen(refused, 1200).answered
    assert seen(silent, 0).said == "no answer in time"


def incident(cause: Cause, *names: str, scope: Scope = Scope.ENDPOINT) -> Incident:
    return Incident(
        "i", cause, scope, "s", State.DOWN, 1.0, names, "It is down.", "Look.", {"phase": "tls"}
    )


TARGETS = {name: status(name).target for name in CATALOG}


@pytest.mark.parametrize(
    ("cause", "follow_up_results", "words", "settled"),
    [
        (Cause.TLS_RESET_ON_HELLO, {Q.OTHER_NAME: True}, "a name filter", None),
        (Cause.TLS_RESET_ON_HELLO, {Q.OTHER_NAME: False}, "no name filter", Cause.TCP_RESET),
        (Cause.TLS_TIMEOUT_ON_HELLO, {Q.OTHER_NAME: True}, "a name filter", None),
        (
            Cause.TLS_TIMEOUT_ON_HELLO,
            {Q.OTHER_NAME: False, Q.SMALL_SEGMENTS: True},
            "path-MTU hole",
            None,
        ),
        (
            Cause.TLS_TIMEOUT_ON_HELLO,
            {Q.OTHER_NAME: True, Q.SMALL_SEGMENTS: True},
            "path-MTU hole",
            None,
        ),
        (
            Cause.TLS_TIMEOUT_ON_HELLO,
            {Q.OTHER_NAME: False, Q.SMALL_SEGMENTS: False},
            "whatever the name",
            None,
        ),
        (Cause.TCP_TIMEOUT, {Q.OTHER_PORT: True}, "a rule for the port", None),
        (Cause.TCP_TIMEOUT, {Q.OTHER_ADDRESS: True}, "another address of the same name", None),
        (Cause.TCP_TIMEOUT, {Q.SAME_PORT: True}, "a rule for the address", None),
        (Cause.TCP_TIMEOUT, {Q.THROUGH_PROXY: True}, "can't be reached directly", None),
        (Cause.TCP_TIMEOUT, {Q.SAME_PORT: False}, "It is down.", None),
        (Cause.UDP_NO_REPLY, {Q.TCP: True}, "it is filtered or ignored", None),
        (Cause.UDP_NO_REPLY, {Q.TCP: False}, "can't be reached at all", None),
        (Cause.DNS_NXDOMAIN, {Q.OTHER_SERVER: True}, "they disagree", None),
        (Cause.DNS_NXDOMAIN, {Q.OTHER_SERVER: False}, "no address either", None),
        (Cause.PROXY_DENIED, {Q.ALTERNATE_PROXY: True}, "Without the proxy it is reached", None),
        (Cause.PROXY_DENIED, {Q.ALTERNATE_PROXY: False}, "It is down.", None),
        (Cause.UDP_NO_REPLY, {Q.SAME_PORT: True}, "It is down.", None),
        (Cause.DNS_NXDOMAIN, {Q.TCP: True}, "It is down.", None),
        (Cause.TLS_RESET_ON_HELLO, {Q.THROUGH_PROXY: True}, "can't be reached directly", None),
        (Cause.HTTP_STATUS, {Q.SAME_PORT: True}, "It is down.", None),
    ],
)
def test_what_was_seen_settles_the_sentence(
    cause: Cause, follow_up_results: dict[Rival, bool], words: str, settled: Cause | None
):
    seen = [
        FollowUpResult(q, "something else", ok, "answers" if ok else "x")
        for q, ok in follow_up_results.items()
    ]
    told = refine(incident(cause, "app"), TARGETS, seen)
    assert words in told.detail
    assert told.cause is (settled or cause)
    assert told.remediation
    assert told.evidence.keys() == {"phase", *(q.value for q in follow_up_results)}


def settled(cause: Cause, rival: Rival, ok: bool = True, **changes: object) -> Incident:
    seen = FollowUpResult(rival, "something else", ok, "answers" if ok else "x")
    return refine(replace(incident(cause, "app"), **changes), TARGETS, [seen])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cause", "rival", "ok", "confidence"),
    [
        (Cause.TLS_RESET_ON_HELLO, Q.OTHER_NAME, True, PROVEN),
        (Cause.TLS_RESET_ON_HELLO, Q.OTHER_NAME, False, "either"),
        (Cause.TLS_TIMEOUT_ON_HELLO, Q.SMALL_SEGMENTS, True, PROVEN),
        (Cause.TLS_TIMEOUT_ON_HELLO, Q.OTHER_NAME, False, "either"),
        (Cause.TCP_TIMEOUT, Q.OTHER_PORT, True, "either"),
        (Cause.TCP_TIMEOUT, Q.OTHER_ADDRESS, True, "either"),
        (Cause.TCP_TIMEOUT, Q.SAME_PORT, True, "either"),
        (Cause.TCP_TIMEOUT, Q.THROUGH_PROXY, True, PROVEN),
        (Cause.UDP_NO_REPLY, Q.TCP, True, "either"),
        (Cause.PROXY_DENIED, Q.ALTERNATE_PROXY, True, PROVEN),
        (Cause.HTTP_STATUS, Q.SAME_PORT, True, LIKELY),
    ],
)
def test_an_answer_that_leaves_two_explanations_is_no_proof(
    cause: Cause, rival: Rival, ok: bool, confidence: str
):
    found = settled(cause, rival, ok).confidence
    assert found.startswith(confidence)
    assert ("would separate the two" in found) is (confidence == "either")


@pytest.mark.parametrize(
    ("outcomes", "pattern", "confidence"),
    [
        (("--", "--", "++", "++", "++", "++", "++", "++"), FlowPattern.ONE_PATH, PROVEN),
        (("-+", "+-", "-+", "+-", "-+", "+-", "++", "++"), FlowPattern.LOSS, PROVEN),
        (("-+", "++", "++", "++", "++", "++", "++", "++"), FlowPattern.UNCLEAR, "either one"),
        (("++",) * 8, FlowPattern.ALL_WORK, LIKELY),
    ],
)
def test_chosen_source_ports_prove_a_path_or_loss_only_if_the_pattern_is_clear(
    outcomes: tuple[str, ...], pattern: FlowPattern, confidence: str
):
    test = flows(*outcomes)
    assert test.pattern is pattern
    seen = FollowUpResult(Q.FLOWS, "flows", True, "x", test)
    told = refine(incident(Cause.TCP_TIMEOUT, "app"), TARGETS, [seen])
    assert told.confidence.startswith(confidence)
    assert told.intermittent


@pytest.mark.parametrize(
    ("cause", "rival"),
    [
        (Cause.TCP_REFUSED, Q.OTHER_PORT),
        (Cause.TCP_REFUSED, Q.SAME_PORT),
        (Cause.ADMIN_PROHIBITED, Q.SAME_PORT),
        (Cause.UDP_PORT_UNREACHABLE, Q.TCP),
    ],
)
def test_what_is_rejected_is_not_blamed_on_filters_that_only_drop(cause: Cause, rival: Rival):
    text = settled(cause, rival).remediation
    assert "they never reject" in text
    assert not re.search("(?i)(allow|open) .*(security group|network ACL)", text)


@pytest.mark.parametrize(
    ("cause", "rival", "ok", "confidence", "words"),
    [
        (Cause.TLS_RESET_ON_HELLO, Q.OTHER_NAME, True, PROVEN, "Another name at the same address"),
        (Cause.TLS_RESET_ON_HELLO, Q.OTHER_NAME, False, LIKELY, "It is down."),
        (Cause.TLS_TIMEOUT_ON_HELLO, Q.SMALL_SEGMENTS, False, PROVEN, "rules out a path-MTU hole"),
        (Cause.TLS_TIMEOUT_ON_HELLO, Q.SMALL_SEGMENTS, True, PROVEN, "path-MTU hole that"),
    ],
)
def test_the_sentence_about_many_hosts_is_confirmed_and_not_replaced(
    cause: Cause, rival: Rival, ok: bool, confidence: str, words: str
):
    before = "either x or y; z" if rival is Q.SMALL_SEGMENTS else LIKELY
    told = settled(cause, rival, ok, scope=Scope.PATH, confidence=before)
    assert (told.confidence, told.cause) == (confidence, cause)
    assert words in told.detail
    if not (ok and rival is Q.SMALL_SEGMENTS):
        assert told.detail.startswith("It is down.")
        assert told.remediation == "Look."


def test_no_answer_shows_an_internal_id():
    name = "3000--00000000-0000-0000-0000-000000000000.eu01.gitpod.dev"
    seen = FollowUpResult(Q.OTHER_NAME, f"{name} at 192.0.2.1", True, "answers")
    told = refine(incident(Cause.TLS_RESET_ON_HELLO, "app"), TARGETS, [seen])
    assert "*.eu01.gitpod.dev at 192.0.2.1" in told.detail


def test_the_sentence_of_what_works_again_stays_in_the_past_tense():
    works = settled(Cause.TCP_TIMEOUT, Q.SAME_PORT, works_now=True)
    assert works.detail == "It is down."
    assert "same_port" in works.evidence


@pytest.mark.parametrize("rival", [Q.SAME_PORT, Q.OTHER_SERVER])
def test_what_still_works_stays_said_and_once(rival: Rival):
    cause = Cause.TCP_TIMEOUT if rival is Q.SAME_PORT else Cause.DNS_NXDOMAIN
    remark = "Still works: eu01 of gateways."
    still = replace(
        incident(cause, "gw-us"),
        detail=f"It is down. {remark}",
        evidence={STILL_WORKS: "eu01 of gateways"},
    )
    told = refine(still, TARGETS, [FollowUpResult(rival, "another", True, "answers")])
    assert told.detail.count(remark) == 1


def test_hosts_are_written_as_the_rule_that_is_to_be_asked_for():
    assert whom(["a.test"]) == "a.test"
    assert whom(["us01.gitpod.dev", "eu01.gitpod.dev"]) == "eu01.gitpod.dev and us01.gitpod.dev"
    assert whom(["us01.gitpod.dev", "a.eu01.gitpod.dev", "eu01.gitpod.dev"]) == "*.gitpod.dev"
    assert whom(["a.test", "b.example", "c.test"]) == "a.test and 2 more"


def test_a_handshake_that_the_server_began_is_not_compared_with_another_name():
    """The same server may send the same bytes to any name: that would not show a name filter."""
    incident, statuses = incident_of(Cause.TLS_TIMEOUT_ON_HELLO, "app")
    begun = []
    for s in statuses:
        assert s.probe_result is not None
        heard = replace(s.probe_result.connections[0], received=7)
        begun.append(replace(s, probe_result=replace(s.probe_result, connections=(heard,))))
    assert [f.rival for f in follow_ups_for(incident, begun)] == [Q.SMALL_SEGMENTS]


def chosen(cause: Cause, name: str, **changes: object) -> list[tuple[Rival, str, str | None]]:
    """Follow-up probes of one failing target whose result has some changes."""
    incident, statuses = incident_of(cause, name)
    changed = [
        replace(s, probe_result=replace(s.probe_result, **changes))  # type: ignore[arg-type, type-var]
        if s.target.id == name and s.probe_result
        else s
        for s in statuses
    ]
    return [(f.rival, f.target.host, f.target.address) for f in follow_ups_for(incident, changed)]


def test_source_ports_are_tried_at_the_address_that_failed():
    failure = Failure(Phase.CONNECT, FailureKind.TIMEOUT, "x")
    connections = tuple(
        Connection(address, 443, Family.IPV4, {}, failed)
        for address, failed in (("192.0.2.1", None), ("192.0.2.2", failure))
    )
    assert (Q.FLOWS, "app.test", "192.0.2.2") in chosen(
        Cause.TCP_TIMEOUT, "app", connections=connections
    )
    assert (Q.FLOWS, "app.test", "192.0.2.1") in chosen(
        Cause.TCP_TIMEOUT, "app", connections=connections[:1]
    )


def test_nothing_is_tried_at_an_address_that_is_not_known():
    rivals = [rival for rival, _, _ in chosen(Cause.TCP_TIMEOUT, "app", connections=())]
    assert Q.FLOWS not in rivals
    assert chosen(Cause.TLS_TIMEOUT_ON_HELLO, "app", connections=()) == []


def test_a_server_that_began_to_answer_is_not_tried_with_another_name():
    failure = Failure(Phase.TLS, FailureKind.TIMEOUT, "x")

    def tried(received: int) -> list[Rival]:
        begun = Connection("192.0.2.1", 443, Family.IPV4, {}, failure, received=received)
        return [r for r, _, _ in chosen(Cause.TLS_TIMEOUT_ON_HELLO, "app", connections=(begun,))]

    assert tried(1) == [Q.SMALL_SEGMENTS]
    assert tried(0) == [Q.OTHER_NAME, Q.SMALL_SEGMENTS]


def test_another_name_is_of_another_domain_and_works_without_a_proxy():
    incident, statuses = incident_of(Cause.TLS_RESET_ON_HELLO, "gw-us")

    def other_name(changed: list[TargetStatus]) -> list[str]:
        return [f.target.host for f in follow_ups_for(incident, changed) if f.rival is Q.OTHER_NAME]

    assert other_name(statuses) == ["app.test"]
    proxied = [
        replace(s, probe_result=replace(s.probe_result, proxy="p:1"))
        if s.target.host == "app.test" and s.probe_result
        else s
        for s in statuses
    ]
    assert other_name(proxied) == ["app2.test"]
    shared = [
        replace(
            s,
            probe_result=replace(
                s.probe_result,
                resolution=replace(s.probe_result.resolution, addresses=(ADDRESSES["gw-us"],)),
            ),
        )
        if s.target.id == "ec2" and s.probe_result and s.probe_result.resolution
        else s
        for s in statuses
    ]
    assert other_name(shared) == ["ec2.eu-west-1.amazonaws.com"]


def test_an_incident_that_comes_and_goes_is_tried_by_source_ports_only():
    incident, statuses = incident_of(Cause.TCP_TIMEOUT, "app")
    intermittent = replace(incident, intermittent=True, scope=Scope.PATH)
    assert [f.rival for f in follow_ups_for(intermittent, statuses)] == [Q.FLOWS]
    assert follow_ups_for(replace(incident, scope=Scope.ALL_EGRESS), statuses) == ()
    assert follow_ups_for(replace(incident, affected=("dns-1",)), statuses) == ()


def tried(cause: Cause, name: str, *others: TargetStatus) -> list[tuple[Rival, str]]:
    """The follow-up probes of a failing target beside these others."""
    (failing,) = placed([status(name, cause)])
    found = replace(incident(cause, name), cause=cause)
    return [(f.rival, f.subject) for f in follow_ups_for(found, [failing, *others])]


def beside(name: str, **endpoint: object) -> TargetStatus:
    (made,) = placed([status(name)])
    changed = replace(made.target.endpoint, **endpoint)  # type: ignore[arg-type]
    return replace(made, target=replace(made.target, endpoint=changed))


def test_another_port_of_the_same_host_is_tried_at_the_same_address():
    other = beside("gw-us", host="app.test")
    assert (Q.OTHER_PORT, "port 8443") in tried(Cause.TCP_TIMEOUT, "app", other)
    for unfit in (beside("gw-us"), beside("app2", host="app.test"), beside("lh-us-udp")):
        assert Q.OTHER_PORT not in dict(tried(Cause.TCP_TIMEOUT, "app", unfit))


def test_the_same_port_is_tried_at_a_host_that_works_directly_and_elsewhere():
    assert (Q.SAME_PORT, "app2.test port 443") in tried(Cause.TCP_TIMEOUT, "app", beside("app2"))
    down = placed([status("app2", Cause.TCP_TIMEOUT)])[0]
    (proxied,) = placed([status("app2")], "p:1")
    same_host, other_port = beside("app2", host="app.test"), beside("gw-us")
    for unfit in (down, proxied, same_host, other_port, beside("imds", port=443)):
        assert Q.SAME_PORT not in dict(tried(Cause.TCP_TIMEOUT, "app", unfit))


def test_only_addresses_of_the_same_family_are_tried():
    (failing,) = placed([status("app", Cause.TCP_TIMEOUT)])
    assert failing.probe_result is not None
    assert failing.probe_result.resolution is not None
    own = ADDRESSES["app"]
    addresses = (own, "2001:db8::1", "192.0.2.200")
    resolution = replace(failing.probe_result.resolution, addresses=addresses)
    changed = replace(failing, probe_result=replace(failing.probe_result, resolution=resolution))
    follow_ups = follow_ups_for(incident(Cause.TCP_TIMEOUT, "app"), [changed])
    found = [f.subject for f in follow_ups if f.rival is Q.OTHER_ADDRESS]
    assert found == ["192.0.2.200"]


def test_tcp_is_tried_at_the_same_host_only():
    tcp, elsewhere = beside("lh-us-tcp"), beside("lh-eu-tcp")
    expected = [(Q.TCP, "TCP 4242 of lh.us.test")]
    assert tried(Cause.UDP_NO_REPLY, "lh-us-udp", elsewhere, tcp) == expected
    assert tried(Cause.UDP_NO_REPLY, "lh-us-udp", elsewhere) == []
    assert tried(Cause.UDP_NO_REPLY, "lh-us-udp", beside("dns-1", host="lh.us.test")) == []


def test_a_name_server_that_was_not_asked_is_asked():
    asked, other, sixth = beside("dns-1"), beside("dns-2"), beside("dns-2", host="2001:db8::53")
    assert tried(Cause.DNS_NXDOMAIN, "app", asked) == []
    found = tried(Cause.DNS_NXDOMAIN, "app", asked, other, sixth)
    assert found[0] == (Q.OTHER_SERVER, "10.0.0.3")
    assert all(rival is Q.OTHER_SERVER for rival, _ in found)

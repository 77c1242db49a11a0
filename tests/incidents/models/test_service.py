"""Faults at the other end: proxy, AWS region, provider, captive portal, one endpoint."""

from __future__ import annotations

import pytest

from monitor.incidents.fault_model import Figures, Mode
from monitor.incidents.models.service import (
    AWS_GROUP,
    REDIRECTS_GROUP,
    EndpointFault,
    FlakyEndpoint,
    Group,
    Portal,
    Proxy,
    Region,
)
from monitor.incidents.observation import Track
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.groups import RESOLVER_GROUP
from monitor.model.probe_result import Phase
from tests.incidents.evidence import (
    evidence,
    hypothesis,
    leg,
    nothing_works,
    shown,
    target,
    track,
)

C = Cause
PROXY = "proxy.test:3128"
RESOLVER = target("10.0.0.2", group=RESOLVER_GROUP)


def test_a_proxy_is_broken_if_it_fails_or_the_tunnel_ends_before_tls() -> None:
    model = Proxy()
    assert shown(model, evidence(cause=C.PROXY_DENIED)) == []
    assert shown(model, evidence(cause=C.PROXY_DENIED, proxy=PROXY)) == [(PROXY, True)]
    assert shown(model, evidence(proxy=PROXY)) == [(PROXY, False)]
    for phase, hello, broken in (
        (Phase.TLS, "reset", True),
        (Phase.PROXY, "", True),
        (Phase.TLS, "passed", False),
        (Phase.FIRST_BYTE, "silent", False),
    ):
        legs = (leg(ok=False, hello=hello),)
        seen = evidence(cause=C.TLS_RESET_ON_HELLO, proxy=PROXY, phase=phase, legs=legs)
        assert shown(model, seen) == ([(PROXY, True)] if broken else [])


@pytest.mark.parametrize(
    ("cause", "hosts", "admitted"),
    [
        (C.PROXY_UNREACHABLE, 1, True),
        (C.PROXY_AUTH_REQUIRED, 1, True),
        (C.PROXY_DENIED, 1, False),
        (C.PROXY_DENIED, 2, True),
    ],
)
def test_a_proxy_that_fails_one_host_is_blamed_only_for_itself(
    cause: Cause, hosts: int, *, admitted: bool
) -> None:
    failing = [track(f"{n}.example", cause) for n in range(hosts)]
    assert Proxy().admits(hypothesis(Proxy(), PROXY, *failing), nothing_works) is admitted


def test_a_proxy_is_worded_by_its_cause() -> None:
    model = Proxy()
    denied = [track(host, C.PROXY_DENIED) for host in ("a.example", "b.example")]
    found = hypothesis(model, PROXY, *denied)
    assert model.detail(found, nothing_works) == (
        "Proxy proxy.test:3128 denies CONNECT: a.example, b.example."
    )
    assert model.remediation(found) == ("Ask the proxy's owners to allow CONNECT to these hosts.")
    assert model.remediation(hypothesis(model, PROXY, denied[0])) == "Repair a.example."
    other = hypothesis(model, PROXY, track("a.example", C.HTTP_STATUS))
    assert "fails what goes through it (http_status)" in model.detail(other, nothing_works)


def test_a_proxy_is_worded_by_what_was_observed_if_that_is_the_same_for_all() -> None:
    model = Proxy()

    def answered(host: str, status: int) -> Track:
        failing = track(host, C.PROXY_DENIED)
        error = f"the proxy answered {status} to CONNECT {host}:443"
        failing.diagnosis = Diagnosis(C.PROXY_DENIED, "", "", {"error": error})
        return failing

    alike = hypothesis(model, PROXY, answered("a.example", 405), answered("b.example", 405))
    assert model.detail(alike, nothing_works) == (
        "Proxy proxy.test:3128 denies CONNECT (the proxy answered 405): a.example, b.example."
    )
    mixed = hypothesis(model, PROXY, answered("a.example", 405), answered("b.example", 403))
    assert "answered" not in model.detail(mixed, nothing_works)


def test_a_region_is_taken_from_the_name_of_the_api() -> None:
    model = Region()
    api = target("ec2.eu-west-1.amazonaws.com", group=AWS_GROUP)
    assert shown(model, evidence(api, C.TCP_TIMEOUT)) == [("eu-west-1", True)]
    assert shown(model, evidence(api)) == [("eu-west-1", False)]
    assert shown(model, evidence(api, C.LOCAL_PORT_EXHAUSTED)) == []
    assert shown(model, evidence(cause=C.TCP_TIMEOUT)) == []
    global_api = target("iam.amazonaws.com", group=AWS_GROUP)
    assert shown(model, evidence(global_api)) == [(AWS_GROUP, False)]


def test_a_region_is_worded_by_what_still_works() -> None:
    model = Region()
    failing = [track(f"{n}.eu-west-1.amazonaws.com", C.TCP_TIMEOUT) for n in ("ec2", "s3")]
    whole = hypothesis(model, "eu-west-1", *failing)
    assert model.detail(whole, nothing_works).startswith("No AWS API of eu-west-1 answers")
    few = hypothesis(model, "eu-west-1", *failing, working=[track("sts.eu-west-1.aws", None)])
    assert model.detail(few, nothing_works).startswith("Few AWS APIs of eu-west-1 answers")
    assert "VPC endpoints" in model.remediation(whole)
    errors = hypothesis(model, "eu-west-1", track("s3.eu-west-1.amazonaws.com", C.HTTP_STATUS))
    assert "the network path works" in model.remediation(errors)


def test_a_group_is_judged_by_every_cause_that_is_not_the_hosts_own() -> None:
    model = Group()
    assert shown(model, evidence()) == [("vscode", False)]
    assert shown(model, evidence(cause=C.HTTP_STATUS)) == [("vscode", True)]
    assert shown(model, evidence(cause=C.SLOW, ok=True)) == [("vscode", True)]
    assert shown(model, evidence(cause=C.LOCAL_PORT_EXHAUSTED)) == []
    assert shown(model, evidence(cause=C.ADDRESS_FAILED, ok=True)) == []
    assert shown(model, evidence(RESOLVER, C.TCP_TIMEOUT)) == []


def test_a_group_is_parted_by_cause_and_repeats_its_diagnosis() -> None:
    model = Group()
    one, other = track("a.example", C.TCP_TIMEOUT), track("b.example", C.HTTP_STATUS)
    assert [part for part, _ in model.parts([one, other])] == ["tcp_timeout", "http_status"]
    whole = hypothesis(model, "vscode", one, track("c.example", C.TCP_TIMEOUT))
    assert model.detail(whole, nothing_works) == (
        "Everything in vscode fails in the same way: a.example, c.example. a.example fails."
    )
    part = hypothesis(model, "vscode", one, working=[track("d.example", None)])
    assert model.detail(part, nothing_works).startswith("1 of 2 hosts in vscode fails")
    assert model.remediation(whole) == "Repair a.example."
    well = hypothesis(model, "vscode", track("a.example", None))
    assert model.detail(well, nothing_works).endswith("a.example.")
    assert model.remediation(well) == ""


def test_a_portal_is_a_redirect_to_another_site() -> None:
    model = Portal()
    assert shown(model, evidence(redirect="login.portal.test")) == [("login.portal.test", True)]
    assert shown(model, evidence(target("a.shop.test"), redirect="login.shop.test")) == []
    assert shown(model, evidence()) == []
    followed = target("login.portal.test", group=REDIRECTS_GROUP)
    assert shown(model, evidence(followed, C.TCP_TIMEOUT)) == [("login.portal.test", True)]
    assert shown(model, evidence(followed)) == []


def test_a_portal_needs_three_unrelated_services() -> None:
    model = Portal()
    hosts = ("a.one.test", "b.two.example", "c.three.org")
    services = [track(host, None) for host in hosts]
    itself = track("login.portal.test", C.TCP_TIMEOUT)
    found = hypothesis(model, "login.portal.test", *services, itself)
    assert model.admits(found, nothing_works)
    fewer = hypothesis(model, "login.portal.test", *services[:2], itself)
    assert not model.admits(fewer, nothing_works)
    assert model.cause(found) is C.HTTP_BLOCKED_PAGE
    assert model.detail(found, nothing_works).startswith(
        "3 unrelated hosts all redirect to login.portal.test: a login page"
    )
    assert "login.portal.test:" not in model.detail(found, nothing_works).partition("for ")[2]
    assert "Log this host in at login.portal.test" in model.remediation(found)


def test_an_endpoint_is_judged_by_its_own_results() -> None:
    model = EndpointFault()
    assert shown(model, evidence()) == [("a.example", False)]
    assert shown(model, evidence(cause=C.SLOW, ok=True)) == [("a.example", True)]
    assert shown(model, evidence(RESOLVER, C.TCP_TIMEOUT)) == []


def test_an_endpoint_repeats_its_diagnosis_and_counts_failures_among_successes() -> None:
    model = EndpointFault()
    steady = hypothesis(model, "a.example", track("a.example", None, C.TCP_TIMEOUT))
    assert model.detail(steady, nothing_works) == "a.example fails."
    mixed = track("a.example", None, C.TCP_TIMEOUT, None, C.TCP_TIMEOUT)
    found = hypothesis(model, "a.example", mixed)
    assert model.detail(found, nothing_works) == ("a.example fails. 2 of the last 3 probes failed.")
    assert model.remediation(found) == "Repair a.example."
    other = track("a.example", C.DNS_TIMEOUT, C.DNS_TIMEOUT, None, C.TCP_TIMEOUT)
    found = hypothesis(model, "a.example", other)
    assert model.detail(found, nothing_works) == "a.example fails."
    bare = hypothesis(model, "a.example", track("a.example"))
    assert model.detail(bare, nothing_works) == "a.example is not reachable."
    assert model.remediation(bare) == "Check its last results."


def test_an_endpoint_that_works_now_repeats_the_diagnosis_of_its_trouble() -> None:
    model = EndpointFault()
    recovered = track("a.example", C.TCP_TIMEOUT, None)
    recovered.diagnosis = Diagnosis(None)
    found = hypothesis(model, "a.example", recovered)
    assert model.remediation(found) == "Repair a.example."
    assert model.detail(found, nothing_works) == ("a.example fails. 1 of the last 2 probes failed.")


def test_a_flaky_endpoint_is_told_with_its_share() -> None:
    model = FlakyEndpoint()
    assert shown(model, evidence()) == [("a.example", False)]
    assert shown(model, evidence(cause=C.TCP_TIMEOUT)) == [("a.example", True)]
    assert shown(model, evidence(cause=C.SLOW, ok=True)) == [("a.example", False)]
    found = hypothesis(
        model, "a.example", track("a.example", C.TCP_TIMEOUT), mode=Mode.PARTIAL,
        figures=Figures(20, 6, 1, 0),
    )  # fmt: skip
    assert model.detail(found, nothing_works) == (
        "a.example comes and goes: 6 of the last 20 probes failed, most with tcp_timeout."
    )
    assert "load balancer" in model.remediation(found)


def test_a_dead_address_of_a_group_is_its_own_fault() -> None:
    for cause in (C.ADDRESS_FAILED, C.INTERNAL_ERROR):
        assert shown(Group(), evidence(cause=cause)) == []


def test_failures_are_counted_from_the_first_one_on() -> None:
    model = EndpointFault()
    mixed = track("a.example", None, None, C.TCP_TIMEOUT, None, None)
    found = hypothesis(model, "a.example", mixed)
    assert model.detail(found, nothing_works).endswith("1 of the last 3 probes failed.")

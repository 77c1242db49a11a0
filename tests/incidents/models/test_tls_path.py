"""Faults after TCP connects: a device that swallows TLS, a filter by server name."""

from __future__ import annotations

import pytest

from monitor.incidents.models.tls_path import DenyList, HelloPath
from monitor.incidents.observation import Evidence, Track
from monitor.model.causes import Cause
from monitor.model.endpoint import Protocol
from monitor.model.groups import RESOLVER_GROUP
from tests.incidents.evidence import (
    evidence,
    hypothesis,
    leg,
    nothing_works,
    shown,
    target,
    track,
    works,
)

C = Cause
NEAR = target("10.0.0.2", group=RESOLVER_GROUP, port=53, protocol=Protocol.DNS)


def hello(outcome: str, *, ok: bool = False, **facts: object) -> Evidence:
    cause = None if ok else C.TLS_RESET_ON_HELLO
    return evidence(cause=cause, ok=ok, legs=(leg(ok=ok, hello=outcome),), **facts)


def stopped(host: str, cause: Cause = C.TLS_RESET_ON_HELLO) -> Track:
    return track(host, cause)


def test_a_client_hello_that_passes_contradicts_both_ends() -> None:
    model = HelloPath()
    assert shown(model, hello("passed", ok=True)) == [("reset", False), ("silent", False)]
    assert shown(model, hello("reset")) == [("reset", True)]
    assert shown(model, hello("silent")) == [("silent", True)]
    assert shown(model, hello("silent", ok=True)) == []
    assert shown(model, hello("")) == []
    assert shown(model, hello("reset", proxy="p:1")) == []
    near = evidence(NEAR, C.TLS_RESET_ON_HELLO, legs=(leg(ok=False, hello="reset"),))
    assert shown(model, near) == []
    assert shown(DenyList(), near) == []


def test_a_deny_list_is_supported_by_what_it_stops_only() -> None:
    model = DenyList()
    assert shown(model, hello("reset")) == [("reset", True)]
    assert shown(model, hello("silent")) == [("silent", True)]
    assert shown(model, hello("passed")) == []
    assert shown(model, hello("reset", ok=True)) == []
    assert shown(model, hello("reset", proxy="p:1")) == []


def test_a_device_on_the_path_stops_names_of_several_owners() -> None:
    model = HelloPath()
    one, other = stopped("a.corp.one"), stopped("b.two.example")
    assert model.admits(hypothesis(model, "reset", one, other), nothing_works)
    same = hypothesis(model, "reset", one, stopped("b.corp.one"))
    assert not model.admits(same, nothing_works)


@pytest.mark.parametrize(
    ("key", "ends", "cause"),
    [
        ("reset", "reset", C.TLS_RESET_ON_HELLO),
        ("silent", "left without an answer", C.TLS_TIMEOUT_ON_HELLO),
    ],
)
def test_default_deny_is_told_from_a_device_that_forwards_nothing(
    key: str, ends: str, cause: Cause
) -> None:
    model = HelloPath()
    failing = [stopped("a.corp.one"), stopped("b.two.example")]
    whole = hypothesis(model, key, *failing)
    assert (model.subject(whole), model.cause(whole)) == ("TLS", cause)
    assert model.detail(whole, nothing_works) == (
        f"TCP connects, but TLS to all 2 hosts tried is {ends} after the ClientHello, whatever the "
        "name."
    )
    assert "Gateway Load Balancer" in model.remediation(whole)
    assert ("path-MTU hole" in model.alternative(whole)) is (key == "silent")
    allowed = [track(host, None) for host in ("x.ok.one", "y.ok.two", "z.ok.three")]
    some = hypothesis(model, key, *failing, working=allowed)
    assert model.subject(some) == "name filter"
    assert model.detail(some, nothing_works) == (
        f"TLS to 2 of 5 hosts is {ends} after the ClientHello while *.ok.one, *.ok.two passes: a "
        "filter by server name that denies by default. Stopped: a.corp.one, b.two.example."
    )
    assert "allowed names" in model.remediation(some)
    assert model.alternative(some) == ""


def test_a_deny_list_needs_several_names_that_pass() -> None:
    model = DenyList()
    failing = [stopped("a.corp.one"), stopped("b.two.example")]
    passing = [track(f"{n}.ok.test", None) for n in "xyz"]
    found = hypothesis(model, "reset", *failing)
    assert model.admits(found, works(*passing))
    assert not model.admits(found, works(*passing[:2]))
    same = hypothesis(model, "reset", failing[0], stopped("b.corp.one"))
    assert not model.admits(same, works(*passing))
    assert model.detail(found, works(*passing)) == (
        "TLS to 2 hosts is reset after the ClientHello (a.corp.one, b.two.example), while "
        "x.ok.test and 2 more pass: probably a filter by server name."
    )
    silent = hypothesis(model, "silent", *failing)
    assert "is left without an answer after" in model.detail(silent, works(*passing))
    assert (model.subject(found), model.cause(silent)) == ("name filter", C.TLS_TIMEOUT_ON_HELLO)
    assert "deny rules" in model.remediation(found)


def test_names_that_pass_a_filter_and_fail_later_are_not_named_as_passing() -> None:
    expired = track("w.old.test", C.TLS_EXPIRED)
    passing = [expired, *(track(f"{n}.ok.test", None) for n in "xy")]
    failing = [stopped("a.corp.one"), stopped("b.two.example")]
    denied = DenyList().detail(hypothesis(DenyList(), "reset", *failing), works(*passing))
    assert "while x.ok.test and y.ok.test pass" in denied or "while x.ok.test and 1 more" in denied
    allowed = hypothesis(HelloPath(), "reset", *failing, working=passing)
    assert "while *.ok.test passes" in HelloPath().detail(allowed, nothing_works)
    only = DenyList().detail(hypothesis(DenyList(), "reset", *failing), works(expired))
    assert "while w.old.test pass" in only

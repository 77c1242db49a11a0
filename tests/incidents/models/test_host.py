"""Faults of this host: nothing left for connections, no trusted CA, TLS intercepted."""

from __future__ import annotations

import pytest

from monitor.incidents.models.host import HostResources, Interception, TrustStore
from monitor.incidents.observation import Track
from monitor.model.causes import Cause
from tests.incidents.evidence import evidence, hypothesis, nothing_works, shown, track

C = Cause


@pytest.mark.parametrize(
    "cause",
    [
        C.LOCAL_PORT_EXHAUSTED,
        C.LOCAL_RESOURCE_EXHAUSTED,
        C.LOCAL_ADDRESS_MISSING,
        C.INTERNAL_ERROR,
    ],
)
def test_a_cause_of_this_host_is_an_element_of_its_own(cause: Cause) -> None:
    model = HostResources()
    assert shown(model, evidence(cause=cause)) == [(cause.value, True)]
    assert shown(model, evidence(cause=C.TCP_TIMEOUT)) == []
    assert shown(model, evidence()) == []
    found = hypothesis(model, cause.value, track("a.example", cause))
    assert model.detail(found, nothing_works)
    assert model.remediation(found)


def test_a_host_without_ports_is_told_in_its_own_words_and_another_by_its_diagnosis() -> None:
    model = HostResources()
    ports = hypothesis(model, "local_port_exhausted", track("a.example", C.LOCAL_PORT_EXHAUSTED))
    assert "no free source port" in model.detail(ports, nothing_works)
    assert "ip_local_port_range" in model.remediation(ports)
    other = hypothesis(model, "local_address_missing", track("a", C.LOCAL_ADDRESS_MISSING))
    assert model.detail(other, nothing_works) == "a fails."
    assert model.remediation(other) == "Repair a."
    unknown = hypothesis(model, "local_address_missing", track("a"))
    assert (model.detail(unknown, nothing_works), model.remediation(unknown)) == ("", "")


def untrusted(host: str, issuer: str, cause: Cause = C.TLS_UNTRUSTED) -> Track:
    return track(host, cause, issuer=issuer)


def test_trust_is_judged_by_certificates() -> None:
    model = TrustStore()
    assert shown(model, evidence(cause=C.TLS_UNTRUSTED, issuer="CN=A")) == [("trust store", True)]
    assert shown(model, evidence(cause=C.TLS_UNTRUSTED)) == []
    assert shown(model, evidence(cause=C.TCP_TIMEOUT, issuer="CN=A")) == []
    assert shown(model, evidence(issuer="CN=A", verified=True)) == [("trust store", False)]
    assert shown(model, evidence(issuer="CN=A", verified=False)) == []


@pytest.mark.parametrize(
    ("hosts", "issuers", "admitted"),
    [
        (("a.one", "b.two", "c.three"), "ABC", True),
        (("a.one", "b.two", "c.three"), "AAB", False),
        (("a.corp.one", "b.corp.one", "c.three"), "ABC", False),
    ],
)
def test_the_ca_bundle_is_blamed_for_unrelated_issuers_only(
    hosts: tuple[str, ...], issuers: str, *, admitted: bool
) -> None:
    model = TrustStore()
    failing = [untrusted(h, f"CN={i}") for h, i in zip(hosts, issuers, strict=True)]
    found = hypothesis(model, "trust store", *failing)
    assert model.admits(found, nothing_works) is admitted
    working = hypothesis(model, "trust store", *failing, working=[track("d.four", None)])
    assert not model.admits(working, nothing_works)
    assert model.cause(found) is C.TLS_UNTRUSTED
    assert f"none of the {len(set(issuers))} CAs" in model.detail(found, nothing_works)
    assert "ca-certificates" in model.remediation(found)


def test_one_certificate_that_is_verified_does_not_clear_the_ca_bundle() -> None:
    model = TrustStore()
    failing = [untrusted(f"{n}.{n}{n}", f"CN={n}") for n in "abcde"]
    found = hypothesis(model, "trust store", *failing, working=[track("y.why", None)])
    assert model.admits(found, nothing_works)
    assert model.detail(found, nothing_works).endswith(
        "its CA bundle is incomplete. Still verified: y.why."
    )
    two = [track("y.why", None), track("z.zed", None)]
    assert not model.admits(hypothesis(model, "trust store", *failing, working=two), nothing_works)


def test_interception_is_one_untrusted_issuer() -> None:
    model = Interception()
    seen = evidence(cause=C.TLS_INTERCEPTED, issuer="CN=Corp")
    assert shown(model, seen) == [("CN=Corp", True)]
    assert shown(model, evidence(cause=C.TLS_INTERCEPTED)) == []
    assert shown(model, evidence(issuer="CN=Corp")) == []


def test_interception_of_one_host_has_to_be_named() -> None:
    model = Interception()
    named = hypothesis(model, "CN=Corp", untrusted("a.one", "CN=Corp", C.TLS_INTERCEPTED))
    assert model.admits(named, nothing_works)
    one, two = untrusted("a.one", "CN=Corp"), untrusted("b.two", "CN=Corp")
    assert not model.admits(hypothesis(model, "CN=Corp", one), nothing_works)
    assert model.admits(hypothesis(model, "CN=Corp", one, two), nothing_works)
    assert model.cause(named) is C.TLS_INTERCEPTED
    assert "intercepts TLS: a.one." in model.detail(named, nothing_works)
    assert "Exempt these hosts" in model.remediation(named)


def test_one_host_that_names_the_interception_suffices() -> None:
    model = Interception()
    named = untrusted("a.one", "CN=Corp", C.TLS_INTERCEPTED)
    other = untrusted("a.one", "CN=Corp")
    assert model.admits(hypothesis(model, "CN=Corp", named, other), nothing_works)

"""Faults of quality: what is slow together, and shares of connections that fail."""

from __future__ import annotations

import pytest

from monitor.incidents.fault_model import FaultModel, Figures, Hypothesis, Mode
from monitor.incidents.models.degraded import (
    FlakyGroup,
    FlakyPath,
    FlakyPort,
    FlakyProxy,
    FlakyRegion,
    FlakyResolver,
    SlowEgress,
    SlowGroup,
    SlowPort,
    SlowProxy,
    SlowRegion,
)
from monitor.incidents.models.service import AWS_GROUP
from monitor.incidents.observation import Evidence
from monitor.model.causes import Cause
from monitor.model.endpoint import Protocol
from monitor.model.groups import RESOLVER_GROUP
from tests.incidents.evidence import evidence, hypothesis, nothing_works, shown, target, track

C = Cause
PROXY = "proxy.test:3128"
API = target("ec2.eu-west-1.amazonaws.com", group=AWS_GROUP)
NEAR = target("10.0.0.2", group=RESOLVER_GROUP, port=53, protocol=Protocol.DNS)

SLOW = {
    "egress": (SlowEgress(), {}, "egress"),
    "proxy": (SlowProxy(), {"proxy": PROXY}, PROXY),
    "port": (SlowPort(), {}, "tcp/443"),
    "group": (SlowGroup(), {}, "vscode"),
    "region": (SlowRegion(), {"of": API}, "eu-west-1"),
}


@pytest.mark.parametrize("case", SLOW)
def test_slow_results_support_and_usual_ones_contradict(case: str) -> None:
    model, facts, key = SLOW[case]
    assert isinstance(model, FaultModel)

    def seen(cause: Cause | None, **more: object) -> list[tuple[str, bool]]:
        return shown(model, evidence(cause=cause, **{**facts, **more}))  # type: ignore[arg-type]

    assert seen(C.SLOW, ok=True) == [(key, True)]
    assert seen(C.SLOW) == [(key, True)]
    assert seen(None, slow=True) == [(key, True)]
    assert seen(None) == [(key, False)]
    assert seen(C.TCP_TIMEOUT) == []
    assert seen(C.TCP_TIMEOUT, slow=True) == []


def test_slowness_depends_on_the_element() -> None:
    near, proxied = evidence(NEAR, C.SLOW, ok=True), evidence(cause=C.SLOW, ok=True, proxy=PROXY)
    for model in (SlowEgress(), SlowPort()):
        assert shown(model, near) == shown(model, proxied) == []
    assert shown(SlowProxy(), evidence(cause=C.SLOW, ok=True)) == []
    assert shown(SlowRegion(), evidence(cause=C.SLOW, ok=True)) == []


@pytest.mark.parametrize("case", SLOW)
def test_only_what_is_called_slow_is_affected(case: str) -> None:
    model, _, key = SLOW[case]
    slow, becoming = track("a.example", C.SLOW), track("b.example", None)
    found = hypothesis(model, key, slow, becoming)
    assert model.claims(found) == [slow]
    assert model.cause(found) is C.SLOW
    assert "slower than usual: a.example, b.example." in model.detail(found, nothing_works)
    assert model.remediation(found)


def test_slow_egress_says_whether_all_of_it_is_slow() -> None:
    slow = track("a.example", C.SLOW)
    whole = hypothesis(SlowEgress(), "egress", slow)
    most = hypothesis(SlowEgress(), "egress", slow, working=[track("b.example", None)])
    assert whole.model.detail(whole, nothing_works).startswith(
        "Everything outside this subnet is slower"
    )
    assert most.model.detail(most, nothing_works).startswith(
        "Most of what is outside this subnet is slower"
    )


@pytest.mark.parametrize(
    ("model", "seen", "expected"),
    [
        (FlakyPath(), evidence(cause=C.TCP_TIMEOUT), [("egress", True)]),
        (FlakyPath(), evidence(cause=C.DNS_TIMEOUT), []),
        (FlakyPath(), evidence(cause=C.HTTP_STATUS), []),
        (FlakyPath(), evidence(cause=C.CLOCK_SKEW, ok=True), [("egress", False)]),
        (FlakyPath(), evidence(), [("egress", False)]),
        (FlakyPath(), evidence(NEAR, C.TCP_TIMEOUT), []),
        (FlakyProxy(), evidence(proxy=PROXY), [(PROXY, False)]),
        (FlakyProxy(), evidence(cause=C.TCP_TIMEOUT, proxy=PROXY), [(PROXY, True)]),
        (FlakyProxy(), evidence(), []),
        (FlakyPort(), evidence(cause=C.TCP_TIMEOUT), [("tcp/443", True)]),
        (FlakyPort(), evidence(cause=C.DNS_TIMEOUT), []),
        (FlakyPort(), evidence(cause=C.HTTP_STATUS), []),
        (FlakyPort(), evidence(), [("tcp/443", False)]),
        (FlakyPort(), evidence(proxy=PROXY), []),
        (FlakyPort(), evidence(NEAR), []),
        (FlakyResolver(), evidence(NEAR), [("names", False)]),
        (FlakyResolver(), evidence(NEAR, C.DNS_TIMEOUT), [("names", True)]),
        (FlakyResolver(), evidence(resolved=True), [("names", False)]),
        (FlakyResolver(), evidence(cause=C.DNS_TIMEOUT, resolved=False), [("names", True)]),
        (FlakyResolver(), evidence(cause=C.DNS_PARTIAL, resolved=True), [("names", True)]),
        (FlakyResolver(), evidence(), []),
        (FlakyRegion(), evidence(API, C.HTTP_STATUS), [("eu-west-1", True)]),
        (FlakyRegion(), evidence(), []),
        (FlakyGroup(), evidence(), [("vscode", False)]),
        (FlakyGroup(), evidence(cause=C.HTTP_STATUS), [("vscode", True)]),
        (FlakyGroup(), evidence(cause=C.SLOW, ok=True), [("vscode", False)]),
    ],
)
def test_a_share_of_results_is_counted_per_element(
    model: FaultModel, seen: Evidence, expected: list[tuple[str, bool]]
) -> None:
    assert shown(model, seen) == expected


def flaky(model: FaultModel, key: str, cause: Cause = C.TCP_TIMEOUT) -> Hypothesis:
    failing = [
        track(host, cause, servers=(("10.0.0.2", ""),)) for host in ("a.example", "b.example")
    ]
    return hypothesis(model, key, *failing, mode=Mode.PARTIAL, figures=Figures(40, 10, 2, 0))


@pytest.mark.parametrize(
    ("model", "key", "detail", "remediation"),
    [
        (
            FlakyPath(),
            "egress",
            "10 of the last 40 probes failed (25%), whatever the host (2 hosts): a share of new "
            "connections is lost.",
            "return ports",
        ),
        (
            FlakyProxy(),
            PROXY,
            "10 of the last 40 probes through proxy proxy.test:3128 failed (25%), whatever the "
            "host.",
            "one member of several",
        ),
        (
            FlakyPort(),
            "tcp/443",
            "10 of the last 40 probes on tcp/443 failed (25%): a.example, b.example.",
            "return ports",
        ),
        (
            FlakyResolver(),
            "names",
            "10 of the last 40 lookups failed (25%), whatever the name; asked: 10.0.0.2.",
            "1,024 packets",
        ),
        (
            FlakyRegion(),
            "eu-west-1",
            "10 of the last 40 requests to AWS APIs of eu-west-1 failed (25%): a.example, "
            "b.example.",
            "AWS Health Dashboard",
        ),
        (
            FlakyGroup(),
            "vscode",
            "10 of the last 40 probes of vscode failed (25%): a.example, b.example.",
            "status page",
        ),
    ],
)
def test_a_share_is_told_with_its_figures(
    model: FaultModel, key: str, detail: str, remediation: str
) -> None:
    found = flaky(model, key)
    assert model.detail(found, nothing_works) == detail
    assert remediation in model.remediation(found)
    assert model.cause(found) is C.TCP_TIMEOUT


def test_only_failures_of_connections_may_be_packet_loss() -> None:
    model = FlakyGroup()
    assert "packet loss" in model.alternative(flaky(model, "vscode"))
    assert model.alternative(flaky(model, "vscode", C.HTTP_STATUS)) == ""
    assert "overloaded" in FlakyResolver().alternative(flaky(FlakyResolver(), "names"))


@pytest.mark.parametrize("model", [FlakyPath(), FlakyPort()])
def test_a_dead_address_of_a_name_is_not_the_cause_of_a_shared_loss(model: FaultModel) -> None:
    addresses = [track(f"{n}.example", C.ADDRESS_FAILED) for n in "abc"]
    found = hypothesis(model, "egress", *addresses, track("d.example", C.TCP_RESET))
    assert model.cause(found) is C.TCP_RESET


def test_the_subject_of_lookups_is_who_was_asked() -> None:
    model = FlakyResolver()
    assert model.subject(flaky(model, "names")) == "10.0.0.2"
    assert model.subject(hypothesis(model, "names", track("a.example"))) == "name servers"
    assert FlakyPath().subject(flaky(FlakyPath(), "egress")) == "new connections"


def test_lookups_that_lack_a_response_are_told_and_name_the_cause_only_alone() -> None:
    model = FlakyResolver()
    partial = [track(f"{n}.example", C.DNS_PARTIAL) for n in "abc"]
    alone = flaky(model, "names", C.DNS_PARTIAL)
    assert model.cause(alone) is C.DNS_PARTIAL
    assert "lookups failed or lacked a response (25%)" in model.detail(alone, nothing_works)
    mixed = hypothesis(model, "names", *partial, track("d.example", C.DNS_TIMEOUT))
    assert model.cause(mixed) is C.DNS_TIMEOUT

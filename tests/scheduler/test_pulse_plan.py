"""The pulses to send: one per way out, none where a peer asked for fewer requests."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.health.status import TargetStatus
from monitor.model.endpoint import Protocol
from monitor.model.probe_result import Connection, Failure, FailureKind, Family, HttpFacts, Phase
from monitor.model.pulse import PulseKind, PulsePoint
from monitor.scheduler.pulse_plan import POINTS, pulse_points
from tests.probe_results import probe_result, target


def status_at(name: str, *places: tuple[str, int], **changes: object) -> TargetStatus:
    connections = tuple(
        replace(
            Connection(address, port, Family.IPV6 if ":" in address else Family.IPV4, {}),
            **changes,  # type: ignore[arg-type]
        )
        for address, port in places
    )
    result = replace(probe_result(name), connections=connections)
    return TargetStatus(target(name), probe_result=result)


def test_targets_with_the_same_address_and_port_share_a_pulse() -> None:
    statuses = [
        status_at("a", ("192.0.2.1", 443), ("2001:db8::1", 443)),
        status_at("b", ("192.0.2.1", 443)),
        status_at("c", ("192.0.2.1", 8443)),
    ]
    assert pulse_points(statuses) == {
        PulsePoint(PulseKind.TCP, "192.0.2.1", 443): ("a", "b"),
        PulsePoint(PulseKind.TCP, "2001:db8::1", 443): ("a",),
        PulsePoint(PulseKind.TCP, "192.0.2.1", 8443): ("c",),
    }


def test_a_proxy_is_checked_instead_of_the_hosts_behind_it() -> None:
    statuses = [status_at(name, ("10.0.0.8", 3128), proxy="proxy.corp:3128") for name in ("a", "b")]
    assert list(pulse_points(statuses)) == [PulsePoint(PulseKind.TCP, "10.0.0.8", 3128)]


def test_a_name_server_is_asked_for_the_name_of_its_target() -> None:
    made = target("resolver-1", "resolver")
    endpoint = replace(
        made.endpoint, host="192.0.2.53", port=53, protocol=Protocol.DNS, prober="dns",
        query="app.gitpod.io",
    )  # fmt: skip
    status = TargetStatus(replace(made, endpoint=endpoint), probe_result=probe_result("resolver-1"))
    assert list(pulse_points([status])) == [
        PulsePoint(PulseKind.DNS, "192.0.2.53", 53, "app.gitpod.io")
    ]


def test_a_target_that_asked_for_fewer_requests_gets_no_pulse() -> None:
    slow = status_at("a", ("192.0.2.1", 443))
    slow.target = replace(slow.target, endpoint=replace(slow.target.endpoint, interval=3600.0))
    limited = status_at("b", ("192.0.2.2", 443), http=HttpFacts("1.1", 429, {}, None, 0))
    unknown = TargetStatus(target("c"))
    assert pulse_points([slow, limited, unknown]) == {}


def test_the_number_of_ways_out_is_limited() -> None:
    statuses = [status_at(f"t{n}", (f"192.0.{n // 200}.{n % 200}", 443)) for n in range(300)]
    assert len(pulse_points(statuses)) == 200


def test_a_target_joins_a_known_way_out_beyond_the_limit() -> None:
    statuses = [status_at(f"t{n}", (f"192.0.{n // 200}.{n % 200}", 443)) for n in range(POINTS + 9)]
    late = status_at("late", ("192.0.0.0", 443), ("203.0.113.1", 443))
    points = pulse_points([*statuses, late])
    assert points[PulsePoint(PulseKind.TCP, "192.0.0.0", 443)] == ("t0", "late")
    assert PulsePoint(PulseKind.TCP, "203.0.113.1", 443) not in points


@pytest.mark.parametrize(
    ("prober", "kind"),
    [
        ("http", PulseKind.TCP),
        ("tls", PulseKind.TCP),
        ("tcp", PulseKind.TCP),
        ("nebula", PulseKind.NEBULA),
        ("ntp", None),
    ],
)
def test_the_prober_decides_the_kind_of_pulse(prober: str, kind: PulseKind | None) -> None:
    status = status_at("a", ("192.0.2.1", 4242))
    endpoint = replace(status.target.endpoint, prober=prober)
    status.target = replace(status.target, endpoint=endpoint)
    expected = [] if kind is None else [PulsePoint(kind, "192.0.2.1", 4242)]
    assert list(pulse_points([status])) == expected


@pytest.mark.parametrize(
    ("phase", "pulsed"),
    [
        (Phase.CONNECT, True),
        (Phase.EXCHANGE, True),
        (Phase.TLS, False),
        (Phase.FIRST_BYTE, False),
    ],
)
def test_after_a_failure_beyond_the_connection_a_pulse_shows_nothing(
    phase: Phase, *, pulsed: bool
) -> None:
    failure = Failure(phase, FailureKind.TIMEOUT, "no answer in time")
    status = status_at("a", ("192.0.2.1", 443), failure=failure)
    assert bool(pulse_points([status])) is pulsed


def test_an_answer_that_limits_nothing_leaves_the_pulse() -> None:
    connections = status_at(
        "a", ("192.0.2.1", 443), ("192.0.2.2", 443), http=HttpFacts("1.1", 428, {}, None, 0)
    )
    assert len(pulse_points([connections])) == 2
    assert connections.probe_result is not None
    first, second = connections.probe_result.connections
    limited = replace(second, http=HttpFacts("1.1", 429, {}, None, 0))
    connections.probe_result = replace(
        connections.probe_result, connections=(replace(first, http=None), limited)
    )
    assert pulse_points([connections]) == {}

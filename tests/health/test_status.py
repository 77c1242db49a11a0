"""What is derived from the status of a target: transport, place, cause and timelines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitor.health.status import TargetStatus
from monitor.health.timeline import DAY, HOUR, WEEK, Timeline
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.endpoint import Protocol
from monitor.model.groups import RESOLVER_GROUP
from monitor.model.state import State
from tests.probe_results import FILTERED, REACHED, target


def status(host: str = "a.example", group: str = "vscode", **endpoint: object) -> TargetStatus:
    made = target("a", group)
    changed = replace(made.endpoint, host=host, **endpoint)  # type: ignore[arg-type]
    return TargetStatus(replace(made, endpoint=changed))


@pytest.mark.parametrize(
    ("protocol", "port", "transport"),
    [
        (Protocol.HTTPS, 443, "tcp/443"),
        (Protocol.TCP, 4242, "tcp/4242"),
        (Protocol.UDP, 4242, "udp/4242"),
        (Protocol.DNS, 53, "udp/53"),
        (Protocol.NTP, 123, "udp/123"),
    ],
)
def test_the_transport_is_written_as_in_a_firewall_rule(
    protocol: Protocol, port: int, transport: str
) -> None:
    assert status(protocol=protocol, port=port).transport == transport


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("169.254.169.254", True),
        ("fe80::1", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("10.0.0.2", False),
        ("192.0.2.1", False),
        ("169.254.example", False),
    ],
)
def test_link_local_and_loopback_hosts_are_local(host: str, *, local: bool) -> None:
    assert status(host).local is local


def test_a_name_server_is_local_wherever_it_is() -> None:
    assert status("10.0.0.2", RESOLVER_GROUP).local


@pytest.mark.parametrize(
    ("state", "diagnosis", "failing"),
    [
        (State.DOWN, FILTERED, True),
        (State.DEGRADED, FILTERED, True),
        (State.UP, FILTERED, False),
        (State.UNKNOWN, FILTERED, False),
        (State.DOWN, REACHED, False),
        (State.DOWN, None, False),
    ],
)
def test_it_fails_if_the_state_and_a_cause_say_so(
    state: State, diagnosis: Diagnosis | None, *, failing: bool
) -> None:
    found = TargetStatus.of(target("a"), state, None, diagnosis, since=7.0)
    assert found.failing is failing
    assert found.since == 7.0
    assert found.cause is (Cause.TCP_TIMEOUT if diagnosis is FILTERED else None)


def test_each_resolution_has_its_timeline() -> None:
    found = status()
    found.timeline, found.minutes, found.hours = (Timeline() for _ in range(3))
    assert found.timeline_in(HOUR) is found.minutes
    assert found.timeline_in(WEEK) is found.hours
    assert found.timeline_in(DAY) is found.timeline


def test_a_new_status_has_counted_nothing() -> None:
    found = TargetStatus.of(target("a"), State.UP)
    assert (found.since, found.probes, found.skipped, found.failures.total()) == (0.0, 0, 0, 0)
    assert not found.getting_slow

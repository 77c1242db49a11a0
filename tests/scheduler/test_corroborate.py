"""Choice of the targets that are probed when one is suspect."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from monitor.health.machine import Health
from monitor.health.status import TargetStatus
from monitor.model.causes import Cause
from monitor.model.incident import Incident, Scope
from monitor.model.probe_result import Failure, FailureKind, Phase, ProbeResult
from monitor.model.state import State
from monitor.scheduler.corroborate import corroborating_targets, extent_targets
from tests.incidents.test_correlate import CATALOG, target

FAILURE = Failure(Phase.CONNECT, FailureKind.TIMEOUT, "x")


def status(name: str, *, failed: bool = False, at: float = 100.0, **health: object) -> TargetStatus:
    wanted = Health(State.UP, 1.0, None, int(failed), 0)
    probe_result = ProbeResult(name, at, 1.0, failure=FAILURE if failed else None)
    return TargetStatus(target(name), replace(wanted, **health), probe_result)  # type: ignore[arg-type]


def every(**failed_at: float) -> list[TargetStatus]:
    return [
        status(
            n, failed=n.replace("-", "_") in failed_at, at=failed_at.get(n.replace("-", "_"), 50)
        )
        for n in CATALOG
    ]


def test_companions_share_host_port_or_group_and_then_come_from_every_group():
    chosen = corroborating_targets(status("lh-us-udp"), every(), 8)
    assert chosen[0] == "lh-eu-udp"  # the same port elsewhere
    groups = {CATALOG[name][0] for name in chosen}
    assert len(chosen) == 8
    assert len(groups) >= 6
    assert "lh-us-udp" not in chosen


@given(st.sampled_from(sorted(CATALOG)), st.integers(0, 20))
def test_companions_are_few_distinct_and_up(name: str, limit: int):
    statuses = [status(n, state=State.DOWN if n == "app2" else State.UP) for n in CATALOG]
    chosen = corroborating_targets(status(name), statuses, limit)
    assert len(set(chosen)) == len(chosen) <= limit
    assert not {name, "app2"} & set(chosen)


def test_the_extent_is_one_unprobed_target_per_host_and_port_first_and_then_the_rest():
    statuses = [
        status("app", failed=True, state=State.DOWN, at=200.0),
        status("app2", failed=True, state=State.DOWN, at=200.0),
        *(status(n, at=50.0) for n in ("gw-us", "releases-a", "releases-b", "ec2", "s3")),
        status("sts", at=250.0),
    ]
    incident = Incident(
        "1", Cause.TCP_TIMEOUT, Scope.PORT, "tcp/443", State.DOWN, 199.0, ("app", "app2"), "", ""
    )
    assert extent_targets(incident, statuses, 9) == (
        "releases-a",
        "ec2",
        "s3",
        "gw-us",
        "releases-b",
    )
    assert extent_targets(incident, statuses, 2) == ("releases-a", "ec2")


def test_another_port_of_the_same_host_comes_first() -> None:
    other = status("gw-eu")
    endpoint = replace(other.target.endpoint, host="app.test", port=8443)
    other.target = replace(other.target, endpoint=endpoint)
    chosen = corroborating_targets(status("app"), [status("app"), status("app2"), other], 3)
    assert chosen == ("gw-eu", "app2")


def test_the_extent_begins_with_what_shares_the_port_and_the_group() -> None:
    statuses = [
        status("sts", failed=True, state=State.DOWN, at=200.0),
        status("dns-1", at=50.0),
        status("gw-us", at=50.0),
        status("app", at=50.0),
        status("s3", at=50.0),
        status("ec2", at=199.0),
    ]
    incident = Incident(
        "1", Cause.TCP_TIMEOUT, Scope.PORT, "tcp/443", State.DOWN, 199.0, ("sts",), "", ""
    )
    # ec2 was probed at the moment the incident began: its result is known.
    assert extent_targets(incident, statuses, 9) == ("s3", "app", "dns-1", "gw-us")


def test_a_target_of_the_same_group_comes_before_those_of_other_groups() -> None:
    other = status("gw-eu")
    endpoint = replace(other.target.endpoint, group="management_plane")
    other.target = replace(other.target, endpoint=endpoint)
    same_host = status("gw-us")
    endpoint = replace(endpoint, host="app.test", port=443)
    same_host.target = replace(same_host.target, endpoint=endpoint)
    statuses = [status("dns-1"), status("imds"), same_host, other]
    assert corroborating_targets(status("app"), statuses, 1) == ("gw-eu",)

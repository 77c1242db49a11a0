"""Who is looked at when a target is in doubt, and when failures confirm each other."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from monitor.health.machine import Health
from monitor.health.status import TargetStatus
from monitor.model.probe_result import Failure, FailureKind, Phase, ProbeResult
from monitor.model.state import State
from monitor.scheduler.corroborate import corroborated, corroborating_targets
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


def test_three_hosts_that_fail_with_nothing_that_works_confirm_each_other():
    confirmed = corroborated(every(app=100, s3=100.2, gw_us=100.4))
    assert {r.target.id for r in confirmed} == {"app", "s3", "gw-us"}


def test_two_hosts_or_three_paths_of_one_confirm_nothing():
    assert corroborated(every(app=100, s3=100)) == ()
    assert corroborated(every(app=100, releases_a=100, releases_b=100)) == ()


def test_one_success_since_speaks_against_it():
    statuses = every(app=100, s3=100.2, gw_us=100.4)
    statuses.append(status("ec2", at=100.3))
    assert corroborated(statuses) == ()

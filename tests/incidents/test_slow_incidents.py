"""What is slow together is one incident, and not told as a block.

Covers: monitor/incidents/models/degraded.py
"""

from __future__ import annotations

from collections.abc import Collection

import pytest

from monitor.health.status import TargetStatus
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.incident import Scope
from monitor.model.state import State
from tests.incidents.correlating import correlate
from tests.incidents.test_correlate import CATALOG, EGRESS, one, status, world
from tests.probe_results import altered

SLOW = Diagnosis(Cause.SLOW, "It is slow.", "Ask its owner.")


def slow_world(*slow: str, getting: Collection[str] = (), proxy: str | None = None):
    return [slowed(status(name, proxy=proxy), slow, getting) for name in CATALOG]


def slowed(s: TargetStatus, slow: Collection[str], getting: Collection[str]) -> TargetStatus:
    if s.target.id in slow:
        return altered(s, state=State.DEGRADED, diagnosis=SLOW)
    return altered(s, getting_slow=s.target.id in getting)


CASES = {
    "all egress": (EGRESS, Scope.ALL_EGRESS, "Everything outside this subnet is slower"),
    "a port": (("gw-us", "gw-eu"), Scope.PORT, "All that uses tcp/8443 is slower"),
    "a region": (("ec2", "s3", "sts"), Scope.REGION, "The AWS APIs of eu-west-1 are slower"),
    "a group": (("app", "app2"), Scope.GROUP, "Everything in management_plane is slower"),
    "one endpoint": (("app",), Scope.ENDPOINT, "It is slow."),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_slow_together_is_one_degraded_incident(case: str):
    slow, scope, sentence = CASES[case]
    incident = one(correlate(slow_world(*slow), (), 110.0))
    assert (incident.scope, incident.cause, incident.state) == (scope, Cause.SLOW, State.DEGRADED)
    assert incident.affected == tuple(sorted(slow))
    assert incident.detail.startswith(sentence)
    assert incident.remediation


def test_the_first_that_is_called_slow_is_told_as_what_the_others_are_becoming():
    incident = one(correlate(slow_world("app", getting=EGRESS), (), 110.0))
    assert (incident.scope, incident.affected) == (Scope.ALL_EGRESS, ("app",))
    wider = one(correlate(slow_world(*EGRESS), (incident,), 140.0))
    assert (wider.id, wider.affected) == (incident.id, tuple(sorted(EGRESS)))


def test_all_that_is_slow_through_one_proxy_is_the_proxys():
    incident = one(correlate(slow_world(*EGRESS, proxy="proxy.test:3128"), (), 110.0))
    assert (incident.scope, incident.subject) == (Scope.PROXY, "proxy.test:3128")
    assert "proxy.test:3128" in incident.detail


def test_what_is_slow_is_not_mixed_with_what_is_blocked_on_the_same_port():
    statuses = slow_world("gw-us")
    down = {s.target.id: s for s in world({"gw-eu": Cause.TCP_TIMEOUT})}
    mixed = [down[s.target.id] if s.target.id == "gw-eu" else s for s in statuses]
    assert {(i.scope, i.cause) for i in correlate(mixed, (), 110.0)} == {
        (Scope.ENDPOINT, Cause.SLOW),
        (Scope.ENDPOINT, Cause.TCP_TIMEOUT),
    }

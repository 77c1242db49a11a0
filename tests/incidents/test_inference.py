"""Incidents over time: onset, corroboration, recovery, flapping and partial faults.

Covers: monitor/incidents/lifecycle.py, monitor/incidents/wording.py
"""

from __future__ import annotations

from dataclasses import replace

from monitor.health.machine import Health, HealthPolicy, advance, confirm
from monitor.incidents.inference import Evaluation, EvidenceEngine, judge
from monitor.incidents.wording import bounded
from monitor.model.causes import Cause
from monitor.model.incident import Incident, Scope
from monitor.model.probe_result import HttpFacts
from monitor.model.state import State
from tests.incidents.test_correlate import CATALOG, EGRESS, one, status, target

POLICY = HealthPolicy()


class Story:
    """Feeds results to the engine as the daemon does."""

    def __init__(self) -> None:
        self.engine = EvidenceEngine()
        self.engine.apply([target(name) for name in CATALOG])
        self.health = {name: Health() for name in CATALOG}
        for name in CATALOG:
            self.result(name, 0.0)

    def result(self, name: str, at: float, cause: Cause | None = None, **facts: object) -> None:
        """One result of a target, good or bad."""
        made = status(name, cause, at=at, **facts)
        assert made.probe_result is not None
        assert made.diagnosis is not None
        self.health[name] = advance(self.health[name], made.diagnosis, at, POLICY)
        self.engine.observe(made.target, made.probe_result, made.diagnosis, self.health[name])

    def judge(self, now: float) -> Evaluation:
        """Judge, and confirm what is corroborated."""
        found = self.engine.evaluate(now)
        for name in found.corroborated:
            diagnosis = self.engine.index.tracks[name].diagnosis
            assert diagnosis is not None
            self.health[name] = confirm(self.health[name], diagnosis, now)
        return found

    def incidents(self, now: float) -> tuple[Incident, ...]:
        return self.judge(now).incidents


def test_one_failure_of_one_target_is_no_incident():
    story = Story()
    story.result("app", 10.0, Cause.TCP_TIMEOUT)
    assert story.judge(10.0) == Evaluation()


def test_three_hosts_confirm_each_other():
    story = Story()
    for name in ("app", "s3", "gw-us"):
        story.result(name, 10.0, Cause.TCP_TIMEOUT)
    found = story.judge(11.0)
    assert set(found.corroborated) == {"app", "s3", "gw-us"}
    assert one(found.incidents).scope is Scope.ALL_EGRESS
    assert one(found.incidents).state is State.DOWN


def test_two_hosts_or_three_paths_of_one_confirm_nothing():
    story = Story()
    for name in ("app", "releases-a", "releases-b"):
        story.result(name, 10.0, Cause.TCP_TIMEOUT)
    assert story.judge(11.0) == Evaluation()


def test_what_works_since_keeps_a_few_failures_from_being_a_wide_fault():
    story = Story()
    for name in ("app", "s3", "gw-us"):
        story.result(name, 10.0, Cause.TCP_TIMEOUT)
    for name in ("app2", "ec2", "sts", "gw-eu"):
        story.result(name, 10.5)
    assert story.judge(11.0) == Evaluation()


def egress_down(story: Story, at: float) -> Incident:
    for name in EGRESS:
        story.result(name, at, Cause.TCP_TIMEOUT)
        story.result(name, at + 1, Cause.TCP_TIMEOUT)
    return one(story.incidents(at + 2))


def test_while_targets_recover_nothing_narrower_opens():
    story = Story()
    whole = egress_down(story, 10.0)
    assert set(whole.affected) == set(EGRESS)
    left = list(EGRESS)
    for number, name in enumerate(EGRESS):
        story.result(name, 60.0 + number)
        left.remove(name)
        incidents = story.incidents(60.5 + number)
        assert [i.id for i in incidents] == ([whole.id] if left else [])
        if left:
            assert set(incidents[0].affected) == set(left)
            assert incidents[0].detail.startswith("Works again since 00:01")


def test_what_still_fails_after_the_others_recovered_is_its_own_incident():
    story = Story()
    whole = egress_down(story, 10.0)
    for name in EGRESS:
        if name != "app":
            story.result(name, 60.0)
    story.result("app", 61.0, Cause.TCP_TIMEOUT)
    story.result("app", 62.0, Cause.TCP_TIMEOUT)
    rest = one(story.incidents(63.0))
    assert (rest.scope, rest.affected, rest.id) == (Scope.ENDPOINT, ("app",), whole.id)


def test_a_fault_that_comes_back_is_the_same_incident():
    story = Story()
    first = egress_down(story, 10.0)
    for name in EGRESS:
        story.result(name, 60.0)
    assert story.incidents(61.0) == ()
    again = egress_down(story, 300.0)
    assert (again.id, again.started_at) == (first.id, first.started_at)
    assert "came and went 2 times" in again.detail


def test_what_came_and_went_often_is_told_in_the_past_tense_while_it_works():
    story = Story()
    for number in range(3):
        incident = egress_down(story, 10.0 + 300 * number)
        for name in EGRESS:
            story.result(name, 60.0 + 300 * number)
        story.incidents(61.0 + 300 * number)
    held = one(story.incidents(662.0))
    assert (held.id, held.state) == (incident.id, State.DEGRADED)
    assert "came and went 3 times" in held.detail
    assert "works now" in held.detail


def test_a_share_of_the_connections_that_fails_whatever_the_host_is_one_incident():
    story = Story()
    ids = set[str]()
    for turn in range(12):
        for number, name in enumerate(EGRESS):
            bad = (turn + number) % 3 == 0
            at = 10.0 + turn * 30 + number
            story.result(name, at, Cause.TCP_TIMEOUT if bad else None)
            ids |= {i.id for i in story.incidents(at)}
    found = story.judge(400.0)
    incident = one(found.incidents)
    assert (incident.scope, incident.intermittent) == (Scope.PATH, True)
    assert incident.state is State.DEGRADED
    assert set(found.states) == set(incident.affected)
    assert len(ids) <= 2


def test_a_partial_fault_that_ends_leaves_nothing_behind():
    story = Story()
    for turn in range(8):
        for number, name in enumerate(EGRESS):
            bad = (turn + number) % 3 == 0
            story.result(name, 10.0 + turn * 30 + number, Cause.TCP_TIMEOUT if bad else None)
            story.incidents(10.0 + turn * 30 + number)
    for turn in range(3):
        for number, name in enumerate(EGRESS):
            story.result(name, 300.0 + turn * 30 + number)
            assert len(story.incidents(300.0 + turn * 30 + number)) <= 1
    assert story.incidents(400.0) == ()


def test_unrelated_hosts_that_all_redirect_to_one_foreign_host_are_behind_a_portal():
    story = Story()
    for name in EGRESS:
        made = status(name, at=10.0)
        assert made.probe_result is not None
        assert made.diagnosis is not None
        http = HttpFacts("1.1", 302, {}, 0, 0, redirect="https://login.portal.example/x")
        connection = replace(made.probe_result.connections[0], http=http)
        result = replace(made.probe_result, connections=(connection,))
        story.engine.observe(made.target, result, made.diagnosis, Health(State.UP))
    found = story.judge(11.0)
    incident = one(found.incidents)
    assert (incident.scope, incident.state) == (Scope.PATH, State.DOWN)
    assert "login.portal.example" in incident.detail
    assert set(found.states.values()) == {State.DOWN}


def test_an_incident_from_before_a_restart_goes_on():
    before = egress_down(Story(), 10.0)
    story = Story()
    story.engine.restore([before])
    after = egress_down(story, 100.0)
    assert (after.id, after.started_at) == (before.id, before.started_at)


def test_a_target_that_is_gone_leaves_its_incident():
    story = Story()
    egress_down(story, 10.0)
    story.engine.apply([target(name) for name in CATALOG if name not in EGRESS])
    assert story.incidents(20.0) == ()


def test_internal_ids_in_host_names_are_not_shown():
    text = "A 3000--00000000-0000-0000-0000-000000000000.eu01.gitpod.dev fails."
    assert bounded(text) == "A *.eu01.gitpod.dev fails."


def test_one_failure_of_another_kind_does_not_leave_a_shared_fault():
    story = Story()
    whole = egress_down(story, 10.0)
    story.result("app", 40.0, Cause.DNS_TIMEOUT)
    again = one(story.incidents(41.0))
    assert (again.id, set(again.affected)) == (whole.id, set(EGRESS))


def test_a_result_may_change_the_incidents_while_anything_is_in_trouble():
    story = Story()

    def observed(name: str, at: float, cause: Cause | None = None) -> bool:
        made = status(name, cause, at=at)
        assert made.probe_result is not None
        assert made.diagnosis is not None
        state = Health(State.UP if cause is None else State.DOWN)
        return story.engine.observe(made.target, made.probe_result, made.diagnosis, state)

    assert not observed("app", 10.0)
    assert observed("app", 20.0, Cause.TCP_TIMEOUT)
    assert observed("s3", 30.0), "a target that is in trouble"
    quiet = Story()
    made = status("app", at=10.0)
    assert made.probe_result is not None
    assert made.diagnosis is not None
    assert quiet.engine.observe(made.target, made.probe_result, made.diagnosis, Health())


def test_a_target_that_is_held_without_an_incident_is_calmed():
    story = Story()
    story.result("app", 10.0, Cause.TCP_TIMEOUT)
    story.result("app", 20.0)
    tracks = story.engine.index.tracks
    assert story.judge(21.0).calmed == ()
    tracks["app"].held = True
    assert story.judge(22.0).calmed == ("app",)
    story.result("app", 30.0, Cause.TCP_TIMEOUT)
    tracks["app"].held = True
    assert story.judge(31.0).calmed == ()
    story.result("app", 40.0, Cause.TCP_TIMEOUT)
    one(story.judge(41.0).incidents)
    story.result("app", 50.0)
    tracks["app"].held = True
    held = story.judge(51.0)
    assert one(held.incidents).affected == ("app",)
    assert held.calmed == ()


def test_a_target_that_is_calmed_in_an_open_incident_is_not_up():
    story = Story()
    for at in (10.0, 20.0):
        story.result("app", at, Cause.TCP_TIMEOUT)
    assert one(story.incidents(21.0)).affected == ("app",)
    assert story.engine._states(set()) == {}
    assert story.engine._states({"app"}) == {"app": State.DEGRADED}


def test_a_status_without_a_result_or_a_diagnosis_is_not_judged():
    failing = [status(name, Cause.TCP_TIMEOUT) for name in ("app", "s3", "gw-us")]
    assert judge(failing, 110.0).incidents
    assert judge([replace(s, diagnosis=None) for s in failing], 110.0) == Evaluation()
    assert judge([replace(s, probe_result=None) for s in failing], 110.0) == Evaluation()


def test_a_shared_fault_ends_once_a_target_fails_in_another_way_twice():
    story = Story()
    egress_down(story, 10.0)
    for at in (40.0, 50.0):
        story.result("app", at, Cause.HTTP_STATUS)
    found = story.incidents(51.0)
    assert {i.affected for i in found} == {
        ("app",),
        tuple(sorted(name for name in EGRESS if name != "app")),
    }

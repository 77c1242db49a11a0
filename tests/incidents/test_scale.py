"""The work per result does not grow with the number of targets, and judging can be paused.

Covers: monitor/incidents/selection.py
"""

from __future__ import annotations

from dataclasses import replace

from monitor.health.machine import Health
from monitor.incidents.inference import EvidenceEngine
from monitor.model.causes import Cause
from monitor.model.state import State
from tests.incidents.test_correlate import EGRESS, status


def engine_with(count: int, *, shared: bool) -> EvidenceEngine:
    """An engine with ``count`` targets that all fail, by one fault or each by its own."""
    engine = EvidenceEngine()
    causes = [c for c in Cause if c.value.startswith(("http_", "tls_"))]
    for number in range(count):
        cause = Cause.TCP_TIMEOUT if shared else causes[number % len(causes)]
        made = status(EGRESS[number % len(EGRESS)], cause, at=10.0)
        endpoint = replace(
            made.target.endpoint, id=f"t{number}", host=f"h{number}.example", group=f"g{number}"
        )
        target = replace(made.target, endpoint=endpoint)
        assert made.probe_result is not None
        assert made.diagnosis is not None
        engine.observe(target, made.probe_result, made.diagnosis, Health(State.DOWN))
    return engine


def test_two_thousand_targets_that_fail_at_once_are_one_incident():
    (incident,) = engine_with(2000, shared=True).evaluate(20.0).incidents
    assert len(incident.affected) == 2000


def test_two_thousand_targets_that_fail_on_their_own_are_judged_in_small_steps():
    steps = list(engine_with(2000, shared=False).steps(20.0))
    assert steps[-1] is not None
    assert sum(len(i.affected) for i in steps[-1].incidents) == 2000
    assert steps.count(None) >= 2000 // 64


def test_a_result_like_the_last_one_is_taken_in_without_looking_at_other_targets():
    engine = engine_with(200, shared=True)
    before = {element: id(members) for element, members in engine.index.members.items()}
    track = engine.index.tracks["t0"]
    exposures = track.exposures
    assert track.probe_result is not None
    assert track.diagnosis is not None
    again = replace(track.probe_result, started_at=40.0)
    engine.observe(track.target, again, track.diagnosis, Health(State.DOWN))
    assert track.exposures is exposures
    assert {element: id(members) for element, members in engine.index.members.items()} == before

"""Limits of requested probes, as values."""

from __future__ import annotations

from dataclasses import replace

from monitor.health.status import TargetStatus
from monitor.scheduler.probe_request import PAUSE, REQUESTS_BURST, ProbeRequest, ProbeRequests
from tests.stores import NOW, realistic_board

LATER = NOW + 3600


def a_status() -> TargetStatus:
    return realistic_board().statuses["app-gitpod-io"]


def test_a_target_is_probed_unless_its_last_probe_was_a_moment_ago() -> None:
    requests, status = ProbeRequests(), a_status()
    assert status.probe_result is not None
    at = status.probe_result.started_at
    assert requests.judge(status, at + PAUSE - 1, 0.0) is ProbeRequest.TOO_SOON
    assert requests.judge(status, at + PAUSE, 0.0) is ProbeRequest.ACCEPTED


def test_all_requests_together_have_a_rate() -> None:
    requests = ProbeRequests()
    outcomes = [requests.judge(a_status(), LATER, 0.0) for _ in range(20)]
    assert outcomes.count(ProbeRequest.ACCEPTED) == REQUESTS_BURST
    assert requests.judge(a_status(), LATER, 5.0) is ProbeRequest.ACCEPTED
    assert requests.judge(a_status(), LATER, 5.0) is ProbeRequest.TOO_SOON


def test_a_target_with_an_interval_of_its_own_is_spared() -> None:
    status = a_status()
    endpoint = replace(status.target.endpoint, interval=600.0)
    status.target = replace(status.target, endpoint=endpoint)
    assert status.probe_result is not None
    at = status.probe_result.started_at
    assert ProbeRequests().judge(status, at + 59, 0.0) is ProbeRequest.TOO_SOON
    assert ProbeRequests().judge(status, at + 60, 0.0) is ProbeRequest.ACCEPTED


def test_a_target_with_a_missing_value_cannot_be_probed() -> None:
    status = realistic_board().statuses["nameless"]
    assert ProbeRequests().judge(status, LATER, 0.0) is ProbeRequest.NOT_PROBED


def test_a_clock_that_was_set_back_does_not_bar_requests() -> None:
    status = a_status()
    assert status.probe_result is not None
    at = status.probe_result.started_at
    assert ProbeRequests().judge(status, at, 0.0) is ProbeRequest.TOO_SOON
    assert ProbeRequests().judge(status, at + 0.5, 0.0) is ProbeRequest.TOO_SOON
    assert ProbeRequests().judge(status, at - 0.5, 0.0) is ProbeRequest.ACCEPTED

"""/healthz and the clock: a step of the time of day neither causes nor hides a stall.

Covers: monitor/web/server.py
"""

from __future__ import annotations

import pytest

from monitor.web import api
from tests.stores import NOW, realistic_board


@pytest.mark.parametrize("step", [86_400.0, -86_400.0])
def test_a_step_of_the_clock_is_no_stall_and_hides_none(step: float) -> None:
    store = realistic_board()
    store.self_metrics.last_completed_at = NOW
    store.self_metrics.last_progress = 1_000.0
    assert api.health(store, NOW + step, 1_001.0).ok
    stalled = api.health(store, NOW + step, 9_000.0)
    assert not stalled.ok
    assert "8000 s" in stalled.text

"""Events are one log line each; what is known of an identity is in its fields."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from monitor.model.identity import Identity
from monitor.state.event_log import identity_fields, log_event
from monitor.state.events import Event, EventKind


@pytest.mark.parametrize(("serious", "level"), [(True, "warning"), (False, "info")])
def test_an_event_is_one_line_with_its_facts(*, serious: bool, level: str) -> None:
    event = Event(EventKind.TARGET_STATE, 100.0, "a", "a is down", serious, {"target": "a"})
    with capture_logs() as lines:
        log_event(event)
    assert lines == [{"event": "a is down", "log_level": level, "target": "a"}]


def test_unknown_parts_of_an_identity_are_left_out() -> None:
    assert identity_fields(Identity()) == {}
    assert identity_fields(Identity(region="eu-west-1")) == {"region": "eu-west-1"}

"""The badge shows the overall state in words."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from monitor.state.store import StateStore
from monitor.web.badge import badge, overall
from tests.stores import all_up, lost_egress, realistic_board


@pytest.mark.parametrize(
    ("store", "words"),
    [
        (all_up(realistic_board()), "up"),
        (realistic_board(), "down, 6 of 55"),
        (lost_egress(realistic_board()), "down, 53 of 55"),
    ],
)
def test_the_badge_shows_the_overall_state(store: StateStore, words: str) -> None:
    drawn = badge(*overall(store))
    root = ET.fromstring(drawn)
    assert root.attrib["aria-label"] == f"egress: {words}"

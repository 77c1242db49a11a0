"""Fixtures of the tests that publish to a broker."""

from __future__ import annotations

import pytest

from monitor.export.mqtt import exporter as mqtt
from tests.internet.process import free_port


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(mqtt, "SAVE_AFTER", 0.01)


@pytest.fixture
def port() -> int:
    return free_port()

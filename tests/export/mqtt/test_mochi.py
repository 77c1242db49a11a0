"""A second real broker of MQTT 5 with limits: what it announces and refuses is respected.

Covers: monitor/export/mqtt/session.py, monitor/export/mqtt/limits.py
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from monitor.export.mqtt import publisher as mqtt_publisher
from monitor.model.settings import MqttVersion
from monitor.state.store import StateStore
from tests.export.mqtt.support import (
    ROOT,
    all_taken,
    broker,
    event,
    exporter,
    running,
    self_metrics,
    until,
)
from tests.internet.mochi import mochi
from tests.internet.mosquitto import subscriber
from tests.stores import realistic_board


def small() -> StateStore:
    store = realistic_board()
    return StateStore(dict(list(store.statuses.items())[:3]))


@pytest.mark.parametrize("version", MqttVersion)
@pytest.mark.parametrize("websocket", [False, True], ids=["tcp", "websocket"])
async def test_everything_arrives(tmp_path: Path, port: int, version: MqttVersion, websocket: bool):
    store = realistic_board()
    settings = broker(port, version=version, websocket_path="/" if websocket else "")
    with mochi(tmp_path, port, websocket=websocket):
        async with running(exporter(store, settings)) as publisher:
            for number in range(60):
                publisher.listen(event(f"t{number}"))
            await all_taken(store)
    assert self_metrics(store).sessions == 1
    assert self_metrics(store).refused == 0


async def test_its_receive_maximum_is_respected(tmp_path: Path, port: int):
    store = realistic_board()
    with mochi(tmp_path, port, receive_maximum=2):
        async with running(exporter(store, broker(port))) as publisher:
            for number in range(60):
                publisher.listen(event(f"t{number}"))
            await all_taken(store)
    assert self_metrics(store).sessions == 1


async def test_its_packet_size_is_found_though_it_announces_none(tmp_path: Path, port: int):
    """mochi closes the connection at a packet that is too large, without a reason code."""
    store = small()
    large = replace(event("large"), facts={"detail": "x" * 5000})
    with (
        mochi(tmp_path, port, maximum_packet_size=1500),
        subscriber(port, f"{ROOT}/events") as watcher,
    ):
        async with running(exporter(store, broker(port))) as publisher:
            publisher.listen(large)
            for number in range(60):
                publisher.listen(event(f"t{number}"))
            await all_taken(store)
            await asyncio.to_thread(watcher.wait_until, lambda s: len(s.events()) == 61)
    assert [e["subject"] for e in watcher.events()] == ["large", *(f"t{n}" for n in range(60))]
    assert len(json.dumps(watcher.events()[0])) < 1500
    assert self_metrics(store).sessions < 8


async def test_without_retain_and_qos_1_documents_are_published_all_the_same(
    tmp_path: Path, port: int
):
    store = small()
    with (
        capture_logs() as logs,
        mochi(tmp_path, port, retain_available=0, maximum_qos=0),
        subscriber(port, f"{ROOT}/#") as watcher,
    ):
        async with running(exporter(store, broker(port))) as publisher:
            publisher.listen(event("a"))
            await asyncio.to_thread(
                watcher.wait_until, lambda s: len(s.now) == 3 + len(store.statuses)
            )
    assert not watcher.retained
    said = {line["event"] for line in logs if line["log_level"] == "warning"}
    assert {"MQTT broker retains no messages", "MQTT broker accepts only QoS 0"} <= said


async def test_refused_topics_hold_up_no_others(
    tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(mqtt_publisher, "FIRST_RETRY", 0.05)
    store = small()
    rights = {
        f"{ROOT}/events": 3,
        f"{ROOT}/status": 3,
        f"{ROOT}/targets/#": 1,
        f"{ROOT}/summary": 1,
    }
    with capture_logs() as logs, mochi(tmp_path, port, filters=rights):
        async with running(exporter(store, broker(port))) as publisher:
            publisher.listen(event("a"))
            await until(lambda: self_metrics(store).refused > 8 and not self_metrics(store).pending)
    refused = [line for line in logs if line["event"] == "MQTT broker refuses messages"]
    assert {line["reason"] for line in refused} == {"not authorized (0x87)"}
    assert self_metrics(store).sessions == 1

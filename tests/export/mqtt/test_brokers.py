"""Real brokers with access rules, limits and restarts.

Covers: monitor/export/mqtt/exporter.py, monitor/export/mqtt/session.py
"""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from structlog.testing import capture_logs

from monitor.export.mqtt import exporter as mqtt_exporter
from monitor.export.mqtt import publisher as mqtt_publisher
from monitor.model.settings import MqttVersion
from monitor.state.events import Event
from monitor.state.store import StateStore
from tests.export.mqtt.support import ROOT, broker, event, exporter, running, self_metrics, until
from tests.internet.mosquitto import mosquitto, subscriber
from tests.stores import realistic_board

# Patterns, as mosquitto applies topic rules to no session that it has loaded from its file.
ALL = f"pattern readwrite {ROOT}/#\n"
NOTHING = "pattern read #\n"
EVENTS = f"{ROOT}/events"


def small() -> StateStore:
    store = realistic_board()
    return StateStore(dict(list(store.statuses.items())[:3]))


def rules(folder: Path, text: str) -> Path:
    """Write the broker's access rules."""
    path = folder / "acl"
    path.write_text(text)
    path.chmod(0o644)
    return path


def change(folder: Path, process: subprocess.Popen[bytes], text: str) -> None:
    """Change the broker's access rules while it runs."""
    rules(folder, text)
    process.send_signal(signal.SIGHUP)


def large(subject: str, size: int) -> Event:
    return replace(event(subject), facts={"detail": "x" * size, "cause": "tcp_timeout"})


@pytest.mark.parametrize("version", MqttVersion)
async def test_ten_restarts_and_changes_of_the_rules_lose_and_double_nothing(
    tmp_path: Path, port: int, version: MqttVersion, monkeypatch: pytest.MonkeyPatch
):
    """120 events while the broker is away, there, and denying them, which only MQTT 5 reports. The
    subscriber has a session that the broker keeps."""
    monkeypatch.setattr(mqtt_publisher, "LONGEST_RETRY", 0.5)
    monkeypatch.setattr(mqtt_exporter, "LONGEST_PAUSE", 0.2)
    random, numbers = Random(5), iter(range(120))
    store = small()
    settings = ("allow_anonymous true", f"acl_file {rules(tmp_path, ALL)}")
    seen: list[dict[str, object]] = []

    async def some(count: int) -> None:
        for number in [next(numbers) for _ in range(count)]:
            publisher.listen(event(f"t{number}"))
            await asyncio.sleep(random.uniform(0, 0.02))

    with mosquitto(tmp_path, port, *settings), subscriber(port, EVENTS, name="s", session=True):
        pass
    async with running(exporter(store, broker(port, version=version), tmp_path)) as publisher:
        for turn in range(10):
            await some(3)
            with mosquitto(tmp_path, port, *settings) as process, ExitStack() as stack:
                await some(2)
                if version is MqttVersion.V5 and turn % 2:
                    change(tmp_path, process, NOTHING)
                    await some(3)
                    change(tmp_path, process, ALL)
                await some(7 if version is MqttVersion.V311 or not turn % 2 else 4)
                await until(lambda: not self_metrics(store).pending, 60)
                watcher = stack.enter_context(subscriber(port, EVENTS, name="s", session=True))
                missing = 12 * (turn + 1) - len(seen)
                await heard(watcher, lambda s, n=missing: len(s.events()) - len(s.redelivered) >= n)
            new = [e for e in watcher.events() if e not in seen or e not in watcher.redelivered]
            seen += new
            await until(lambda: not self_metrics(store).connected)
    assert [each["subject"] for each in seen] == [f"t{number}" for number in range(120)]
    assert not self_metrics(store).dropped
    assert self_metrics(store).sessions >= 10


@pytest.mark.parametrize("version", MqttVersion)
@pytest.mark.parametrize("limit", ["max_packet_size 2000", "message_size_limit 2000"])
async def test_an_oversize_document_holds_up_no_other(
    tmp_path: Path, port: int, limit: str, version: MqttVersion
):
    # mosquitto discards what is beyond message_size_limit and acknowledges it in MQTT 3.1.1.
    silent = limit.startswith("message") and version is MqttVersion.V311
    expected = ["a", "c", "e"] if silent else ["a", "b", "c", "d", "e"]
    store = small()
    with (
        mosquitto(tmp_path, port, "allow_anonymous true", limit),
        subscriber(port, f"{ROOT}/events") as watcher,
    ):
        async with running(exporter(store, broker(port, version=version))) as publisher:
            for each in (event("a"), large("b", 9000), event("c"), large("d", 9000), event("e")):
                publisher.listen(each)
            await until(lambda: not self_metrics(store).pending, 60)
            await heard(watcher, lambda s: len(s.events()) >= len(expected))
    assert [each["subject"] for each in watcher.events()] == expected
    assert all(len(json.dumps(each)) < 2000 for each in watcher.events())


async def test_a_small_receive_maximum_of_mosquitto_is_respected(tmp_path: Path, port: int):
    store = realistic_board()
    with mosquitto(tmp_path, port, "allow_anonymous true", "max_inflight_messages 2"):
        async with running(exporter(store, broker(port))) as publisher:
            for number in range(30):
                publisher.listen(event(f"t{number}"))
            await until(lambda: not self_metrics(store).pending)
    assert self_metrics(store).sessions == 1


async def test_rules_that_deny_one_topic_hold_up_no_other(tmp_path: Path, port: int):
    acl = rules(tmp_path, f"topic write {ROOT}/events\ntopic write {ROOT}/status\ntopic read #\n")
    store = small()
    with capture_logs() as logs, ExitStack() as stack:
        lines = ("allow_anonymous true", f"acl_file {acl}")
        process = stack.enter_context(mosquitto(tmp_path, port, *lines))
        watcher = stack.enter_context(subscriber(port, f"{ROOT}/#"))
        async with running(exporter(store, broker(port))) as publisher:
            publisher.listen(event("a"))
            await heard(watcher, lambda s: [e["subject"] for e in s.events()] == ["a"])
            assert f"{ROOT}/summary" not in watcher.now
            change(tmp_path, process, ALL)
            await heard(watcher, lambda s: len(s.now) == 3 + len(store.statuses))
    refused = [line for line in logs if line["event"] == "MQTT broker refuses messages"]
    assert {line["topics"] for line in refused} == {f"{ROOT}/summary", f"{ROOT}/targets/#"}


async def heard(watcher: object, holds: Callable[..., object]) -> None:
    await asyncio.to_thread(watcher.wait_until, holds)  # type: ignore[attr-defined]

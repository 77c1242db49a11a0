"""An exporter of a test, and the broker's settings that it publishes to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

from monitor.export.mqtt.exporter import MqttExporter
from monitor.model.settings import MqttSettings
from monitor.net.clock import SystemClock
from monitor.net.dns.resolver import DnsResolver
from monitor.net.sockets.trust_store import TrustStore
from monitor.state.events import Event, EventKind
from monitor.state.self_metrics import MqttMetrics
from monitor.state.store import StateStore
from tests.stores import NOW

ROOT = "egress-monitor/m-1"
HOST = "127.0.0.1"


def broker(port: int, **values: object) -> MqttSettings:
    return replace(MqttSettings(HOST, port, client_id="m-1"), **values)


def event(subject: str) -> Event:
    return Event(EventKind.TARGET_STATE, NOW, subject, "target is down", serious=True)


def exporter(
    store: StateStore, settings: MqttSettings, directory: Path | None = None
) -> MqttExporter:
    clock, random = SystemClock(), Random(1)
    made = MqttExporter(store, directory, clock, random)
    made.configure(settings, DnsResolver(clock, random), TrustStore())
    return made


@asynccontextmanager
async def running(publisher: MqttExporter) -> AsyncIterator[MqttExporter]:
    """Have it publish for the length of the block, and end as the daemon ends it."""
    task = asyncio.create_task(publisher.run())
    try:
        yield publisher
    finally:
        task.cancel()
        await asyncio.wait((task,))
    assert task.cancelled()


async def until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)


def self_metrics(store: StateStore) -> MqttMetrics:
    assert store.mqtt is not None
    return store.mqtt


async def all_taken(store: StateStore) -> None:
    """Return when the broker has the whole board and every event."""
    many = 2 + len(store.statuses) + len(store.incidents)
    await until(lambda: self_metrics(store).published >= many and not self_metrics(store).pending)

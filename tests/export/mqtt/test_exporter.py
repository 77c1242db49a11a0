"""Publishing to a real broker: what a subscriber sees, whenever it joined and whatever broke.

Covers: monitor/export/mqtt/connect.py
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from structlog.testing import capture_logs

from monitor.export.mqtt import client as mqtt_client
from monitor.export.mqtt.exporter import MqttExporter, client_id_of
from monitor.export.mqtt.spool import NAME
from monitor.health.machine import Health
from monitor.model.secret import Secret
from monitor.model.settings import MqttSettings, MqttVersion
from monitor.model.state import State
from monitor.net.clock import SystemClock
from monitor.net.dns.resolver import DnsResolver
from monitor.net.sockets.trust_store import TrustStore
from monitor.state.store import StateStore
from tests.export.mqtt.support import (
    HOST,
    ROOT,
    all_taken,
    broker,
    event,
    exporter,
    running,
    self_metrics,
    until,
)
from tests.internet.ca import Authority
from tests.internet.mosquitto import mosquitto, save, subscriber
from tests.internet.process import free_port, open_descriptors, program
from tests.stores import NOW, realistic_board


@pytest.mark.parametrize("version", MqttVersion)
async def test_who_joins_late_sees_what_there_is(tmp_path: Path, port: int, version: MqttVersion):
    store = realistic_board()
    with mosquitto(tmp_path, port):
        async with running(exporter(store, broker(port, version=version))):
            await all_taken(store)
            with subscriber(port) as late:
                await asyncio.to_thread(
                    late.wait_until, lambda s: len(s.retained) == 3 + len(store.statuses)
                )
    assert late.retained[f"{ROOT}/status"]["state"] == "online"
    assert late.retained[f"{ROOT}/status"]["identity"]["region"] == "eu-central-1"
    assert late.retained[f"{ROOT}/summary"]["down"] == 5
    assert late.retained[f"{ROOT}/targets/aws-sts"]["state"] == "up"
    assert late.retained[f"{ROOT}/incidents/i-1"]["scope"] == "port"
    assert late.live == []


@pytest.mark.parametrize("version", MqttVersion)
async def test_what_a_killed_broker_missed_comes_in_order_and_what_is_over_goes(
    tmp_path: Path, port: int, version: MqttVersion
):
    store = realistic_board()
    async with running(exporter(store, broker(port, version=version))) as publisher:
        with mosquitto(tmp_path, port) as process:
            with subscriber(port, f"{ROOT}/events", name="late", session=True):
                await all_taken(store)
            save(tmp_path, process, "late")
            process.kill()
            process.wait()
        await until(lambda: not self_metrics(store).connected)
        store.incidents = ()
        store.statuses["aws-sts"].health = Health(State.DOWN, NOW)
        del store.statuses["not-yet"]
        for number in range(25):
            publisher.listen(event(f"t{number}"))
        assert self_metrics(store).pending == 25
        with mosquitto(tmp_path, port):
            await until(lambda: self_metrics(store).connected and not self_metrics(store).pending)
            with subscriber(port, name="late", topics=f"{ROOT}/#", session=True) as late:
                await asyncio.to_thread(late.wait_until, lambda s: len(s.events()) == 25)
                kept = {f"{ROOT}/targets/{name}" for name in store.statuses}
                kept |= {f"{ROOT}/status", f"{ROOT}/summary", f"{ROOT}/events"}
                await asyncio.to_thread(late.wait_until, lambda s: s.now.keys() == kept)
    assert [e["subject"] for e in late.events()] == [f"t{number}" for number in range(25)]
    assert len({e["id"] for e in late.events()}) == 25
    assert late.now[f"{ROOT}/targets/aws-sts"]["state"] == "down"
    assert late.now[f"{ROOT}/status"]["state"] == "online"
    assert self_metrics(store).sessions == 2


async def test_what_an_earlier_life_left_with_the_broker_goes(tmp_path: Path, port: int):
    store = realistic_board()
    with mosquitto(tmp_path, port):
        async with running(exporter(store, broker(port))):
            await all_taken(store)
        later = StateStore({"aws-sts": store.statuses["aws-sts"]})
        async with running(exporter(later, broker(port))):
            await all_taken(later)
            await until(lambda: self_metrics(later).published == 3 + len(store.statuses))
            with subscriber(port) as late:
                await asyncio.to_thread(late.wait_until, lambda s: len(s.retained) == 3)
    assert set(late.retained) == {
        f"{ROOT}/{end}" for end in ("status", "summary", "targets/aws-sts")
    }


async def test_a_change_is_told_at_once_and_only_it(tmp_path: Path, port: int):
    store = realistic_board()
    with mosquitto(tmp_path, port):
        async with running(exporter(store, broker(port))) as publisher:
            await all_taken(store)
            with subscriber(port) as watcher:
                store.statuses["aws-sts"].health = Health(State.DOWN, NOW)
                publisher.listen(event("aws-sts"))
                await asyncio.to_thread(watcher.wait_until, lambda s: len(s.live) == 3)
    assert {topic for topic, _ in watcher.live} == {
        f"{ROOT}/{end}" for end in ("summary", "targets/aws-sts", "events")
    }


async def test_an_orderly_end_is_told_with_its_reason(tmp_path: Path, port: int):
    store = realistic_board()
    with mosquitto(tmp_path, port), subscriber(port, f"{ROOT}/status") as watcher:
        async with running(exporter(store, broker(port))):
            await all_taken(store)
        await asyncio.to_thread(watcher.wait_until, lambda s: len(s.live) == 2)
    assert [document["state"] for _, document in watcher.live] == ["online", "offline"]
    assert watcher.live[-1][1]["reason"] == "stopped"


def tls_listener(folder: Path, *more: str) -> tuple[Path, Path, Path, tuple[str, ...]]:
    """Return CA, certificate and key for a client, and the lines of a broker that wants them
    of clients; ``more`` lines go before."""
    authority = Authority(folder)
    server, client = authority.issue("localhost"), authority.issue("monitor")
    lines = (
        *more,
        f"cafile {authority.file}",
        f"certfile {server.chain}",
        f"keyfile {server.key}",
        "require_certificate true",
        "allow_anonymous true",
        f"listener {free_port()} {HOST}",  # mosquitto 2.0.11 ends with WebSocket listeners only
    )
    return authority.file, client.chain, client.key, lines


@pytest.mark.parametrize("websocket", [False, True])
async def test_tls_with_a_client_certificate(tmp_path: Path, port: int, websocket: bool):
    ca, certificate, key, lines = tls_listener(
        tmp_path, *(("protocol websockets",) if websocket else ())
    )
    secure = broker(
        port,
        host="localhost",
        tls=True,
        websocket_path="/mqtt" if websocket else "",
        ca_file=ca,
        cert_file=certificate,
        key_file=key,
    )
    store = realistic_board()
    with mosquitto(tmp_path, port, *lines):
        async with running(exporter(store, secure)):
            await all_taken(store)


def password_file(folder: Path) -> tuple[str, ...]:
    passwords = folder / "passwords"
    passwords.write_text("m:hunter2\n")
    passwords.chmod(0o600)
    subprocess.run([program("mosquitto_passwd"), "-U", str(passwords)], check=True)
    return ("allow_anonymous false", f"password_file {passwords}")


async def test_user_and_password(tmp_path: Path, port: int):
    store = realistic_board()
    named = broker(port, username="m", password=Secret("hunter2"))
    with mosquitto(tmp_path, port, *password_file(tmp_path)):
        async with running(exporter(store, named)):
            await all_taken(store)


async def why_not(settings: MqttSettings) -> str:
    """Return the reason that is said of a broker that can't be used."""
    with capture_logs() as logs:
        async with running(exporter(realistic_board(), settings)):
            await until(lambda: bool(logs))
    assert logs[0]["event"] == "MQTT broker not reached"
    assert "hunter2" not in str(logs)
    return str(logs[0]["reason"])


@pytest.mark.parametrize("version", MqttVersion)
async def test_a_wrong_password_is_said(tmp_path: Path, port: int, version: MqttVersion):
    wrong = broker(port, username="m", password=Secret("hunter22"), version=version)
    with mosquitto(tmp_path, port, *password_file(tmp_path)):
        assert "not authori" in await why_not(wrong)


async def test_a_broker_that_is_not_there_is_said(port: int):
    assert await why_not(broker(port)) == "connection refused"
    assert "names.invalid" in await why_not(broker(port, host="names.invalid"))


async def test_a_certificate_that_nobody_trusts_is_said_and_one_that_is_missing(
    tmp_path: Path, port: int
):
    ca, _, _, lines = tls_listener(tmp_path)
    with mosquitto(tmp_path, port, *lines):
        secure = broker(port, host="localhost", tls=True)
        assert "certificate verify failed" in await why_not(secure)
        assert "certificate required" in await why_not(replace(secure, ca_file=ca))


async def test_messages_that_the_broker_does_not_allow_are_said_and_counted(
    tmp_path: Path, port: int
):
    rules = tmp_path / "acl"
    rules.write_text(f"topic write {ROOT}/status\n")
    rules.chmod(0o600)
    store = realistic_board()
    with (
        capture_logs() as logs,
        mosquitto(tmp_path, port, "allow_anonymous true", f"acl_file {rules}"),
    ):
        async with running(exporter(store, broker(port))):
            await until(lambda: self_metrics(store).refused > len(store.statuses))
    warnings = [line for line in logs if line["log_level"] == "warning"]
    assert {line["event"] for line in warnings} == {"MQTT broker refuses messages"}
    assert {line["reason"] for line in warnings} == {"not authorized (0x87)"}
    assert [line["topics"].rpartition("m-1/")[2] for line in warnings] == [
        "summary", "targets/#", "incidents/#",
    ]  # fmt: skip
    assert all("allow this client to publish" in line["remediation"] for line in warnings)
    assert self_metrics(store).published == 2  # online, and at the end offline


@asynccontextmanager
async def rude_broker(port: int, *answers: bytes, closes: bool = True) -> AsyncIterator[None]:
    """Accept connections; give ``answers``, each after something was read, then close or be
    silent."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.read(1000)
            writer.write(answer)
        if not closes:
            await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, HOST, port)
    try:
        yield
    finally:
        server.close()


ACCEPTED = b"\x20\x03\x00\x00\x00"
TAKEN_OVER = b"\xe0\x01\x8e"
UNAVAILABLE = b"\x20\x03\x00\x88\x00"


async def test_another_client_with_our_id_is_said_and_left_alone(port: int):
    store = realistic_board()
    with capture_logs() as logs:
        async with rude_broker(port, ACCEPTED, TAKEN_OVER), running(exporter(store, broker(port))):
            await until(lambda: self_metrics(store).conflicts == 1 and len(logs) == 2)
    assert "another client" in logs[1]["event"]
    assert "mqtt.client_id" in logs[1]["remediation"]
    assert self_metrics(store).sessions == 1


async def test_without_a_reason_no_other_client_is_suspected(port: int):
    store = realistic_board()
    older = broker(port, version=MqttVersion.V311)
    with capture_logs() as logs:
        async with rude_broker(port, b"\x20\x02\x00\x00", b""), running(exporter(store, older)):
            await until(lambda: self_metrics(store).sessions == 4)
    assert self_metrics(store).conflicts == 0
    assert "another client" not in str(logs)
    lost = [line for line in logs if line["event"] == "MQTT connection lost"]
    assert {line["reason"] for line in lost} <= {
        "the broker closed the connection", "connection reset by peer", "broken pipe",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("answers", "closes", "reason"),
    [
        ((), True, ""),
        ((), False, "no CONNACK within 0.2 s"),
        ((b"HTTP/1.1 400 Bad Request\r\n\r\n",), False, ""),
        ((b"\x20\x03\xff\xff\xff",), False, ""),
        ((b"\x20\xff\xff\xff\xff\xff\xff",), False, ""),
        ((UNAVAILABLE,), False, "server unavailable"),
        ((ACCEPTED, b"\x00" * 100), False, ""),
        ((ACCEPTED, b"\x30\x05\x00\x09ab"), False, ""),
    ],
    ids=["closes", "silent", "http", "rubbish", "endless", "unavailable", "zeros", "malformed"],
)
async def test_a_rude_broker_costs_nothing_but_the_try(
    port: int,
    answers: tuple[bytes, ...],
    closes: bool,
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(mqtt_client, "REPLY_TIMEOUT", 0.2)
    monkeypatch.setattr(mqtt_client, "ACK_TIMEOUT", 0.2)
    store = realistic_board()
    with capture_logs() as logs:
        async with rude_broker(port, *answers, closes=closes):
            before = open_descriptors()
            async with running(exporter(store, broker(port))):
                ended = lambda: [line for line in logs if "reason" in line]  # noqa: E731
                await until(lambda: bool(ended()))
            await until(lambda: open_descriptors() <= before)
    assert reason in ended()[0]["reason"]
    assert not [line for line in logs if line["log_level"] == "error"]


async def test_to_stop_in_the_middle_of_connecting_leaves_nothing(port: int):
    store = realistic_board()
    async with rude_broker(port, closes=False):
        before = open_descriptors()
        async with running(exporter(store, broker(port))):
            await until(lambda: open_descriptors() > before)
        await until(lambda: open_descriptors() <= before)


async def test_a_reload_moves_to_another_broker_or_to_none(tmp_path: Path, port: int):
    store, clock, random = realistic_board(), SystemClock(), Random(1)
    (tmp_path / "other").mkdir()
    probe_context = (DnsResolver(clock, random), TrustStore())
    other = free_port()
    with mosquitto(tmp_path, port), mosquitto(tmp_path / "other", other):
        async with running(exporter(store, broker(port))) as publisher:
            await all_taken(store)
            publisher.configure(broker(port), *probe_context)
            publisher.configure(broker(other), *probe_context)
            with subscriber(other, f"{ROOT}/status") as watcher:
                await asyncio.to_thread(
                    watcher.wait_until, lambda s: s.live or f"{ROOT}/status" in s.retained
                )
            assert self_metrics(store).sessions == 2
            publisher.configure(None, *probe_context)
            assert store.mqtt is None
            publisher.listen(event("unheard"))
            with subscriber(other, f"{ROOT}/status") as late:
                await asyncio.to_thread(
                    late.wait_until,
                    lambda s: (
                        s.retained.get(f"{ROOT}/status", {}).get("state") == "offline"
                        or any(d["state"] == "offline" for _, d in s.live)
                    ),
                )


async def test_without_a_broker_nothing_is_kept(tmp_path: Path):
    store, clock, random = realistic_board(), SystemClock(), Random(1)
    publisher = MqttExporter(store, tmp_path, clock, random)
    publisher.configure(None, DnsResolver(clock, random), TrustStore())
    async with running(publisher):
        publisher.listen(event("a"))
        await asyncio.sleep(0)
    publisher.save()
    assert not (tmp_path / NAME).exists()


def test_the_client_id_is_as_configured_else_the_runners_else_the_hosts():
    settings = MqttSettings(HOST, 1883)
    assert client_id_of(replace(settings, client_id="a"), "r", "h") == "a"
    assert client_id_of(settings, "r", "h") == "r"
    assert client_id_of(settings, "", "h") == "h"


async def test_events_outlive_a_monitor_that_the_broker_never_met(tmp_path: Path, port: int):
    state = tmp_path / "state"
    async with running(exporter(realistic_board(), broker(port), state)) as publisher:
        publisher.listen(event("before"))
        await until((state / NAME).exists)
    store = realistic_board()
    with mosquitto(tmp_path, port), subscriber(port, f"{ROOT}/events") as watcher:
        async with running(exporter(store, broker(port), state)) as publisher:
            publisher.listen(event("after"))
            await asyncio.to_thread(watcher.wait_until, lambda s: len(s.events()) == 2)
            await until(lambda: (state / NAME).stat().st_size == 0)
    assert [e["subject"] for e in watcher.events()] == ["before", "after"]

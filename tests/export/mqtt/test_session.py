"""Sessions with a broker that has limits, refuses, answers late, or ends the connection.

Covers: monitor/export/mqtt/client.py, monitor/export/mqtt/notices.py,
monitor/export/mqtt/outlet.py, monitor/export/mqtt/publisher.py
"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from monitor.export.mqtt import client as mqtt_client
from monitor.export.mqtt import publisher as mqtt_publisher
from monitor.model.secret import Secret
from monitor.model.settings import MqttVersion
from monitor.state.self_metrics import Dropped
from monitor.state.store import StateStore
from tests.export.mqtt.scripted import End, Published, ScriptedBroker, text
from tests.export.mqtt.support import broker, event, exporter, running, self_metrics, until
from tests.stores import realistic_board

RECEIVE_MAXIMUM, MAXIMUM_PACKET_SIZE = b"\x21", b"\x27"
MAXIMUM_QOS, RETAIN_AVAILABLE = b"\x24", b"\x25"
REASON_STRING, SERVER_REFERENCE = b"\x1f", b"\x1c"


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_publisher, "FIRST_RETRY", 0.05)
    monkeypatch.setattr(mqtt_publisher, "LONGEST_RETRY", 0.2)


def subjects(scripted: ScriptedBroker) -> list[str]:
    """Return the subjects of the events that the broker accepted, in order."""
    return [json.loads(each)["subject"] for each in scripted.subjects("/events")]


def small(count: int = 2) -> StateStore:
    """Return a store of a few targets."""
    store = realistic_board()
    return StateStore(dict(list(store.statuses.items())[:count]))


def warnings(logs: list[dict[str, object]]) -> list[dict[str, object]]:
    return [dict(line) for line in logs if line["log_level"] == "warning"]


@pytest.mark.parametrize("limit", [1, 5])
async def test_no_more_messages_are_unacknowledged_than_the_broker_takes(port: int, limit: int):
    scripted = ScriptedBroker(RECEIVE_MAXIMUM + limit.to_bytes(2, "big"), delay=0.01)
    async with scripted.serving(port):
        store = realistic_board()
        async with running(exporter(store, broker(port))) as publisher:
            for number in range(20):
                publisher.listen(event(f"t{number}"))
            await until(lambda: len(subjects(scripted)) == 20)
    assert scripted.most_unacknowledged == limit
    assert scripted.accepted[-1].payload.endswith(b'"reason":"stopped"}')


async def test_an_end_with_all_places_taken_leaves_the_last_word_to_the_will(port: int):
    scripted = ScriptedBroker(RECEIVE_MAXIMUM + b"\0\x02", delay=None)
    async with scripted.serving(port), running(exporter(small(), broker(port))):
        await until(lambda: scripted.most_unacknowledged == 2)
    assert scripted.most_unacknowledged == 2


async def test_a_client_that_may_only_publish_publishes(port: int):
    scripted = ScriptedBroker(on_subscribe=lambda: End(0x87))
    store = small()
    with capture_logs() as logs:
        async with scripted.serving(port), running(exporter(store, broker(port))) as publisher:
            publisher.listen(event("a"))
            await until(lambda: subjects(scripted) == ["a"])
    assert scripted.subscriptions == 1
    assert {each.topic.rpartition("/")[2] for each in scripted.accepted if each.retain} >= {
        "status", "summary",
    }  # fmt: skip
    (lost,) = [line for line in warnings(logs) if line["event"] == "MQTT connection lost"]
    assert lost["reason"] == "not authorized (0x87)"
    assert self_metrics(store).conflicts == 0


async def test_an_older_broker_that_closes_at_subscribe_gets_everything_too(port: int):
    scripted = ScriptedBroker(on_subscribe=End)
    older = broker(port, version=MqttVersion.V311)
    async with scripted.serving(port), running(exporter(small(), older)) as publisher:
        publisher.listen(event("a"))
        await until(lambda: subjects(scripted) == ["a"])
    assert scripted.subscriptions == 1


async def test_a_broker_that_refuses_the_subscription_gets_everything(port: int):
    scripted = ScriptedBroker(on_subscribe=lambda: 0x87)
    async with scripted.serving(port), running(exporter(small(), broker(port))) as publisher:
        publisher.listen(event("a"))
        await until(lambda: subjects(scripted) == ["a"])
    assert len(scripted.connects) == 1


@pytest.mark.parametrize("end", [End(0x87), End(0x9A), End()], ids=["0x87", "0x9a", "closes"])
async def test_without_the_right_to_retain_states_are_published_all_the_same(port: int, end: End):
    def on_publish(message: Published) -> int | End:
        return end if message.retain else 0

    scripted = ScriptedBroker(on_publish=on_publish)
    with capture_logs() as logs:
        async with scripted.serving(port), running(exporter(small(), broker(port))) as publisher:
            publisher.listen(event("a"))
            await until(lambda: subjects(scripted) == ["a"])
    assert len(scripted.accepted) >= 5
    said = [line["event"] for line in warnings(logs)]
    assert "MQTT broker retains no messages" in said
    assert "another client" not in str(logs)
    if end.code == 0x87:
        (lost,) = [line for line in warnings(logs) if line["event"] == "MQTT connection lost"]
        assert "also retained messages" in str(lost["remediation"])


async def test_limits_of_qos_and_retain_are_respected(port: int):
    scripted = ScriptedBroker(MAXIMUM_QOS + b"\0" + RETAIN_AVAILABLE + b"\0")
    with capture_logs() as logs:
        async with scripted.serving(port), running(exporter(small(), broker(port))) as publisher:
            publisher.listen(event("a"))
            await until(lambda: subjects(scripted) == ["a"])
    assert {(each.qos, each.retain) for each in scripted.received} == {(0, False)}
    assert scripted.subscriptions == 0
    assert [line["event"] for line in warnings(logs)] == [
        "MQTT broker retains no messages",
        "MQTT broker accepts only QoS 0",
    ]


@pytest.mark.parametrize(("code", "flag"), [(0x9A, 0x20), (0x9B, 0x18)], ids=["retain", "qos"])
async def test_a_will_that_the_broker_does_not_take_is_changed(port: int, code: int, flag: int):
    scripted = ScriptedBroker(refuse=lambda body: code if body[7] & flag else 0)
    async with scripted.serving(port), running(exporter(small(), broker(port))) as publisher:
        publisher.listen(event("a"))
        await until(lambda: subjects(scripted) == ["a"])
    assert len(scripted.connects) == 2


@pytest.mark.slow
async def test_an_acknowledgment_that_takes_longer_than_ten_seconds_ends_nothing(port: int):
    scripted = ScriptedBroker(delay=11)
    async with scripted.serving(port), running(exporter(small(), broker(port))) as publisher:
        publisher.listen(event("a"))
        await until(lambda: subjects(scripted) == ["a"])
    assert len(scripted.connects) == 1
    before_the_end = [m for m in scripted.received if b'"stopped"' not in m.payload]
    assert before_the_end == scripted.accepted


async def test_a_broker_that_acknowledges_nothing_is_left(
    port: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(mqtt_client, "ACK_TIMEOUT", 0.2)
    scripted = ScriptedBroker(delay=None)
    with capture_logs() as logs:
        async with scripted.serving(port), running(exporter(small(), broker(port))):
            await until(lambda: len(scripted.connects) == 2)
    assert "no acknowledgment within 0.2 s" in str(warnings(logs))


async def test_refused_events_are_sent_again_in_order_when_the_broker_takes_them(port: int):
    allowed = False
    scripted = ScriptedBroker(
        on_publish=lambda m: 0x87 if m.topic.endswith("/events") and not allowed else 0
    )
    store = small()
    with capture_logs() as logs:
        async with scripted.serving(port), running(exporter(store, broker(port))) as publisher:
            for number in range(80):  # more than are sent one by one
                publisher.listen(event(f"t{number}"))
            await until(lambda: self_metrics(store).refused > 12)
            assert self_metrics(store).pending == 80
            allowed = True
            await until(lambda: not self_metrics(store).pending)
    assert subjects(scripted) == [f"t{number}" for number in range(80)]
    assert len(scripted.connects) == 1
    assert not self_metrics(store).dropped
    (refused,) = warnings(logs)
    assert (refused["event"], refused["reason"]) == (
        "MQTT broker refuses messages", "not authorized (0x87)",
    )  # fmt: skip
    assert "MQTT broker accepts messages again" in str(logs)


async def test_refused_states_are_sent_again_when_the_broker_takes_them(port: int):
    allowed = False
    scripted = ScriptedBroker(
        on_publish=lambda m: 0 if allowed or "/targets/" not in m.topic else 0x97
    )
    store = small()
    async with scripted.serving(port), running(exporter(store, broker(port))) as publisher:
        publisher.listen(event("a"))
        await until(lambda: subjects(scripted) == ["a"] and self_metrics(store).refused >= 4)
        allowed = True
        await until(
            lambda: len({m.topic for m in scripted.accepted if "/targets/" in m.topic}) == 2
        )
    assert len(scripted.connects) == 1


@pytest.mark.parametrize("code", [0x99, 0x80, 0x83], ids=hex)
async def test_an_event_that_is_refused_for_its_own_sake_holds_up_no_other(port: int, code: int):
    scripted = ScriptedBroker(on_publish=lambda m: code if b'"poison"' in m.payload else 0)
    store = small()
    async with scripted.serving(port), running(exporter(store, broker(port))) as publisher:
        for subject in ("a", "poison", "b", "c"):
            publisher.listen(event(subject))
        await until(lambda: not self_metrics(store).pending)
    assert subjects(scripted) == ["a", "b", "c"]
    assert self_metrics(store).dropped == {Dropped.REFUSED: 1}


async def test_a_broker_that_refuses_everything_unspecifically_loses_nothing(port: int):
    allowed = False
    scripted = ScriptedBroker(on_publish=lambda _: 0 if allowed else 0x80)
    store = small()
    async with scripted.serving(port), running(exporter(store, broker(port))) as publisher:
        for number in range(5):
            publisher.listen(event(f"t{number}"))
        await until(lambda: self_metrics(store).refused > 20)
        allowed = True
        await until(lambda: not self_metrics(store).pending, 60)
    # In order, unless the broker starts to accept between the oldest event and the next one.
    assert sorted(subjects(scripted)) == [f"t{number}" for number in range(5)]


def large(subject: str, size: int = 5000):
    return replace(event(subject), facts={"detail": "x" * size, "cause": "tcp_timeout"})


async def test_a_document_is_shortened_to_the_packet_size_that_the_broker_announces(port: int):
    limit = 600
    scripted = ScriptedBroker(MAXIMUM_PACKET_SIZE + limit.to_bytes(4, "big"))
    store = small()
    with capture_logs() as logs:
        async with scripted.serving(port), running(exporter(store, broker(port))) as publisher:
            for each in (event("a"), large("b"), large("c"), event("d")):
                publisher.listen(each)
            await until(lambda: len(subjects(scripted)) == 4)
    assert subjects(scripted) == ["a", "b", "c", "d"]
    assert max(len(each.payload) + len(each.topic) for each in scripted.received) <= limit
    documents = [json.loads(each) for each in scripted.subjects("/events")]
    assert [bool(each.get("shortened")) for each in documents] == [False, True, True, False]
    assert documents[1]["facts"]["cause"] == "tcp_timeout"
    events = [line for line in warnings(logs) if str(line["topics"]).endswith("/events")]
    assert [line["event"] for line in events] == [
        "MQTT documents shortened to the broker's packet size"
    ]


async def test_what_can_not_be_shortened_enough_is_dropped_and_the_rest_goes_on(port: int):
    scripted = ScriptedBroker(MAXIMUM_PACKET_SIZE + (300).to_bytes(4, "big"))
    store = small()
    with capture_logs() as logs:
        async with scripted.serving(port), running(exporter(store, broker(port))) as publisher:
            for each in (event("a"), event("b" * 300), event("c" * 300), event("d")):
                publisher.listen(each)
            await until(lambda: not self_metrics(store).pending)
    assert subjects(scripted) == ["a", "d"]
    assert self_metrics(store).dropped == {Dropped.OVERSIZE: 2}
    assert len(scripted.connects) == 1
    dropped = [line for line in warnings(logs) if "dropped" in str(line["event"])]
    assert len([line for line in dropped if str(line["topics"]).endswith("/events")]) == 1


def too_large(limit: int, answer: int | End):
    return lambda message: answer if len(message.payload) > limit else 0


@pytest.mark.parametrize(
    ("answer", "version"),
    [(0x95, "5"), (End(0x95), "5"), (End(), "5"), (End(), "3.1.1")],
    ids=["puback", "disconnect", "closes", "closes, 3.1.1"],
)
async def test_a_limit_that_the_broker_does_not_announce_is_found(
    port: int, answer: int | End, version: str
):
    scripted = ScriptedBroker(on_publish=too_large(4000, answer))
    store = small()
    settings = broker(port, version=MqttVersion(version))
    async with scripted.serving(port), running(exporter(store, settings)) as publisher:
        for each in (event("a"), large("b", 20_000), event("c")):
            publisher.listen(each)
        await until(lambda: not self_metrics(store).pending)
    assert subjects(scripted) == ["a", "b", "c"]
    assert not self_metrics(store).dropped


@pytest.mark.parametrize(
    ("code", "reason", "remediation"),
    [
        (0x84, "unsupported protocol version (0x84)", 'mqtt.version = "3.1.1"'),
        (0x86, "bad user name or password (0x86)", "mqtt.password_file"),
        (0x87, "not authorized (0x87)", "mqtt.username"),
        (0x8A, "banned (0x8a)", ""),
        (0xC7, "unknown reason (0xc7)", ""),
    ],
)
async def test_why_the_broker_does_not_accept_is_reported_as_it_is(
    port: int, code: int, reason: str, remediation: str
):
    scripted = ScriptedBroker(refuse=lambda _: code)
    with capture_logs() as logs:
        async with scripted.serving(port), running(exporter(small(), broker(port))):
            await until(lambda: bool(warnings(logs)))
    (line,) = warnings(logs)
    assert (line["event"], line["reason"]) == ("MQTT broker not reached", reason)
    assert remediation in str(line.get("remediation", ""))


async def test_what_the_broker_adds_to_a_reason_is_shown_without_secrets(port: int):
    added = (
        REASON_STRING + text("go away, m:hunter2\n\x1b[31m") + SERVER_REFERENCE + text("b2:1883")
    )
    scripted = ScriptedBroker(on_publish=lambda _: End(0x9D, added))
    settings = broker(port, username="m", password=Secret("hunter2"))
    with capture_logs() as logs:
        async with scripted.serving(port), running(exporter(small(), settings)):
            await until(lambda: bool(warnings(logs)))
    assert warnings(logs)[0]["reason"] == ("server moved (0x9d): go away, m:***??[31m; use b2:1883")

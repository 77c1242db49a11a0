"""The table [mqtt]: what it becomes, and each mistake with its cure."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.model.secret import Secret
from monitor.model.settings import MqttSettings, MqttVersion
from tests.config.test_config import load, problems
from tests.internet.ca import Authority


@pytest.mark.parametrize(
    ("url", "settings"),
    [
        ("mqtt://b.example", MqttSettings("b.example", 1883)),
        ("mqtts://b.example", MqttSettings("b.example", 8883, tls=True)),
        ("mqtts://b.example:1", MqttSettings("b.example", 1, tls=True)),
        ("mqtt://[2001:db8::1]:1", MqttSettings("2001:db8::1", 1)),
        ("ws://b.example", MqttSettings("b.example", 80, websocket_path="/")),
        ("wss://b.example/m", MqttSettings("b.example", 443, tls=True, websocket_path="/m")),
    ],
)
def test_a_url_says_where_and_how(tmp_path: Path, url: str, settings: MqttSettings):
    assert load(tmp_path, f'[mqtt]\nurl = "{url}"').mqtt == settings


def test_without_a_url_there_is_no_broker(tmp_path: Path):
    assert load(tmp_path, "[mqtt]").mqtt is None


def test_the_environment_names_a_broker_too(tmp_path: Path):
    settings = load(tmp_path, EGRESS_MONITOR_MQTT__URL="mqtt://b.example").mqtt
    assert settings == MqttSettings("b.example", 1883)


def test_values_become_settings(tmp_path: Path):
    (tmp_path / "password").write_text("hunter2\n")
    settings = load(
        tmp_path,
        f"""
        [mqtt]
        url = "mqtt://b.example"
        version = "3.1.1"
        client_id = "m:1"
        topic_prefix = "site/egress"
        username = "m"
        password_file = "{tmp_path / "password"}"
        keepalive = "1m"
        max_pending = 5
        """,
    ).mqtt
    assert settings == MqttSettings(
        "b.example",
        1883,
        version=MqttVersion.V311,
        client_id="m:1",
        topic_prefix="site/egress",
        username="m",
        password=Secret("hunter2"),
        keepalive=60.0,
        max_pending=5,
    )


@pytest.mark.parametrize(
    ("line", "key", "said"),
    [
        ('url = "https://b.example"', "mqtt.url", "write mqtts://"),
        ('url = "b.example"', "mqtt.url", "write mqtts://"),
        ('url = "mqtt://u:hunter2@b.example"', "mqtt.url", "mqtt.password_file"),
        ('url = "mqtt://b.example/path"', "mqtt.url", "no path"),
        ('url = "ws://b.example/?token=hunter2"', "mqtt.url", "query"),
        ('client_id = "m"', "mqtt.url", "it is missing"),
        ('url = "mqtt://b.example"\nversion = "4"', "mqtt.version", "3.1.1"),
        ('url = "mqtt://b.example"\ntopic_prefix = "a/#"', "mqtt.topic_prefix", "egress-monitor"),
        ('url = "mqtt://b.example"\ntopic_prefix = "/a"', "mqtt.topic_prefix", "egress-monitor"),
        ('url = "mqtt://b.example"\nclient_id = "a b"', "mqtt.client_id", "letters"),
        ('url = "mqtt://b.example"\nkeepalive = "1s"', "mqtt.keepalive", "5s"),
        ('url = "mqtt://b.example"\nmax_pending = 0', "mqtt.max_pending", "1 or more"),
        ('url = "mqtts://b.example"\ncert_file = "/dev/null"', "mqtt.key_file", "missing"),
        ('url = "mqtt://b.example"\npassword_file = "/dev/null"', "mqtt.username", "missing"),
        ('url = "mqtt://b.example"\ncert_file = "/dev/null"', "mqtt.cert_file", "mqtts://"),
    ],
)
def test_a_mistake_is_said_with_its_cure_and_no_secret(
    tmp_path: Path, line: str, key: str, said: str
):
    found = problems(tmp_path, f"[mqtt]\n{line}")
    assert said in found[key]
    assert "hunter2" not in str(found)


def test_a_wrong_url_is_not_said_to_be_missing_too(tmp_path: Path):
    assert set(problems(tmp_path, '[mqtt]\nurl = "http://b"\nclient_id = "m"')) == {"mqtt.url"}


def test_a_certificate_and_a_key_that_do_not_belong_together_are_said(tmp_path: Path):
    authority = Authority(tmp_path)
    one, other = authority.issue("one"), authority.issue("other")
    text = f'[mqtt]\nurl = "mqtts://b"\ncert_file = "{one.chain}"\nkey_file = "{other.key}"'
    assert "not a certificate and its key" in problems(tmp_path, text)["mqtt.cert_file"]

"""Settings of the table [mqtt], and the problems of its keys together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from monitor.config.certificates import check_pair
from monitor.config.reader import Reading
from monitor.config.secrets import read_secret
from monitor.config.urls import BrokerUrl
from monitor.model.settings import MqttSettings


def mqtt_settings(reading: Reading) -> MqttSettings | None:
    """Return the broker to publish to; None without one, or with a problem noted."""
    values = dict(reading.table("mqtt"))
    url: BrokerUrl | None = values.pop("url", None)
    if url is None:
        if values and not reading.reported("mqtt.url"):
            reading.problem("mqtt.url", "it is missing", 'write url = "mqtts://host:port"')
        return None
    _check(values, url, reading)
    values["password"] = read_secret("mqtt", "password", values, reading)
    values.pop("password_file", None)
    if reading.waits_for_file("mqtt."):
        return None
    return MqttSettings(url.host, url.port, url.tls, url.websocket_path, **values)


def _check(values: Mapping[str, Any], url: BrokerUrl, reading: Reading) -> None:
    if values.keys() & {"password_file", "password"} and not values.get("username"):
        reading.problem("mqtt.username", "it is missing", "write the user of the password")
    for name in ("ca_file", "cert_file", "key_file"):
        if name in values and not url.tls:
            reading.problem(f"mqtt.{name}", "the URL is not TLS", "write mqtts:// or wss://")
    check_pair("mqtt", values, reading)

"""What the table [mqtt] says, as settings, and what is wrong with it as a whole."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monitor.config.reader import Reading
from monitor.config.secrets import read_secret
from monitor.config.values import BrokerUrl
from monitor.settings import MqttSettings


def mqtt_settings(reading: Reading) -> MqttSettings | None:
    """Return the broker to publish to; None without one, or with a problem noted."""
    values = dict(reading.table("mqtt"))
    url: BrokerUrl | None = values.pop("url", None)
    if url is None:
        told = {problem.key for problem in reading.problems}
        if values and not told & {"mqtt.url", "EGRESS_MONITOR_MQTT__URL"}:
            reading.problem("mqtt.url", "it is missing", 'write url = "mqtts://host:port"')
        return None
    _check(values, url, reading)
    values["password"] = read_secret(
        "mqtt.password_file", values.pop("password_file", None), reading
    )
    return MqttSettings(url.host, url.port, url.tls, url.websocket_path, **values)


def _check(values: Mapping[str, Any], url: BrokerUrl, reading: Reading) -> None:
    certificate, key = values.get("cert_file"), values.get("key_file")
    if "password_file" in values and not values.get("username"):
        reading.problem("mqtt.username", "it is missing", "write the user of the password")
    for name in ("ca_file", "cert_file", "key_file"):
        if name in values and not url.tls:
            reading.problem(f"mqtt.{name}", "the URL is not TLS", "write mqtts:// or wss://")
    if certificate is not None and key is not None:
        _check_pair(certificate, key, reading)
    elif certificate is not None or key is not None:
        missing = "cert_file" if certificate is None else "key_file"
        reading.problem(f"mqtt.{missing}", "it is missing", "name the certificate and its key")


def _check_pair(certificate: Path, key: Path, reading: Reading) -> None:
    try:
        # An empty passphrase instead of OpenSSL's question for one on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, lambda: b"")
    except (ssl.SSLError, OSError):
        what = f"{certificate} and {key} are no certificate with its key"
        reading.problem("mqtt.cert_file", what, "write two PEM files, the key without a passphrase")

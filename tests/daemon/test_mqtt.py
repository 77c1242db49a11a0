"""The daemon as a process, with a real broker: its death, its end, and what it tells between.

Covers: monitor/daemon/app.py
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from monitor.catalog import load_catalog
from tests.internet.mosquitto import Subscriber, mosquitto, subscriber
from tests.internet.process import accepts, free_port, running

ROOT = "site/egress/m-1"


def config(folder: Path, broker: int, endpoint: int, web: int) -> Path:
    """Write a configuration with one target only."""
    groups = sorted({row.group for row in load_catalog()})
    path = folder / "config.toml"
    path.write_text(
        f"""[schedule]
interval = "1s"
timeout = "500ms"
[dns]
probe_servers = false
[metadata]
discover_identity = false
[web]
listen = "127.0.0.1:{web}"
[state]
directory = "{folder}/state"
[mqtt]
url = "mqtt://localhost:{broker}"
client_id = "m-1"
topic_prefix = "site/egress"
[[endpoint]]
id = "local"
host = "127.0.0.1"
protocol = "tcp"
port = {endpoint}
{"".join(f"[groups.{name}]{chr(10)}enabled = false{chr(10)}" for name in groups)}
"""
    )
    return path


@contextmanager
def monitor(folder: Path, path: Path, web: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "monitor", "run", "--config", str(path)]
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "EGRESS_"))}
    with running(command, folder / "monitor.log", lambda: accepts(web), env=environ) as process:
        yield process


def now(seen: Subscriber, end: str) -> dict[str, Any]:
    document: dict[str, Any] = seen.now.get(f"{ROOT}/{end}", {})
    return document


def test_a_subscriber_learns_of_breakages_of_the_monitors_death_and_of_its_end(tmp_path: Path):
    broker, web = free_port(), free_port()
    server = socket.create_server(("127.0.0.1", 0))
    path = config(tmp_path, broker, server.getsockname()[1], web)
    with mosquitto(tmp_path, broker), subscriber(broker, f"{ROOT}/#") as seen:
        with monitor(tmp_path, path, web) as process:
            seen.wait_until(lambda s: now(s, "targets/local").get("state") == "up")
            seen.wait_until(Subscriber.events)
            process.kill()
            seen.wait_until(lambda s: now(s, "status")["state"] == "offline")
            assert now(seen, "status")["reason"] == "lost"
        with monitor(tmp_path, path, web) as process:
            seen.wait_until(lambda s: now(s, "status")["state"] == "online")
            server.close()
            seen.wait_until(lambda s: now(s, "targets/local").get("state") == "down")
            seen.wait_until(lambda s: any("/incidents/" in topic for topic in s.now))
            seen.wait_until(lambda s: any(e["kind"] == "incident_opened" for e in s.events()))
            process.send_signal(signal.SIGHUP)
            process.terminate()
            assert process.wait(30) == 0
            seen.wait_until(lambda s: now(s, "status")["state"] == "offline")
        assert now(seen, "status")["reason"] == "stopped"
    kinds = [event["kind"] for event in seen.events()]
    assert {"target_state", "incident_opened"} <= set(kinds)
    lives = {event["id"].partition("-")[0] for event in seen.events()}
    assert len(lives) == 2

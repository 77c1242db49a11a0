"""A mosquitto broker on loopback, and a client of the tests' own that listens to it."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.internet.process import accepts, program, running, wait_until


@contextmanager
def mosquitto(folder: Path, port: int, *settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a broker that listens on ``port``; ``settings`` are lines of mosquitto.conf. What
    it retains outlives it, in ``folder``; where it is killed, what it had saved does."""
    lines = [
        f"listener {port} 127.0.0.1",
        "user root",  # where it is started by root, it must read the files of tests
        "persistence true",
        f"persistence_location {folder}/",
        *(settings or ("allow_anonymous true",)),
    ]
    config = folder / "mosquitto.conf"
    config.write_text("\n".join(lines) + "\n")
    command = [program("mosquitto"), "-c", str(config)]
    with running(command, folder / "mosquitto.log", lambda: accepts(port)) as process:
        yield process


def save(folder: Path, process: subprocess.Popen[bytes], client_id: str) -> None:
    """Have the broker write its database now, and wait until it knows ``client_id``."""
    process.send_signal(signal.SIGUSR1)
    database = folder / "mosquitto.db"
    known = client_id.encode()
    wait_until(lambda: database.exists() and known in database.read_bytes(), "it has saved")


@dataclass
class Subscriber:
    """What a client got: ``live`` messages in order, the ``retained`` ones that it found by
    topic, and what of both is the last on each topic, ``now``. ``redelivered`` are documents that
    the broker sent again because it missed this client's acknowledgment (DUP)."""

    live: list[tuple[str, Any]] = field(default_factory=list)
    retained: dict[str, Any] = field(default_factory=dict)
    now: dict[str, Any] = field(default_factory=dict)
    redelivered: list[Any] = field(default_factory=list)
    news: queue.SimpleQueue[None] = field(default_factory=queue.SimpleQueue)

    def take(self, message: paho.MQTTMessage) -> None:
        document = json.loads(message.payload) if message.payload else None
        if message.dup:
            self.redelivered.append(document)
        if message.retain:
            self.retained[message.topic] = document
        else:
            self.live.append((message.topic, document))
        self.now[message.topic] = document
        if document is None:
            del self.now[message.topic]
        self.news.put(None)

    def wait_until(self, holds: Callable[[Subscriber], object], seconds: float = 60) -> None:
        """Return once ``holds``; fails when nothing comes for ``seconds``."""
        while not holds(self):
            try:
                self.news.get(timeout=seconds)
            except queue.Empty:
                topics = [topic for topic, _ in self.live]
                raise AssertionError(f"{topics=} retained={list(self.retained)}") from None

    def events(self) -> list[Any]:
        """Return the events' documents, in the order they came."""
        return [document for topic, document in self.live if topic.endswith("/events")]


@contextmanager
def subscriber(
    port: int, topics: str = "#", *, name: str = "", session: bool = False
) -> Iterator[Subscriber]:
    """Subscribe for the length of the block. With a ``name`` and ``session`` the broker keeps
    what comes meanwhile."""
    heard = Subscriber()
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=not session)
    client.on_message = lambda _client, _userdata, message: heard.take(message)
    subscribed: queue.SimpleQueue[None] = queue.SimpleQueue()
    client.on_subscribe = lambda *_: subscribed.put(None)
    client.on_connect = lambda client, *_: client.subscribe(topics, qos=1)
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        subscribed.get(timeout=60)
        yield heard
    finally:
        client.disconnect()
        client.loop_stop()

"""A broker of the tests' own that answers as it is told: what no real broker does on demand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class End:
    """Ends the connection: by DISCONNECT with a reason code and properties, or without a word."""

    code: int | None = None
    properties: bytes = b""


@dataclass(frozen=True, slots=True)
class Published:
    """A message that came."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    dup: bool


def packet(first: int, body: bytes) -> bytes:
    """Return an MQTT packet with this first byte."""
    return bytes([first]) + variable(len(body)) + body


def variable(number: int) -> bytes:
    """Return a variable byte integer (MQTT 5.0 section 1.5.5)."""
    encoded = bytearray()
    while True:
        number, low = divmod(number, 128)
        encoded.append(low | (128 if number else 0))
        if not number:
            return bytes(encoded)


def text(value: str) -> bytes:
    """Return a UTF-8 string (MQTT 5.0 section 1.5.4)."""
    return len(value.encode()).to_bytes(2, "big") + value.encode()


@dataclass
class ScriptedBroker:
    """Accepts clients of MQTT 5 and 3.1.1. ``on_subscribe`` and ``on_publish`` return a reason
    code to answer with, or how to end the connection; ``delay`` is seconds before each PUBACK,
    None: there is none. ``connack`` are properties, ``refuse`` a code instead of success."""

    connack: bytes = b""
    refuse: Callable[[bytes], int] = lambda _: 0
    on_subscribe: Callable[[], int | End] = lambda: 0
    on_publish: Callable[[Published], int | End] = lambda _: 0
    delay: float | None = 0.0
    connects: list[bytes] = field(default_factory=list)
    subscriptions: int = 0
    received: list[Published] = field(default_factory=list)
    accepted: list[Published] = field(default_factory=list)
    most_unacknowledged: int = 0

    @asynccontextmanager
    async def serving(self, port: int) -> AsyncIterator[ScriptedBroker]:
        """Listen for the length of the block."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = _Session(self, writer)
        async with asyncio.TaskGroup() as group:
            with suppress(OSError, EOFError):
                while not writer.is_closing():
                    first = (await reader.readexactly(1))[0]
                    session.handle(first, await reader.readexactly(await _length(reader)), group)
                    await writer.drain()
            writer.close()

    def subjects(self, end: str) -> list[bytes]:
        """Return the accepted payloads of the topic that ends so, in order."""
        return [each.payload for each in self.accepted if each.topic.endswith(end)]


async def _length(reader: asyncio.StreamReader) -> int:
    length = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return length


class _Session:
    def __init__(self, broker: ScriptedBroker, writer: asyncio.StreamWriter) -> None:
        self._broker = broker
        self._writer = writer
        self._modern = True
        self._unacknowledged = 0

    def handle(self, first: int, body: bytes, group: asyncio.TaskGroup) -> None:
        match first >> 4:
            case 1:
                self._connect(body)
            case 3:
                self._publish(first, body, group)
            case 8:
                self._broker.subscriptions += 1
                self._answer(0x90, body[:2], self._broker.on_subscribe(), suback=True)
            case 10:
                self._send(0xB0, body[:2] + (b"\0\0\0" if self._modern else b""))
            case 12:
                self._send(0xD0, b"")
            case 14:
                self._writer.close()

    def _connect(self, body: bytes) -> None:
        self._broker.connects.append(body)
        self._modern = body[6] == 5
        code = self._broker.refuse(body)
        properties = b"" if code else self._broker.connack
        tail = variable(len(properties)) + properties if self._modern else b""
        self._send(0x20, bytes([0, code]) + tail)
        if code:
            self._writer.close()

    def _publish(self, first: int, body: bytes, group: asyncio.TaskGroup) -> None:
        qos = first >> 1 & 3
        end = 2 + int.from_bytes(body[:2], "big")
        mid = body[end : end + 2] if qos else b""
        payload = body[end + len(mid) + self._modern :]
        message = Published(body[2:end].decode(), payload, qos, bool(first & 1), bool(first & 8))
        self._broker.received.append(message)
        answer = self._broker.on_publish(message)
        if not qos:
            if isinstance(answer, End):
                self._end(answer)
            elif answer < 0x80:
                self._broker.accepted.append(message)
            return
        self._unacknowledged += 1
        most = max(self._broker.most_unacknowledged, self._unacknowledged)
        self._broker.most_unacknowledged = most
        group.create_task(self._acknowledge(mid, message, answer))

    async def _acknowledge(self, mid: bytes, message: Published, answer: int | End) -> None:
        if isinstance(answer, End):
            self._end(answer)
            return
        if self._broker.delay is None:
            return
        await asyncio.sleep(self._broker.delay)
        self._unacknowledged -= 1
        if answer < 0x80:
            self._broker.accepted.append(message)
        self._answer(0x40, mid, answer)

    def _answer(self, first: int, mid: bytes, answer: int | End, *, suback: bool = False) -> None:
        if isinstance(answer, End):
            self._end(answer)
        elif suback:
            self._send(first, mid + (b"\0" if self._modern else b"") + bytes([answer, answer]))
        else:
            self._send(first, mid + (bytes([answer]) if answer and self._modern else b""))

    def _end(self, end: End) -> None:
        if end.code is not None:
            properties = variable(len(end.properties)) + end.properties
            self._send(0xE0, bytes([end.code]) + properties)
        self._writer.close()

    def _send(self, first: int, body: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(packet(first, body))

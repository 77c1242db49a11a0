"""The way out of one session: messages sent within the broker's limits, and what became of them.

Imports aiomqtt, so it is itself imported only when a broker is configured.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from monitor.export.mqtt.client import BrokerClient
from monitor.export.mqtt.limits import (
    PACKET_LIMIT,
    SMALLEST_SUSPECT,
    Learned,
    Phase,
    SessionEnd,
    publish_size,
)
from monitor.export.mqtt.reasons import Reason
from monitor.export.mqtt.shorten import shortened

WINDOW = 10
"""Messages on their way at once: 10, or less if the broker takes less."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message to publish. ``answered`` is called with the broker's answer to it."""

    topic: str
    payload: bytes
    retain: bool
    answered: Callable[[Reason], None]


class Outlet:
    """Publishes through one connection. ``retain`` and ``qos`` are what the broker takes."""

    def __init__(self, client: BrokerClient, learned: Learned, *, modern: bool) -> None:
        limits = client.limits
        self.retain = limits.retain and learned.retain
        self.qos = min(1, limits.qos, learned.qos)
        self.window = 1 if learned.one_by_one else min(WINDOW, limits.receive_maximum)
        self.packet_size = min(limits.packet_size, learned.packet_size)
        self.phase = Phase.IDLE
        self._client = client
        self._modern = modern
        self._unanswered: dict[int, tuple[int, bool]] = {}
        self._took = 0
        self._took_retained = False
        self._number = 0

    def fitted(self, topic: str, payload: bytes) -> bytes | None:
        """Return a document in a size that the broker takes; None if it can't be that short."""
        if self.packet_size >= PACKET_LIMIT:
            return payload
        overhead = self.size(topic, payload) - len(payload)
        return shortened(payload, self.packet_size - overhead)

    def size(self, topic: str, payload: bytes) -> int:
        """Return the bytes of a message's packet."""
        return publish_size(topic, payload, modern=self._modern)

    def shrink(self, topic: str, payload: bytes) -> bool:
        """Assume a smaller limit after the broker found a message too large; False if the
        message is so small that its size can't be the reason."""
        size = self.size(topic, payload)
        self.packet_size = max(self._took, size // 2, SMALLEST_SUSPECT)
        return size > self.packet_size

    def prefix(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Return the first messages, as many as may be on their way at once. One that is larger
        than all that the broker has acknowledged goes alone: if it is refused or ends the
        connection, then for its size, and no later message overtakes it."""
        known = max(self._took, SMALLEST_SUSPECT)
        for count, message in enumerate(messages[: self.window]):
            if self.size(message.topic, message.payload) > known:
                return messages[: count or 1]
        return messages[: self.window]

    async def send(self, messages: Sequence[Message]) -> None:
        """Publish in order, some at a time, and return when the broker has answered all.

        Raises:
            MqttError: if the connection ended.
            TimeoutError: if an answer took too long.
        """
        while batch := self.prefix(messages):
            messages = messages[len(batch) :]
            self.phase = Phase.PUBLISHING
            tasks = [asyncio.create_task(self._send_one(message)) for message in batch]
            try:
                await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
            self.phase = Phase.IDLE

    async def _send_one(self, message: Message) -> None:
        self._number += 1
        number, size = self._number, self.size(message.topic, message.payload)
        retain = message.retain and self.retain
        self._unanswered[number] = (size, retain)

        def answered(reason: Reason) -> None:
            del self._unanswered[number]
            if not reason.is_failure:
                self._took = max(self._took, size)
                self._took_retained |= retain
            message.answered(reason)

        await self._client.send(
            message.topic, message.payload, self.qos, retain=retain, answered=answered
        )

    def end(self, reason: Reason | None, *, closed: bool) -> SessionEnd:
        """Return how the session ended."""
        unanswered = self._unanswered.values()
        return SessionEnd(
            self.phase,
            code=reason.code if reason else None,
            closed=closed,
            sizes=tuple(size for size, _ in unanswered),
            all_retained=bool(unanswered) and all(retain for _, retain in unanswered),
            took=self._took,
            took_retained=self._took_retained,
        )

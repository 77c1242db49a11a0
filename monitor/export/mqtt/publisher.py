"""Publishes states and events through one session: in order, and again what was refused.

Imports aiomqtt, so it is itself imported only when a broker is configured.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from monitor.export.mqtt.documents import Topics, retained
from monitor.export.mqtt.outlet import Message, Outlet
from monitor.export.mqtt.reasons import UNSPECIFIC, Code, Reason, remediation
from monitor.export.mqtt.spool import Entry
from monitor.state.self_metrics import Dropped

if TYPE_CHECKING:
    from monitor.export.mqtt.session import SessionParts

FIRST_RETRY, LONGEST_RETRY = 1.0, 30.0
"""Seconds until refused messages are sent again: 1 s, then twice as long each time, up to 30 s."""

BACKLOG = 50
"""Waiting events above which several are sent at once, as many round trips would take long."""

SUSPECT_AFTER = 5
"""Refusals of the oldest event by an unspecific reason after which the next one is tried."""

ABOUT_THE_MESSAGE = frozenset({Code.PAYLOAD_INVALID, Code.PACKET_TOO_LARGE})
"""Codes that refuse this message whenever it is sent."""

LEFTOVERS_LIMIT = 10_000
"""Topics of an earlier run that are cleared."""


@dataclass(slots=True)
class Backoff:
    """Time at which refused messages are sent again, on the event loop's clock."""

    refusals: int = 0
    at: float = 0.0

    def refused(self, now: float) -> None:
        self.refusals += 1
        self.at = now + min(FIRST_RETRY * 2 ** (self.refusals - 1), LONGEST_RETRY)

    def accepted(self) -> None:
        self.refusals, self.at = 0, 0.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """An event, by its place in the spool, that the broker refused as ``payload``."""

    place: int
    payload: bytes
    reason: Reason


@dataclass(slots=True)
class Suspect:
    """An event that is refused again and again, by its place in the spool."""

    place: int = -1
    refusals: int = 0


class Publisher:
    """Has the broker keep the current state and take every event, once."""

    def __init__(self, outlet: Outlet, topics: Topics, parts: SessionParts) -> None:
        self._outlet = outlet
        self._topics = topics
        self._parts = parts
        self._sent: dict[str, bytes] = {}
        self._refused: set[str] = set()
        self._state_retry = Backoff()
        self._event_retry = Backoff()
        self._suspect = Suspect()

    def found(self, topic: str) -> None:
        """Note a retained message of an earlier run; it is cleared unless it is still true."""
        if topic.startswith(f"{self._topics.root}/") and len(self._sent) < LEFTOVERS_LIMIT:
            self._sent.setdefault(topic, b"")
            self._parts.woken.set()

    async def publish(self) -> None:
        """Publish what is new, and what was refused if it is time to.

        Raises:
            MqttError: if the connection ended.
            TimeoutError: if an answer took too long.
        """
        await self._publish_states()
        await self._publish_events()

    def next_retry(self) -> float:
        """Return in how many seconds something has to be sent again; infinite for nothing."""
        times = [retry.at for retry in (self._state_retry, self._event_retry) if retry.refusals]
        now = asyncio.get_running_loop().time()
        return max(min(times) - now, 0.0) if times else float("inf")

    async def _publish_states(self) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._state_retry.at:
            self._refused.clear()
        wanted = retained(self._parts.store, self._topics)
        changed = {t: p for t, p in wanted.items() if self._sent.get(t) != p}
        gone = dict.fromkeys(self._sent.keys() - wanted.keys(), b"")
        if not self._outlet.retain:  # then nothing is there to be cleared
            self._sent = {t: p for t, p in self._sent.items() if t not in gone}
            gone = {}
        messages = [
            message
            for topic, document in (changed | gone).items()
            if topic not in self._refused
            and (message := self._state_message(topic, document)) is not None
        ]
        await self._outlet.send(messages)
        if self._refused and now >= self._state_retry.at:
            self._state_retry.refused(now)
        elif not self._refused:
            self._state_retry.accepted()

    def _state_message(self, topic: str, document: bytes) -> Message | None:
        payload = self._outlet.fitted(topic, document)
        if payload is None:
            self._too_large(topic)
            self._sent[topic] = document
            return None
        if payload != document:
            self._shortened(topic)
        answered = partial(self._state_answered, topic, document, payload)
        return Message(topic, payload, retain=True, answered=answered)

    def _state_answered(self, topic: str, document: bytes, payload: bytes, reason: Reason) -> None:
        if not reason.is_failure:
            self._accepted(topic)
        elif reason.code == Code.PACKET_TOO_LARGE and self._outlet.shrink(topic, payload):
            self._parts.woken.set()  # it is sent again, shortened
            return
        else:
            self._refuse(topic, reason)
            if reason.code not in ABOUT_THE_MESSAGE:
                self._refused.add(topic)
                return
        if document:
            self._sent[topic] = document
        else:
            self._sent.pop(topic, None)

    async def _publish_events(self) -> None:
        """Send the oldest events first, one at a time unless many wait: if the broker refuses one,
        none behind it is on its way, so order is kept when it accepts them again."""
        loop = asyncio.get_running_loop()
        while loop.time() >= self._event_retry.at:
            entries = self._parts.spool.first(self._outlet.window)
            if not entries:
                return
            refused: list[Refusal] = []
            messages = [m for entry in entries if (m := self._event_message(entry, refused))]
            many = len(self._parts.spool) > BACKLOG and not self._event_retry.refusals
            await self._outlet.send(self._outlet.prefix(messages) if many else messages[:1])
            if left := [each for each in refused if not self._resolved(each)]:
                self._event_retry.refused(loop.time())
                await self._judge_the_oldest(left[0])
            else:
                self._event_retry.accepted()

    def _event_message(self, entry: Entry, refused: list[Refusal]) -> Message | None:
        place, document = entry
        topic = self._topics.events
        payload = self._outlet.fitted(topic, document)
        if payload is None:
            self._too_large(topic)
            self._drop(place, Dropped.OVERSIZE)
            return None
        if payload != document:
            self._shortened(topic)

        def answered(reason: Reason) -> None:
            if reason.is_failure:
                refused.append(Refusal(place, payload, reason))
            else:
                self._accepted(topic)
                self._taken(place)

        return Message(topic, payload, retain=False, answered=answered)

    def _resolved(self, refusal: Refusal) -> bool:
        """Drop or shorten an event that is refused for its own sake; False if it is not."""
        topic, code = self._topics.events, refusal.reason.code
        if code == Code.PACKET_TOO_LARGE and self._outlet.shrink(topic, refusal.payload):
            return True  # it is sent again, shortened
        self._refuse(topic, refusal.reason)
        if code in ABOUT_THE_MESSAGE:
            self._drop(refusal.place, Dropped.REFUSED)
            return True
        return False

    async def _judge_the_oldest(self, refusal: Refusal) -> None:
        """Drop the oldest event if the broker refuses it again and again for an unspecific
        reason, but accepts the next one and then refuses this one once more."""
        if self._suspect.place != refusal.place:
            self._suspect = Suspect(refusal.place)
        self._suspect.refusals += 1
        if refusal.reason.code not in UNSPECIFIC or self._suspect.refusals % SUSPECT_AFTER:
            return
        oldest, *others = self._parts.spool.first(2)
        for entry in others:
            if not await self._is_accepted(entry) or await self._is_accepted(oldest):
                return
            self._drop(refusal.place, Dropped.REFUSED)
            self._event_retry.accepted()

    async def _is_accepted(self, entry: Entry) -> bool:
        """Send one event and return whether the broker accepted it."""
        refused: list[Refusal] = []
        message = self._event_message(entry, refused)
        await self._outlet.send([message] if message else [])
        return not refused

    def _taken(self, place: int) -> None:
        self._parts.spool.discard(place)
        self._parts.on_taken()

    def _drop(self, place: int, reason: Dropped) -> None:
        self._parts.metrics.dropped[reason] += 1
        self._taken(place)

    def _accepted(self, topic: str) -> None:
        self._parts.metrics.published += 1
        kind = self._topics.kind_of(topic)
        self._parts.notices.over(
            f"refused {kind}", "MQTT broker accepts messages again", topics=kind
        )

    def _refuse(self, topic: str, reason: Reason) -> None:
        self._parts.metrics.refused += 1
        kind = self._topics.kind_of(topic)
        self._parts.notices.once(
            f"refused {kind}",
            "MQTT broker refuses messages",
            reason=str(reason),
            topics=kind,
            remediation=remediation(reason.code, kind, connected=True)
            or "see the broker's log; they are sent again until it accepts them",
        )

    def _shortened(self, topic: str) -> None:
        self._say_size(topic, "shortened", "MQTT documents shortened to the broker's packet size")

    def _too_large(self, topic: str) -> None:
        self._say_size(topic, "dropped", "MQTT documents dropped: the broker's packet size is less")

    def _say_size(self, topic: str, done: str, event: str) -> None:
        kind = self._topics.kind_of(topic)
        self._parts.notices.once(
            f"{done} {kind}",
            event,
            topics=kind,
            limit_bytes=self._outlet.packet_size,
            remediation="raise the broker's limit of the packet size",
        )

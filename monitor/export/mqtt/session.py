"""One session with an MQTT broker: what there is to know first, then every change.

Imports aiomqtt, so it is itself imported only where a broker is configured.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import islice
from typing import NoReturn

import structlog
from aiomqtt import MqttError, Will

from monitor.export.mqtt.client import (
    BrokerClient,
    connected,
    is_taken_over,
    reason_of,
    tls_context,
)
from monitor.export.mqtt.documents import Topics, offline, retained
from monitor.export.mqtt.spool import EventSpool
from monitor.model.settings import MqttSettings
from monitor.net.sockets.trust_store import TrustStore
from monitor.probes.context import Resolver
from monitor.state.self_metrics import Dropped, MqttMetrics
from monitor.state.store import StateStore

WINDOW = 10
"""Messages on their way at once: a broker may take as few (MQTT 5.0 receive maximum)."""

PAUSE = 0.1
REFRESH = 10.0
"""Seconds between two looks at the board when nothing happens: an incident that only grew is
no event."""

FAREWELL_TIMEOUT = 2.0
LEFTOVERS_LIMIT = 10_000

log = structlog.get_logger(__name__)

Message = tuple[str, bytes, bool]
"""Topic, payload, and whether it is retained."""


class SessionEndedError(Exception):
    """The session is over, or never came about; the message says why. ``lasted`` is the
    seconds since the broker accepted it, None where it never did. ``rival``: another client
    has come with the same id."""

    def __init__(self, reason: str, lasted: float | None = None, *, rival: bool = False) -> None:
        super().__init__(reason)
        self.lasted = lasted
        self.rival = rival


class MqttSession:
    """Publishes the board and the spool's events through one connection. ``woken`` is set when
    there is something new and before a cancellation, for which ``closing`` is set too.
    ``on_taken`` is called when the broker took events."""

    def __init__(
        self,
        broker: MqttSettings,
        client_id: str,
        *,
        store: StateStore,
        self_metrics: MqttMetrics,
        spool: EventSpool,
        woken: asyncio.Event,
        closing: asyncio.Event,
        on_taken: Callable[[], None],
    ) -> None:
        self._broker = broker
        self._client_id = client_id
        self._topics = Topics.of(broker.topic_prefix, client_id)
        self._store = store
        self._self_metrics = self_metrics
        self._spool = spool
        self._woken = woken
        self._closing = closing
        self._on_taken = on_taken
        self._sent: dict[str, bytes] = {}
        self._began: float | None = None
        self._said_refusal = False

    async def run(self, resolver: Resolver, trust_store: TrustStore, turn: int) -> NoReturn:
        """Connect to the broker's address whose ``turn`` it is and publish until it ends.

        Raises:
            SessionEndedError: whatever happened.
            CancelledError: when told to stop; the monitor is offline then, and it was said.
        """
        loop = asyncio.get_running_loop()
        try:
            await self._connect_and_publish(resolver, trust_store, turn)
        except* (MqttError, OSError) as group:
            error = _first(group)
            lasted = None if self._began is None else loop.time() - self._began
            ended = SessionEndedError(reason_of(error), lasted, rival=is_taken_over(error))
        finally:
            self._self_metrics.connected = False
        self._stop_if_told()
        raise ended from None

    async def _connect_and_publish(
        self, resolver: Resolver, trust_store: TrustStore, turn: int
    ) -> None:
        will = Will(self._topics.status, offline("lost"), qos=1, retain=True)
        context = (
            await asyncio.to_thread(tls_context, self._broker, trust_store)
            if self._broker.tls
            else None
        )
        resolution = await resolver.resolve(self._broker.host)
        if resolution.failure is not None:
            raise MqttError(f"{self._broker.host}: {resolution.failure.message}")
        address = resolution.addresses[turn % len(resolution.addresses)]
        client = BrokerClient(
            self._broker,
            address,
            self._client_id,
            will=will,
            context=context,
            on_answer=self._answered,
        )
        async with connected(client):
            self._accepted()
            try:
                await self._publish_and_listen(client)
            except asyncio.CancelledError:
                await self._farewell(client)
                raise

    def _accepted(self) -> None:
        self._began = asyncio.get_running_loop().time()
        self._self_metrics.connected = True
        self._self_metrics.sessions += 1
        log.info("MQTT connected", broker=f"{self._broker.host}:{self._broker.port}")

    async def _publish_and_listen(self, client: BrokerClient) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._find_leftovers(client))
            await self._publish_changes(client)

    async def _find_leftovers(self, client: BrokerClient) -> None:
        """Learn what the broker still keeps of us from earlier; ends with the connection."""
        async for message in client.messages:
            topic = message.topic.value
            ours = message.retain and topic.startswith(f"{self._topics.root}/")
            if ours and len(self._sent) < LEFTOVERS_LIMIT:
                self._sent.setdefault(topic, b"")
                self._woken.set()

    async def _publish_changes(self, client: BrokerClient) -> None:
        with suppress(MqttError):  # who may only publish finds no leftovers
            await client.subscribe([(topic, 0) for topic in self._topics.of_subjects])
        subscribed = True
        while True:
            self._stop_if_told()
            self._woken.clear()
            await self._publish_store(client)
            await self._publish_events(client)
            if subscribed:
                await client.unsubscribe(list(self._topics.of_subjects))
                subscribed = False
            await asyncio.sleep(PAUSE)
            with suppress(TimeoutError):
                async with asyncio.timeout(REFRESH):
                    await self._woken.wait()

    def _stop_if_told(self) -> None:
        """Be cancelled after all: ``asyncio.wait_for`` swallows that when its result comes at
        the same time, and a task group when a failure does (Python before 3.12 and 3.13)."""
        if self._closing.is_set():
            raise asyncio.CancelledError

    async def _publish_store(self, client: BrokerClient) -> None:
        """Have the broker keep what the board says, and nothing else of ours."""
        wanted = retained(self._store, self._topics)
        changed = {t: payload for t, payload in wanted.items() if self._sent.get(t) != payload}
        gone = dict.fromkeys(self._sent.keys() - wanted.keys(), b"")
        await self._publish(client, [(t, p, True) for t, p in (changed | gone).items()])
        self._sent.update(changed)
        for topic in gone:
            del self._sent[topic]

    async def _publish_events(self, client: BrokerClient) -> None:
        while entries := self._spool.first(WINDOW):
            await self._publish(client, [(self._topics.events, p, False) for _, p in entries])
            self._spool.done(entries[-1][0])
            self._on_taken()

    async def _publish(self, client: BrokerClient, messages: Iterable[Message]) -> None:
        """Publish in order, some at a time, and wait until the broker took them."""
        rest = iter(messages)
        while batch := tuple(islice(rest, WINDOW)):
            tasks = [asyncio.create_task(client.publish(t, p, 1, retain)) for t, p, retain in batch]
            try:
                await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()

    async def _farewell(self, client: BrokerClient) -> None:
        """Take the place of the last will, which the broker forgets with an orderly goodbye."""
        with suppress(MqttError):
            await client.publish(
                self._topics.status, offline("stopped"), 1, True, timeout=FAREWELL_TIMEOUT
            )  # fmt: skip
        await client.leave()

    def _answered(self, reason: str) -> None:
        """Count a message that the broker took, or refused for a reason."""
        if not reason:
            self._self_metrics.published += 1
            return
        self._self_metrics.dropped[Dropped.REFUSED] += 1
        if not self._said_refusal:
            self._said_refusal = True
            log.warning(
                "MQTT broker refuses messages",
                reason=reason,
                topics=f"{self._topics.root}/#",
                remediation="allow this user to publish below these topics",
            )


def _first(group: BaseExceptionGroup[Exception]) -> BaseException:
    """Return the first exception that is no group."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error

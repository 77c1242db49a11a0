"""One session with an MQTT broker: the current state first, then every change.

Imports aiomqtt, so it is itself imported only when a broker is configured.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

import structlog
from aiomqtt import MqttError, Will

from monitor.export.mqtt.client import BrokerClient, BrokerError, connected, shown
from monitor.export.mqtt.connect import connect_transport, tls_context
from monitor.export.mqtt.documents import Topics, offline
from monitor.export.mqtt.limits import Learned, Phase, SessionEnd
from monitor.export.mqtt.notices import Notices
from monitor.export.mqtt.outlet import Outlet
from monitor.export.mqtt.publisher import Publisher
from monitor.export.mqtt.reasons import Reason
from monitor.export.mqtt.spool import EventSpool
from monitor.model.settings import MqttSettings, MqttVersion
from monitor.net.sockets.trust_store import TrustStore
from monitor.probes.context import Resolver
from monitor.state.self_metrics import MqttMetrics
from monitor.state.store import StateStore

PAUSE = 0.1
"""Seconds in which changes are collected before they are published."""

REFRESH = 10.0
"""Seconds between two comparisons with the state if nothing happens: an incident that only grew is
no event."""

FAREWELL_TIMEOUT = 2.0
"""Limit of the last message, which takes the place of the last will: 2 s."""

log = structlog.get_logger(__name__)


class SessionEndedError(Exception):
    """The session is over, or never came about; the message has the reason. ``lasted`` is the
    seconds since the broker accepted it, None if it never did; ``reason`` the broker's own."""

    def __init__(
        self,
        text: str,
        lasted: float | None = None,
        *,
        reason: Reason | None = None,
        end: SessionEnd | None = None,
    ) -> None:
        super().__init__(text)
        self.lasted = lasted
        self.reason = reason
        self.end = end or SessionEnd(Phase.CONNECTING, code=reason.code if reason else None)


@dataclass(frozen=True, slots=True)
class SessionParts:
    """Parts that a session works with. ``woken`` is set when there is something new and before a
    cancellation, for which ``closing`` is set too. ``on_taken`` is called when the broker took
    events."""

    store: StateStore
    metrics: MqttMetrics
    spool: EventSpool
    notices: Notices
    woken: asyncio.Event
    closing: asyncio.Event
    on_taken: Callable[[], None]


class MqttSession:
    """Publishes the state and the spool's events through one connection."""

    def __init__(
        self, broker: MqttSettings, client_id: str, parts: SessionParts, learned: Learned
    ) -> None:
        self._broker = broker
        self._client_id = client_id
        self._parts = parts
        self._learned = learned
        self._topics = Topics.of(broker.topic_prefix, client_id)
        self._outlet: Outlet | None = None
        self._began: float | None = None
        self._phase = Phase.CONNECTING

    async def run(self, resolver: Resolver, trust_store: TrustStore, turn: int) -> NoReturn:
        """Connect to the broker's address whose ``turn`` it is and publish until it ends.

        Raises:
            SessionEndedError: whatever happened.
            CancelledError: when asked to stop; the broker has the status "offline" then.
        """
        try:
            await self._connect_and_publish(resolver, trust_store, turn)
        except* (MqttError, OSError) as group:
            ended = self._ended(_first(group))
        finally:
            self._parts.metrics.connected = False
        self._stop_if_told()
        raise ended from None

    def _ended(self, error: BaseException) -> SessionEndedError:
        reason = error.reason if isinstance(error, BrokerError) else None
        closed = isinstance(error, BrokerError) and error.closed
        text = str(error) if isinstance(error, BrokerError) else _text(error)
        if self._outlet is None or self._began is None:
            return SessionEndedError(text, reason=reason)
        end = self._outlet.end(reason, closed=closed)
        lasted = asyncio.get_running_loop().time() - self._began
        return SessionEndedError(text, lasted, reason=reason, end=end)

    async def _connect_and_publish(
        self, resolver: Resolver, trust_store: TrustStore, turn: int
    ) -> None:
        context = (
            await asyncio.to_thread(tls_context, self._broker, trust_store)
            if self._broker.tls
            else None
        )
        resolution = await resolver.resolve(self._broker.host)
        if resolution.failure is not None:
            raise BrokerError(f"{self._broker.host}: {resolution.failure.message}")
        address = resolution.addresses[turn % len(resolution.addresses)]
        transport = await connect_transport(self._broker, address, context)
        publisher: Publisher | None = None
        client = BrokerClient(
            self._broker,
            transport,
            self._client_id,
            will=Will(
                self._topics.status,
                offline("lost"),
                qos=self._learned.qos,
                retain=self._learned.retain,
            ),
            on_retained=lambda topic: publisher.found(topic) if publisher else None,
        )
        async with connected(client):
            modern = self._broker.version is MqttVersion.V5
            self._outlet = Outlet(client, self._learned, modern=modern)
            publisher = Publisher(self._outlet, self._topics, self._parts)
            self._accepted(self._outlet)
            try:
                await self._publish_until_the_end(client, publisher, self._outlet)
            except asyncio.CancelledError:
                await self._farewell(client, self._outlet)
                raise

    def _accepted(self, outlet: Outlet) -> None:
        self._began = asyncio.get_running_loop().time()
        self._parts.metrics.connected = True
        self._parts.metrics.sessions += 1
        log.info("MQTT connected", broker=f"{self._broker.host}:{self._broker.port}")
        if not outlet.retain:
            self._parts.notices.once(
                "retain",
                "MQTT broker retains no messages",
                effect="a subscriber learns a state only when it changes",
            )
        if outlet.qos == 0:
            self._parts.notices.once(
                "qos",
                "MQTT broker accepts only QoS 0",
                effect="events that are on their way when the connection ends are lost",
            )

    async def _publish_until_the_end(
        self, client: BrokerClient, publisher: Publisher, outlet: Outlet
    ) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(client.ended())
            subscribed = await self._subscribe(client, outlet)
            while True:
                self._stop_if_told()
                self._parts.woken.clear()
                await publisher.publish()
                if subscribed:
                    await client.ask(client.unsubscribe(list(self._topics.of_subjects)))
                    subscribed = False
                await asyncio.sleep(PAUSE)
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(REFRESH, publisher.next_retry())):
                        await self._parts.woken.wait()

    async def _subscribe(self, client: BrokerClient, outlet: Outlet) -> bool:
        """Ask for what the broker still retains of an earlier run; whether it was asked. A
        client that may only publish goes on without."""
        if not (self._learned.subscribe and outlet.retain):
            return False
        outlet.phase = Phase.SUBSCRIBING
        await client.ask(client.subscribe([(topic, 0) for topic in self._topics.of_subjects]))
        outlet.phase = Phase.IDLE
        return True

    def _stop_if_told(self) -> None:
        """Be cancelled after all: ``asyncio.wait_for`` swallows that when its result comes at
        the same time, and a task group when a failure does (Python before 3.12 and 3.13)."""
        if self._parts.closing.is_set():
            raise asyncio.CancelledError

    async def _farewell(self, client: BrokerClient, outlet: Outlet) -> None:
        """Publish "stopped" in the place of the last will, which the broker discards at an
        orderly disconnection; without an answer, have it publish the will."""
        answers: list[Reason] = []
        with suppress(MqttError, TimeoutError):
            async with asyncio.timeout(FAREWELL_TIMEOUT):
                await client.send(
                    self._topics.status,
                    offline("stopped"),
                    outlet.qos,
                    retain=outlet.retain,
                    answered=answers.append,
                )
        stopped = bool(answers) and not answers[0].is_failure
        self._parts.metrics.published += stopped
        await client.leave(with_will=not stopped)


def _text(error: BaseException) -> str:
    """Return why no connection came about, or why it ended, in the system's words."""
    if isinstance(error, TimeoutError) and error.errno is None:
        return "no answer in time"
    return shown(str(error)) or type(error).__name__


def _first(group: BaseExceptionGroup[Exception]) -> BaseException:
    """Return the first exception that is not a group."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error

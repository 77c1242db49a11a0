"""The MQTT exporter: keeps events until the broker accepted them, and reconnects without end."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import structlog

from monitor.export.mqtt.documents import Topics, event_document
from monitor.export.mqtt.limits import Learned, forget, learn
from monitor.export.mqtt.notices import Notices
from monitor.export.mqtt.reasons import Code, Reason, remediation
from monitor.export.mqtt.spool import EventSpool
from monitor.model.settings import MqttSettings
from monitor.net.clock import Clock
from monitor.net.sockets.trust_store import TrustStore
from monitor.probes.context import Resolver
from monitor.state.events import Event
from monitor.state.self_metrics import MqttMetrics
from monitor.state.store import StateStore

if TYPE_CHECKING:
    from tenacity import RetryCallState

    from monitor.export.mqtt.session import SessionEndedError, SessionParts

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before the next session: at most 1 s after a first failure, then twice as long each
time, at most 60 s; at least half of that."""

RIVAL_PAUSE = (60.0, 120.0)
"""Seconds before the next session after another client has taken over the client id."""

LASTING = 30.0
"""Seconds after which a session counts as a success: the next failure is a first one."""

SAVE_AFTER = 0.5
"""Seconds after which an event that the broker has not accepted is on disk."""

log = structlog.get_logger(__name__)


class MqttExporter:
    """Publishes the state and its events for as long as ``configure`` has named a broker."""

    def __init__(
        self, store: StateStore, directory: Path | None, clock: Clock, random: Random
    ) -> None:
        """``directory`` is where events outlive a restart; None: nowhere."""
        self._store = store
        self._directory = directory
        self._random = random
        self._broker: MqttSettings | None = None
        self._resolver: Resolver
        self._trust_store: TrustStore
        self._spool: EventSpool | None = None
        self._metrics = MqttMetrics()
        self._started = f"{int(clock.time() * 1000):x}"
        self._number = 0
        self._turn = -1
        self._learned = Learned()
        self._notices = Notices()
        self._changed = asyncio.Event()
        self._woken = asyncio.Event()
        self._closing = asyncio.Event()
        self._unsaved = asyncio.Event()

    def configure(
        self, broker: MqttSettings | None, resolver: Resolver, trust_store: TrustStore
    ) -> None:
        """Publish to ``broker`` from now on. A connection to the same one stays."""
        self._resolver, self._trust_store = resolver, trust_store
        if broker == self._broker:
            return
        self._broker = broker
        self._learned = Learned()
        self._notices.clear()
        self._store.mqtt = self._metrics if broker else None
        if broker is not None and self._spool is None:
            self._spool = EventSpool(self._directory, broker.max_pending, self._metrics.dropped)
            self._spool.load()
            self._touch()
        elif broker is not None and self._spool is not None:
            self._spool.limit = broker.max_pending
        self._changed.set()

    def listen(self, event: Event) -> None:
        """Keep an event until the broker took it."""
        if self._broker is not None and self._spool is not None:
            self._number += 1
            self._spool.put(event_document(event, f"{self._started}-{self._number}"))
            self._touch()

    async def run(self) -> None:
        """Publish until cancelled; then publish that the monitor is offline."""
        while True:
            self._changed.clear()
            self._closing.clear()
            if self._broker is None or self._spool is None:
                await self._changed.wait()
                continue
            async with asyncio.TaskGroup() as group:
                tasks = (
                    group.create_task(self._stay_connected(self._broker, self._spool)),
                    group.create_task(self._stay_saved(self._spool)),
                )
                try:
                    await self._changed.wait()
                finally:
                    self._closing.set()
                    self._woken.set()
                for task in tasks:
                    task.cancel()

    def save(self) -> None:
        """Save what the broker did not take, now."""
        if self._spool is not None:
            self._spool.save(self._spool.all())

    def _touch(self) -> None:
        """Take note that the spool has changed."""
        self._metrics.pending = len(self._spool or ())
        self._woken.set()
        self._unsaved.set()

    async def _stay_saved(self, spool: EventSpool) -> None:
        while True:
            await self._unsaved.wait()
            await asyncio.sleep(SAVE_AFTER)
            self._unsaved.clear()
            await asyncio.to_thread(spool.save, spool.all())

    async def _stay_connected(self, broker: MqttSettings, spool: EventSpool) -> None:
        from tenacity import AsyncRetrying, retry_if_exception_type  # noqa: PLC0415

        from monitor.export.mqtt.session import SessionEndedError  # noqa: PLC0415 - costs aiomqtt

        broken = retry_if_exception_type(SessionEndedError)
        while True:
            await AsyncRetrying(retry=broken, wait=self._pause)(self._session, broker, spool)
            await asyncio.sleep(self._random.uniform(0, FIRST_PAUSE))

    async def _session(self, broker: MqttSettings, spool: EventSpool) -> None:
        """Have one session; returns after one that lasted.

        Raises:
            SessionEndedError: after one that did not.
        """
        from monitor.export.mqtt.session import MqttSession, SessionEndedError  # noqa: PLC0415

        client_id = client_id_of(broker, self._store.identity.runner_id, socket.gethostname())
        loop = asyncio.get_running_loop()
        self._learned = forget(self._learned, loop.time())
        session = MqttSession(broker, client_id, self._parts(spool), self._learned)
        self._turn += 1
        try:
            await session.run(self._resolver, self._trust_store, self._turn)
        except SessionEndedError as ended:
            self._learned = learn(self._learned, ended.end, loop.time())
            self._log_end(broker, client_id, ended)
            if is_taken_over(ended) or ended.lasted is None or ended.lasted < LASTING:
                raise
            self._notices.over("connection")
        except Exception as error:
            log.exception("MQTT session failed")
            raise SessionEndedError(f"unexpected {type(error).__name__}") from None

    def _parts(self, spool: EventSpool) -> SessionParts:
        from monitor.export.mqtt.session import SessionParts  # noqa: PLC0415

        return SessionParts(
            store=self._store,
            metrics=self._metrics,
            spool=spool,
            notices=self._notices,
            woken=self._woken,
            closing=self._closing,
            on_taken=self._touch,
        )

    def _log_end(self, broker: MqttSettings, client_id: str, ended: SessionEndedError) -> None:
        """Log why a session ended, once for as long as the reason is the same."""
        connected = ended.lasted is not None
        event = "MQTT connection lost" if connected else "MQTT broker not reached"
        if is_taken_over(ended):
            self._metrics.conflicts += 1
            event = "another client uses this monitor's MQTT client id"
        facts = {"broker": f"{broker.host}:{broker.port}", "reason": str(ended)}
        topics = f"{Topics.of(broker.topic_prefix, client_id).root}/#"
        code = ended.reason.code if ended.reason else None
        if text := remediation(code, topics, connected=connected):
            facts["remediation"] = text
        self._notices.once("connection", event, **facts)

    def _pause(self, state: RetryCallState) -> float:
        """Return the seconds to wait before the next session."""
        from tenacity import wait_exponential  # noqa: PLC0415

        ended = state.outcome.exception() if state.outcome else None
        if is_taken_over(ended):
            return self._random.uniform(*RIVAL_PAUSE)
        longest = wait_exponential(multiplier=FIRST_PAUSE, max=LONGEST_PAUSE)(state)
        return self._random.uniform(longest / 2, longest)


def is_taken_over(ended: BaseException | None) -> bool:
    """Return whether the broker reported that another client came with the same id."""
    reason = getattr(ended, "reason", None)
    return isinstance(reason, Reason) and reason.code == Code.SESSION_TAKEN_OVER


def client_id_of(broker: MqttSettings, runner_id: str, host_name: str) -> str:
    """Return the id that this monitor has for the broker, and in its topics."""
    return broker.client_id or runner_id or host_name

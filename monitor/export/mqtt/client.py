"""aiomqtt's client for one connection: bounded in what it reads, exact in what it reports.

Imports aiomqtt, so it is itself imported only when a broker is configured. aiomqtt 2 has no
public way to what this needs, so it reaches into private members; ``PRIVATE_MEMBERS`` of the
contract test lists them. aiomqtt would connect in a thread, which no deadline can end; here the
transport is connected and awaited on the event loop, and handed to paho.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from types import MappingProxyType
from typing import Any, NoReturn, TypeVar

import aiomqtt
from aiomqtt import MqttError, ProtocolVersion, Will
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from monitor.common.redact import redact
from monitor.common.sanitize import sanitize
from monitor.export.mqtt.limits import BrokerLimits
from monitor.export.mqtt.reasons import Reason, added_text
from monitor.export.mqtt.transport import (
    BoundedTransport,
    Transport,
    deadline,
)
from monitor.model.settings import MqttSettings, MqttVersion

REPLY_TIMEOUT = 10.0
"""Limit of the broker's answer to CONNECT and to SUBSCRIBE: 10 s."""

ACK_TIMEOUT = 120.0
"""Limit of the acknowledgment of a message: 120 s. MQTT has none, and a busy broker may take long;
after it the connection counts as broken."""

GOODBYE_TIMEOUT = 1.0
"""Limit of an orderly disconnection: 1 s."""

RECEIVE_LIMIT = 65_536
"""Bytes of the largest packet that is read: 64 KiB. Announced in CONNECT as Maximum Packet Size
(MQTT 5.0 section 3.1.2.11.4); a larger one ends the connection."""

RECEIVE_MAXIMUM = 10
"""Messages of QoS 1 and 2 that the broker may send at once (MQTT 5.0 section 3.1.2.11.3). None is
expected: everything is subscribed to with QoS 0."""

PACKETS_PER_TURN = 8
"""Packets that are read before the event loop may do something else."""

READS_AT_ONCE, READS_PER_SECOND = 100_000, 2_000
"""Reads of the socket after which a connection ends as a flood: 100,000, and 2,000 more for each
second. A packet takes about three; a broker has to send acknowledgments and what it retains of
an earlier run."""

CLOSED = "the broker closed the connection"

Answered = Callable[[Reason], None]
T = TypeVar("T")

_WITH_WILL = 0x04

_VERSIONS = {MqttVersion.V5: ProtocolVersion.V5, MqttVersion.V311: ProtocolVersion.V311}
_DECORATION = re.compile(r"^\[[^\]]*\] |^_ssl\.c:\d+: |\s*\(_ssl\.c:\d+\)$")


class BrokerError(MqttError):
    """The connection failed or ended. ``reason`` is the broker's, if it sent one;
    ``closed``: the connection was closed without one."""

    def __init__(self, text: str, reason: Reason | None = None, *, closed: bool = False) -> None:
        super().__init__(text)
        self.reason = reason
        self.closed = closed


class _LastError(logging.Logger):
    """Keeps the last error that paho logs: paho reports in no other way why a read failed."""

    text = ""

    def handle(self, record: logging.LogRecord) -> None:
        _, found, text = record.getMessage().rpartition("on socket: ")
        if found:
            self.text = text


def accept_all_reason_codes() -> None:
    """Have paho accept each reason code in each packet. It takes a code that the standard does
    not list for a packet as malformed, but brokers do send such codes: mosquitto 2.0 answers a
    message that is too large with 0x95 in PUBACK."""
    every = list(range(PacketTypes.CONNECT, PacketTypes.AUTH + 1))
    names = {code: dict(listed) for code, listed in ReasonCode.names.items()}
    for code in range(256):
        listed = names.setdefault(code, {"Unknown reason": every})
        taken = {packet for packets in listed.values() for packet in packets}
        name = next(iter(listed))
        listed[name] = [*listed[name], *(packet for packet in every if packet not in taken)]
    ReasonCode.names = MappingProxyType(names)


accept_all_reason_codes()


class BrokerClient(aiomqtt.Client):
    """A client for one connection over ``transport``; ``connected`` enters and leaves it."""

    def __init__(
        self,
        broker: MqttSettings,
        transport: Transport,
        client_id: str,
        *,
        will: Will,
        on_retained: Callable[[str], None],
    ) -> None:
        """``on_retained`` is called with the topic of each retained message that comes."""
        self._log = _LastError(__name__, logging.ERROR)
        self._modern = broker.version is MqttVersion.V5
        super().__init__(
            broker.host,
            broker.port,
            identifier=client_id,
            protocol=_VERSIONS[broker.version],
            clean_session=None if self._modern else True,
            username=broker.username or None,
            password=broker.password.reveal() if broker.password else None,
            will=will,
            keepalive=int(broker.keepalive),
            timeout=REPLY_TIMEOUT,
            max_inflight_messages=0,  # ``publish`` respects the broker's Receive Maximum
            properties=connect_properties() if self._modern else None,
            logger=self._log,
        )
        self.limits = BrokerLimits()
        self._transport = BoundedTransport(transport, RECEIVE_LIMIT)
        self._on_retained = on_retained
        self._acks: dict[int, tuple[Answered, asyncio.Future[None]]] = {}
        self._slots = asyncio.Semaphore(1)
        self._reading: asyncio.Handle | None = None
        self._began = self._loop.time()

    async def enter(self) -> None:
        """Connect.

        Raises:
            BrokerError: if the broker does not accept, or not in time.
        """
        self._client._create_socket = lambda: self._transport  # type: ignore[method-assign]  # noqa: SLF001
        self._client_connect()
        async with deadline(REPLY_TIMEOUT, "no CONNACK"):
            await asyncio.wait(
                (self._connected, self._disconnected), return_when=asyncio.FIRST_COMPLETED
            )
        # If the connection ended right after CONNACK, the next call reports that.
        (self._connected if self._connected.done() else self._disconnected).result()
        self._slots = asyncio.Semaphore(self.limits.receive_maximum)

    async def send(
        self, topic: str, payload: bytes, qos: int, *, retain: bool, answered: Answered
    ) -> None:
        """Publish, and return when the broker has answered. ``answered`` is called with its
        answer first, in any case if one comes. A message of QoS 0 has none: it counts as accepted
        once it is written.

        Raises:
            MqttError: if the connection ended before the answer.
            TimeoutError: if it took too long.
        """
        await self._slots.acquire()
        try:
            if self._disconnected.done():
                self._disconnected.result()
                raise BrokerError(CLOSED, closed=True)
            info = self._client.publish(topic, payload, qos, retain)
            if info.rc != 0:
                raise BrokerError(self._end(), closed=True)
        except BaseException:
            self._slots.release()
            raise
        # The slot is free with the answer only, even if this call is cancelled before.
        done = self._loop.create_future()
        self._acks[info.mid] = (answered, done)
        async with deadline(ACK_TIMEOUT, "no acknowledgment"):
            await asyncio.shield(done)

    async def ask(self, request: Coroutine[Any, Any, T]) -> T | None:
        """Return what a request of aiomqtt returns, which ignores the connection's end;
        None if the broker does not answer it.

        Raises:
            MqttError: if the connection ended before the answer.
        """
        asking = asyncio.ensure_future(request)
        try:
            await asyncio.wait((asking, self._disconnected), return_when=asyncio.FIRST_COMPLETED)
            if self._disconnected.done():
                self._disconnected.result()
            with suppress(MqttError):
                return await asking
            return None
        finally:
            asking.cancel()

    async def ended(self) -> NoReturn:
        """Wait for the connection's end.

        Raises:
            MqttError: then.
        """
        await asyncio.shield(self._disconnected)
        raise BrokerError(CLOSED, closed=True)

    async def leave(self, *, with_will: bool = False) -> None:
        """Disconnect in an orderly way, if the connection is still there. ``with_will``: have
        the broker publish the last will all the same (MQTT 5.0 section 3.14.2.1, 0x04); in
        MQTT 3.1.1 that takes an end without DISCONNECT."""
        if with_will and not self._modern:
            return
        reason = ReasonCode(PacketTypes.DISCONNECT, identifier=_WITH_WILL) if with_will else None
        with suppress(MqttError, TimeoutError):
            async with asyncio.timeout(GOODBYE_TIMEOUT):
                if not self._disconnected.done() and self._client.disconnect(reason) == 0:
                    await asyncio.shield(self._disconnected)

    def close(self) -> None:
        """Leave no socket, no task and no watcher behind."""
        descriptor = self._transport.fileno()
        if descriptor != -1:
            self._loop.remove_reader(descriptor)
            self._loop.remove_writer(descriptor)
            self._transport.close()
        if self._reading is not None:
            self._reading.cancel()
        if self._misc_task is not None:
            self._misc_task.cancel()
        waiting = (done for _, done in self._acks.values())
        for future in (self._connected, self._disconnected, *waiting):
            if future.done() and not future.cancelled():
                future.exception()  # retrieved, so that asyncio does not log it

    def _end(self) -> str:
        """Return why the connection ended, as far as this side knows."""
        return shown(self._log.text) or CLOSED

    def _fail(self, error: BrokerError) -> None:
        """Note the end of the connection, once, for each call that waits for something."""
        if not self._disconnected.done():
            self._disconnected.set_exception(error)
        for _, done in self._acks.values():
            if not done.done():
                done.set_exception(error)

    def _on_socket_open(self, client: Any, userdata: Any, sock: Any) -> None:  # noqa: ANN401
        self._loop.add_reader(sock.fileno(), self._readable)
        self._misc_task = self._loop.create_task(self._misc_loop())

    def _on_socket_register_write(self, client: Any, userdata: Any, sock: Any) -> None:  # noqa: ANN401
        self._loop.add_writer(sock.fileno(), self._write)

    def _on_socket_unregister_write(self, client: Any, userdata: Any, sock: Any) -> None:  # noqa: ANN401
        if sock.fileno() != -1:
            self._loop.remove_writer(sock.fileno())

    def _readable(self) -> None:
        if self._reading is None:  # else the next turn reads anyway
            self._read()

    def _read(self) -> None:
        """Read some packets; more in the next turn of the event loop. While the broker does not
        take what is to be written, nothing is read: else its requests would pile up as answers."""
        self._reading = None
        try:
            for _ in range(PACKETS_PER_TURN):
                before = self._transport.activity
                if self._client.want_write():
                    self._client.loop_write()
                if not self._client.want_write():
                    self._client.loop_read()
                if violation := self._violation():
                    self._fail(BrokerError(violation))
                    return
                if self._transport.activity == before or self._client.socket() is None:
                    return
        except Exception as error:  # noqa: BLE001 - paho fails in many ways at what a peer sends
            self._fail(BrokerError(shown(str(error)) or type(error).__name__))
            return
        # The kernel may have nothing more, and TLS still hold decrypted packets.
        self._reading = self._loop.call_soon(self._read)

    def _violation(self) -> str:
        """Return how the broker sends more than it may; "" if it does not."""
        if len(self._client._in_messages) > RECEIVE_MAXIMUM:  # noqa: SLF001
            return "the broker exceeds the Receive Maximum"
        seconds = self._loop.time() - self._began
        if self._transport.activity > READS_AT_ONCE + READS_PER_SECOND * seconds:
            return "the broker floods the connection"
        return ""

    def _write(self) -> None:
        try:
            self._client.loop_write()
        except Exception as error:  # noqa: BLE001 - as in _read
            self._fail(BrokerError(shown(str(error)) or type(error).__name__))

    def _on_connect(
        self,
        client: Any,  # noqa: ANN401
        userdata: Any,  # noqa: ANN401
        flags: Any,  # noqa: ANN401
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        if self._connected.done():
            return
        reason = self._reason(reason_code, properties)
        if reason.is_failure:
            self._connected.set_exception(BrokerError(str(reason), reason))
            return
        self.limits = announced(properties)
        self._connected.set_result(None)

    def _on_disconnect(
        self,
        client: Any,  # noqa: ANN401
        userdata: Any,  # noqa: ANN401
        flags: Any,  # noqa: ANN401
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        if flags.is_disconnect_packet_from_server:
            reason = self._reason(reason_code, properties)
            self._fail(BrokerError(str(reason), reason))
        elif reason_code.value == 0:  # the end of ``leave``
            if not self._disconnected.done():
                self._disconnected.set_result(None)
        elif reason_code.getName() == "Unspecified error":
            self._fail(BrokerError(self._end(), closed=True))
        else:
            self._fail(BrokerError(_LOCAL_ENDS.get(reason_code.getName(), self._end())))

    def _reason(self, code: ReasonCode, properties: Properties | None) -> Reason:
        """Return a broker's reason with the texts that it adds (MQTT 5.0 sections 3.2.2.3.9,
        3.2.2.3.16 and 3.14.2.2)."""
        server = getattr(properties, "ServerReference", "")
        texts = (getattr(properties, "ReasonString", ""), f"use {server}" if server else "")
        added = "; ".join(text for text in texts if text)
        return Reason(code.value, code.getName(), added_text(added))

    def _on_publish(
        self,
        client: Any,  # noqa: ANN401
        userdata: Any,  # noqa: ANN401
        mid: int,
        reason_code: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if (waiting := self._acks.pop(mid, None)) is None:
            return
        answered, done = waiting
        self._slots.release()
        answered(self._reason(reason_code, properties))
        if not done.done():
            done.set_result(None)

    def _on_message(self, client: Any, userdata: Any, message: Any) -> None:  # noqa: ANN401
        with suppress(UnicodeDecodeError):
            if message.retain and message.payload:
                self._on_retained(message.topic)


_LOCAL_ENDS = {
    "Keep alive timeout": "the broker does not answer PINGREQ",
    "Protocol error": "the broker violates the protocol",
}


def connect_properties() -> Properties:
    """Return the limits of this client that CONNECT announces to an MQTT 5 broker."""
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.MaximumPacketSize = RECEIVE_LIMIT
    properties.ReceiveMaximum = RECEIVE_MAXIMUM
    return properties


def announced(properties: Properties | None) -> BrokerLimits:
    """Return the limits in the properties of CONNACK (MQTT 5.0 section 3.2.2.3)."""
    default = BrokerLimits()
    return BrokerLimits(
        receive_maximum=getattr(properties, "ReceiveMaximum", default.receive_maximum) or 1,
        packet_size=getattr(properties, "MaximumPacketSize", default.packet_size),
        qos=getattr(properties, "MaximumQoS", default.qos),
        retain=bool(getattr(properties, "RetainAvailable", default.retain)),
    )


@asynccontextmanager
async def connected(client: BrokerClient) -> AsyncIterator[BrokerClient]:
    """Connect for the length of the block; whatever ends it, no socket and no task is left.

    Raises:
        MqttError: if the broker does not accept.
        TimeoutError: if it does not answer.
    """
    try:
        await client.enter()
        yield client
        await client.leave()
    finally:
        client.close()


def shown(text: str) -> str:
    """Return an error's text for the log, without secrets and OpenSSL's decoration."""
    text = sanitize(_DECORATION.sub("", redact(text)), 200, "")
    return text[:1].lower() + text[1:]

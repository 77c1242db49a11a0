"""aiomqtt's client, ended for good however it goes wrong, and saying why in words.

Imports aiomqtt, so it is itself imported only where a broker is configured. What it adds
reaches into aiomqtt, which has no other way to it: a socket is closed when the broker never
accepts the connection or sends what is no MQTT, a connection that is given up while a thread
still opens it is not taken up, and a refusal of one message is told.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiomqtt
from aiomqtt import MqttCodeError, MqttError, ProtocolVersion, Will
from paho.mqtt.reasoncodes import ReasonCode

from monitor.common.sanitize import sanitize
from monitor.model.settings import MqttSettings, MqttVersion
from monitor.net.sockets.trust_store import TrustStore

CONNECT_TIMEOUT = 3.0
"""Seconds for the TCP connection, and again for each read of the handshakes that follow."""

REPLY_TIMEOUT = 10.0
"""Seconds for the broker's answer to anything."""

GOODBYE_TIMEOUT = 1.0
INCOMING_LIMIT = 1000
"""Messages that wait to be looked at; what comes beyond is discarded."""

SESSION_TAKEN_OVER = 0x8E
"""With this reason a broker ends a connection whose client id another one has come with (MQTT
5.0 section 3.14.2.1)."""

_UNSPECIFIED_ERROR = 0x80
_VERSIONS = {MqttVersion.V5: ProtocolVersion.V5, MqttVersion.V311: ProtocolVersion.V311}
_DECORATION = re.compile(r"^\[[^\]]*\] |^_ssl\.c:\d+: |\s*\(_ssl\.c:\d+\)$")
CLOSED = "the broker closed the connection"


class _LastError(logging.Logger):
    """Keeps the last error that paho logs: it tells no other way why a read failed."""

    text = ""

    def handle(self, record: logging.LogRecord) -> None:
        self.text = record.getMessage()


class NamedContext(ssl.SSLContext):
    """Checks the certificate against the broker's name, whatever address was dialled, and
    knows the socket it was ``wrapped`` around: paho forgets it when the handshake fails."""

    server_name: str
    wrapped: ssl.SSLSocket | None = None

    def wrap_socket(self, sock: socket.socket, *args: Any, **kwargs: Any) -> ssl.SSLSocket:  # noqa: ANN401
        kwargs["server_hostname"] = self.server_name
        self.wrapped = super().wrap_socket(sock, *args, **kwargs)
        return self.wrapped


class BrokerClient(aiomqtt.Client):
    """A client for one connection; ``connected`` enters and leaves it."""

    def __init__(
        self,
        broker: MqttSettings,
        address: str,
        client_id: str,
        *,
        will: Will,
        context: NamedContext | None,
        on_answer: Callable[[str], None],
    ) -> None:
        """``address`` is where ``broker`` is. ``on_answer`` is told of each message: "" when
        the broker took it, else why not; MQTT 3.1.1 can't say that."""
        self._log = _LastError(__name__, logging.ERROR)
        modern = broker.version is MqttVersion.V5
        super().__init__(
            address,
            broker.port,
            identifier=client_id,
            protocol=_VERSIONS[broker.version],
            clean_session=None if modern else True,
            username=broker.username or None,
            password=broker.password.reveal() if broker.password else None,
            will=will,
            keepalive=int(broker.keepalive),
            timeout=REPLY_TIMEOUT,
            max_queued_incoming_messages=INCOMING_LIMIT,
            transport="websockets" if broker.websocket_path else "tcp",
            websocket_path=broker.websocket_path or None,
            websocket_headers={"Host": f"{broker.host}:{broker.port}"},
            tls_context=context,
            logger=self._log,
        )
        self._client.connect_timeout = CONNECT_TIMEOUT
        self._context = context
        self._on_answer = on_answer
        self._given_up = False

    async def enter(self) -> None:
        """Connect.

        Raises:
            MqttError: if the broker is not reached, or does not accept.
        """
        entering = asyncio.create_task(self.__aenter__())
        try:
            # aiomqtt does not look at an end that comes before the broker has accepted.
            await asyncio.wait((entering, self._disconnected), return_when=asyncio.FIRST_COMPLETED)
            if not entering.done():
                raise MqttError(self._end()) from self._disconnected.exception()
            entering.result()
        finally:
            entering.cancel()

    async def leave(self) -> None:
        """Say goodbye, if the connection is still there, and close it."""
        with suppress(MqttError, TimeoutError):
            async with asyncio.timeout(GOODBYE_TIMEOUT):
                await self.__aexit__(None, None, None)

    async def close(self) -> None:
        """Leave nothing behind."""
        self._given_up = True
        await asyncio.sleep(0)  # what the connecting thread asked the loop for is done now
        open_socket = self._client.socket()
        if open_socket is not None and open_socket.fileno() != -1:
            self._loop.remove_reader(open_socket.fileno())
            self._loop.remove_writer(open_socket.fileno())
            open_socket.close()
        if self._context is not None and self._context.wrapped is not None:
            self._context.wrapped.close()
        if self._misc_task is not None:
            self._misc_task.cancel()
        for future in (self._connected, self._disconnected):
            if future.done() and not future.cancelled():
                future.exception()  # it was looked at, and is not to be logged

    def _end(self) -> str:
        """Say why the connection ended before the broker accepted it."""
        return self._log.text.rpartition("on socket: ")[2] or CLOSED

    def _on_socket_open(self, client: Any, userdata: Any, sock: Any) -> None:  # noqa: ANN401
        """In the thread that connects: the socket is there."""
        if self._given_up:
            sock.close()
            raise ConnectionAbortedError
        super()._on_socket_open(client, userdata, sock)

    def _on_disconnect(
        self,
        client: Any,  # noqa: ANN401
        userdata: Any,  # noqa: ANN401
        flags: Any,  # noqa: ANN401
        reason_code: ReasonCode,
        properties: Any = None,  # noqa: ANN401
    ) -> None:
        if not self._connected.done():
            self._connected.set_exception(MqttError(self._end()))
        super()._on_disconnect(client, userdata, flags, reason_code, properties)

    def _on_publish(
        self,
        client: Any,  # noqa: ANN401
        userdata: Any,  # noqa: ANN401
        mid: int,
        reason_code: ReasonCode,
        properties: Any,  # noqa: ANN401
    ) -> None:
        self._on_answer(str(reason_code).lower() if reason_code.is_failure else "")
        super()._on_publish(client, userdata, mid, reason_code, properties)


@asynccontextmanager
async def connected(client: BrokerClient) -> AsyncIterator[BrokerClient]:
    """Connect for the length of the block; whatever ends it, no socket and no task is left.

    Raises:
        MqttError: if the broker is not reached, or does not accept.
    """
    try:
        await client.enter()
        yield client
        await client.leave()
    finally:
        await client.close()


def tls_context(broker: MqttSettings, trust_store: TrustStore) -> NamedContext:
    """Return the context for a broker; without a CA file of its own ``trust_store`` decides.

    Raises:
        OSError: if a file can't be read, or is no PEM (any more).
    """
    context = NamedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.server_name = broker.host
    if broker.ca_file is None:
        trust_store.add_roots(context)
    else:
        context.load_verify_locations(cafile=broker.ca_file)
    if broker.cert_file is not None:
        context.load_cert_chain(broker.cert_file, broker.key_file, password=lambda: b"")
    return context


def is_taken_over(error: BaseException) -> bool:
    """Whether the broker said that another client has come with the same id."""
    return _reason_value(error) == SESSION_TAKEN_OVER


def reason_of(error: BaseException) -> str:
    """Say in words why a connection failed or ended: what the broker or the system says."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if _reason_value(error) == _UNSPECIFIED_ERROR:
        return CLOSED
    cause = error.__cause__ if isinstance(error.__cause__, OSError | MqttCodeError) else error
    text = _DECORATION.sub("", str(cause)) or type(cause).__name__
    shown = sanitize(text, 200, "")
    return shown[:1].lower() + shown[1:]


def _reason_value(error: BaseException) -> int | None:
    for each in (error, error.__cause__):
        if isinstance(each, MqttCodeError) and isinstance(each.rc, ReasonCode):
            return each.rc.value
    return None

"""Puts one question to one name server: by UDP, by TCP where that has to be."""

from __future__ import annotations

import asyncio
import ipaddress
from random import Random

from monitor.model.probe_result import DnsAnswer, Failure, FailureKind, Phase
from monitor.net.clock import Clock
from monitor.net.dns.message import (
    DnsFormatError,
    Message,
    QType,
    decode,
    encode_query,
    normal_name,
)
from monitor.net.errors import ExchangeError, failure_of
from monitor.net.sockets.stream import TcpStream, family_of
from monitor.net.sockets.udp import UdpSocket

Server = tuple[str, int]
"""The address (an IP literal) and port of a name server."""

_ALIAS_LIMIT = 8
_STRAY_LIMIT = 64
_WITHOUT_EDNS = frozenset({"FORMERR", "NOTIMP", "BADVERS"})


def parse_server(text: str) -> Server:
    """Read ``address``, ``address:port`` or ``[v6]:port``; the port is 53 when not given.

    Raises:
        ValueError: if the address is no IP literal or the port no port.
    """
    host, port = text, "53"
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")):
            raise ValueError("an address in brackets is followed by a colon and a port")
        port = rest[1:] if rest else port
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    ipaddress.ip_address(host)
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError("a port is 1 to 65535")
    return host, int(port)


def format_server(server: Server) -> str:
    """Write a server as ``address:port``."""
    host, port = server
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class DnsClient:
    """Asks, and remembers nothing: every answer is a measurement.

    Each question has a socket of its own, so a source port of the kernel's choice, and a
    random id (RFC 5452). One socket for A and AAAA would also run into the race of Linux
    connection tracking that loses one of two packets sent at once.
    """

    def __init__(self, clock: Clock, random: Random) -> None:
        self._clock = clock
        self._random = random

    async def ask(
        self,
        server: Server,
        name: str,
        qtype: QType,
        *,
        timeout: float,  # noqa: ASYNC109 - the answer has to tell of it, not an exception
        over_tcp: bool = False,
    ) -> DnsAnswer:
        """Put a question to a server and wait ``timeout`` seconds at the most.

        It is asked by UDP, and by TCP when that answer is truncated (RFC 7766 section 5)
        or with ``over_tcp`` at once. A failed exchange is told in the answer. By UDP the
        answer's ``seconds`` run until the kernel got it.
        """
        started = self._clock.monotonic()
        question = _Rival(self._clock, self._random, server, qtype, over_tcp=over_tcp)
        message: Message | None = None
        addresses: tuple[str, ...] = ()
        failure: Failure | None = None
        try:
            async with asyncio.timeout(timeout):
                message, addresses = await question.follow(name)
        except (OSError, EOFError, ExchangeError) as error:
            failure = failure_of(error, Phase.RESOLVE)
        return DnsAnswer(
            server=format_server(server),
            qtype=qtype.name,
            rcode=message.rcode if message else None,
            addresses=addresses,
            seconds=question.seconds if message else self._clock.monotonic() - started,
            transport=question.transport,
            failure=failure,
        )


class _Rival:
    """One question on its way: its exchanges one by one, and the time they took."""

    __slots__ = ("_clock", "_qtype", "_random", "_server", "seconds", "transport")

    def __init__(
        self, clock: Clock, random: Random, server: Server, qtype: QType, *, over_tcp: bool
    ) -> None:
        self._clock = clock
        self._random = random
        self._server = server
        self._qtype = qtype
        self.transport = "tcp" if over_tcp else "udp"
        self.seconds = 0.0

    async def follow(self, name: str) -> tuple[Message, tuple[str, ...]]:
        """Ask for ``name``, then for where its aliases lead, until that is known."""
        for _ in range(_ALIAS_LIMIT):
            message = await self._exchange(name)
            addresses, end = follow_aliases(message, name, self._qtype)
            moved = end != normal_name(name)
            if addresses or message.negative or message.rcode != "NOERROR" or not moved or not end:
                return message, addresses
            name = end
        raise ExchangeError(FailureKind.DNS_FORMAT, "the aliases of the name never end")

    async def _exchange(self, name: str) -> Message:
        """Exchange one message for another. A server that does not know EDNS gets the
        question without (RFC 6891 section 7)."""
        message = await self._transact(name, edns=True)
        if message.rcode in _WITHOUT_EDNS:
            message = await self._transact(name, edns=False)
        return message

    async def _transact(self, name: str, *, edns: bool) -> Message:
        message_id = self._random.getrandbits(16)
        try:
            query = encode_query(message_id, name, self._qtype, edns=edns)
        except DnsFormatError as error:
            raise ExchangeError(FailureKind.DNS_FORMAT, str(error)) from None
        expected = message_id, normal_name(name), self._qtype
        if self.transport == "udp":
            message = await self._over_udp(query, expected)
            if not message.truncated:
                return message
            self.transport = "tcp"
        return await self._over_tcp(query, expected)

    async def _over_udp(self, query: bytes, expected: tuple[int, str, QType]) -> Message:
        sock = UdpSocket(*self._server)
        try:
            sent_at = sock.send(query)
            for _ in range(_STRAY_LIMIT):
                data, arrived_at = await sock.receive()
                message = matching(data, *expected)
                if message is not None:
                    self.seconds += max(0.0, arrived_at - sent_at)
                    return message
        finally:
            sock.close()
        raise ExchangeError(FailureKind.DNS_FORMAT, "the server sends what was not asked for")

    async def _over_tcp(self, query: bytes, expected: tuple[int, str, QType]) -> Message:
        """Exchange messages, each behind its length in two bytes (RFC 1035 section 4.2.2)."""
        started = self._clock.monotonic()
        stream = TcpStream(family_of(self._server[0]))
        try:
            await stream.connect(*self._server)
            await stream.send(len(query).to_bytes(2, "big") + query)
            received = bytearray()
            while len(received) < 2 or len(received) < 2 + int.from_bytes(received[:2], "big"):
                data = await stream.receive()
                if not data:
                    raise EOFError
                received += data
        finally:
            stream.close()
        self.seconds += self._clock.monotonic() - started
        message = matching(bytes(received[2 : 2 + int.from_bytes(received[:2], "big")]), *expected)
        if message is None:
            raise ExchangeError(FailureKind.DNS_FORMAT, "the answer is not to the question")
        return message


def matching(data: bytes, message_id: int, name: str, qtype: QType) -> Message | None:
    """Return the message if it answers the question; None for a stray or forged one.

    Raises:
        ExchangeError: DNS_FORMAT, if it carries the id but can't be read.
    """
    if int.from_bytes(data[:2], "big") != message_id:
        return None
    try:
        message = decode(data)
    except DnsFormatError as error:
        raise ExchangeError(FailureKind.DNS_FORMAT, str(error)) from None
    # Some servers leave the question out of an error (FORMERR, NOTIMP).
    if message.question == (name, qtype) or (
        message.question is None and message.rcode != "NOERROR"
    ):
        return message
    return None


def follow_aliases(message: Message, name: str, qtype: QType) -> tuple[tuple[str, ...], str]:
    """Follow ``name``'s aliases within an answer; returns the addresses at their end, if
    it has any, and the name of that end."""
    aliases = {r.name: r.value for r in message.answers if r.rtype == QType.CNAME}
    end = normal_name(name)
    for _ in range(len(aliases)):
        end = aliases.get(end, end)
    found = (r.value for r in message.answers if r.rtype == qtype and r.name == end and r.value)
    return tuple(dict.fromkeys(found)) if message.rcode == "NOERROR" else (), end

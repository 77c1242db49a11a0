"""Puts one question to one name server: by UDP, by TCP where that has to be."""

from __future__ import annotations

import asyncio
import ipaddress
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
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
from monitor.net.sockets.socket_address import family_of
from monitor.net.sockets.stream import TcpStream
from monitor.net.sockets.udp import LARGEST_DATAGRAM, UdpSocket

Server = tuple[str, int]
"""The address (an IP literal) and port of a name server."""

_STRAY_LIMIT = 64
_REPEATED_WITHOUT_EDNS = frozenset({"FORMERR", "NOTIMP", "BADVERS"})
_BEFORE_EDNS = "FORMERR"
_ADDRESS_TYPES = frozenset({QType.A, QType.AAAA})


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


class TimeLimit:
    """Time limits of a question that may be tightened while the question is under way.

    ``when`` is the event-loop time at which the whole lookup ends, ``each`` the seconds for one
    exchange with one server.
    """

    __slots__ = ("_scope", "_started", "each", "when")

    def __init__(self, each: float, when: float = math.inf) -> None:
        self.each, self.when = each, when
        self._scope: asyncio.Timeout | None = None
        self._started = 0.0

    def tighten(self, each: float, when: float) -> None:
        """Lower both limits; never raises them."""
        self.each, self.when = min(self.each, each), min(self.when, when)
        if self._scope is not None and not self._scope.expired():
            self._scope.reschedule(self._end())

    @asynccontextmanager
    async def exchange(self) -> AsyncIterator[None]:
        """Bound one exchange.

        Raises:
            TimeoutError: at the end of the block, if it was cut off.
        """
        self._started = asyncio.get_running_loop().time()
        self._scope = asyncio.timeout_at(self._end())
        try:
            async with self._scope:
                yield
        finally:
            self._scope = None

    def _end(self) -> float:
        return min(self._started + self.each, self.when)


class DnsClient:
    """Exchanges messages with name servers, and caches nothing: every answer is a measurement.

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
        limit: TimeLimit,
        *,
        over_tcp: bool = False,
    ) -> DnsAnswer:
        """Ask one server one question, as Go's resolver does (``exchange`` and ``checkHeader``
        in net/dnsclient_unix.go).

        The question goes by UDP, and by TCP if that response is truncated (RFC 7766 section 5)
        or with ``over_tcp`` at once. A failed exchange is a ``failure`` in the answer. With UDP
        the answer's ``seconds`` end when the kernel received the response.
        """
        started = self._clock.monotonic()
        question = _Question(self._clock, self._random, server, qtype, over_tcp=over_tcp)
        message: Message | None = None
        failure: Failure | None = None
        try:
            async with limit.exchange():
                message = await question.exchange(name)
        except (OSError, EOFError, ExchangeError) as error:
            message = question.refusal  # an answer says more than the silence after it
            failure = None if message else _failed(error, question)
        answer = DnsAnswer(
            server=format_server(server),
            qtype=qtype.name,
            rcode=message.rcode if message else None,
            addresses=(),
            seconds=question.seconds if message else self._clock.monotonic() - started,
            transport=question.transport,
            failure=failure,
            name=name,
            edns_refused=question.edns_refused,
        )
        return _read(answer, message, qtype) if message else answer


def _failed(error: Exception, question: _Question) -> Failure:
    failure = failure_of(error, Phase.RESOLVE)
    if question.transport == "tcp" and failure.kind is not FailureKind.DNS_FORMAT:
        return replace(failure, message=f"{failure.message} (by TCP)")
    return failure


def _read(answer: DnsAnswer, message: Message, qtype: QType) -> DnsAnswer:
    """Fill in what a response says."""
    aliases, loops = alias_chain(message, answer.name)
    addresses = addresses_in(message, qtype)
    failure = None
    if answer.edns_refused and answer.edns_refused != _BEFORE_EDNS:
        addresses = ()
        failure = _failure(FailureKind.DNS_EDNS, answer.edns_refused, _EDNS)
    elif message.lame:
        failure = _failure(FailureKind.DNS_LAME, None, _LAME)
    elif loops and not addresses:
        failure = _failure(FailureKind.DNS_ALIAS, "", "its aliases form a loop")
    elif message.damaged and not addresses and message.rcode == "NOERROR":
        failure = _failure(FailureKind.DNS_FORMAT, None, message.damaged)
    return replace(
        answer,
        addresses=addresses,
        failure=failure,
        aliases=aliases,
        extended=message.extended,
    )


_EDNS = "it refuses EDNS, which Go's resolver always sends, and answers without EDNS"
_LAME = "it offers no recursion and is no authority for the name (lame referral)"


def _failure(kind: FailureKind, code: str | None, message: str) -> Failure:
    return Failure(Phase.RESOLVE, kind, message, code=code)


class _Question:
    """One question to one server: its exchanges, and the time that they took."""

    __slots__ = (
        "_clock",
        "_qtype",
        "_random",
        "_server",
        "edns_refused",
        "refusal",
        "seconds",
        "transport",
    )

    def __init__(
        self, clock: Clock, random: Random, server: Server, qtype: QType, *, over_tcp: bool
    ) -> None:
        self._clock = clock
        self._random = random
        self._server = server
        self._qtype = qtype
        self.transport = "tcp" if over_tcp else "udp"
        self.seconds = 0.0
        self.edns_refused = ""
        self.refusal: Message | None = None

    async def exchange(self, name: str) -> Message:
        """Exchange one message for another.

        A server that answers FORMERR, NOTIMP or BADVERS is asked again without EDNS
        (RFC 6891 section 7). Go does not do that; ``edns_refused`` then holds the rcode.
        """
        message = await self._transact(name, edns=True)
        if message.rcode not in _REPEATED_WITHOUT_EDNS:
            return message
        self.refusal = message
        plain = await self._transact(name, edns=False)
        if plain.rcode not in _REPEATED_WITHOUT_EDNS:
            self.edns_refused = message.rcode
        return plain

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
        sock = UdpSocket(*self._server, LARGEST_DATAGRAM)
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


def alias_chain(message: Message, name: str) -> tuple[tuple[str, ...], bool]:
    """Follow the aliases of ``name`` within a response; returns the names they lead to, in
    order, and whether they form a loop."""
    aliases = {r.name: r.value for r in message.answers if r.rtype == QType.CNAME and r.value}
    if not aliases:
        return (), False
    chain: list[str] = []
    seen = {end := normal_name(name)}
    while (following := aliases.get(end)) is not None:
        if following in seen:
            return tuple(chain), True
        chain.append(following)
        seen.add(end := following)
    return tuple(chain), False


def addresses_in(message: Message, qtype: QType) -> tuple[str, ...]:
    """Return the addresses that Go takes from a response, each once.

    Go trusts its resolver to answer for the canonical name (RFC 1034 section 4.3.1): if the
    response holds one record of the type asked for, every A and AAAA record in it counts,
    whatever its name (``goLookupIPCNAMEOrder`` in net/dnsclient_unix.go).
    """
    if message.rcode != "NOERROR" or not any(r.rtype == qtype for r in message.answers):
        return ()
    found = (r.value for r in message.answers if r.rtype in _ADDRESS_TYPES and r.value)
    return tuple([_unmapped(address) for address in dict.fromkeys(found)])


def _unmapped(address: str) -> str:
    """Return the IPv4 address that an IPv4-mapped one stands for (RFC 4291 section 2.5.5.2)."""
    return address.removeprefix("::ffff:") if "." in address else address

"""Puts one question to one name server: by UDP, by TCP where that has to be."""

from __future__ import annotations

import asyncio
import ipaddress
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
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
        ValueError: if the address is not an IP literal or the port is not valid.
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
    async def exchange(self, elapsed: float = 0.0) -> AsyncIterator[None]:
        """Bound one exchange, of which ``elapsed`` seconds have passed already.

        Raises:
            TimeoutError: at the end of the block, if it was cut off.
        """
        self._started = asyncio.get_running_loop().time() - elapsed
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

    def question(self, server: Server, qtype: QType, *, over_tcp: bool = False) -> Question:
        """Return a question that is to be asked."""
        return Question(self._clock, self._random, server, qtype, over_tcp=over_tcp)

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
        return await self.finish(self.question(server, qtype, over_tcp=over_tcp), name, limit)

    async def finish(self, question: Question, name: str, limit: TimeLimit) -> DnsAnswer:
        """Ask a question, or wait for what ``ask_together`` did not wait for."""
        message: Message | None = None
        failure: Failure | None = None
        try:
            async with limit.exchange(question.elapsed):
                message = await question.exchange(name)
        except (OSError, EOFError, ExchangeError) as error:
            message = question.refusal  # an answer is more specific than the silence after it
            failure = None if message else _failed(error, question)
        finally:
            question.close()
        return _answer(question, name, message, failure)

    async def ask_together(
        self, questions: Sequence[Question], name: str, seconds: float
    ) -> list[DnsAnswer | None]:
        """Send several questions at once and wait a short time for their responses.

        None stands for a question that is to be finished with ``finish``: it has no response
        yet, or not one that ends it. One task and one timer serve all questions, which costs
        half as much as a task per question.
        """
        messages: list[Message | None] = [None] * len(questions)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                for question in questions:
                    question.begin(name)
                for number, question in enumerate(questions):
                    messages[number] = await question.early_response()
        return [
            _answer(question, name, message, None) if message is not None else None
            for question, message in zip(questions, messages, strict=True)
        ]


def _answer(
    question: Question, name: str, message: Message | None, failure: Failure | None
) -> DnsAnswer:
    answer = DnsAnswer(
        server=format_server(question.server),
        qtype=question.qtype.name,
        rcode=message.rcode if message else None,
        addresses=(),
        seconds=question.seconds if message else question.elapsed,
        transport=question.transport,
        failure=failure,
        name=name,
        edns_refused=question.edns_refused,
    )
    return _read(answer, message, question.qtype) if message else answer


def _failed(error: Exception, question: Question) -> Failure:
    failure = failure_of(error, Phase.RESOLVE)
    if question.strays and failure.kind is FailureKind.TIMEOUT:
        what = "message" if question.strays == 1 else "messages"
        return replace(failure, message=f"only {question.strays} {what} to another question")
    if question.transport == "tcp" and failure.kind is not FailureKind.DNS_FORMAT:
        after = ", after a truncated answer by UDP" if question.was_truncated else ""
        return replace(failure, message=f"{failure.message} (by TCP{after})")
    return failure


def _read(answer: DnsAnswer, message: Message, qtype: QType) -> DnsAnswer:
    """Fill in the content of a response."""
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
_LAME = "it offers no recursion and is not an authority for the name (lame referral)"


def _failure(kind: FailureKind, code: str | None, message: str) -> Failure:
    return Failure(Phase.RESOLVE, kind, message, code=code)


class Question:
    """One question to one server: its exchanges, and the time that they took."""

    __slots__ = (
        "_clock",
        "_early",
        "_expected",
        "_random",
        "_sent_at",
        "_sock",
        "_started",
        "edns_refused",
        "qtype",
        "refusal",
        "seconds",
        "server",
        "strays",
        "transport",
        "was_truncated",
    )

    def __init__(
        self, clock: Clock, random: Random, server: Server, qtype: QType, *, over_tcp: bool
    ) -> None:
        self._clock = clock
        self._random = random
        self.server = server
        self.qtype = qtype
        self.transport = "tcp" if over_tcp else "udp"
        self.was_truncated = False
        self.strays = 0
        self.seconds = 0.0
        self.edns_refused = ""
        self.refusal: Message | None = None
        self._started = clock.monotonic()
        self._expected = 0, "", qtype
        self._sock: UdpSocket | None = None
        self._sent_at = 0.0
        self._early: Message | None = None

    @property
    def elapsed(self) -> float:
        """Seconds since the question was made."""
        return self._clock.monotonic() - self._started

    def begin(self, name: str) -> None:
        """Send the question by UDP; a failure to do so is found when it is finished."""
        try:
            self._send(name, edns=True)
        except (OSError, ExchangeError):
            self.close()

    async def early_response(self) -> Message | None:
        """Wait for the response to what ``begin`` sent; None if it takes another exchange."""
        if self._sock is None:
            return None
        try:
            message = await self._receive()
        except (OSError, ExchangeError):
            return None
        if message.truncated or message.rcode in _REPEATED_WITHOUT_EDNS:
            self._early = message
            return None
        return message

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
        if self.transport == "udp":
            if self._early is None and self._sock is None:
                self._send(name, edns=edns)
            message = self._early or await self._receive()
            self._early = None
            if not message.truncated:
                return message
            self.transport, self.was_truncated = "tcp", True
        return await self._over_tcp(*self._query(name, edns=edns))

    def _query(self, name: str, *, edns: bool) -> tuple[bytes, tuple[int, str, QType]]:
        message_id = self._random.getrandbits(16)
        try:
            query = encode_query(message_id, name, self.qtype, edns=edns)
        except DnsFormatError as error:
            raise ExchangeError(FailureKind.DNS_FORMAT, str(error)) from None
        return query, (message_id, normal_name(name), self.qtype)

    def _send(self, name: str, *, edns: bool) -> None:
        query, self._expected = self._query(name, edns=edns)
        self._sock = UdpSocket(*self.server, LARGEST_DATAGRAM)
        self._sent_at = self._sock.send(query)

    async def _receive(self) -> Message:
        """Wait for the response; the socket stays open if the caller is cancelled meanwhile."""
        sock = self._sock
        if sock is None:
            raise ExchangeError(FailureKind.DNS_FORMAT, "nothing was sent")
        try:
            for _ in range(_STRAY_LIMIT):
                data, arrived_at = await sock.receive()
                message = matching(data, *self._expected)
                if message is not None:
                    self.seconds += max(0.0, arrived_at - self._sent_at)
                    self.close()
                    return message
                self.strays += 1
            raise ExchangeError(FailureKind.DNS_FORMAT, "the server sends what was not asked for")
        except (OSError, ExchangeError):
            self.close()
            raise

    def close(self) -> None:
        """Close the socket of a question that is not awaited any more."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    async def _over_tcp(self, query: bytes, expected: tuple[int, str, QType]) -> Message:
        """Exchange messages, each behind its length in two bytes (RFC 1035 section 4.2.2)."""
        started = self._clock.monotonic()
        stream = TcpStream(family_of(self.server[0]))
        try:
            await stream.connect(*self.server)
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

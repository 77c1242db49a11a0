"""Asks name servers for addresses over plain sockets, and keeps every answer as evidence."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import struct
from collections.abc import Sequence
from pathlib import Path
from random import Random

from monitor.model import DnsAnswer, Failure, FailureKind, Phase, Resolution, ResolutionSource
from monitor.net.clock import Clock
from monitor.net.dns_wire import DnsFormatError, Message, QType, decode, encode_query
from monitor.net.errors import ExchangeError, failure_of
from monitor.net.hosts import WatchedFile, parse_hosts, parse_resolv_conf
from monitor.net.stream import TcpStream, family_of
from monitor.settings import DnsSettings

Server = tuple[str, int]

_MESSAGE_LIMIT = 65_535
_ALIAS_LIMIT = 8
_STRAY_LIMIT = 64
_FINAL_RCODES = frozenset({"NOERROR", "NXDOMAIN"})


def parse_server(text: str) -> Server:
    """Read ``address``, ``address:port`` or ``[v6]:port``; the port is 53 when not given.

    Raises:
        ValueError: if the address is no IP literal or the port no port.
    """
    host, port = text, "53"
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":") or "53"
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    ipaddress.ip_address(host)
    number = int(port)
    if not 0 < number < 65536:
        raise ValueError("a port is 1 to 65535")
    return host, number


def format_server(server: Server) -> str:
    """Write a server as ``address:port``."""
    host, port = server
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class DnsResolver:
    """Resolves fully qualified names: search domains are not used, answers not cached.

    A name is asked of the first server, A and AAAA at once; a server that is silent,
    broken or answers anything but NOERROR or NXDOMAIN hands on to the next one.
    """

    def __init__(
        self,
        clock: Clock,
        random: Random,
        servers: Sequence[Server] = (),
        *,
        timeout: float = 2.0,
        attempts: int = 2,
        hosts_file: Path | None = Path("/etc/hosts"),
        resolv_conf: Path = Path("/etc/resolv.conf"),
    ) -> None:
        """``servers`` empty means those of ``resolv_conf``; ``timeout`` is seconds for one
        question to one server, ``attempts`` how often the list of servers is gone through."""
        self._clock = clock
        self._random = random
        self._configured = tuple(servers)
        self._timeout = timeout
        self._attempts = attempts
        self._hosts = WatchedFile(hosts_file, parse_hosts) if hosts_file else None
        self._resolv_conf = WatchedFile(resolv_conf, parse_resolv_conf)

    @classmethod
    def from_settings(cls, settings: DnsSettings, clock: Clock, random: Random) -> DnsResolver:
        """Resolve as ``[dns]`` says."""
        return cls(
            clock,
            random,
            [parse_server(server) for server in settings.servers],
            timeout=settings.timeout,
            attempts=settings.attempts,
            hosts_file=Path("/etc/hosts") if settings.use_hosts_file else None,
        )

    @property
    def servers(self) -> tuple[str, ...]:
        """The name servers in use, as ``address:port``."""
        return tuple(format_server(server) for server in self._current())

    def _current(self) -> tuple[Server, ...]:
        return self._configured or tuple((host, 53) for host in self._resolv_conf.read())

    async def resolve(self, host: str) -> Resolution:
        """Resolve A and AAAA of ``host``; a failed lookup is told in the result.

        Raises:
            TimeoutError: only where the caller's own deadline ends the lookup.
        """
        if _is_literal(host):
            return Resolution(host, ResolutionSource.LITERAL, (host,))
        known = self._hosts.read().get(host.lower().rstrip(".")) if self._hosts else None
        if known:
            return Resolution(host, ResolutionSource.HOSTS, _ipv4_first(known))
        return await self._resolve_by_dns(host)

    async def _resolve_by_dns(self, host: str) -> Resolution:
        answers: list[DnsAnswer] = []
        servers = self._current()
        for _ in range(self._attempts):
            for server in servers:
                pair = await self._ask_both(server, host)
                answers += pair
                if pair[0].addresses or all(answer.rcode in _FINAL_RCODES for answer in pair):
                    return _judge(host, tuple(answers), pair, loopback=_on_loopback(servers))
        return _judge(host, tuple(answers), answers[-2:], loopback=_on_loopback(servers))

    async def _ask_both(self, server: Server, host: str) -> list[DnsAnswer]:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self.ask(server, host, qtype)) for qtype in (QType.A, QType.AAAA)
            ]
        return [task.result() for task in tasks]

    async def ask(self, server: Server, name: str, qtype: QType) -> DnsAnswer:
        """Put one question to one server: by UDP, and by TCP when that answer is truncated
        (RFC 7766). An alias that leads out of the answer is followed. Never raises for a
        failed exchange."""
        started = self._clock.monotonic()
        transport = "udp"
        message: Message | None = None
        failure: Failure | None = None
        addresses: tuple[str, ...] = ()
        try:
            async with asyncio.timeout(self._timeout):
                for _ in range(_ALIAS_LIMIT):
                    message = await self._exchange_udp(server, name, qtype)
                    if message.truncated:
                        transport = "tcp"
                        message = await self._exchange_tcp(server, name, qtype)
                    addresses, name = _follow(message, name, qtype)
                    if addresses or not name or message.rcode != "NOERROR":
                        break
        except (OSError, EOFError, ExchangeError) as error:
            failure, message = failure_of(error, Phase.RESOLVE), None
        return DnsAnswer(
            server=format_server(server),
            qtype=qtype.name,
            rcode=message.rcode if message else None,
            addresses=addresses if message else (),
            seconds=self._clock.monotonic() - started,
            transport=transport,
            failure=failure,
        )

    async def _exchange_udp(self, server: Server, name: str, qtype: QType) -> Message:
        loop = asyncio.get_running_loop()
        message_id = self._random.getrandbits(16)
        query = encode_query(message_id, name, qtype)
        sock = socket.socket(family_of(server[0]), socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        with sock:
            # Connected, so that the kernel drops other senders and tells of ICMP errors.
            sock.connect(server)
            sock.send(query)
            for _ in range(_STRAY_LIMIT):
                data = await loop.sock_recv(sock, _MESSAGE_LIMIT)
                if (message := _matching(data, message_id, name, qtype)) is not None:
                    return message
        raise ExchangeError(FailureKind.DNS_FORMAT, "the server sends what was not asked for")

    async def _exchange_tcp(self, server: Server, name: str, qtype: QType) -> Message:
        message_id = self._random.getrandbits(16)
        query = encode_query(message_id, name, qtype)
        stream = TcpStream(family_of(server[0]))
        try:
            await stream.connect(*server)
            await stream.send(struct.pack("!H", len(query)) + query)
            buffer = bytearray()
            while len(buffer) < 2 or len(buffer) - 2 < int.from_bytes(buffer[:2], "big"):
                data = await stream.receive()
                if not data:
                    raise EOFError
                buffer += data
        finally:
            stream.close()
        length = int.from_bytes(buffer[:2], "big")
        message = _matching(bytes(buffer[2 : 2 + length]), message_id, name, qtype)
        if message is None:
            raise ExchangeError(FailureKind.DNS_FORMAT, "the answer is not to the question")
        return message


def _matching(data: bytes, message_id: int, name: str, qtype: QType) -> Message | None:
    """Return the message if it answers the question; None for a stray or forged one.

    Raises:
        ExchangeError: DNS_FORMAT, if it carries the id but can't be read.
    """
    if len(data) < 2 or int.from_bytes(data[:2], "big") != message_id:
        return None
    try:
        message = decode(data)
    except DnsFormatError as error:
        raise ExchangeError(FailureKind.DNS_FORMAT, str(error)) from None
    asked = (name.rstrip(".").lower(), int(qtype))
    # Some servers leave the question out of an error (FORMERR, NOTIMP).
    if message.question == asked or (message.question is None and message.rcode != "NOERROR"):
        return message
    return None


def _follow(message: Message, name: str, qtype: QType) -> tuple[tuple[str, ...], str]:
    """Follow the aliases within an answer. Returns the addresses at their end, or the name
    to ask for next; neither when the answer has nothing."""
    aliases = {r.name: r.value for r in message.answers if r.rtype == QType.CNAME}
    end = name.rstrip(".").lower()
    for _ in range(len(aliases)):
        if end not in aliases:
            break
        end = aliases[end]
    found = [r.value for r in message.answers if r.rtype == qtype and r.name == end and r.value]
    moved = end != name.rstrip(".").lower()
    return tuple(found), end if moved and not found else ""


def _judge(
    host: str, answers: tuple[DnsAnswer, ...], last: Sequence[DnsAnswer], *, loopback: bool
) -> Resolution:
    found = _ipv4_first([address for answer in last for address in answer.addresses])
    usable = tuple(a for a in found if not is_sinkhole(a, allow_loopback=loopback))
    failure = None if usable else _failure(last, found)
    return Resolution(host, ResolutionSource.DNS, usable, answers, failure)


def _failure(last: Sequence[DnsAnswer], found: Sequence[str]) -> Failure:
    if found:
        message = f"the answer {found[0]} can't be the address of a public service"
        return Failure(Phase.RESOLVE, FailureKind.DNS_SINKHOLE, message, code=found[0])
    for answer in last:
        if answer.failure is not None:
            return answer.failure
        if answer.rcode not in {"NOERROR", None}:
            message = f"{answer.server} answered {answer.rcode}"
            return Failure(Phase.RESOLVE, FailureKind.DNS_RCODE, message, code=answer.rcode)
    return Failure(Phase.RESOLVE, FailureKind.DNS_NODATA, "the name has no address")


def is_sinkhole(address: str, *, allow_loopback: bool = False) -> bool:
    """Whether an address can't be that of a service elsewhere: unspecified, loopback,
    multicast, or the broadcast address."""
    ip = ipaddress.ip_address(address)
    if ip.is_loopback:
        return not allow_loopback
    return ip.is_unspecified or ip.is_multicast or address == "255.255.255.255"


def _on_loopback(servers: Sequence[Server]) -> bool:
    """Whether a name server runs on this very host: loopback answers are then its own."""
    return any(ipaddress.ip_address(host).is_loopback for host, _ in servers)


def _ipv4_first(addresses: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(sorted(addresses, key=lambda a: ":" in a)))


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

"""Resolves host names as Go's resolver does, and keeps every answer as evidence."""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
import math
import socket
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from random import Random

from monitor.model.probe_result import (
    DnsAnswer,
    Failure,
    FailureKind,
    Phase,
    Resolution,
    ResolutionSource,
)
from monitor.model.settings import DnsSettings, FamilyChoice
from monitor.net.clock import Clock
from monitor.net.dns.client import (
    DnsClient,
    Question,
    Server,
    TimeLimit,
    format_server,
    parse_server,
)
from monitor.net.dns.hosts import ResolvConf, WatchedFile, parse_hosts, parse_resolv_conf
from monitor.net.dns.message import QType, normal_name

HOSTS_FILE = Path("/etc/hosts")
RESOLV_CONF = Path("/etc/resolv.conf")

DNS_PORT = 53

DEFAULT_TIMEOUT = 2.0
"""Limit of one question to one server: 2 s, unless the configuration or resolv.conf sets one.
Go's default of 5 s is longer than a probe takes."""

DEFAULT_ATTEMPTS = 2
"""Passes over the list of name servers: 2, as in Go and glibc."""

_SHARE_FOR_OTHER_FAMILY = 1 / 3
"""Share of a lookup's time that a silent question gets if the other one has addresses: the rest
is for reaching them."""

_GRACE_FOR_OTHER_FAMILY = 0.3
"""Time for the second of two answers after the first one: 300 ms at least."""

_TOGETHER = 0.25
"""Time for which the responses to A and AAAA are awaited in one task: 250 ms. Most come within
milliseconds; a slow one goes on in a task of its own."""

Answers = tuple[DnsAnswer, ...]


@dataclass(frozen=True, slots=True)
class _Plan:
    """Servers and limits of one lookup."""

    servers: tuple[Server, ...]
    conf: ResolvConf
    timeout: float
    attempts: int


class DnsResolver:
    """Resolves as Go does (net/dnsclient_unix.go), without a cache: every lookup measures.

    A and AAAA are asked at the same time, each of one server after another until one answers
    NOERROR or NXDOMAIN. The search list, ``ndots``, ``rotate``, ``use-vc``, ``single-request``,
    ``timeout`` and ``attempts`` of resolv.conf are followed if its servers are used. Both files
    are read again when they change.
    """

    def __init__(
        self,
        clock: Clock,
        random: Random,
        servers: Sequence[Server] = (),
        *,
        timeout: float | None = None,
        attempts: int | None = None,
        hosts_file: Path | None = HOSTS_FILE,
        resolv_conf: Path = RESOLV_CONF,
    ) -> None:
        """``servers`` empty means those of ``resolv_conf``; ``timeout`` is seconds for one
        question to one server, ``attempts`` the passes over the list of servers; None means
        those of ``resolv_conf``, else the defaults."""
        self.client = DnsClient(clock, random)
        self._configured = tuple(servers)
        self._timeout = timeout
        self._attempts = attempts
        self.port = DNS_PORT
        self._rotation = itertools.count()
        self._hosts = WatchedFile(hosts_file, parse_hosts) if hosts_file else None
        parse = partial(parse_resolv_conf, hostname=socket.gethostname())
        self._resolv_conf = WatchedFile(resolv_conf, parse)

    @classmethod
    def from_settings(cls, settings: DnsSettings, clock: Clock, random: Random) -> DnsResolver:
        """Resolve as configured in ``[dns]``.

        Raises:
            ValueError: if a server is not valid (see ``parse_server``).
        """
        return cls(
            clock,
            random,
            [parse_server(server) for server in settings.servers],
            timeout=settings.timeout,
            attempts=settings.attempts,
            hosts_file=HOSTS_FILE if settings.use_hosts_file else None,
            resolv_conf=RESOLV_CONF,
        )

    @property
    def servers(self) -> tuple[str, ...]:
        """The name servers in use, as ``address:port``."""
        return tuple(format_server(server) for server in self._plan().servers)

    @property
    def use_tcp(self) -> bool:
        """Whether questions go by TCP at once (``options use-vc``)."""
        return self._plan().conf.use_tcp

    def _plan(self) -> _Plan:
        conf = ResolvConf() if self._configured else self._resolv_conf.read()
        return _Plan(
            servers=self._configured or tuple([(host, self.port) for host in conf.servers]),
            conf=conf,
            timeout=self._timeout or conf.timeout or DEFAULT_TIMEOUT,
            attempts=self._attempts or conf.attempts or DEFAULT_ATTEMPTS,
        )

    async def resolve(
        self,
        host: str,
        within: float | None = None,
        families: FamilyChoice = FamilyChoice.AUTO,
    ) -> Resolution:
        """Resolve the addresses of ``host``; a failed lookup is a ``failure`` in the result.

        With ``within`` (seconds) the lookup ends by then and its answers are kept; a deadline
        of the caller's own loses them. If one family only is probed, only its record type is
        asked for, as Go does for "tcp4" and "tcp6".
        """
        if _is_literal(host):
            return Resolution(host, ResolutionSource.LITERAL, (host,))
        known = self._hosts.read().get(normal_name(host)) if self._hosts else None
        if known:
            addresses, failure = judge_addresses(known, allow_loopback=True)
            if failure is not None:
                failure = replace(failure, kind=FailureKind.HOSTS_SINKHOLE, message=_HOSTS)
            return Resolution(host, ResolutionSource.HOSTS, addresses, (), failure)
        return await self._resolve_by_dns(host, math.inf if within is None else within, families)

    async def _resolve_by_dns(self, host: str, within: float, families: FamilyChoice) -> Resolution:
        plan, loop = self._plan(), asyncio.get_running_loop()
        deadline = loop.time() + within
        found: list[tuple[str, tuple[Answers, ...]]] = []
        for name in plan.conf.candidates(host):
            lanes = await self._ask_each(plan, name, types_of(families), deadline)
            found.append((name, lanes))
            if any(lane[-1].addresses for lane in lanes) or loop.time() >= deadline:
                break
        resolution = judge(host, found, allow_loopback=on_loopback(plan.servers))
        return _of_family(resolution, families)

    async def _ask_each(
        self, plan: _Plan, name: str, qtypes: Sequence[QType], deadline: float
    ) -> tuple[Answers, ...]:
        """Ask for each record type; returns the answers to each question in order."""
        if len(qtypes) > 1 and not (plan.conf.single_request or plan.conf.use_tcp):
            return await self._ask_together(plan, name, qtypes, deadline)
        return tuple(
            [
                await self._ask(plan, name, qtype, TimeLimit(plan.timeout, deadline))
                for qtype in qtypes
            ]
        )

    async def _ask_together(
        self, plan: _Plan, name: str, qtypes: Sequence[QType], deadline: float
    ) -> tuple[Answers, ...]:
        """Ask all questions at once. Those that the first response does not end go on on their
        own, each with one server after another."""
        begun = asyncio.get_running_loop().time()
        orders = [self._servers(plan) for _ in qtypes]
        questions = [
            self.client.question(servers[0], qtype)
            for servers, qtype in zip(orders, qtypes, strict=True)
        ]
        patience = min(_TOGETHER, plan.timeout, max(0.0, deadline - begun))
        try:
            first = await self.client.ask_together(questions, name, patience)
            if all(answer is not None and answer.is_final for answer in first):
                return tuple([(answer,) for answer in first if answer is not None])
            limits = [TimeLimit(plan.timeout, deadline) for _ in qtypes]
            lanes = [
                self._go_on(servers, name, question, answer, limit)
                for servers, question, answer, limit in zip(
                    orders, questions, first, limits, strict=True
                )
            ]
            return await self._run_lanes(lanes, limits, begun, deadline)
        finally:
            for question in questions:
                question.close()

    async def _run_lanes(
        self,
        lanes: Sequence[Coroutine[None, None, Answers]],
        limits: Sequence[TimeLimit],
        begun: float,
        deadline: float,
    ) -> tuple[Answers, ...]:
        async def run(lane: Coroutine[None, None, Answers], other: TimeLimit) -> Answers:
            answers = await lane
            if answers[-1].addresses:
                self._hurry(other, begun, deadline)
            return answers

        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(run(lane, other))
                for lane, other in zip(lanes, reversed(limits), strict=True)
            ]
        return tuple([task.result() for task in tasks])

    def _hurry(self, other: TimeLimit, begun: float, deadline: float) -> None:
        """Leave the other question its share of the time: Go would wait for it as long as for
        every question, but a probe has less time than that."""
        share = min(other.each, (deadline - begun) * _SHARE_FOR_OTHER_FAMILY)
        ends = max(begun + share, asyncio.get_running_loop().time() + _GRACE_FOR_OTHER_FAMILY)
        other.tighten(ends - begun, ends)

    def _servers(self, plan: _Plan) -> tuple[Server, ...]:
        """Return the servers in the order and number in which one question goes to them."""
        first = next(self._rotation) % len(plan.servers) if plan.conf.rotate else 0
        return (plan.servers[first:] + plan.servers[:first]) * plan.attempts

    async def _ask(self, plan: _Plan, name: str, qtype: QType, limit: TimeLimit) -> Answers:
        """Ask one question of one server after another (``tryOneName`` of Go)."""
        servers = self._servers(plan)
        question = self.client.question(servers[0], qtype, over_tcp=plan.conf.use_tcp)
        return await self._go_on(servers, name, question, None, limit)

    async def _go_on(
        self,
        servers: Sequence[Server],
        name: str,
        question: Question,
        first: DnsAnswer | None,
        limit: TimeLimit,
    ) -> Answers:
        """Finish a question, then ask the other servers until one answers it."""
        loop = asyncio.get_running_loop()
        over_tcp = question.transport == "tcp"
        answers = [first or await self.client.finish(question, name, limit)]
        for server in servers[1:]:
            if answers[-1].is_final or loop.time() >= limit.when:
                break
            ask = self.client.ask(server, name, question.qtype, limit, over_tcp=over_tcp)
            answers.append(await ask)
        return tuple(answers)


_HOSTS = "/etc/hosts gives an address that is not that of a public service"


def _of_family(resolution: Resolution, families: FamilyChoice) -> Resolution:
    """Name the family if a name without an address was asked for one family only."""
    failure = resolution.failure
    if failure is None or failure.kind is not FailureKind.DNS_NODATA:
        return resolution
    if families not in _FAMILY_WORDS:
        return resolution
    message = f"{resolution.host} has no {_FAMILY_WORDS[families]}"
    failure = replace(failure, kind=FailureKind.NO_FAMILY, message=message, code=families.value)
    return replace(resolution, failure=failure)


_FAMILY_WORDS = {
    FamilyChoice.IPV4: "IPv4 address (A record)",
    FamilyChoice.IPV6: "IPv6 address (AAAA record)",
}


def types_of(families: FamilyChoice) -> tuple[QType, ...]:
    """Return the record types to ask for, that of the preferred question first."""
    if families is FamilyChoice.IPV4:
        return (QType.A,)
    return (QType.AAAA,) if families is FamilyChoice.IPV6 else (QType.A, QType.AAAA)


def judge(
    host: str, found: Sequence[tuple[str, tuple[Answers, ...]]], *, allow_loopback: bool
) -> Resolution:
    """Make one result of the answers for each candidate name, by question.

    The last candidate decides if it has addresses; if none has any, the name as it was given
    does, which is what Go reports as well.
    """
    answers = tuple([answer for _, lanes in found for lane in lanes for answer in lane])
    name, lanes = found[-1]
    usable, failure = judge_addresses(
        [address for lane in lanes for address in lane[-1].addresses],
        allow_loopback=allow_loopback,
    )
    if not usable and failure is None:
        name, lanes = next((each for each in found if each[0] == normal_name(host)), found[-1])
        failure = _first_failure([_most_telling(lane) for lane in lanes])
    return Resolution(host, ResolutionSource.DNS, usable, answers, failure, name)


def _most_telling(lane: Answers) -> DnsAnswer:
    """Return the last answer that a server gave, else the last silence: SERVFAIL of one server
    is more specific than the silence of another."""
    return next((answer for answer in reversed(lane) if answer.rcode is not None), lane[-1])


def judge_addresses(
    found: Sequence[str], *, allow_loopback: bool
) -> tuple[tuple[str, ...], Failure | None]:
    """Return the addresses that can be right, IPv4 first and each once, and DNS_SINKHOLE
    if only others were given."""
    ordered = sorted(dict.fromkeys(found), key=lambda address: ":" in address)
    usable = tuple([a for a in ordered if not is_sinkhole(a, allow_loopback=allow_loopback)])
    if usable or not ordered:
        return usable, None
    message = f"the answer {ordered[0]} cannot be the address of a public service"
    return (), Failure(Phase.RESOLVE, FailureKind.DNS_SINKHOLE, message, code=ordered[0])


def _first_failure(answers: Sequence[DnsAnswer]) -> Failure:
    """Return the failure of the first question that failed; NODATA if none did."""
    failures = (answer_failure(answer) for answer in answers)
    if failure := next((failure for failure in failures if failure), None):
        return failure
    aliased = next((answer for answer in answers if answer.aliases), None)
    if aliased is not None:
        return _alias_failure(aliased, "has no address")
    return Failure(Phase.RESOLVE, FailureKind.DNS_NODATA, "the name has no address")


def answer_failure(answer: DnsAnswer) -> Failure | None:
    """Return how a name server failed to answer; None if it answered NOERROR."""
    if answer.failure is not None or answer.rcode == "NOERROR":
        return answer.failure
    if answer.rcode == "NXDOMAIN" and answer.aliases:
        return _alias_failure(answer, "does not exist")
    message = f"{answer.server} answered {answer.rcode} for {answer.qtype}"
    return Failure(Phase.RESOLVE, FailureKind.DNS_RCODE, message, code=answer.rcode)


def _alias_failure(answer: DnsAnswer, lack: str) -> Failure:
    """A failure of the last name of an alias chain: with aliases in the response its rcode is
    about that name (RFC 6604 section 3)."""
    end = answer.aliases[-1]
    message = f"it is an alias of {end}, which {lack}"
    return Failure(Phase.RESOLVE, FailureKind.DNS_ALIAS, message, code=end)


@lru_cache(maxsize=512)
def is_sinkhole(address: str, *, allow_loopback: bool = False) -> bool:
    """Return whether an address cannot be that of a service elsewhere: unspecified, loopback,
    multicast, or the broadcast address (RFC 6890)."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        ip = ip.ipv4_mapped or ip
    if ip.is_loopback:
        return not allow_loopback
    return ip.is_unspecified or ip.is_multicast or str(ip) == "255.255.255.255"


def on_loopback(servers: Sequence[Server]) -> bool:
    """Return whether a name server runs on this host: loopback answers can be right then."""
    return any(ipaddress.ip_address(host).is_loopback for host, _ in servers)


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

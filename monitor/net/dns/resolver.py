"""Turns host names into addresses, and keeps every name server's answer as evidence."""

from __future__ import annotations

import asyncio
import ipaddress
import math
from collections.abc import Sequence
from functools import lru_cache
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
from monitor.model.settings import DnsSettings
from monitor.net.clock import Clock
from monitor.net.dns.client import DnsClient, Server, format_server, parse_server
from monitor.net.dns.hosts import WatchedFile, parse_hosts, parse_resolv_conf
from monitor.net.dns.message import QType, normal_name

HOSTS_FILE = Path("/etc/hosts")
RESOLV_CONF = Path("/etc/resolv.conf")

Answers = tuple[DnsAnswer, ...]


class DnsResolver:
    """Resolves as the host does, but for two things: search domains are not used (every
    name is taken as fully qualified), and nothing is cached (every lookup measures).

    A and AAAA are asked of the first server at once. A server that is silent or broken, or
    answers anything but NOERROR or NXDOMAIN, hands on to the next one. Both files are read
    again when they change; without any server it is the host's own port 53.
    """

    def __init__(
        self,
        clock: Clock,
        random: Random,
        servers: Sequence[Server] = (),
        *,
        timeout: float = 2.0,
        attempts: int = 2,
        hosts_file: Path | None = HOSTS_FILE,
        resolv_conf: Path = RESOLV_CONF,
    ) -> None:
        """``servers`` empty means those of ``resolv_conf``; ``timeout`` is seconds for one
        question to one server, ``attempts`` how often the list of servers is gone through."""
        self._client = DnsClient(clock, random)
        self._clock = clock
        self._configured = tuple(servers)
        self._timeout = timeout
        self._attempts = attempts
        self._hosts = WatchedFile(hosts_file, parse_hosts) if hosts_file else None
        self._resolv_conf = WatchedFile(resolv_conf, parse_resolv_conf)

    @classmethod
    def from_settings(cls, settings: DnsSettings, clock: Clock, random: Random) -> DnsResolver:
        """Resolve as ``[dns]`` says.

        Raises:
            ValueError: if a server is none (see ``parse_server``).
        """
        return cls(
            clock,
            random,
            [parse_server(server) for server in settings.servers],
            timeout=settings.timeout,
            attempts=settings.attempts,
            hosts_file=HOSTS_FILE if settings.use_hosts_file else None,
        )

    @property
    def servers(self) -> tuple[str, ...]:
        """The name servers in use, as ``address:port``."""
        return tuple(format_server(server) for server in self._current())

    def _current(self) -> tuple[Server, ...]:
        return self._configured or tuple((host, 53) for host in self._resolv_conf.read())

    async def resolve(self, host: str, within: float | None = None) -> Resolution:
        """Resolve A and AAAA of ``host``; a failed lookup is told in the result.

        With ``within`` (seconds) the lookup ends by then, and its answers are kept; a
        deadline of the caller's own loses them.
        """
        if _is_literal(host):
            return Resolution(host, ResolutionSource.LITERAL, (host,))
        known = self._hosts.read().get(normal_name(host)) if self._hosts else None
        if known:
            addresses, failure = judge_addresses(known, allow_loopback=True)
            return Resolution(host, ResolutionSource.HOSTS, addresses, (), failure)
        return await self._resolve_by_dns(host, math.inf if within is None else within)

    async def _resolve_by_dns(self, host: str, within: float) -> Resolution:
        deadline = self._clock.monotonic() + within
        servers = self._current()
        rounds: list[Answers] = []
        for server in servers * self._attempts:
            timeout = min(self._timeout, deadline - self._clock.monotonic())
            if rounds and timeout <= 0:
                break
            rounds.append(await self._ask_both(server, host, timeout))
            if _is_final(rounds[-1]):
                break
        return judge(host, rounds, allow_loopback=on_loopback(servers))

    async def _ask_both(self, server: Server, host: str, timeout: float) -> Answers:  # noqa: ASYNC109 - of each question
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._client.ask(server, host, qtype, timeout=timeout))
                for qtype in (QType.A, QType.AAAA)
            ]
        return tuple([task.result() for task in tasks])


def _is_final(answers: Answers) -> bool:
    """Whether no other server needs to be asked: the name has IPv4 addresses, does not
    exist, or every question was answered."""
    rcodes = {answer.rcode for answer in answers}
    return bool(answers[0].addresses) or "NXDOMAIN" in rcodes or rcodes == {"NOERROR"}


def judge(host: str, rounds: Sequence[Answers], *, allow_loopback: bool) -> Resolution:
    """Make one result of the answers of all servers, in the order they were asked.

    The last round with addresses decides; without any the last one that a server answered
    (SERVFAIL tells more than the silence of another server), else the last.
    """
    answers = tuple([answer for each in rounds for answer in each])
    decisive = next(
        (
            each
            for has in (_has_addresses, _has_rcode)
            for each in reversed(rounds)
            if any(map(has, each))
        ),
        rounds[-1],
    )
    found = tuple([address for answer in decisive for address in answer.addresses])
    usable, failure = judge_addresses(found, allow_loopback=allow_loopback)
    if not found:
        failure = _first_failure(decisive)
    return Resolution(host, ResolutionSource.DNS, usable, answers, failure)


def _has_addresses(answer: DnsAnswer) -> bool:
    return bool(answer.addresses)


def _has_rcode(answer: DnsAnswer) -> bool:
    return answer.rcode is not None


def judge_addresses(
    found: Sequence[str], *, allow_loopback: bool
) -> tuple[tuple[str, ...], Failure | None]:
    """Return the addresses that can be right, IPv4 first and each once, and DNS_SINKHOLE
    when only others were given."""
    ordered = sorted(dict.fromkeys(found), key=lambda address: ":" in address)
    usable = tuple([a for a in ordered if not is_sinkhole(a, allow_loopback=allow_loopback)])
    if usable or not ordered:
        return usable, None
    message = f"the answer {ordered[0]} can't be the address of a public service"
    return (), Failure(Phase.RESOLVE, FailureKind.DNS_SINKHOLE, message, code=ordered[0])


def _first_failure(answers: Answers) -> Failure:
    """Tell why there is no address: what the first answer that failed says."""
    failures = (answer_failure(answer) for answer in answers)
    nodata = Failure(Phase.RESOLVE, FailureKind.DNS_NODATA, "the name has no address")
    return next((failure for failure in failures if failure), nodata)


def answer_failure(answer: DnsAnswer) -> Failure | None:
    """Return how a name server failed to answer; None when it said NOERROR."""
    if answer.failure is not None or answer.rcode == "NOERROR":
        return answer.failure
    message = f"{answer.server} answered {answer.rcode}"
    return Failure(Phase.RESOLVE, FailureKind.DNS_RCODE, message, code=answer.rcode)


@lru_cache(maxsize=512)
def is_sinkhole(address: str, *, allow_loopback: bool = False) -> bool:
    """Whether an address can't be that of a service elsewhere: unspecified, loopback,
    multicast, or the broadcast address (RFC 6890)."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        ip = ip.ipv4_mapped or ip
    if ip.is_loopback:
        return not allow_loopback
    return ip.is_unspecified or ip.is_multicast or str(ip) == "255.255.255.255"


def on_loopback(servers: Sequence[Server]) -> bool:
    """Whether a name server runs on this very host: loopback answers can be right then."""
    return any(ipaddress.ip_address(host).is_loopback for host, _ in servers)


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

"""DNS: does this one name server answer this one question with an address."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from monitor.model import (
    Attempt,
    Connection,
    DnsAnswer,
    Failure,
    FailureKind,
    Family,
    Phase,
    Resolution,
    ResolutionSource,
    Target,
)
from monitor.net.dns_wire import QType
from monitor.net.resolver import DnsResolver
from monitor.probes.tools import Tools


async def probe(target: Target, tools: Tools) -> Attempt:
    """Ask the server (``target.host``) for A and AAAA of ``endpoint.query``.

    A question that goes unanswered is sent once more: one lost datagram is no outage.
    """
    started_at, begun = tools.clock.time(), tools.clock.monotonic()
    server = (target.address or target.host, target.dial_port)
    resolver = DnsResolver(tools.clock, tools.random, [server], timeout=target.timeout / 2.2)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_ask(resolver, server, target.endpoint.query, qtype))
            for qtype in (QType.A, QType.AAAA)
        ]
    answers = tuple(task.result() for task in tasks)
    failure = _failure(answers)
    seconds = max(answer.seconds for answer in answers)
    duration = tools.clock.monotonic() - begun
    connection = Connection(
        address=server[0],
        port=server[1],
        family=Family.IPV6 if ":" in server[0] else Family.IPV4,
        phases={Phase.EXCHANGE: seconds},
        failure=failure,
        rtt=None if failure else min(answer.seconds for answer in answers),
    )
    found = tuple(address for answer in answers for address in answer.addresses)
    resolution = Resolution(target.endpoint.query, ResolutionSource.DNS, found, answers)
    return Attempt(target.id, started_at, duration, resolution, (connection,), failure)


async def _ask(
    resolver: DnsResolver, server: tuple[str, int], name: str, qtype: QType
) -> DnsAnswer:
    answer = await resolver.ask(server, name, qtype)
    if answer.failure is not None and answer.failure.kind is FailureKind.TIMEOUT:
        answer = await resolver.ask(server, name, qtype)
    return answer


def _failure(answers: Sequence[DnsAnswer]) -> Failure | None:
    """The server is well when it answers both questions and has an address for one."""
    for answer in answers:
        if answer.failure is not None:
            return Failure(
                Phase.EXCHANGE,
                answer.failure.kind,
                answer.failure.message,
                answer.failure.errno,
                answer.failure.code,
            )
        if answer.rcode != "NOERROR":
            message = f"the name server answered {answer.rcode}"
            return Failure(Phase.EXCHANGE, FailureKind.DNS_RCODE, message, code=answer.rcode)
    if not any(answer.addresses for answer in answers):
        return Failure(Phase.EXCHANGE, FailureKind.DNS_NODATA, "the name has no address")
    return None

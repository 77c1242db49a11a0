"""DNS: does this one name server answer this one question with an address."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from monitor.model.probe_result import (
    DnsAnswer,
    Failure,
    FailureKind,
    Phase,
    ProbeResult,
    Resolution,
)
from monitor.model.settings import FamilyChoice
from monitor.model.target import Target
from monitor.net.dns.client import DnsClient, Server
from monitor.net.dns.message import QType
from monitor.net.dns.resolver import Answers, answer_failure, judge, on_loopback
from monitor.probes.context import ProbeContext
from monitor.probes.measure import ProbeConnection, measure

_TRIES = 2
_SHARE_OF_TIME = 0.45
"""What of the target's timeout one try may take: both leave some for everything else."""


async def probe(target: Target, probe_context: ProbeContext) -> ProbeResult:
    """Ask the server (``target.host``) for A and AAAA of ``endpoint.query``.

    The server is reached when it answers both questions and gives an address that can be
    right. A question that goes unanswered is sent once more: one lost datagram is no
    outage. The attempt's resolution is that of the query, with every answer. A server is
    asked at the address it is given by, whatever families are probed.
    """
    found: list[Resolution] = []

    async def exchange(conn: ProbeConnection) -> None:
        with conn.stopwatch.phase(Phase.EXCHANGE):
            found.append(await _ask_for_both(conn))

    probe_context = replace(probe_context, families=FamilyChoice.AUTO)
    probe_result = await measure(target, probe_context, exchange, first=Phase.EXCHANGE)
    if not found:
        return probe_result
    answers = tuple(answer for resolution in found for answer in resolution.answers)
    return replace(probe_result, resolution=replace(found[0], answers=answers))


async def _ask_for_both(conn: ProbeConnection) -> Resolution:
    client = DnsClient(conn.probe_context.clock, conn.probe_context.random)
    server = (conn.address, conn.port)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_ask(client, server, conn.target, qtype))
            for qtype in (QType.A, QType.AAAA)
        ]
    tries = [task.result() for task in tasks]
    last = tuple(answers[-1] for answers in tries)
    resolution = judge(conn.target.endpoint.query, [last], allow_loopback=on_loopback([server]))
    conn.failure_override = _failure(last, resolution)
    conn.rtt = min((a.seconds for a in last if a.rcode and a.transport == "udp"), default=None)
    return replace(resolution, answers=tuple(answer for answers in tries for answer in answers))


async def _ask(client: DnsClient, server: Server, target: Target, qtype: QType) -> Answers:
    name, timeout = target.endpoint.query, target.timeout * _SHARE_OF_TIME
    answers: list[DnsAnswer] = []
    while len(answers) < _TRIES and not (answers and answers[-1].rcode):
        answers.append(await client.ask(server, name, qtype, timeout=timeout))
    return tuple(answers)


def _failure(answers: Answers, resolution: Resolution) -> Failure | None:
    """Tell what is wrong: first what either question met, then what came of both."""
    for answer in answers:
        failure = answer_failure(answer)
        if failure is not None:
            return replace(failure, phase=_phase_of(answer, failure))
    return replace(resolution.failure, phase=Phase.EXCHANGE) if resolution.failure else None


def _phase_of(answer: DnsAnswer, failure: Failure) -> Phase:
    """A truncated answer shows that UDP works: what failed then is a TCP connection."""
    of_the_path = failure.kind in {FailureKind.TIMEOUT, FailureKind.OS_ERROR}
    return Phase.CONNECT if of_the_path and answer.transport == "tcp" else Phase.EXCHANGE

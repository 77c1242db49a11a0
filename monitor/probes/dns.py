"""DNS prober: whether one name server answers one question with an address."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
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
from monitor.net.dns.client import DnsClient, Question, Server, TimeLimit, format_server
from monitor.net.dns.message import QType
from monitor.net.dns.resolver import Answers, answer_failure, judge, on_loopback, types_of
from monitor.probes.context import ProbeContext
from monitor.probes.measure import ProbeConnection, measure

_SHARE_OF_TIME = 0.45
"""Share of the timeout after which an unanswered question is sent once more: 45 %. The first one
stays open: a slow answer is an answer."""

_LIMIT_OF_TIME = 0.95
"""Share of the timeout that both tries may take: 95 %, the rest is for evaluating them."""


async def probe(target: Target, probe_context: ProbeContext) -> ProbeResult:
    """Ask the server (``target.host``) for A and AAAA of ``endpoint.query``.

    The server is reached if it answers the question for A (for AAAA if only IPv6 is probed) and
    returns an address that can be right. An unanswered question is sent once more: one lost
    datagram is not an outage. The result's resolution is that of the query, with every answer.
    A server is asked at the address it is given by, whatever families are probed.
    """
    found: list[Resolution] = []
    qtypes = types_of(probe_context.families)

    async def exchange(conn: ProbeConnection) -> None:
        with conn.stopwatch.phase(Phase.EXCHANGE):
            found.append(await _ask_each(conn, qtypes))

    probe_context = replace(probe_context, families=FamilyChoice.AUTO)
    probe_result = await measure(target, probe_context, exchange, first=Phase.EXCHANGE)
    if not found:
        return probe_result
    answers = tuple(answer for resolution in found for answer in resolution.answers)
    return replace(probe_result, resolution=replace(found[0], answers=answers))


async def _ask_each(conn: ProbeConnection, qtypes: Sequence[QType]) -> Resolution:
    server = (conn.address, conn.port)
    lanes = await _Asking(conn, server).lanes(qtypes)
    query = conn.target.endpoint.query
    resolution = judge(query, [(query, lanes)], allow_loopback=on_loopback([server]))
    last = [lane[-1] for lane in lanes]
    conn.failure_override = _failure(last, resolution)
    conn.rtt = min((a.seconds for a in last if a.rcode and a.transport == "udp"), default=None)
    return resolution


class _Asking:
    """The questions of one probe to one server, each asked twice at most."""

    def __init__(self, conn: ProbeConnection, server: Server) -> None:
        context = conn.probe_context
        self._client = DnsClient(context.clock, context.random)
        self._server, self._name = server, conn.target.endpoint.query
        self._timeout = conn.target.timeout
        in_use = format_server(server) in context.resolver.servers
        self._over_tcp = context.resolver.use_tcp and in_use

    async def lanes(self, qtypes: Sequence[QType]) -> tuple[Answers, ...]:
        """Return the tries of each question, the last one being that which counts."""
        ends = asyncio.get_running_loop().time() + self._timeout * _LIMIT_OF_TIME
        questions = [
            self._client.question(self._server, qtype, over_tcp=self._over_tcp) for qtype in qtypes
        ]
        first: list[DnsAnswer | None] = [None] * len(qtypes)
        try:
            if not self._over_tcp:
                patience = self._timeout * _SHARE_OF_TIME
                first = await self._client.ask_together(questions, self._name, patience)
            if all(first):
                return tuple([(answer,) for answer in first if answer is not None])
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._twice(question, answer, ends))
                    for question, answer in zip(questions, first, strict=True)
                ]
            return tuple([task.result() for task in tasks])
        finally:
            for question in questions:
                question.close()

    async def _twice(self, question: Question, answer: DnsAnswer | None, ends: float) -> Answers:
        """Wait on for the first try and, once its share of the time is over, for a second one:
        the first that is answered counts."""
        if answer is not None:
            return (answer,)
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            limit = TimeLimit(math.inf, ends)
            tries = [group.create_task(self._client.finish(question, self._name, limit))]
            await asyncio.wait(
                tries, timeout=max(0.0, self._timeout * _SHARE_OF_TIME - question.elapsed)
            )
            if not _answered(tries):
                again = self._client.question(self._server, question.qtype, over_tcp=self._over_tcp)
                limit = TimeLimit(max(0.0, ends - loop.time()))
                tries.append(group.create_task(self._client.finish(again, self._name, limit)))
            while not _answered(tries) and (pending := [t for t in tries if not t.done()]):
                await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for each in tries:
                each.cancel()
        results = [each.result() for each in tries if not each.cancelled()]
        return tuple(sorted(results, key=lambda result: result.rcode is not None))


def _answered(tries: Sequence[asyncio.Future[DnsAnswer]]) -> bool:
    return any(each.done() and each.result().rcode is not None for each in tries)


def _failure(answers: Sequence[DnsAnswer], resolution: Resolution) -> Failure | None:
    """Return what is wrong: the first question is not answered well, or no address came of any.
    That of the second question alone is a remark (RFC 4074 section 4.2)."""
    first = answers[0]
    failure = answer_failure(first) or resolution.failure
    return None if failure is None else replace(failure, phase=_phase(first, failure))


def _phase(answer: DnsAnswer, failure: Failure) -> Phase:
    """Return the phase of a failure: a truncated answer shows that UDP works, so what failed
    after it is a TCP connection."""
    of_the_path = failure.kind in {FailureKind.TIMEOUT, FailureKind.OS_ERROR}
    return Phase.CONNECT if of_the_path and answer.transport == "tcp" else Phase.EXCHANGE

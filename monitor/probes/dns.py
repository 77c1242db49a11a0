"""DNS prober: whether one name server answers one question with an address."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial

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
from monitor.net.dns.client import DnsClient, TimeLimit, format_server
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
    client = DnsClient(conn.probe_context.clock, conn.probe_context.random)
    server = (conn.address, conn.port)
    resolver = conn.probe_context.resolver
    over_tcp = resolver.use_tcp and format_server(server) in resolver.servers

    async def ask(qtype: QType, seconds: float) -> DnsAnswer:
        name = conn.target.endpoint.query
        return await client.ask(server, name, qtype, TimeLimit(seconds), over_tcp=over_tcp)

    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_ask_twice(partial(ask, qtype), conn.target.timeout))
            for qtype in qtypes
        ]
    lanes = tuple([task.result() for task in tasks])
    query = conn.target.endpoint.query
    resolution = judge(query, [(query, lanes)], allow_loopback=on_loopback([server]))
    conn.failure_override = _failure([lane[-1] for lane in lanes], resolution)
    last = [lane[-1] for lane in lanes]
    conn.rtt = min((a.seconds for a in last if a.rcode and a.transport == "udp"), default=None)
    return resolution


async def _ask_twice(ask: Callable[[float], Awaitable[DnsAnswer]], timeout: float) -> Answers:  # noqa: ASYNC109 - of both tries
    """Ask; if that is not answered in time, ask once more and take the first answer. Returns the
    tries, the last one being that which counts."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + timeout * _LIMIT_OF_TIME
    async with asyncio.TaskGroup() as group:
        tries = [group.create_task(_value(ask(ends - loop.time())))]
        await asyncio.wait(tries, timeout=timeout * _SHARE_OF_TIME)
        if not _answered(tries):
            tries.append(group.create_task(_value(ask(max(0.0, ends - loop.time())))))
        while not _answered(tries) and (pending := [each for each in tries if not each.done()]):
            await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for each in tries:
            each.cancel()
    results = [each.result() for each in tries if not each.cancelled()]
    return tuple(sorted(results, key=lambda answer: answer.rcode is not None))


async def _value(answer: Awaitable[DnsAnswer]) -> DnsAnswer:
    return await answer


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

"""Requests of chain steps: sent by the engine like a probe, with the response kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from monitor.discovery.steps import BODY_LIMIT, Answer
from monitor.model.diagnosis import Diagnosis
from monitor.model.probe_result import ProbeResult
from monitor.model.secret import Secret
from monitor.model.target import Target
from monitor.net.http.response import ResponseParser
from monitor.probes import http
from monitor.probes.context import ProbeContext
from monitor.scheduler.engine import Engine


@dataclass(frozen=True, slots=True)
class Reply:
    """The result of a request. ``answer`` is None if no expected response arrived; ``diagnosis``
    gives the reason. ``redirect`` is the redirect's destination without a query."""

    answer: Answer | None
    diagnosis: Diagnosis
    redirect: str | None = None


Ask = Callable[[Target, Mapping[str, str | Secret]], Awaitable[Reply]]


def asking(engine: Engine) -> Ask:
    """Return the function that sends requests through ``engine``: with a probe's deadline and
    limits, and the same name servers, proxies and trust store."""

    async def ask(target: Target, headers: Mapping[str, str | Secret]) -> Reply:
        answers: list[Answer] = []
        how = http.Asking(headers, BODY_LIMIT, lambda parser: answers.append(_answer(parser)))

        async def probe(target: Target, probe_context: ProbeContext) -> ProbeResult:
            return await http.ask(target, probe_context, how)

        probe_result, diagnosis = await engine.measure(target, probe)
        primary = probe_result.primary
        redirect = primary.http.redirect if primary and primary.http else None
        return Reply(answers[0] if answers else None, diagnosis, redirect)

    return ask


def _answer(parser: ResponseParser) -> Answer:
    head = parser.head
    if head is None:
        raise EOFError
    return Answer(head.status, head.headers, bytes(parser.body), whole=not parser.capped)

"""NTP prober: whether the time service answers, and the difference between the clocks."""

from __future__ import annotations

from monitor.model.probe_result import FailureKind, Phase, ProbeResult
from monitor.model.target import Target
from monitor.net.errors import ExchangeError
from monitor.net.ntp import NONCE_BITS, decode_answer, encode_request, nonce_of
from monitor.probes.context import ProbeContext
from monitor.probes.datagram import ask
from monitor.probes.measure import ProbeConnection, measure


async def probe(target: Target, probe_context: ProbeContext) -> ProbeResult:
    """Ask once (again if that is lost) and compare clocks.

    A clock that is off is not a failure of the endpoint: it is the result's ``clock_offset``. A
    server that declines (RFC 5905 section 7.4, kiss-o'-death) or has no time itself is one, and
    it is not asked again in this probe.
    """
    return await measure(target, probe_context, _exchange, first=Phase.EXCHANGE)


async def _exchange(conn: ProbeConnection) -> None:
    reply = await ask(conn, NONCE_BITS, encode_request, nonce_of)
    answer = decode_answer(reply.packet)
    if answer.refusal:
        raise ExchangeError(
            FailureKind.NTP_REFUSED,
            f"the time server gives no time: {answer.refusal}",
            answer.refusal,
        )
    conn.rtt = answer.round_trip(reply.sent_at, reply.arrived_at)
    conn.clock_offset = answer.offset(reply.sent_at, reply.arrived_at)

"""NTP against a small server of our own: its clock compared with ours."""

from __future__ import annotations

import socket
import struct
import time
from dataclasses import replace

import pytest

from monitor.diagnosis.causes import diagnose
from monitor.model.causes import Cause
from monitor.model.endpoint import Protocol
from monitor.model.probe_result import FailureKind, Phase, ProbeResult
from monitor.model.target import Target
from monitor.probes import prober
from tests.internet.datagrams import datagrams
from tests.internet.process import free_port
from tests.probes.support import make_probe_context, make_target


def target_at(port: int, seconds: float = 5.0) -> Target:
    return make_target(Protocol.NTP, "127.0.0.1", port, timeout=seconds)


async def probe(target: Target) -> ProbeResult:
    return await prober("ntp")(target, make_probe_context())


def reply(
    request: bytes, offset: float = 0.0, *, stratum: int = 2, leap: int = 0, busy: float = 0.0
) -> bytes:
    """Answer as a server whose clock is ``offset`` s ahead, and that took ``busy`` s."""
    received = time.time() + offset + 2_208_988_800
    head = struct.pack("!BBbb2I4s", leap << 6 | 4 << 3 | 4, stratum, 0, 0, 0, 0, b"RATE")
    stamps = struct.pack("!QQ", int(received * 2**32), int((received + busy) * 2**32))
    return head + struct.pack("!Q", 0) + request[40:48] + stamps


@pytest.mark.parametrize(
    ("offset", "cause"),
    [(0.0, None), (3.0, None), (60.0, Cause.CLOCK_SKEW), (-60.0, Cause.CLOCK_SKEW)],
)
async def test_the_clocks_are_compared(offset: float, cause: Cause | None):
    async with datagrams(lambda request: [b"junk", reply(request, offset)]) as port:
        target = target_at(port)
        probe_result = await probe(target)
    assert probe_result.failure is None
    assert probe_result.clock_offset == pytest.approx(offset, abs=0.5)
    assert diagnose(target, probe_result).cause is cause
    assert probe_result.primary is not None
    assert probe_result.primary.rtt is not None
    assert 0 <= probe_result.primary.rtt < 1
    assert probe_result.primary.resends == 0


async def test_a_lost_request_is_sent_again_with_another_nonce():
    seen: list[bytes] = []

    def answer(request: bytes) -> list[bytes]:
        seen.append(request)
        return [reply(request)] if len(seen) == 2 else []

    async with datagrams(answer) as port:
        probe_result = await probe(target_at(port, 2.0))
    assert probe_result.ok
    assert len({request[40:48] for request in seen}) == 2


@pytest.mark.parametrize(
    ("stratum", "leap", "code"), [(0, 0, "RATE"), (0, 3, "RATE"), (16, 0, "UNSYNCHRONIZED")]
)
async def test_a_server_that_declines_is_not_believed_nor_asked_again(
    stratum: int, leap: int, code: str
):
    seen: list[bytes] = []

    def answer(request: bytes) -> list[bytes]:
        seen.append(request)
        return [reply(request, 60, stratum=stratum, leap=leap)]

    async with datagrams(answer) as port:
        target = target_at(port)
        probe_result = await probe(target)
    assert len(seen) == 1
    assert probe_result.clock_offset is None
    assert probe_result.failure is not None
    assert (probe_result.failure.kind, probe_result.failure.code) == (FailureKind.NTP_REFUSED, code)
    sentence = diagnose(target, probe_result).detail
    assert ("not synchronized" if code == "UNSYNCHRONIZED" else code) in sentence


async def test_an_answer_to_another_request_is_none():
    async with datagrams(lambda request: [reply(b"\1" * 48, 60), reply(request)[:40]]) as port:
        probe_result = await probe(target_at(port, 0.3))
    assert probe_result.failure is not None
    assert probe_result.failure.kind is FailureKind.UDP_FORMAT
    assert probe_result.clock_offset is None


async def test_silence_is_a_timeout_and_a_closed_port_is_refused():
    async with datagrams(lambda request: []) as port:
        silent = await probe(target_at(port, 0.3))
    assert silent.failure is not None
    assert (silent.failure.phase, silent.failure.kind) == (Phase.EXCHANGE, FailureKind.TIMEOUT)
    target = target_at(free_port(socket.SOCK_DGRAM))
    assert diagnose(target, await probe(target)).cause is Cause.UDP_PORT_UNREACHABLE


async def test_the_next_address_is_asked_if_one_does_not_answer():
    async with datagrams(lambda request: [reply(request)]) as port:
        target = replace(
            target_at(port, 30.0), endpoint=replace(target_at(port).endpoint, host="time.test")
        )
        context = make_probe_context(table={"time.test": ("127.0.0.9", "127.0.0.1")})
        probe_result = await prober("ntp")(target, context)
    assert probe_result.ok
    assert [c.address for c in probe_result.connections] == ["127.0.0.1", "127.0.0.9"]
    assert diagnose(target, probe_result).cause is Cause.ADDRESS_FAILED

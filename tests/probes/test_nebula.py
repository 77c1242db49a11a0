"""The Nebula exchange with a real lighthouse, and with all that is none.

Covers: monitor/probes/datagram.py
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from pathlib import Path

import pytest

from monitor.diagnosis.causes import diagnose
from monitor.model.causes import Cause
from monitor.model.endpoint import Protocol
from monitor.model.probe_result import FailureKind, Family, Phase, ProbeResult
from monitor.model.target import Target
from monitor.net.sockets.udp import UdpSocket
from monitor.probes import prober
from monitor.probes.datagram import RESENDS
from tests.internet.datagrams import Answer, datagrams, send_icmp_error
from tests.internet.nebula import lighthouse
from tests.internet.process import free_port, open_descriptors
from tests.probes.support import make_probe_context, make_target


def target_at(port: int, seconds: float = 5.0, host: str = "127.0.0.1") -> Target:
    return make_target(Protocol.UDP, host, port, timeout=seconds)


async def probe(target: Target) -> ProbeResult:
    return await prober("nebula")(target, make_probe_context())


def recv_error(packet: bytes) -> bytes:
    return b"\x12\0\0\0" + packet[4:8] + b"\0" * 8


async def test_a_real_lighthouse_proves_that_it_is_reached(tmp_path: Path):
    port = free_port(socket.SOCK_DGRAM)
    with lighthouse(tmp_path, port):
        probe_result = await probe(target_at(port))
    assert probe_result.failure is None
    assert probe_result.primary is not None
    assert probe_result.primary.rtt is not None
    assert 0 < probe_result.primary.rtt < 1
    assert (probe_result.primary.sent, probe_result.primary.received) == (16, 16)
    assert probe_result.primary.resends == 0
    assert Phase.EXCHANGE in probe_result.phases


async def test_a_lighthouse_that_ends_is_told_at_once(tmp_path: Path):
    port = free_port(socket.SOCK_DGRAM)
    with lighthouse(tmp_path, port):
        assert (await probe(target_at(port))).ok
    target = target_at(port)
    probe_result = await probe(target)
    assert diagnose(target, probe_result).cause is Cause.UDP_PORT_UNREACHABLE


async def test_a_lost_packet_is_sent_again_and_counted():
    seen: list[bytes] = []

    def answer(packet: bytes) -> list[bytes]:
        seen.append(packet)
        return [recv_error(packet)] if len(seen) == 2 else []

    async with datagrams(answer) as port:
        probe_result = await probe(target_at(port, 2.0))
    assert probe_result.failure is None
    assert len({packet[4:8] for packet in seen}) == 2
    assert probe_result.primary is not None
    assert probe_result.primary.resends == 1
    assert probe_result.primary.rtt is not None
    assert (
        probe_result.primary.rtt < 0.4 < probe_result.duration
    )  # of the packet answered, not the first


async def test_a_late_answer_names_the_send_that_it_is_for():
    seen: list[bytes] = []

    def answer(packet: bytes) -> list[bytes]:
        seen.append(packet)
        return [recv_error(seen[0])] if len(seen) == 2 else []

    async with datagrams(answer) as port:
        probe_result = await probe(target_at(port, 2.0))
    assert probe_result.primary is not None
    assert probe_result.primary.rtt is not None
    assert probe_result.primary.rtt >= 0.45


async def test_sends_are_bounded_however_long_the_silence():
    seen: list[bytes] = []

    def answer(packet: bytes) -> list[bytes]:
        seen.append(packet)
        return []

    async with datagrams(answer) as port:
        target = target_at(port, 2.0)
        probe_result = await probe(target)
    assert len(seen) == 1 + RESENDS
    assert probe_result.duration == pytest.approx(2.0, abs=0.5)
    diagnosis = diagnose(target, probe_result)
    assert diagnosis.cause is Cause.UDP_NO_REPLY
    assert diagnosis.evidence["resends"] == str(RESENDS)


async def test_a_closed_port_is_an_icmp_error_with_its_sender():
    target = target_at(free_port(socket.SOCK_DGRAM))
    probe_result = await probe(target)
    assert probe_result.failure is not None
    assert (probe_result.failure.errno, probe_result.failure.icmp) == (errno.ECONNREFUSED, (3, 3))
    assert "from 127.0.0.1" in probe_result.failure.message
    assert diagnose(target, probe_result).cause is Cause.UDP_PORT_UNREACHABLE
    assert probe_result.duration < 1


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="raw sockets need root")
@pytest.mark.parametrize(
    ("icmp", "cause"),
    [
        ((3, 0), Cause.NETWORK_UNREACHABLE),
        ((3, 1), Cause.HOST_UNREACHABLE),
        ((3, 3), Cause.UDP_PORT_UNREACHABLE),
        ((3, 13), Cause.ADMIN_PROHIBITED),
    ],
)
async def test_what_a_router_says_names_the_cause_even_after_junk(
    icmp: tuple[int, int], cause: Cause, monkeypatch: pytest.MonkeyPatch
):
    ports: list[int] = []

    class Watched(UdpSocket):
        def __init__(self, address: str, port: int) -> None:
            super().__init__(address, port)
            ports.append(self._sock.getsockname()[1])

    monkeypatch.setattr("monitor.probes.datagram.UdpSocket", Watched)
    async with datagrams(lambda packet: [b"junk"]) as port:
        loop = asyncio.get_running_loop()
        loop.call_later(0.1, lambda: send_icmp_error(icmp, ports[0], port))
        target = target_at(port)
        probe_result = await probe(target)
    assert diagnose(target, probe_result).cause is cause
    assert probe_result.duration < 2


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (lambda packet: [], FailureKind.TIMEOUT),
        (lambda packet: [b"hello"], FailureKind.UDP_FORMAT),
        (lambda packet: [recv_error(b"\0" * 16)], FailureKind.UDP_FORMAT),
        (lambda packet: [packet], FailureKind.UDP_FORMAT),
        (lambda packet: [b"x" * 1400] * 100, FailureKind.UDP_FORMAT),
    ],
    ids=["silence", "text", "another-index", "echo", "flood"],
)
async def test_what_is_no_proof_is_no_success(answer: Answer, kind: FailureKind):
    async with datagrams(answer) as port:
        target = target_at(port, 0.3)
        probe_result = await probe(target)
    assert probe_result.failure is not None
    assert (probe_result.failure.phase, probe_result.failure.kind) == (Phase.EXCHANGE, kind)
    silent = kind is FailureKind.TIMEOUT
    cause = Cause.UDP_NO_REPLY if silent else Cause.UDP_NOT_SPOKEN
    told = diagnose(target, probe_result)
    assert told.cause is cause
    assert ("Allow outbound UDP" in told.remediation) is silent


async def test_junk_before_the_proof_does_no_harm():
    async with datagrams(lambda packet: [b"junk", recv_error(packet)]) as port:
        probe_result = await probe(target_at(port))
    assert probe_result.failure is None


async def test_the_proof_counts_from_nobody_but_the_address_that_was_asked():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))

        class Forwarding(asyncio.DatagramProtocol):
            """Has another port answer, with the right index."""

            def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
                other.sendto(recv_error(data), addr)

        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(Forwarding, ("127.0.0.1", 0))
        try:
            probe_result = await probe(target_at(transport.get_extra_info("sockname")[1], 0.3))
        finally:
            transport.close()
    assert probe_result.failure is not None
    assert probe_result.failure.kind is FailureKind.TIMEOUT


async def test_both_families_are_asked_at_once():
    async with datagrams(lambda packet: [recv_error(packet)]) as port:
        table = {"lighthouse.test": ("127.0.0.1", "::1")}
        target = make_target(Protocol.UDP, "lighthouse.test", port, timeout=2.0)
        probe_result = await prober("nebula")(target, make_probe_context(table=table))
    v4, v6 = probe_result.connections
    assert (v4.family, v6.family) == (Family.IPV4, Family.IPV6)
    assert v4.failure is None
    assert v6.failure is not None
    assert (v6.failure.errno, v6.failure.icmp) == (errno.ECONNREFUSED, (1, 4))
    assert probe_result.ok


async def test_cancelling_leaves_nothing_behind():
    async with datagrams(lambda packet: []) as port:
        before = open_descriptors()
        task = asyncio.create_task(probe(target_at(port)))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert open_descriptors() == before

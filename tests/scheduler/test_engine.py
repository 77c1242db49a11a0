"""The engine's limits, and that no prober can take it down."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace

import pytest

from monitor.incidents.followup_plan import SMALL_SEGMENT, FollowUp, Rival
from monitor.model.causes import Cause
from monitor.model.endpoint import Protocol
from monitor.model.probe_result import FailureKind, ProbeResult
from monitor.model.settings import ScheduleSettings
from monitor.model.target import Target
from monitor.probes.context import ProbeContext
from monitor.scheduler import engine as engine_module
from monitor.scheduler.engine import Engine
from monitor.scheduler.loop_lag import LagMeter
from tests.probes.support import make_probe_context, make_target

FAST = ScheduleSettings(max_in_flight=4, max_connections_per_second=1e6)


def target(timeout: float = 1.0) -> Target:
    return make_target(Protocol.TCP, "a.test", 443, timeout=timeout)


async def succeed(target: Target, probe_context: ProbeContext) -> ProbeResult:
    return ProbeResult(target.id, 0.0, 0.01)


async def crash(target: Target, probe_context: ProbeContext) -> ProbeResult:
    raise KeyError("secret-value")


async def hang(target: Target, probe_context: ProbeContext) -> ProbeResult:
    await asyncio.Event().wait()
    raise AssertionError


async def test_a_measurement_has_an_attempt_and_a_verdict():
    probe_result, diagnosis = await Engine(
        make_probe_context(), FAST, find_prober=lambda _: succeed
    ).measure(target())
    assert probe_result.ok
    assert diagnosis.cause is None


async def test_a_bug_in_a_prober_is_called_one_and_tells_no_value(
    capsys: pytest.CaptureFixture[str],
):
    probe_result, diagnosis = await Engine(
        make_probe_context(), FAST, find_prober=lambda _: crash
    ).measure(target())
    assert probe_result.failure is not None
    assert probe_result.failure.kind is FailureKind.INTERNAL
    assert diagnosis.cause is Cause.INTERNAL_ERROR
    assert "secret-value" not in probe_result.failure.message + diagnosis.detail
    said = capsys.readouterr().out
    assert "internal error" in said
    assert "part=prober" in said


async def test_a_second_look_can_ask_the_peer_for_small_segments():
    announced: list[int] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sock = writer.get_extra_info("socket")
        announced.append(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG))
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server, asyncio.timeout(5):
        port = server.sockets[0].getsockname()[1]
        wanted = make_target(Protocol.TCP, "127.0.0.1", port)
        follow_up = FollowUp(Rival.SMALL_SEGMENTS, "small", wanted, segment=SMALL_SEGMENT)
        probe_result = await Engine(make_probe_context(), FAST).follow_up(follow_up)
        while not announced:  # noqa: ASYNC110 - the server is called in its own time
            await asyncio.sleep(0)
    assert probe_result.ok
    assert 0 < announced[0] <= SMALL_SEGMENT


async def test_a_prober_that_is_not_there_is_a_bug_too():
    wanted = target()
    odd = replace(wanted, endpoint=replace(wanted.endpoint, prober="nonexistent"))
    _, diagnosis = await Engine(make_probe_context(), FAST).measure(odd)
    assert diagnosis.cause is Cause.INTERNAL_ERROR


async def test_a_prober_that_hangs_is_cut_off(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(engine_module, "GRACE", 0.05)
    probe_result, diagnosis = await Engine(
        make_probe_context(), FAST, find_prober=lambda _: hang
    ).measure(target(0.05))
    assert diagnosis.cause is Cause.INTERNAL_ERROR
    assert probe_result.duration < 30  # a stall of this machine is not held against it


async def test_no_more_are_in_flight_than_allowed_and_none_waits_for_a_hung_one():
    running = most = 0
    free = asyncio.Event()

    async def count(target: Target, probe_context: ProbeContext) -> ProbeResult:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if target.host == "hung.test":
            await free.wait()
        await asyncio.sleep(0)
        running -= 1
        return ProbeResult(target.id, 0.0, 0.0)

    engine = Engine(make_probe_context(), FAST, find_prober=lambda _: count)
    hung = make_target(Protocol.TCP, "hung.test", 443)
    async with asyncio.TaskGroup() as group:
        group.create_task(engine.measure(hung))
        others = [group.create_task(engine.measure(target())) for _ in range(50)]
        await asyncio.wait(others, timeout=2)
        assert all(task.done() for task in others)
        assert most == FAST.max_in_flight
        free.set()


async def test_starts_are_spread_by_the_rate():
    limits = ScheduleSettings(max_in_flight=100, max_connections_per_second=50.0)
    engine = Engine(make_probe_context(), limits, find_prober=lambda _: succeed)
    loop = asyncio.get_running_loop()
    started = loop.time()
    await asyncio.gather(*(engine.measure(target()) for _ in range(30)))
    assert loop.time() - started >= 0.35  # 10 at once, then 20 at 50 a second


async def test_cancelling_a_measurement_frees_its_place():
    probes = iter([hang, succeed])
    limits = ScheduleSettings(max_in_flight=1)
    engine = Engine(make_probe_context(), limits, find_prober=lambda _: next(probes))
    task = asyncio.create_task(engine.measure(target(60)))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    probe_result, _ = await asyncio.wait_for(engine.measure(target()), 1)
    assert probe_result.ok


async def test_a_late_loop_marks_the_measurement():
    meter = LagMeter()
    task = asyncio.create_task(meter.run())

    async def block(target: Target, probe_context: ProbeContext) -> ProbeResult:
        await asyncio.sleep(0.01)
        import time

        time.sleep(0.3)  # noqa: ASYNC251 - what a measurement must not hide
        await asyncio.sleep(0.15)
        return ProbeResult(target.id, 0.0, 0.5)

    engine = Engine(make_probe_context(), FAST, lag=meter, find_prober=lambda _: block)
    probe_result, _ = await engine.measure(target())
    task.cancel()
    assert probe_result.loop_lag > 0.1

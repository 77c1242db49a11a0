"""Servers whose Date is off: a real exchange shows that this host's clock is.

Covers: monitor/probes/http.py, monitor/probes/ntp.py
"""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

from monitor.cli.one_shot import check_all, incidents_of
from monitor.diagnosis.clock import ClockSource
from monitor.model.causes import Cause
from monitor.model.endpoint import Protocol
from monitor.model.incident import Scope
from monitor.model.settings import ScheduleSettings
from monitor.model.state import State
from monitor.model.target import Target
from monitor.scheduler.engine import Engine
from monitor.state.check_result import clock_of
from tests.internet.ca import Authority
from tests.internet.rude import rude, saying
from tests.probes.support import make_probe_context, make_target

HOSTS = ("app.one.test", "app.two.test", "app.three.test")


@asynccontextmanager
async def sites(folder: Path, skew: float, *more: str) -> AsyncIterator[list[Target]]:
    """Serve each of ``HOSTS`` over TLS, with a Date so many seconds from now."""
    authority = Authority(folder)
    targets = []
    async with AsyncExitStack() as stack:
        for host in HOSTS:
            issued = authority.issue(host)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(issued.chain, issued.key)
            date = formatdate(time.time() + skew, usegmt=True)
            lines = "\r\n".join(("HTTP/1.1 200 OK", f"Date: {date}", *more, "Content-Length: 0"))
            habit = saying(f"{lines}\r\n\r\n".encode())
            port = await stack.enter_async_context(rude(habit, tls=context))
            made = make_target(Protocol.HTTPS, host, address="127.0.0.1", connect_port=port)
            endpoint = replace(made.endpoint, id=host)
            targets.append(replace(made, endpoint=endpoint))
        yield targets


def engine(folder: Path) -> Engine:
    return Engine(
        make_probe_context(ca_file=folder / "egress-monitor-test-ca.pem"), ScheduleSettings()
    )


async def test_three_sites_that_are_two_minutes_ahead_say_that_this_host_is_behind(tmp_path: Path):
    async with sites(tmp_path, 120.0) as targets:
        statuses = await check_all(targets, engine(tmp_path).measure)
    assert [status.state for status in statuses] == [State.UP] * 3
    clock = clock_of(statuses)
    assert clock is not None
    assert clock.source is ClockSource.DATE
    assert abs(clock.offset - 120.0) < 5.0
    (incident,) = incidents_of(statuses, time.time())
    assert (incident.scope, incident.cause) == (Scope.HOST, Cause.CLOCK_SKEW)
    assert " s behind (" in incident.detail


async def test_a_clock_that_is_right_is_measured_and_no_incident(tmp_path: Path):
    async with sites(tmp_path, 0.0) as targets:
        statuses = await check_all(targets, engine(tmp_path).measure)
    clock = clock_of(statuses)
    assert clock is not None
    assert abs(clock.offset) < 5.0
    assert incidents_of(statuses, time.time()) == ()


async def test_what_caches_answer_says_nothing_of_the_clock(tmp_path: Path):
    async with sites(tmp_path, -120.0, "Age: 120") as targets:
        statuses = await check_all(targets, engine(tmp_path).measure)
    assert clock_of(statuses) is None

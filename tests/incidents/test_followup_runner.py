"""Second looks are taken once an outage, within bounds, and told when they are."""

from __future__ import annotations

import asyncio

import pytest

from monitor.incidents.followup_plan import FollowUp
from monitor.incidents.followup_runner import LIMIT, FollowUpRunner
from monitor.model.causes import Cause
from monitor.model.probe_result import Connection, Family, ProbeResult
from tests.incidents.correlating import correlate
from tests.incidents.test_correlate import every
from tests.incidents.test_followup_plan import placed, world


class Taker:
    """Stands in for the engine: every look is answered, and remembered."""

    def __init__(self) -> None:
        self.taken: list[FollowUp] = []
        self.told: list[str] = []
        self.explained = asyncio.Event()

    async def take(self, follow_up: FollowUp) -> ProbeResult:
        self.taken.append(follow_up)
        connection = Connection("192.0.2.1", 443, Family.IPV4, {}, received=1)
        return ProbeResult(follow_up.target.id, 1.0, 0.1, None, (connection,))

    def tell(self, incident_id: str) -> None:
        self.told.append(incident_id)
        self.explained.set()


async def running(taker: Taker, follow_ups: FollowUpRunner) -> None:
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        task = group.create_task(follow_ups.run())
        await taker.explained.wait()
        task.cancel()


def outage(cause: Cause, *names: str):
    statuses = placed(world(every(cause, *names)))
    return correlate(statuses, (), 110.0), statuses


async def test_an_incident_is_looked_into_once_and_then_says_what_was_seen():
    taker = Taker()
    follow_ups = FollowUpRunner(taker.take, taker.tell)
    incidents, statuses = outage(Cause.TLS_RESET_ON_HELLO, "gw-us", "gw-eu")
    assert follow_ups.consider(incidents, statuses) == incidents
    await running(taker, follow_ups)
    for _ in range(3):
        (told,) = follow_ups.consider(incidents, statuses)
    assert "a name filter" in told.detail
    assert taker.told == [told.id]
    assert len(taker.taken) == 1


async def test_a_new_outage_is_looked_into_again():
    taker = Taker()
    follow_ups = FollowUpRunner(taker.take, taker.tell)
    incidents, statuses = outage(Cause.TLS_RESET_ON_HELLO, "app")
    for _ in range(2):
        taker.explained.clear()
        follow_ups.consider(incidents, statuses)
        await running(taker, follow_ups)
        assert follow_ups.consider((), ()) == ()
    assert len(taker.taken) == 2


@pytest.mark.parametrize("closed", [False, True])
async def test_an_incident_that_keeps_changing_is_looked_into_a_few_times_only(closed: bool):
    taker = Taker()
    follow_ups = FollowUpRunner(taker.take, taker.tell)
    causes = (
        Cause.TLS_RESET_ON_HELLO,
        Cause.UDP_NO_REPLY,
        Cause.TCP_TIMEOUT,
        Cause.TLS_TIMEOUT_ON_HELLO,
        Cause.PROXY_DENIED,
    )
    ids = set()
    known = ()
    for cause in causes:
        statuses = placed(world(every(cause, "app")))
        known = correlate(statuses, known, 110.0)
        ids |= {incident.id for incident in known}
        follow_ups.consider(known, statuses)
    if closed:
        follow_ups.consider((), ())
    assert len(ids) == 1
    assert len(follow_ups._waiting) == (0 if closed else LIMIT)

"""A check measures each target once, a failed one twice, and adds up what came of it."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from monitor.cli.one_shot import check_all, explained, incidents_of
from monitor.health.status import TargetStatus
from monitor.incidents.followup_plan import FollowUp
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.incident import Scope
from monitor.model.probe_result import Connection, Family, ProbeResult
from monitor.model.starvation import Starvation
from monitor.model.state import State
from monitor.model.target import Target
from monitor.state.check_result import summarize
from tests.probe_results import FILTERED, REACHED, probe_result, target


class Scripted:
    """Measures by a script: each target's verdicts in order, the last one again and again."""

    def __init__(self, **verdicts: list[Diagnosis]) -> None:
        self.verdicts = verdicts
        self.calls: Counter[str] = Counter()

    async def __call__(self, target: Target) -> tuple[ProbeResult, Diagnosis]:
        await asyncio.sleep(0)
        script = self.verdicts[target.id]
        diagnosis = script[min(self.calls[target.id], len(script) - 1)]
        self.calls[target.id] += 1
        return probe_result(target.id, ok=diagnosis.cause is None), diagnosis


async def test_what_works_is_measured_once() -> None:
    measure = Scripted(a=[REACHED])
    (status,) = await check_all([target("a")], measure)
    assert status.state is State.UP
    assert measure.calls == {"a": 1}


async def test_one_lost_packet_is_not_an_outage() -> None:
    measure = Scripted(a=[FILTERED, REACHED])
    (status,) = await check_all([target("a")], measure, retry_after=0)
    assert (status.state, status.diagnosis) == (State.UP, REACHED)
    assert measure.calls == {"a": 2}


async def test_what_fails_twice_is_down() -> None:
    measure = Scripted(a=[FILTERED])
    (status,) = await check_all([target("a")], measure, retry_after=0)
    assert (status.state, status.diagnosis) == (State.DOWN, FILTERED)
    assert measure.calls == {"a": 2}


async def test_slow_is_degraded_at_once() -> None:
    (status,) = await check_all([target("a")], Scripted(a=[Diagnosis(Cause.SLOW)]))
    assert status.state is State.DEGRADED


async def test_what_nobody_can_fill_in_is_unknown_and_never_probed() -> None:
    measure = Scripted()
    (status,) = await check_all([target("a", missing_values=("region",))], measure)
    assert (status.state, status.probe_result) == (State.UNKNOWN, None)
    assert measure.calls == {}


async def test_results_keep_their_order_and_are_told_as_they_come() -> None:
    told: list[str] = []
    measure = Scripted(a=[FILTERED], b=[REACHED])
    statuses = await check_all(
        [target("a"), target("b")], measure, lambda r: told.append(r.target.id), retry_after=0.01
    )
    assert [r.target.id for r in statuses] == ["a", "b"]
    assert told == ["b", "a"]


async def test_ending_a_check_ends_its_measurements() -> None:
    async def forever(_: Target) -> tuple[ProbeResult, Diagnosis]:
        await asyncio.Event().wait()
        raise AssertionError

    task = asyncio.create_task(check_all([target("a"), target("b")], forever))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize(
    ("state", "required", "ok"),
    [
        (State.UP, True, True),
        (State.DEGRADED, True, True),
        (State.DOWN, True, False),
        (State.UNKNOWN, True, False),
        (State.DOWN, False, True),
        (State.UNKNOWN, False, True),
    ],
)
def test_a_check_is_ok_when_every_required_target_was_reached(
    state: State, required: bool, ok: bool
) -> None:
    statuses = [
        TargetStatus.of(target("a"), State.UP),
        TargetStatus.of(target("b", required=required), state),
    ]
    summary = summarize(statuses)
    assert summary.ok is ok
    assert summary.targets == summary.up + summary.degraded + summary.down + summary.unknown == 2


def test_failures_are_explained_together_without_blaming_what_works() -> None:
    def status(name: str, *, ok: bool) -> TargetStatus:
        # What fails was measured again later than what worked at once.
        made = probe_result(name, ok=ok, started_at=1000.0 if ok else 1011.0)
        return TargetStatus.of(
            target(name), State.UP if ok else State.DOWN, made, REACHED if ok else FILTERED
        )

    broken = [status(name, ok=False) for name in ("a", "b", "c")]
    (together,) = incidents_of(broken, 2000.0)
    assert (together.scope, together.affected) == (Scope.ALL_EGRESS, ("a", "b", "c"))
    working = [status(name, ok=True) for name in ("d", "e", "f")]
    apart = incidents_of([*broken, *working], 2000.0)
    assert {i.scope for i in apart} == {Scope.ENDPOINT}
    assert len(apart) == 3


def test_no_failure_is_no_incident() -> None:
    well = TargetStatus.of(target("a"), State.UP, probe_result("a"), REACHED)
    assert incidents_of([well, replace(well, target=target("b"), probe_result=None)], 1.0) == ()


async def test_a_check_takes_a_second_look_at_what_one_look_cannot_tell():
    cut = Diagnosis(Cause.TLS_RESET_ON_HELLO, "It is cut.", "Ask.")
    statuses = [
        TargetStatus.of(target("a"), State.DOWN, probe_result("a", ok=False), cut),
        TargetStatus.of(target("b"), State.UP, probe_result("b"), REACHED),
    ]
    looked_at: list[str] = []

    async def look(wanted: FollowUp) -> ProbeResult:
        looked_at.append(wanted.subject)
        connection = Connection("192.0.2.1", 443, Family.IPV4, {}, received=1)
        return ProbeResult(wanted.target.id, 1.0, 0.1, None, (connection,))

    (incident,) = await explained(statuses, 2000.0, look)
    assert len(looked_at) == 1
    assert "a name filter" in incident.detail


@pytest.mark.parametrize("starved", [0, 2, 9])
async def test_a_result_of_a_process_that_did_not_run_is_measured_again(starved: int):
    """At most four times: a host that never lets it run gets a report, too."""
    made = 0

    async def measure(target: Target) -> tuple[ProbeResult, Diagnosis]:
        nonlocal made
        made += 1
        reason = Starvation.STOPPED if made <= starved else None
        return replace(probe_result(target.id), starvation=reason), Diagnosis(None)

    (status,) = await check_all([target("a")], measure, retry_after=0.0)
    assert status.state is State.UP
    assert made == min(starved + 1, 4)

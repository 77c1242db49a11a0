"""A check measures each target once, a failed one twice, and adds up what came of it."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from monitor.cli.one_shot import check_all, explained, incidents_of
from monitor.incidents.followup_plan import Look
from monitor.model.diagnosis import Cause, Verdict
from monitor.model.incident import Scope
from monitor.model.probe_result import Attempt, Connection, Family
from monitor.model.state import State
from monitor.model.target import Target
from monitor.state.check_result import Result, summarize
from tests.attempts import FILTERED, REACHED, attempt, target


class Scripted:
    """Measures by a script: each target's verdicts in order, the last one again and again."""

    def __init__(self, **verdicts: list[Verdict]) -> None:
        self.verdicts = verdicts
        self.calls: Counter[str] = Counter()

    async def __call__(self, target: Target) -> tuple[Attempt, Verdict]:
        await asyncio.sleep(0)
        script = self.verdicts[target.id]
        verdict = script[min(self.calls[target.id], len(script) - 1)]
        self.calls[target.id] += 1
        return attempt(target.id, ok=verdict.cause is None), verdict


async def test_what_works_is_measured_once() -> None:
    measure = Scripted(a=[REACHED])
    (result,) = await check_all([target("a")], measure)
    assert result.state is State.UP
    assert measure.calls == {"a": 1}


async def test_one_lost_packet_is_not_an_outage() -> None:
    measure = Scripted(a=[FILTERED, REACHED])
    (result,) = await check_all([target("a")], measure, retry_after=0)
    assert (result.state, result.verdict) == (State.UP, REACHED)
    assert measure.calls == {"a": 2}


async def test_what_fails_twice_is_down() -> None:
    measure = Scripted(a=[FILTERED])
    (result,) = await check_all([target("a")], measure, retry_after=0)
    assert (result.state, result.verdict) == (State.DOWN, FILTERED)
    assert measure.calls == {"a": 2}


async def test_slow_is_degraded_at_once() -> None:
    (result,) = await check_all([target("a")], Scripted(a=[Verdict(Cause.SLOW)]))
    assert result.state is State.DEGRADED


async def test_what_nobody_can_fill_in_is_unknown_and_never_probed() -> None:
    measure = Scripted()
    (result,) = await check_all([target("a", unknown=("region",))], measure)
    assert (result.state, result.attempt) == (State.UNKNOWN, None)
    assert measure.calls == {}


async def test_results_keep_their_order_and_are_told_as_they_come() -> None:
    told: list[str] = []
    measure = Scripted(a=[FILTERED], b=[REACHED])
    results = await check_all(
        [target("a"), target("b")], measure, lambda r: told.append(r.target.id), retry_after=0.01
    )
    assert [r.target.id for r in results] == ["a", "b"]
    assert told == ["b", "a"]


async def test_ending_a_check_ends_its_measurements() -> None:
    async def forever(_: Target) -> tuple[Attempt, Verdict]:
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
    results = [Result(target("a"), State.UP), Result(target("b", required=required), state)]
    summary = summarize(results)
    assert summary.ok is ok
    assert summary.targets == summary.up + summary.degraded + summary.down + summary.unknown == 2


def test_failures_are_explained_together_without_blaming_what_works() -> None:
    def result(name: str, *, ok: bool) -> Result:
        # What fails was measured again later than what worked at once.
        made = attempt(name, ok=ok, started_at=1000.0 if ok else 1011.0)
        return Result(
            target(name), State.UP if ok else State.DOWN, made, REACHED if ok else FILTERED
        )

    broken = [result(name, ok=False) for name in ("a", "b", "c")]
    (together,) = incidents_of(broken, 2000.0)
    assert (together.scope, together.affected) == (Scope.ALL_EGRESS, ("a", "b", "c"))
    apart = incidents_of([*broken, result("d", ok=True)], 2000.0)
    assert {i.scope for i in apart} == {Scope.ENDPOINT}
    assert len(apart) == 3


def test_no_failure_is_no_incident() -> None:
    well = Result(target("a"), State.UP, attempt("a"), REACHED)
    assert incidents_of([well, replace(well, target=target("b"), attempt=None)], 1.0) == ()


async def test_a_check_takes_a_second_look_at_what_one_look_cannot_tell():
    cut = Verdict(Cause.TLS_RESET_ON_HELLO, "It is cut.", "Ask.")
    results = [
        Result(target("a"), State.DOWN, attempt("a", ok=False), cut),
        Result(target("b"), State.UP, attempt("b"), REACHED),
    ]
    looked_at: list[str] = []

    async def look(wanted: Look) -> Attempt:
        looked_at.append(wanted.subject)
        connection = Connection("192.0.2.1", 443, Family.IPV4, {}, received=1)
        return Attempt(wanted.target.id, 1.0, 0.1, None, (connection,))

    (incident,) = await explained(results, 2000.0, look)
    assert len(looked_at) == 1
    assert "a name filter" in incident.detail

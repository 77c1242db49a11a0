"""The day that is remembered of a target, and the chapters of past incidents."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.health.latency import latency_code, latency_of
from monitor.health.timeline import (
    CELL_BYTES,
    DAY,
    HOUR,
    RESULTS_LIMIT,
    SLOT_SECONDS,
    SLOTS,
    WEEK,
    Resolution,
    Slot,
    Timeline,
    observe,
    slots,
    state_of,
    strip,
    uptime,
)
from monitor.incidents.incident_log import (
    PAST_INCIDENTS,
    IncidentRecord,
    awaiting,
    updated_incident_log,
)
from monitor.model.causes import Cause
from monitor.model.incident import Incident, Scope
from monitor.model.state import State

NOON = 1_800_000_000.0
"""The start of a slot: a multiple of 300."""


def incident(name: str, *affected: str) -> Incident:
    return Incident(
        name, Cause.TCP_TIMEOUT, Scope.PORT, "tcp/443", State.DOWN, NOON, affected, "Sentence.", "C"
    )


def test_a_slot_tells_the_worst_state_the_share_down_and_three_latencies():
    timeline = Timeline()
    for number, latency in enumerate((0.010, 0.030, 0.020)):
        timeline = observe(timeline, State.UP, latency, NOON + number)
    timeline = observe(timeline, State.DOWN, None, NOON + 10)
    last = slots(timeline, NOON + 20)[-1]
    assert (last.start, last.state) == (NOON, State.DOWN)
    assert last.down == pytest.approx(0.25, abs=0.005)
    told = (last.least, last.median, last.greatest)
    assert told == pytest.approx((0.010, 0.020, 0.030), rel=0.03)


def test_a_day_ends_with_the_slot_in_progress_and_has_gaps_where_nothing_was_measured():
    timeline = observe(Timeline(), State.UP, 0.01, NOON)
    timeline = observe(timeline, State.DEGRADED, 0.5, NOON + 3 * SLOT_SECONDS)
    day = slots(timeline, NOON + 4 * SLOT_SECONDS)
    assert len(day) == SLOTS
    assert [slot.state for slot in day[-5:]] == [State.UP, None, None, State.DEGRADED, None]
    assert [slot.start for slot in day[-2:]] == [NOON + 3 * SLOT_SECONDS, NOON + 4 * SLOT_SECONDS]
    assert {slot.state for slot in day[:-5]} == {None}


def test_uptime_is_of_what_was_measured():
    assert uptime(slots(Timeline(), NOON)) is None
    timeline = observe(Timeline(), State.UP, 0.01, NOON)
    assert uptime(slots(timeline, NOON)) == 1
    timeline = observe(timeline, State.DOWN, None, NOON + 50 * SLOT_SECONDS)
    assert uptime(slots(timeline, NOON + 60 * SLOT_SECONDS)) == 0.5


def test_a_target_that_nobody_could_judge_yet_has_no_uptime():
    timeline = observe(Timeline(), State.UNKNOWN, None, NOON)
    assert uptime(slots(timeline, NOON)) is None


def test_what_was_seen_before_anybody_could_judge_does_not_count_as_up():
    timeline = observe(Timeline(), State.UNKNOWN, None, NOON)
    timeline = observe(timeline, State.DOWN, None, NOON + 1)
    assert uptime(slots(timeline, NOON + 2)) == 0


def test_a_clock_set_back_changes_no_past_slot_and_one_far_ahead_forgets_it():
    timeline = observe(Timeline(), State.UP, 0.01, NOON)
    timeline = observe(timeline, State.DOWN, None, NOON - 1000)
    assert slots(timeline, NOON)[-1].state is State.DOWN
    later = observe(timeline, State.UP, 0.01, NOON + 1e12)
    assert [s.state for s in slots(later, NOON + 1e12)] == [None] * (SLOTS - 1) + [State.UP]


@given(
    st.lists(
        st.tuples(
            st.floats(-1e3, 1e5),
            st.sampled_from(State),
            st.none() | st.floats(0, 1e3) | st.sampled_from([float("nan"), float("inf")]),
        ),
        max_size=60,
    )
)
def test_whatever_is_observed_a_day_is_a_day_and_bounded(results):
    timeline, now = Timeline(), NOON
    for step, state, latency in results:
        now += step
        timeline = observe(timeline, state, latency, now)
    day = slots(timeline, now)
    assert len(day) == SLOTS
    assert len(timeline.closed) <= (SLOTS - 1) * CELL_BYTES
    assert all(b.start - a.start == SLOT_SECONDS for a, b in itertools.pairwise(day))
    assert all(0 <= slot.down <= 1 for slot in day)
    assert (uptime(day) is None) or 0 <= (uptime(day) or 0) <= 1


def test_a_storm_of_results_takes_no_more_memory_than_its_limit():
    timeline = Timeline()
    for number in range(RESULTS_LIMIT + 50):
        timeline = observe(timeline, State.UP, 0.01, NOON + number / 100)
    assert len(timeline.open.latencies) == RESULTS_LIMIT
    assert timeline.open.results == RESULTS_LIMIT + 50


@given(st.floats(1e-4, 60))
def test_a_latency_in_a_byte_is_right_to_three_percent(seconds):
    code = latency_code(seconds)
    assert 1 <= code <= 255
    assert latency_of(code) == pytest.approx(seconds, rel=0.03)


@pytest.mark.parametrize("odd", [None, float("nan"), float("inf"), float("-inf")])
def test_what_is_no_latency_is_none(odd):
    assert latency_of(latency_code(odd)) is None


def test_a_chapter_tells_an_incident_at_its_widest_and_when_it_ended():
    incident_log = updated_incident_log((), [incident("i", "a")], NOON)
    incident_log = updated_incident_log(incident_log, [incident("i", "a", "b", "c")], NOON + 1)
    incident_log = updated_incident_log(
        incident_log, [incident("i", "c"), incident("j", "d")], NOON + 2
    )
    incident_log = updated_incident_log(incident_log, [incident("j", "d")], NOON + 3)
    assert incident_log == (
        IncidentRecord(incident("i", "a", "b", "c"), NOON + 3),
        IncidentRecord(incident("j", "d"), None),
    )
    assert updated_incident_log(incident_log, [incident("j", "d")], NOON + 9) == incident_log


def test_what_opens_again_under_the_same_id_is_a_chapter_of_its_own():
    incident_log = updated_incident_log((), [incident("i", "a")], NOON)
    incident_log = updated_incident_log(incident_log, [], NOON + 1)
    incident_log = updated_incident_log(incident_log, [incident("i", "a")], NOON + 2)
    assert [c.ended_at for c in incident_log] == [NOON + 1, None]


def test_the_oldest_ended_chapters_are_forgotten_and_no_open_one():
    incident_log = updated_incident_log((), [incident("open", "x")], NOON)
    for number in range(PAST_INCIDENTS + 20):
        incident_log = updated_incident_log(
            incident_log, [incident("open", "x"), incident(f"i{number}", "a")], NOON
        )
    assert len(incident_log) == PAST_INCIDENTS + 2
    names = [c.incident.id for c in incident_log]
    assert names[0] == "open"
    assert names[1] == "i19"
    assert names[-1] == f"i{PAST_INCIDENTS + 19}"


def test_an_incident_waits_for_targets_without_a_result_and_no_longer():
    before = (incident("i", "a", "b"), incident("j", "c"))
    assert awaiting(before, (), {"b"}) == (before[0],)
    assert awaiting(before, (replace(before[0], affected=("a",)),), {"b"}) == ()
    assert awaiting(before, (), set()) == ()


@pytest.mark.parametrize("resolution", [HOUR, DAY, WEEK])
def test_each_resolution_ends_with_the_slot_in_progress_and_is_bounded(resolution: Resolution):
    timeline = Timeline()
    for number in range(3 * resolution.count):
        at = NOON + number * resolution.seconds
        timeline = observe(timeline, State.DOWN if number % 2 else State.UP, None, at, resolution)
    shown = slots(timeline, at, resolution)
    assert len(shown) == resolution.count
    assert shown[-1].start <= at < shown[-1].start + resolution.seconds
    assert len(timeline.closed) == (resolution.count - 1) * CELL_BYTES
    drawn = strip(timeline, at, resolution)
    assert len(drawn.worst) == resolution.count // resolution.width
    assert drawn.uptime == pytest.approx(0.5, abs=0.01)
    assert resolution.count % resolution.width == 0


def test_a_strip_knows_where_its_measurements_begin():
    timeline = observe(Timeline(), State.UP, 0.01, NOON, HOUR)
    drawn = strip(timeline, NOON + 120, HOUR)
    assert drawn.unmeasured == 57
    cut = drawn.without(50)
    assert (len(cut.worst), cut.start) == (10, drawn.start + 50 * 60)
    assert strip(Timeline(), NOON, HOUR).unmeasured == 60


def test_resolutions_are_an_hour_a_day_and_a_week_in_whole_columns():
    assert [r.seconds * r.count for r in (HOUR, DAY, WEEK)] == [3600, 86_400, 7 * 86_400]
    assert [len(strip(Timeline(), NOON, r).worst) for r in (HOUR, DAY, WEEK)] == [60, 72, 84]


def test_a_strip_shows_the_worst_of_each_column_and_its_slowest_median():
    timeline = Timeline()
    for number, (state, latencies) in enumerate(
        [(State.UP, (0.01, 0.05, 0.5)), (State.DOWN, ()), (State.UP, (0.03,)), (State.UP, ())]
    ):
        for latency in latencies or (None,):
            timeline = observe(timeline, state, latency, NOON + number * SLOT_SECONDS)
    drawn = strip(timeline, NOON + 3 * SLOT_SECONDS, width=4)
    assert drawn.step == 4 * SLOT_SECONDS
    assert drawn.start == NOON + 4 * SLOT_SECONDS - 86_400
    assert len(drawn.worst) == len(drawn.latencies) == SLOTS // 4
    assert state_of(drawn.worst[-1]) is State.DOWN
    assert latency_of(drawn.latencies[-1]) == pytest.approx(0.05, rel=0.03)
    assert drawn.uptime == pytest.approx(0.75)


def test_numbers_of_a_strip_are_states_and_others_are_none():
    assert [state_of(n) for n in range(6)] == [
        None, State.UNKNOWN, State.UP, State.DEGRADED, State.DOWN, None,
    ]  # fmt: skip


def test_a_slot_without_a_success_has_no_latency_and_without_a_verdict_no_share():
    unknown = slots(observe(Timeline(), State.UNKNOWN, None, NOON), NOON)[-1]
    assert unknown == Slot(NOON, State.UNKNOWN)
    assert (unknown.down, unknown.least, unknown.median, unknown.greatest) == (0, None, None, None)


def test_the_median_of_a_slot_is_its_upper_middle():
    timeline = Timeline()
    for latency in (0.01, 0.02, 0.04, 0.08):
        timeline = observe(timeline, State.UP, latency, NOON)
    assert slots(timeline, NOON)[-1].median == pytest.approx(0.04, rel=0.03)


def test_a_new_timeline_keeps_no_slots_from_before_it():
    assert observe(Timeline(), State.UP, 0.01, NOON).closed == b""

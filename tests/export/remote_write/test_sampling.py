"""When what is sampled, with which time, and which series have ended."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from monitor.export.metrics.families import families
from monitor.export.remote_write.sampling import AGAIN_AFTER, OWN_EVERY, Sampler
from monitor.export.remote_write.series import Point, is_stale
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.state import State
from monitor.state.store import StateStore
from tests.stores import NOW, hostile_board, realistic_board


def take(sampler: Sampler, store: StateStore, now: float) -> list[Point]:
    return [point for part in sampler.sample(store, now) for point in part]


def named(points: list[Point], name: str) -> list[Point]:
    return [point for point in points if point[0].key.startswith(f"{name}\0")]


def of(points: list[Point], target: str) -> list[Point]:
    return [point for point in points if f"\0target\0{target}" in point[0].key]


def test_everything_that_is_scraped_is_sampled_once() -> None:
    store = realistic_board()
    points = take(Sampler(), store, NOW)
    scraped = sum(len(metric.samples) for metric in families(store))
    process = len([p for p in points if p[0].key.startswith(("process_", "python_"))])
    assert len(points) - process == scraped
    assert max(Counter(series.key for series, _, _ in points).values()) == 1


def test_a_targets_samples_have_the_time_at_which_its_probe_ended() -> None:
    store = realistic_board()
    points = take(Sampler(), store, NOW)
    record = next(r for r in store.statuses.values() if r.probe_result)
    assert record.probe_result is not None
    ended = int((record.probe_result.started_at + record.probe_result.duration) * 1000)
    assert {at for _, at, _ in of(points, record.target.id)} == {ended}
    own = named(points, "egress_build_info")
    assert [at for _, at, _ in own] == [int(NOW * 1000)]


def test_what_was_not_probed_is_sampled_again_after_a_while_and_not_before() -> None:
    sampler, store = Sampler(), realistic_board()
    first = named(take(sampler, store, NOW), "probe_success")
    assert take(sampler, store, NOW + 1) == []
    own = take(sampler, store, NOW + OWN_EVERY)
    assert own
    assert not named(own, "probe_success")
    again = named(take(sampler, store, NOW + AGAIN_AFTER), "probe_success")
    assert [series for series, _, _ in again] == [series for series, _, _ in first]
    assert {at for _, at, _ in again} == {int((NOW + AGAIN_AFTER) * 1000)}


def test_a_new_probe_is_sampled_alone_and_at_once() -> None:
    sampler, store = Sampler(), realistic_board()
    take(sampler, store, NOW)
    record = next(r for r in store.statuses.values() if r.probe_result)
    assert record.probe_result is not None
    record.probe_result = replace(record.probe_result, started_at=NOW + 1, duration=0.5)
    points = take(sampler, store, NOW + 2)
    assert points
    assert {at for _, at, _ in points} == {int((NOW + 1.5) * 1000)}
    assert of(points, record.target.id) == points


def test_a_cause_that_no_longer_holds_ends_its_series() -> None:
    sampler, store = Sampler(), realistic_board()
    record = next(r for r in store.statuses.values() if r.diagnosis and r.diagnosis.cause)
    first = of(named(take(sampler, store, NOW), "egress_probe_failure_info"), record.target.id)
    assert len(first) == 1
    assert record.probe_result is not None
    record.probe_result = replace(record.probe_result, started_at=NOW)
    record.diagnosis = Diagnosis(Cause.TCP_REFUSED)
    points = named(take(sampler, store, NOW + 20), "egress_probe_failure_info")
    assert sorted(is_stale(value) for _, _, value in points) == [False, True]
    (ended,) = (series for series, _, value in points if is_stale(value))
    assert ended.key == first[0][0].key


def test_a_target_that_leaves_ends_all_its_series() -> None:
    sampler, store = Sampler(), realistic_board()
    name, _ = next(iter(store.statuses.items()))
    before = of(take(sampler, store, NOW), name)
    del store.statuses[name]
    after = of(take(sampler, store, NOW + 1), name)
    assert {s.key for s, _, _ in after} == {s.key for s, _, _ in before}
    assert all(is_stale(value) for _, _, value in after)


def test_at_the_end_every_series_ends() -> None:
    sampler, store = Sampler(), realistic_board()
    before = take(sampler, store, NOW)
    ended = sampler.stale_markers(NOW + 1)
    assert {s.key for s, _, _ in ended} == {s.key for s, _, _ in before}
    assert all(is_stale(value) for _, _, value in ended)


def test_a_series_has_one_value_a_millisecond_whatever_the_clock_does() -> None:
    sampler, store = Sampler(), realistic_board()
    record = next(r for r in store.statuses.values() if r.probe_result)
    times: list[int] = []
    for number, now in enumerate((NOW, NOW, NOW + 0.0001, NOW - 0.5, NOW + 1)):
        record.health = replace(record.health, state=State.DOWN if number % 2 else State.UP)
        points = of(named(take(sampler, store, now), "egress_target_state"), record.target.id)
        times += {at for _, at, _ in points}
    assert times == sorted(set(times))


def test_a_clock_that_was_set_back_is_believed() -> None:
    sampler, store = Sampler(), realistic_board()
    take(sampler, store, NOW + 3600)
    assert {at for _, at, _ in named(take(sampler, store, NOW), "egress_build_info")} == {
        int(NOW * 1000)
    }


def test_what_a_hostile_peer_sent_makes_no_label_or_odd_value() -> None:
    for series, _, value in take(Sampler(), hostile_board(), NOW):
        assert "<script>" not in series.key
        assert value == value  # noqa: PLR0124 - no NaN

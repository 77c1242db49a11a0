"""The latency baseline: what is called slow, when, and what is not."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.health.baseline import ACCEPT_AFTER, TURN_AFTER, WARM_UP, WINDOW, Baseline, after
from monitor.health.quality import PATH_MARGIN, WHOLE_MARGIN

INTERVAL = 30.0
LATENCIES = st.floats(0.0001, 30.0)


def fed(baseline: Baseline, latencies: list[float], begin: float = 0.0) -> Baseline:
    for number, seconds in enumerate(latencies):
        baseline = after(baseline, seconds, begin + number * INTERVAL, PATH_MARGIN)
    return baseline


def known(seconds: float = 0.012, count: int = 40) -> Baseline:
    return fed(Baseline(), [seconds] * count)


def probes_until(baseline: Baseline, seconds: float, *, slow: bool) -> int:
    for number in range(1, 10):
        baseline = after(baseline, seconds, 10_000 + number * INTERVAL, PATH_MARGIN)
        if baseline.slow is slow:
            return number
    raise AssertionError("it never turned")


@pytest.mark.parametrize("usual", [0.0005, 0.012, 0.09, 0.25])
def test_200_ms_more_are_slow_within_three_probes_wherever_the_endpoint_is(usual: float):
    assert probes_until(known(usual), usual + 0.2, slow=True) == TURN_AFTER


def test_slow_is_over_within_three_probes():
    slow = fed(known(), [0.212] * 50)
    assert slow.slow
    assert probes_until(slow, 0.012, slow=False) == TURN_AFTER


@pytest.mark.parametrize("jitter", ["uniform", "tailed"])
def test_a_link_with_20_ms_of_jitter_is_never_slow_in_a_week(jitter: str):
    random = Random(7)
    baseline = Baseline()
    for number in range(20_000):
        late = random.uniform(0, 0.04) if jitter == "uniform" else random.expovariate(1 / 0.02)
        baseline = after(baseline, 0.02 + late, number * INTERVAL, PATH_MARGIN)
        assert not baseline.slow


def test_an_endpoint_of_two_minds_is_not_slow():
    random = Random(7)
    latencies = [random.choice((0.002, 0.18)) for _ in range(5_000)]
    baseline = Baseline()
    for number, seconds in enumerate(latencies):
        baseline = after(baseline, seconds, number * INTERVAL, PATH_MARGIN)
        assert not baseline.slow


def test_one_or_two_slow_results_say_nothing():
    assert not fed(known(), [2.0, 2.0, 0.012, 2.0, 2.0, 0.012]).slow


def test_nothing_is_slow_before_enough_is_known():
    baseline = fed(Baseline(), [0.01] * (WARM_UP - 1))
    assert baseline.usual is None
    assert baseline.limit(PATH_MARGIN) == float("inf")


def test_slow_results_do_not_move_what_is_usual():
    baseline = known()
    assert fed(baseline, [0.3] * 1000).usual == baseline.usual


def test_what_stays_slow_for_a_day_is_the_new_usual():
    probes = int(ACCEPT_AFTER / INTERVAL) + WARM_UP + TURN_AFTER + 2
    baseline = fed(known(), [0.3] * probes, begin=10_000)
    assert not baseline.slow
    assert baseline.usual == pytest.approx(0.3, rel=0.03)


@given(st.lists(LATENCIES, max_size=60), st.lists(LATENCIES, max_size=3))
def test_a_baseline_turns_only_after_several_results_that_agree(
    past: list[float], now: list[float]
):
    baseline = fed(Baseline(), past)
    assert len(baseline.codes) <= WINDOW
    for number, seconds in enumerate(now, len(past)):
        limit = baseline.limit(PATH_MARGIN)
        turned = after(baseline, seconds, number * INTERVAL, PATH_MARGIN)
        if turned.slow is not baseline.slow:
            assert len(baseline.against) == TURN_AFTER - 1
            assert (seconds > limit) is turned.slow
        baseline = turned


@given(LATENCIES, st.floats(1.0, 1.4))
def test_what_is_a_little_slower_than_usual_is_well(usual: float, times: float):
    for margin in (PATH_MARGIN, WHOLE_MARGIN):
        baseline = Baseline()
        for number in range(WARM_UP + 20):
            seconds = usual if number < WARM_UP else usual * times
            baseline = after(baseline, seconds, number * INTERVAL, margin)
            assert not baseline.slow


@given(st.sampled_from([float("nan"), float("inf"), 0.0, -1.0]))
def test_a_latency_that_is_none_does_no_harm(strange: float):
    assert not fed(known(), [strange] * 2).slow
    assert fed(Baseline(), [strange] * 30).usual in (None, pytest.approx(1e-4))


def test_the_usual_latency_is_a_median_and_needs_ten_results():
    assert fed(Baseline(), [0.01] * (WARM_UP - 1)).usual is None
    assert fed(Baseline(), [0.01] * WARM_UP).usual == pytest.approx(0.01, rel=0.03)
    split = fed(Baseline(), [0.01] * 4 + [0.1] * 6)
    assert split.usual == pytest.approx(0.1, rel=0.03)


def test_one_in_twenty_is_above_the_quantile_and_two_are_part_of_it():
    one, two = (known(0.01, 20 - slow).codes + known(1.0, slow).codes for slow in (1, 2))
    assert Baseline(one).limit(PATH_MARGIN) == pytest.approx(0.06, rel=0.03)
    assert Baseline(two).limit(PATH_MARGIN) > 1.0


def test_a_latency_at_the_limit_is_not_beyond_it():
    baseline = known()
    limit = baseline.limit(PATH_MARGIN)
    assert after(baseline, limit, 2000.0, PATH_MARGIN).against == b""
    assert len(after(baseline, limit * 1.001, 2000.0, PATH_MARGIN).against) == 1


def test_the_slow_latency_is_accepted_a_day_after_it_was_called_slow():
    began = 1_800_000_000.0
    slow = fed(known(), [0.3] * TURN_AFTER, begin=began)
    assert slow.slow_since is not None
    accepted = slow.slow_since + ACCEPT_AFTER
    assert after(slow, 0.3, began + 3600, PATH_MARGIN).slow
    assert after(slow, 0.3, accepted - 1, PATH_MARGIN).slow
    assert after(slow, 0.3, accepted, PATH_MARGIN) == Baseline()

"""The size of requests: halved by failures, doubled by successes, and nothing kept forever."""

from __future__ import annotations

from collections.abc import Callable

from monitor.export.remote_write.request_size import FIRST_PAUSE, LONGEST_PAUSE, RequestSize


def run(size: RequestSize, seconds: range, passes: Callable[[int, int], bool]) -> list[int]:
    """Send one request per second; return the sizes that failed."""
    failed = []
    for now in seconds:
        samples = size.limit
        if passes(samples, now):
            size.passed(samples, now)
        else:
            failed.append(samples)
            size.failed(samples, now)
    return failed


def test_the_size_is_halved_down_to_one_sample() -> None:
    size = RequestSize(10_000)
    assert run(size, range(14), lambda *_: False)[-1] == 1
    assert size.limit == 1


def test_the_full_size_returns_soon_after_a_fault_of_15_seconds() -> None:
    size = RequestSize(10_000)
    run(size, range(15), lambda *_: False)
    assert run(size, range(15, 35), lambda *_: True) == []
    assert size.limit == 10_000


def test_a_lasting_limit_costs_fewer_and_fewer_requests() -> None:
    size = RequestSize(10_000)
    failed = run(size, range(4 * 3600), lambda samples, _: samples <= 300)
    assert size.limit in {156, 312}
    assert len(failed) < 20


def test_a_limit_that_is_lifted_after_a_day_is_noticed_within_an_hour() -> None:
    size = RequestSize(10_000)
    run(size, range(86_400), lambda samples, _: samples <= 300)
    run(size, range(86_400, 86_400 + 3610), lambda *_: True)
    assert size.limit == 10_000


def test_small_batches_forget_a_failure_too() -> None:
    size = RequestSize(1000)
    size.failed(1000, 0.0)
    size.passed(3, LONGEST_PAUSE - 1)
    assert size.limit == 500
    size.passed(3, LONGEST_PAUSE)
    assert size.limit == 1000


def test_a_disturbance_ends_the_pause() -> None:
    size = RequestSize(1000)
    size.failed(1000, 100.0)
    size.passed(500, 101.0)
    assert size.limit == 500
    size.disturbed()
    size.passed(500, 102.0)
    assert size.limit == 1000
    size.failed(1000, 102.0)
    size.passed(500, 102.0 + FIRST_PAUSE - 1)
    assert size.limit == 500

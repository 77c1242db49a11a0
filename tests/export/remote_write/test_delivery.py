"""Delivery to a receiver over HTTP: retries, versions, sizes, rejections, and what is logged."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from aiohttp import web

from monitor.export.remote_write.backoff import LONGEST_DENIED_WAIT, LONGEST_WAIT
from monitor.export.remote_write.negotiation import FIRST_PAUSE, LEAST_PAUSE
from monitor.export.remote_write.quarantine import PAUSE
from monitor.export.remote_write.rows import Rows, count
from monitor.export.remote_write.series import Series
from monitor.model.settings import WriteVersion
from monitor.state.self_metrics import DropReason, RequestFailure
from tests.export.remote_write.delivering import VirtualClock, delivering, fails, some
from tests.export.remote_write.points import FAMILY, MOMENT, points, series
from tests.internet.process import free_port
from tests.internet.receiver import V1, V2, Message, Receiver, Request, receiver

NO_DROPS = dict.fromkeys(DropReason, 0)
Rule = Callable[[Request], web.Response | None]

delivering_1 = partial(delivering, protocol=WriteVersion.V1)


def answering(*answers: web.Response | int) -> Rule:
    """A rule that gives these answers in turn and then leaves it to the receiver."""
    left = list(answers)

    def rule(_: Request) -> web.Response | None:
        answer = left.pop(0) if left else None
        return web.Response(status=answer) if isinstance(answer, int) else answer

    return rule


def rejecting(
    bad: Callable[[Message], bool], text: str = "invalid", *, counts: bool = True
) -> Rule:
    """A rule that rejects a whole request that holds something bad."""

    def rule(request: Request) -> web.Response | None:
        if not bad(request.message):
            return None
        v2 = request.headers["Content-Type"] == V2
        headers = {"X-Prometheus-Remote-Write-Samples-Written": "0"} if counts and v2 else {}
        return web.Response(status=400, text=text, headers=headers)

    return rule


def named(name: str) -> Callable[[Message], bool]:
    return lambda message: name in {row.name for row in message.rows}


def versions(receives: Receiver) -> list[str]:
    return ["2.0" if r.headers["Content-Type"] == V2 else "1.0" for r in receives.requests]


def catalogue(targets: int, at: int = MOMENT) -> Rows:
    """Rows of 20 metrics of each target."""
    return {
        Series(f"m{metric}\0target\0t{target}", FAMILY): [(at, 1.0)]
        for target in range(targets)
        for metric in range(20)
    }


# Retries


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429, 408])
async def test_a_passing_failure_is_retried_with_growing_waits_and_loses_nothing(
    status: int,
) -> None:
    clock = VirtualClock()
    async with receiver() as (receives, url), delivering(url, clock) as (delivery, metrics):
        receives.rule = answering(*[status] * 6)
        await delivery.deliver(some(100))
    assert len({row.name for row in receives.accepted}) == len(receives.accepted) == 100
    assert len(clock.waits) == 6
    assert clock.waits[4] > clock.waits[0]
    assert max(clock.waits) <= LONGEST_WAIT
    failure = RequestFailure.THROTTLED if status == 429 else RequestFailure.SERVER_ERROR
    assert (metrics.failures[failure], metrics.sent, metrics.dropped) == (6, 100, NO_DROPS)


@pytest.mark.parametrize(
    ("value", "seconds"), [("42", 42.0), ("Fri, 15 Jan 2027 08:00:42 GMT", 42.0), ("9999", 300.0)]
)
async def test_retry_after_is_honored_in_both_forms(value: str, seconds: float) -> None:
    clock = VirtualClock()
    async with receiver() as (receives, url), delivering(url, clock) as (delivery, _):
        receives.rule = answering(web.Response(status=503, headers={"Retry-After": value}))
        await delivery.deliver(some())
    assert clock.waits == [seconds]


@pytest.mark.parametrize("status", [401, 403, 404, 405, 406, 407, 410, 418, 451])
async def test_a_denial_keeps_the_samples_and_is_retried_within_half_a_minute(status: int) -> None:
    clock = VirtualClock()
    async with receiver() as (receives, url), delivering(url, clock) as (delivery, metrics):
        receives.rule = answering(*[status] * 12)
        await delivery.deliver(some())
    assert max(clock.waits) <= LONGEST_DENIED_WAIT
    assert min(clock.waits) >= 3.0
    assert (metrics.sent, metrics.dropped) == (3, NO_DROPS)
    assert metrics.failures[RequestFailure.DENIED] >= 4


async def test_a_receiver_that_is_not_there_is_waited_for() -> None:
    async with delivering(f"http://127.0.0.1:{free_port()}/") as (delivery, metrics):
        await fails(delivery, metrics, RequestFailure.UNREACHABLE)
        assert not delivery.works
        assert metrics.obstacle
    assert metrics.dropped == NO_DROPS


async def test_a_redirect_is_reported_without_its_secrets(
    capsys: pytest.CaptureFixture[str],
) -> None:
    moved = {"Location": "https://me:hunter2@new.example/api/v1/push?token=hunter3"}
    async with receiver() as (receives, url), delivering(url) as (delivery, metrics):
        receives.rule = answering(web.Response(status=308, headers=moved))
        await delivery.deliver(some())
    out = capsys.readouterr().out
    assert "set url to https://new.example/api/v1/push" in out
    assert "hunter" not in out
    assert metrics.sent == 3


# Versions


@pytest.mark.parametrize("silently", [False, True], ids=["415", "no count"])
async def test_a_receiver_of_1_gets_1_until_the_pause_is_over(silently: bool) -> None:
    clock = VirtualClock()
    async with receiver() as (receives, url), delivering(url, clock) as (delivery, metrics):
        receives.counts = False
        receives.versions = {V1, V2} if silently else {V1}
        for _ in range(3):
            await delivery.deliver(some())
        assert versions(receives) == ["2.0", "1.0", "1.0", "1.0"]
        clock.now += FIRST_PAUSE
        await delivery.deliver(some())
        assert versions(receives)[4:] == ["2.0", "1.0"]
    assert (metrics.sent, metrics.version) == (12, "1.0")


async def test_a_receiver_that_is_upgraded_gets_2() -> None:
    clock = VirtualClock()
    async with receiver() as (receives, url), delivering(url, clock) as (delivery, metrics):
        receives.versions = {V1}
        await delivery.deliver(some())
        receives.versions = {V1, V2}
        receives.server = "upgraded"  # another process answers
        await delivery.deliver(some())
        clock.now += LEAST_PAUSE
        await delivery.deliver(some())
    assert versions(receives) == ["2.0", "1.0", "1.0", "2.0"]
    assert metrics.version == "2.0"


@pytest.mark.parametrize("response", ["415", "400", "no count"])
async def test_a_receiver_that_is_rolled_back_gets_1_at_once(response: str) -> None:
    clock = VirtualClock()
    async with receiver() as (receives, url), delivering(url, clock) as (delivery, metrics):
        await delivery.deliver(some())

        def old(request: Request) -> web.Response | None:
            if request.headers["Content-Type"] == V1:
                return None
            return web.Response(status={"415": 415, "400": 400, "no count": 204}[response])

        receives.rule = old
        await delivery.deliver(some())
        await delivery.deliver(some())
    assert versions(receives) == ["2.0", "2.0", "1.0", "1.0"]
    assert clock.waits == []
    assert (metrics.sent, metrics.dropped) == (9, NO_DROPS)


async def test_a_receiver_replaced_by_one_of_2_only_gets_2_at_once() -> None:
    async with receiver() as (receives, url), delivering_1(url) as (delivery, metrics):
        await delivery.deliver(some())
        receives.versions = {V2}
        await delivery.deliver(some())
    assert versions(receives) == ["1.0", "1.0", "2.0"]
    assert metrics.sent == 6


async def test_a_receiver_that_fails_on_2_and_never_says_why_gets_1() -> None:
    async with receiver() as (receives, url), delivering(url) as (delivery, metrics):
        receives.rule = lambda r: (
            web.Response(status=500) if r.headers["Content-Type"] == V2 else None
        )
        await delivery.deliver(some())
    assert (metrics.sent, metrics.version) == (3, "1.0")


async def test_counts_of_a_receiver_of_1_mean_nothing() -> None:
    headers = {
        f"X-Prometheus-Remote-Write-{kind}-Written": "0" for kind in ("Samples", "Histograms")
    }

    def rule(request: Request) -> web.Response:
        v1 = request.headers["Content-Type"] == V1
        return web.Response(status=204, headers=headers) if v1 else web.Response(status=415)

    async with receiver() as (receives, url), delivering(url) as (delivery, metrics):
        receives.rule = rule
        await delivery.deliver(some())
    assert (metrics.sent, metrics.dropped) == (3, NO_DROPS)


async def test_a_page_of_a_filter_is_not_a_success() -> None:
    page = web.Response(text="<h1>Blocked</h1>", content_type="text/html")
    clock = VirtualClock()
    async with receiver() as (receives, url), delivering(url, clock) as (delivery, metrics):
        receives.rule = answering(page)
        await delivery.deliver(some())
    assert len(clock.waits) == 1
    assert len(receives.accepted) == metrics.sent == 3


async def test_a_text_in_place_of_counts_is_doubted_but_not_forever() -> None:
    clock = VirtualClock()

    def silent(request: Request) -> web.Response:
        return web.Response(text="ok")

    async with receiver() as (receives, url), delivering(url, clock) as (delivery, metrics):
        await delivery.deliver(some())
        receives.rule = silent
        await delivery.deliver(some())
    assert sum(clock.waits) < 60
    assert len(clock.waits) == 2
    assert (metrics.sent, metrics.version) == (6, "1.0")


# Sizes


async def test_a_large_request_is_sent_in_parts_and_requests_grow_again() -> None:
    clock = VirtualClock()
    limit = 30

    def rule(request: Request) -> web.Response | None:
        return web.Response(status=413) if request.message.count > limit else None

    async with (
        receiver() as (receives, url),
        delivering(url, clock, max_samples_per_send=100) as (delivery, metrics),
    ):
        receives.rule = rule
        await delivery.deliver(some(100))
        assert metrics.request_limit <= 30
        assert len(receives.accepted) == metrics.sent == 100
        limit = 1000
        for _ in range(5):
            clock.now += 10
            await delivery.deliver(some(100))
    assert receives.requests[-1].message.count == 100
    assert metrics.dropped == NO_DROPS


async def test_15_seconds_of_413_lose_nothing_and_cost_few_requests() -> None:
    clock = VirtualClock()
    started = clock.now

    def rule(_: Request) -> web.Response | None:
        return web.Response(status=413) if clock.now < started + 15 else None

    async with receiver() as (receives, url), delivering(url, clock) as (delivery, metrics):
        receives.rule = rule
        for batch in range(12):
            await delivery.deliver(dict(catalogue(52, MOMENT + batch * 5000)))
            if batch == 0:
                assert len(receives.requests) <= 60
            clock.now = max(clock.now, started + 5 * (batch + 1))
        assert receives.requests[-1].message.count == 1040
        assert clock.now <= started + 75
    assert (metrics.sent, metrics.dropped) == (12 * 1040, NO_DROPS)


async def test_one_sample_that_is_too_large_is_dropped_and_its_neighbors_arrive() -> None:
    def rule(request: Request) -> web.Response | None:
        return web.Response(status=413) if named("m42")(request.message) else None

    async with receiver() as (receives, url), delivering(url) as (delivery, metrics):
        receives.rule = rule
        await delivery.deliver(some(100))
    assert {row.name for row in receives.accepted} == {f"m{n}" for n in range(100)} - {"m42"}
    assert metrics.dropped[DropReason.TOO_LARGE] == 1


async def test_a_batch_larger_than_the_receivers_burst_gets_through() -> None:
    clock = VirtualClock()

    def rule(request: Request) -> web.Response | None:
        return web.Response(status=429, text="burst") if request.message.count > 100 else None

    async with receiver() as (receives, url), delivering(url, clock) as (delivery, metrics):
        receives.rule = rule
        await delivery.deliver(some(1000))
    assert (metrics.sent, metrics.dropped) == (1000, NO_DROPS)
    assert sum(clock.waits) < 120


async def test_a_path_that_loses_large_requests_lets_small_ones_through() -> None:
    async with receiver() as (receives, url), delivering(url) as (delivery, metrics):
        receives.cut = lambda message: message.count > 50
        await delivery.deliver(some(400))
    assert (metrics.sent, metrics.dropped) == (400, NO_DROPS)
    assert metrics.failures[RequestFailure.UNREACHABLE] > 0


async def test_a_rejection_for_the_number_of_samples_loses_nothing() -> None:
    async with receiver() as (receives, url), delivering(url) as (delivery, metrics):
        receives.rule = rejecting(lambda message: message.count > 200, "too many samples")
        await delivery.deliver(some(1000))
        before = len(receives.requests)
        await delivery.deliver(some(1000))
        assert len(receives.requests) - before <= 10
    assert (metrics.sent, metrics.dropped) == (2000, NO_DROPS)


# Rejections


@pytest.mark.parametrize("status", [400, 409, 422])
async def test_a_rejected_sample_is_not_sent_again(status: int) -> None:
    clock = VirtualClock()
    async with receiver() as (receives, url), delivering(url, clock) as (delivery, metrics):
        receives.rule = lambda _: web.Response(status=status)
        await delivery.deliver(some(1))
    assert versions(receives) == ["2.0", "1.0"], "once in each version"
    assert clock.waits == []
    assert (metrics.sent, metrics.dropped[DropReason.REFUSED]) == (0, 1)


@pytest.mark.parametrize("version", list(WriteVersion))
async def test_one_bad_series_costs_itself_only_and_is_left_out_for_a_while(
    version: WriteVersion,
) -> None:
    clock = VirtualClock()
    async with (
        receiver() as (receives, url),
        delivering(url, clock, protocol=version) as (delivery, metrics),
    ):
        receives.rule = rejecting(named("m42"), "out of order")
        await delivery.deliver(some(100))
        assert (metrics.sent, metrics.dropped[DropReason.REFUSED]) == (99, 1)
        for requests in (2, 1):  # apart once more, then not at all
            before = len(receives.requests)
            await delivery.deliver(some(100))
            assert len(receives.requests) - before <= requests + 1
        assert metrics.left_out == ["m42"]
        receives.rule = lambda _: None
        clock.now += PAUSE
        await delivery.deliver(some(100))
        assert metrics.left_out == []
        before = len(receives.requests)
        await delivery.deliver(some(100))
        assert len(receives.requests) - before == 1, "it is sent with the others again"


async def test_a_metric_rejected_on_all_targets_costs_few_requests_and_no_good_sample() -> None:
    clock = VirtualClock()
    async with receiver() as (receives, url), delivering(url, clock) as (delivery, metrics):
        receives.rule = rejecting(named("m7"), "unknown metric m7")
        for batch in range(20):
            await delivery.deliver(catalogue(52, MOMENT + batch * 5000))
            clock.now += 5
            if batch == 0:
                assert len(receives.requests) <= 40
        assert metrics.left_out == ["m7"]
    assert metrics.sent == 20 * 19 * 52
    assert metrics.dropped[DropReason.REFUSED] == 20 * 52
    assert len(receives.requests) <= 20 + 60


async def test_if_everything_is_rejected_each_batch_costs_few_requests() -> None:
    async with receiver() as (receives, url), delivering(url) as (delivery, metrics):
        receives.rule = rejecting(lambda _: True, "no")
        await delivery.deliver(catalogue(52))
        first = len(receives.requests)
        for batch in range(1, 11):
            await delivery.deliver(catalogue(52, MOMENT + batch * 5000))
        assert first <= 25
        assert len(receives.requests) - first <= 45
        receives.rule = lambda _: None
        await delivery.deliver(catalogue(52, MOMENT + 60_000))
    assert metrics.sent == 1040, "it flows again with the first batch"


async def test_a_partial_write_follows_the_counts() -> None:
    async with receiver() as (receives, url), delivering(url) as (delivery, metrics):
        receives.rule = answering(receives.written(7, 400), receives.written(8))
        await delivery.deliver(some(10))
        await delivery.deliver(some(10))
    assert len(receives.requests) == 2
    assert metrics.sent == 15
    assert metrics.dropped[DropReason.REFUSED] == 3
    assert metrics.dropped[DropReason.UNWRITTEN] == 2


@pytest.mark.parametrize("value", ["", "-1", "x", "9" * 40, "1e3", "٣"])
async def test_a_success_with_malformed_counts_is_a_success(value: str) -> None:
    headers = {"X-Prometheus-Remote-Write-Samples-Written": value}
    async with receiver() as (receives, url), delivering(url) as (delivery, metrics):
        receives.rule = lambda _: web.Response(status=204, headers=headers)
        await delivery.deliver(some())
    assert (metrics.sent, metrics.version, metrics.dropped) == (3, "2.0", NO_DROPS)


@pytest.mark.parametrize("status", [500, 403])
async def test_a_sample_that_fails_alone_does_not_hold_up_the_others_forever(status: int) -> None:
    clock = VirtualClock()

    def rule(request: Request) -> web.Response | None:
        return web.Response(status=status) if named("m3")(request.message) else None

    async with receiver() as (receives, url), delivering(url, clock) as (delivery, metrics):
        receives.rule = rule
        await delivery.deliver(some(10))
    assert {row.name for row in receives.accepted} == {f"m{n}" for n in range(10)} - {"m3"}
    assert metrics.dropped[DropReason.REFUSED] == 1
    assert sum(clock.waits) < 300


async def test_an_outage_drops_nothing_however_long_it_lasts() -> None:
    clock = VirtualClock()
    until = clock.now + 6 * 3600

    def rule(_: Request) -> web.Response | None:
        return web.Response(status=503) if clock.now < until else None

    async with receiver() as (receives, url), delivering(url, clock) as (delivery, metrics):
        await delivery.deliver(some(10))
        receives.rule = rule
        await delivery.deliver({s: [(at + 1, v) for at, v in p] for s, p in some(10).items()})
        assert clock.now - until <= LONGEST_WAIT
    assert metrics.dropped == NO_DROPS
    assert metrics.sent == 20


# The log


async def test_drops_are_logged_once_a_minute_with_the_receivers_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = VirtualClock()
    async with receiver() as (receives, url), delivering(url, clock) as (delivery, metrics):
        receives.rule = lambda _: web.Response(status=422, text="Could not\x1b[2J decode")
        for _ in range(24):
            await delivery.deliver(some(5))
            clock.now += 5
    out = capsys.readouterr().out
    assert 2 <= out.count("remote write dropped samples") <= 4
    assert "422: Could not [2J decode" in out
    assert "\x1b" not in out
    logged = sum(int(part.split()[0]) for part in out.split("samples=")[1:])
    assert logged == metrics.dropped[DropReason.REFUSED] == 120
    assert metrics.drops[DropReason.REFUSED].explanation == "422: Could not [2J decode"


async def test_an_obstacle_is_logged_once_and_its_end_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with receiver() as (receives, url), delivering(url) as (delivery, metrics):
        receives.rule = answering(
            *[web.Response(status=429, text="limit is 5/s") for _ in range(5)]
        )
        await delivery.deliver(some())
        assert metrics.obstacle == ""
    out = capsys.readouterr().out
    assert out.count("remote write is held up") == 1
    assert "429: limit is 5/s" in out
    assert out.count("remote write works again") == 1


async def test_a_clock_that_was_ahead_does_not_freeze_the_newest_sample() -> None:
    async with receiver() as (_, url), delivering(url) as (delivery, metrics):
        await delivery.deliver({series(): [(MOMENT + 90_000_000, 1.0)]})
        await delivery.deliver({series(): [(MOMENT, 1.0)]})
    assert metrics.newest_sent_at == MOMENT / 1000


def test_the_batches_here_are_what_they_seem() -> None:
    assert count(catalogue(52)) == 1040
    assert len(points(3)) == 3

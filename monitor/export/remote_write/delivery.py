"""Delivers samples to one receiver: sends, tries again, and settles each sample for good."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from random import Random

import structlog

from monitor.export.remote_write.backoff import backoff
from monitor.export.remote_write.drops import Drops
from monitor.export.remote_write.exchange import Exchange, Outcome, Request
from monitor.export.remote_write.isolation import Isolation
from monitor.export.remote_write.quarantine import Quarantine
from monitor.export.remote_write.request_size import RequestSize
from monitor.export.remote_write.response import Disposition
from monitor.export.remote_write.rows import Rows, count, take
from monitor.model.settings import RemoteWriteSettings
from monitor.net.clock import Clock
from monitor.state.self_metrics import DropReason, RemoteWriteMetrics, RequestFailure

CHANGE_EVERY = 30.0
"""Seconds between two changes of the receiver's behavior that lead to new trials."""

REMIND_EVERY = 300.0
"""Seconds between two log lines on the same obstacle."""

STRIKES = {Disposition.TOO_LARGE: 2, Disposition.DENIED: 3, Disposition.RETRY: 6}
"""Times that a request of one sample must fail while another is judged before it is dropped:
its content is the cause then, and waiting would hold up all that follows."""

log = structlog.get_logger(__name__)


class Delivery:
    """The way to one receiver. ``works``: whether the last request was judged; ``most``: the
    number of samples that may be sent at once."""

    def __init__(
        self,
        settings: RemoteWriteSettings,
        exchange: Exchange,
        metrics: RemoteWriteMetrics,
        drops: Drops,
        *,
        clock: Clock,
        random: Random | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.works = True
        self.most = settings.max_samples_per_send
        self._settings = settings
        self._exchange = exchange
        self._metrics = metrics
        self._drops = drops
        self._clock = clock
        self._random = random or Random()  # noqa: S311 - jitter and samples, no secrets
        self._sleep = sleep
        self._size = RequestSize(self.most)
        self._quarantine = Quarantine()
        self._accepted: Rows = {}
        self._failures = 0
        self._doubtful = False
        self._changed_at: float | None = None
        self._warned: tuple[str, float] | None = None
        exchange.on_change = self._on_change

    def open(self) -> None:
        """Begin; needs a running event loop."""
        self._exchange.open()
        self._metrics.request_limit = self._size.limit

    async def close(self) -> None:
        """Close all connections, and log drops that were not logged yet."""
        self._drops.log_due(final=True)
        await self._exchange.close()

    async def deliver(self, rows: Rows) -> None:
        """Return when each sample was accepted, or dropped and counted."""
        division = self._quarantine.divide(rows, self._clock.monotonic())
        self._drops(DropReason.REFUSED, count(division.left_out))
        for part in (division.clear, division.apart):
            await self._send(part)
        for name, part in division.due.items():
            await self._retest(name, part)
        self._metrics.left_out = self._quarantine.names()
        self._drops.log_due()

    async def accepts(self, rows: Rows) -> bool:
        """Send samples that are not measurements; return whether they were accepted."""
        return (await self._verdict(Request(rows), {})).disposition is Disposition.ACCEPTED

    async def _send(self, rows: Rows) -> None:
        while rows:
            part, rest = take(rows, self._size.limit)
            outcome = await self._verdict(Request(part), rest)
            if not outcome.judged:
                continue  # smaller requests are tried
            if _rejected_whole(outcome) and count(part) > 1:
                await self._isolate(part, outcome.explanation, doubtful=self._doubtful)
            else:
                self._settle(part, outcome)
                if _rejected_whole(outcome):
                    self._quarantine.rejected(next(iter(part)).key, self._clock.monotonic())
            rows = rest

    async def _retest(self, name: str, rows: Rows) -> None:
        """Send the samples of a series or metric that was left out for a while."""
        outcome = await self._verdict(Request(rows), {})
        if not outcome.judged:
            await self._send(rows)  # in smaller requests
            return
        if not _rejected_whole(outcome):
            self._settle(rows, outcome)
            return
        if len(rows) > 1:
            isolation = await self._isolate(rows, outcome.explanation, doubtful=True)
            if not isolation.everything:
                return
        else:
            self._settle(rows, outcome)
        self._quarantine.rejected(name, self._clock.monotonic())

    async def _isolate(self, rows: Rows, explanation: str, *, doubtful: bool) -> Isolation:
        """Send the parts of rows that were rejected together, and drop what is rejected."""

        async def send(part: Rows) -> int:
            outcome = await self._verdict(Request(part), {}, divisible=False)
            if outcome.written:
                self._quarantine.accepted(part)
            return outcome.written

        isolation = Isolation(send, self._random)
        written, samples = await isolation.run(rows, doubtful=doubtful), count(rows)
        now, metrics = self._clock.monotonic(), {series.metric for series in rows}
        self._note_written(rows, written)
        self._drops(DropReason.REFUSED, samples - written, explanation)
        for name in isolation.rejected:
            self._quarantine.rejected(name, now, whole_metric=name in metrics)
        self._doubtful = isolation.everything and len(metrics) > 1
        if written == samples:
            self._size.failed(2 * isolation.largest, now)  # each part passes: it was the size
            self._metrics.request_limit = self._size.limit
        return isolation

    async def _verdict(self, request: Request, spare: Rows, *, divisible: bool = True) -> Outcome:
        """Send a request until the receiver judges its samples, or until a smaller request is
        worth trying. ``spare``: samples to compare with if a single one fails."""
        strikes = 0
        while True:
            outcome = await self._exchange.send(request, self._failures)
            now = self._clock.monotonic()
            if outcome.judged:
                self._on_verdict(request, outcome, now)
                return outcome
            if request.samples > 1 and outcome.disposition is Disposition.TOO_LARGE:
                self._shrink(request, now)
                self._metrics.failures[RequestFailure.TOO_LARGE] += 1
                return outcome
            await self._wait(request, outcome)
            if request.samples > 1:
                if divisible and outcome.delivered and self._failures % 2 == 0:
                    self._shrink(request, now)
                    return outcome
            elif outcome.delivered and await self._others_pass(spare):
                strikes += 1
            if strikes >= STRIKES.get(outcome.disposition, 1):
                return self._struck_out(outcome)

    async def _others_pass(self, spare: Rows) -> bool:
        """Send a sample that was accepted before (a receiver accepts the same sample twice), or
        one of ``spare``; return whether the receiver judges it, if only as too old."""
        rows = self._accepted or take(spare, 1)[0]
        if not rows:
            return False
        return (await self._exchange.send(Request(rows))).judged

    def _struck_out(self, outcome: Outcome) -> Outcome:
        self._failures = 0
        return replace(outcome, disposition=Disposition.REJECTED, written=0)

    def _shrink(self, request: Request, now: float) -> None:
        self._size.failed(request.samples, now)
        self._metrics.request_limit = self._size.limit

    async def _wait(self, request: Request, outcome: Outcome) -> None:
        """Wait before the next try, and log what holds the samples up."""
        assert outcome.failure is not None, "a request that was accepted is not sent again"
        self._failures += 1
        self._metrics.failures[outcome.failure] += 1
        self._metrics.retried += request.samples
        denied = outcome.disposition is Disposition.DENIED
        wait = max(backoff(self._failures, self._random, denied=denied), outcome.wait or 0.0)
        self._warn(outcome, wait)
        self.works = False
        await self._sleep(wait)

    def _warn(self, outcome: Outcome, wait: float) -> None:
        now = self._clock.monotonic()
        assert outcome.failure is not None, "only failures are logged"
        failure = outcome.failure.value
        known = self._warned is not None and self._warned[0] == failure
        if known and self._warned is not None and now - self._warned[1] < REMIND_EVERY:
            return
        self._warned = failure, now
        self._metrics.obstacle = outcome.explanation
        log.warning(
            "remote write is held up",
            destination=self._settings.name,
            url=self._settings.shown_url,
            failure=failure,
            explanation=outcome.explanation,
            next_try_in=round(wait, 1),
        )

    def _on_verdict(self, request: Request, outcome: Outcome, now: float) -> None:
        """Note that the receiver judged the samples of a request."""
        if outcome.failure is not None:
            self._metrics.failures[outcome.failure] += 1
        if self._failures:
            self._on_change()
        self._failures = 0
        if not self.works:
            self.works, self._warned, self._metrics.obstacle = True, None, ""
            log.info("remote write works again", destination=self._settings.name)
        self._size.passed(request.samples, now)
        self._metrics.request_limit = self._size.limit

    def _settle(self, rows: Rows, outcome: Outcome) -> None:
        """Count the samples of a request that was judged as they were."""
        samples = count(rows)
        self._note_written(rows, outcome.written)
        if outcome.disposition is Disposition.ACCEPTED:
            self._accepted = dict([next((s, p[-1:]) for s, p in rows.items())])
            self._quarantine.accepted(rows)
            self._doubtful = False
            text = f"{outcome.explanation}, but {outcome.written} of {samples} counted as written"
            self._drops(DropReason.UNWRITTEN, samples - outcome.written, text)
            return
        large = outcome.failure is RequestFailure.TOO_LARGE
        reason = DropReason.TOO_LARGE if large else DropReason.REFUSED
        self._drops(reason, samples - outcome.written, outcome.explanation)

    def _note_written(self, rows: Rows, written: int) -> None:
        metrics = self._metrics
        metrics.sent += written
        if not written:
            return
        newest = max(at for points in rows.values() for at, _ in points) / 1000
        ahead = metrics.newest_sent_at > self._clock.time()
        metrics.newest_sent_at = newest if ahead else max(metrics.newest_sent_at, newest)

    def _on_change(self) -> None:
        """Try again what failed before: the receiver's behavior has changed."""
        now = self._clock.monotonic()
        if self._changed_at is not None and now - self._changed_at < CHANGE_EVERY:
            return
        self._changed_at = now
        self._exchange.negotiation.disturbed(now)
        self._quarantine.disturbed(now)
        self._size.disturbed()
        self._doubtful = False


def _rejected_whole(outcome: Outcome) -> bool:
    return outcome.disposition is Disposition.REJECTED and not outcome.written

"""Delivers samples to one receiver: encodes, sends, tries again, and settles what is refused."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor
from dataclasses import dataclass, field

import cramjam
import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type
from tenacity.wait import wait_exponential_jitter

from monitor.export.remote_write.answer import Answer, Disposition, disposition
from monitor.export.remote_write.auth import Auth, SecretError
from monitor.export.remote_write.isolate import Isolation, Rows, count, halves
from monitor.export.remote_write.protobuf import HEADERS, encode
from monitor.export.remote_write.series import Family
from monitor.export.remote_write.transport import Transport, UnreachableError
from monitor.model.settings import RemoteWriteSettings, WriteVersion
from monitor.net.aws.credentials import NoCredentialsError
from monitor.net.clock import Clock
from monitor.state.self_metrics import DropReason, RemoteWriteMetrics, RequestFailure

LONGEST_WAIT = 10.0
"""Seconds between two tries at the most, while a receiver is away."""

DENIED_WAIT, LONGEST_DENIED_WAIT = 60.0, 300.0
"""Seconds until a receiver is tried again that wants nothing to do with us."""

METADATA_EVERY = 60.0
TEXT_SHOWN = 200
"""Characters of what a receiver says that are repeated in the log."""

SUSPECTS = 1000

_UNTRIED = wait_exponential_jitter(multiplier=0.3, max=LONGEST_WAIT, jitter=1.0)

log = structlog.get_logger(__name__)


class _TryAgainError(Exception):
    """A request failed in a way that says nothing of its samples. ``wait``: seconds."""

    def __init__(self, failure: RequestFailure, what: str, wait: float | None = None) -> None:
        super().__init__(what)
        self.failure = failure
        self.wait = wait


@dataclass(slots=True)
class _Request:
    """Rows to be sent, and the body that was made of them for a version."""

    rows: Rows
    samples: int
    version: WriteVersion | None = None
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class _Outcome:
    disposition: Disposition
    written: int | None


class Delivery:
    """The way to one receiver. ``limit`` is how many samples it takes at once; ``works``
    whether the last request was answered for good. What takes long is done in ``thread``."""

    def __init__(
        self,
        settings: RemoteWriteSettings,
        auth: Auth,
        transport: Transport,
        self_metrics: RemoteWriteMetrics,
        *,
        clock: Clock,
        thread: Executor,
    ) -> None:
        self.limit = settings.max_samples_per_send
        self.works = True
        self._settings = settings
        self._auth = auth
        self._transport = transport
        self._self_metrics = self_metrics
        self._clock = clock
        self._thread = thread
        self._version = settings.protocol
        self._confirmed = False
        self._denials = 0
        self._metadata_at = 0.0
        self._suspects: dict[str, None] = {}

    def open(self) -> None:
        """Begin; needs a running event loop."""
        self._transport.open()
        self._self_metrics.version = self._version.value

    async def close(self) -> None:
        """End every connection."""
        await self._transport.close()

    async def deliver(self, rows: Rows) -> None:
        """Return when each sample has been accepted, or refused for good and counted. Series
        that were refused lately are sent apart: they spoil no request of the others."""
        suspects = {s: points for s, points in rows.items() if s.key in self._suspects}
        others = {s: points for s, points in rows.items() if s not in suspects}
        for part in (others, suspects):
            if part:
                await self._refine(part)

    async def accepts(self, rows: Rows) -> bool:
        """Send samples that are none of the measurements; whether they were accepted."""
        return (await self._exchange(rows)).disposition is Disposition.ACCEPTED

    async def _refine(self, rows: Rows) -> None:
        outcome = await self._exchange(rows)
        if outcome.disposition is Disposition.TOO_LARGE and count(rows) > 1:
            self.limit = max(1, min(self.limit, count(rows) // 2))
            for part in halves(rows):
                await self._refine(part)
            return
        if outcome.disposition is Disposition.REFUSED and outcome.written is None:
            await self._isolate(rows)
            return
        written = count(rows) if outcome.disposition is Disposition.ACCEPTED else 0
        self._settled(rows, written if outcome.written is None else outcome.written, outcome)

    async def _isolate(self, rows: Rows) -> None:
        """Find out which samples are refused by a receiver that does not tell."""

        async def send(part: Rows) -> int:
            outcome = await self._exchange(part)
            return count(part) if outcome.disposition is Disposition.ACCEPTED else 0

        isolation = Isolation(send)
        written = await isolation.run(rows)
        for series in rows:
            if series.key not in isolation.refused:
                self._suspects.pop(series.key, None)
            elif len(self._suspects) < SUSPECTS:
                self._suspects[series.key] = None
        self._settled(rows, written, _Outcome(Disposition.REFUSED, written))

    def _settled(self, rows: Rows, written: int, outcome: _Outcome) -> None:
        self_metrics, samples = self._self_metrics, count(rows)
        written = min(written, samples)
        self_metrics.sent += written
        if written:
            newest = max(at for points in rows.values() for at, _ in points)
            self_metrics.newest_sent_at = max(self_metrics.newest_sent_at, newest / 1000)
        if outcome.disposition is Disposition.ACCEPTED:
            self_metrics.dropped[DropReason.UNWRITTEN] += samples - written
            for series in rows:
                self._suspects.pop(series.key, None)
        else:
            self_metrics.dropped[DropReason.REFUSED] += samples - written

    async def _exchange(self, rows: Rows) -> _Outcome:
        """Send rows until the receiver says something about them."""
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(_TryAgainError),
            wait=self._wait,
            before_sleep=self._before_waiting,
        )
        return await retrying(self._probe_result, _Request(rows, count(rows)))

    async def _probe_result(self, request: _Request) -> _Outcome:
        answer = await self._ask(request)
        version = self._version
        said = disposition(answer, version, confirmed=self._confirmed)
        self._confirmed |= version is WriteVersion.V2 and answer.written is not None
        if said is Disposition.UNSUPPORTED and version is WriteVersion.V2:
            log.info("the receiver speaks Remote-Write 1.0 only", destination=self._settings.name)
            self._version = WriteVersion.V1
            self._self_metrics.version = self._version.value
            return await self._probe_result(request)
        text = self._auth.redact(answer.text)[:TEXT_SHOWN]
        if said in {Disposition.DENIED, Disposition.UNSUPPORTED}:
            self._auth.denied()
            self._denials += 1
            pause = min(DENIED_WAIT * 2 ** (self._denials - 1), LONGEST_DENIED_WAIT)
            what = f"it answered {answer.status}: {text or 'nothing more'}"
            raise _TryAgainError(RequestFailure.DENIED, what, pause)
        if said is Disposition.LATER:
            throttled = answer.status == 429
            failure = RequestFailure.THROTTLED if throttled else RequestFailure.SERVER_ERROR
            raise _TryAgainError(failure, f"it answered {answer.status}", answer.retry_after)
        self._reached(said, answer, text)
        return _Outcome(said, answer.written)

    async def _ask(self, request: _Request) -> Answer:
        """Send a request once.

        Raises:
            _TryAgainError: if no answer came.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            headers = await loop.run_in_executor(self._thread, self._prepare, request)
            headers |= await self._auth.signature(headers, request.body, self._clock.time())
            began = loop.time()
            return await self._transport.post(request.body, headers)
        except (SecretError, NoCredentialsError) as error:
            raise _TryAgainError(RequestFailure.NO_CREDENTIALS, str(error)) from None
        except TimeoutError:
            raise _TryAgainError(RequestFailure.TIMEOUT, "no answer in time") from None
        except UnreachableError as error:
            raise _TryAgainError(RequestFailure.UNREACHABLE, str(error)) from None
        finally:
            self._self_metrics.requests.observe(loop.time() - began)

    def _prepare(self, request: _Request) -> dict[str, str]:
        """Make the body and return the headers: what takes long, or reads files."""
        self._transport.refresh()
        version = self._version
        if request.version is not version:
            plain = encode(version, request.rows, self._families(request.rows))
            request.body = bytes(cramjam.snappy.compress_raw(plain))
            request.version = version
        return {**HEADERS[version], **self._auth.plain()}

    def _families(self, rows: Rows) -> dict[Family, None]:
        """Return the families to be described: in 1.0 they are told apart, now and then."""
        now = self._clock.monotonic()
        if self._version is WriteVersion.V2 or 0 < now - self._metadata_at < METADATA_EVERY:
            return {}
        self._metadata_at = now
        return dict.fromkeys(series.family for series in rows)

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        usual = _UNTRIED(state)
        if isinstance(error, _TryAgainError) and error.wait is not None:
            return max(error.wait, usual)
        return usual

    def _before_waiting(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        request: _Request = state.args[0]
        assert isinstance(error, _TryAgainError), "nothing else is tried again"
        self._self_metrics.failures[error.failure] += 1
        self._self_metrics.retried += request.samples
        if self.works or error.failure is RequestFailure.DENIED:
            log.warning(
                "remote write is held up",
                destination=self._settings.name,
                url=self._settings.shown_url,
                failure=error.failure.value,
                reason=str(error),
                next_try_in=round(state.next_action.sleep, 1) if state.next_action else None,
            )
        self.works = False

    def _reached(self, said: Disposition, answer: Answer, text: str) -> None:
        """Take note that the receiver has judged the samples of a request."""
        self._denials = 0
        if not self.works:
            self.works = True
            log.info("remote write goes on", destination=self._settings.name)
        if said is Disposition.ACCEPTED:
            return
        large = said is Disposition.TOO_LARGE
        self._self_metrics.failures[
            RequestFailure.TOO_LARGE if large else RequestFailure.REFUSED
        ] += 1
        log.debug(
            "samples refused",
            destination=self._settings.name,
            status=answer.status,
            reason=text,
        )

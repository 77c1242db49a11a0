"""One request to a receiver: encoded in the version that it understands, signed, sent, judged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace

import cramjam
import structlog

from monitor.export.remote_write.auth import Auth, SecretError
from monitor.export.remote_write.negotiation import Negotiation, other
from monitor.export.remote_write.protobuf import HEADERS, encode
from monitor.export.remote_write.response import (
    Disposition,
    Response,
    disposition,
    written_samples,
)
from monitor.export.remote_write.rows import Rows, count
from monitor.export.remote_write.series import Family
from monitor.export.remote_write.transport import Transport, TransportError
from monitor.model.settings import RemoteWriteSettings, WriteVersion
from monitor.net.aws.credentials import NoCredentialsError
from monitor.net.clock import Clock
from monitor.state.self_metrics import RemoteWriteMetrics, RequestFailure

METADATA_EVERY = 60.0
"""Seconds between two descriptions of the metrics in 1.0, where they are separate messages."""

CHECK_EVERY = 20.0
"""Seconds between two checks whether a rejected request is accepted in the other version."""

TEXT_SHOWN = 200
"""Characters of a receiver's response that are repeated in logs and on the page."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Request:
    """Rows to be sent, and the body made of them for a version."""

    rows: Rows
    samples: int = 0
    version: WriteVersion | None = None
    body: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        self.samples = count(self.rows)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of sending a request once. ``written``: samples written; ``explanation``: the
    response or failure in words; ``failure``: None if accepted; ``wait``: Retry-After in
    seconds; ``delivered``: whether the request was sent, so that its size or content may
    matter; ``counted``: whether the response had counts of written samples."""

    disposition: Disposition
    explanation: str
    failure: RequestFailure | None = None
    written: int = 0
    wait: float | None = None
    delivered: bool = True
    counted: bool = False

    @property
    def judged(self) -> bool:
        """Whether the receiver judged the samples."""
        return self.disposition in {Disposition.ACCEPTED, Disposition.REJECTED}


_FAILURES = {
    Disposition.REJECTED: RequestFailure.REFUSED,
    Disposition.TOO_LARGE: RequestFailure.TOO_LARGE,
    Disposition.UNSUPPORTED: RequestFailure.DENIED,
    Disposition.DENIED: RequestFailure.DENIED,
    Disposition.RETRY: RequestFailure.SERVER_ERROR,
}


class Exchange:
    """Requests to one receiver, one at a time. ``on_change`` is called if the receiver's
    identification changes. Slow work is done in ``thread``."""

    def __init__(
        self,
        settings: RemoteWriteSettings,
        auth: Auth,
        transport: Transport,
        metrics: RemoteWriteMetrics,
        *,
        clock: Clock,
        thread: Executor,
    ) -> None:
        self.negotiation = Negotiation(settings.protocol)
        self.on_change: Callable[[], None] = lambda: None
        self._settings = settings
        self._auth = auth
        self._transport = transport
        self._metrics = metrics
        self._clock = clock
        self._thread = thread
        self._server: str | None = None
        self._described_at: float | None = None
        self._checked_at: float | None = None

    def open(self) -> None:
        """Begin; needs a running event loop."""
        self._transport.open()
        self._metrics.version = self.negotiation.version.value

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()

    async def send(self, request: Request, failures: int = 0) -> Outcome:
        """Send a request once, or once in each version if the first is not understood.
        ``failures``: requests in a row that the receiver answered without judging them."""
        now = self._clock.monotonic()
        in_use = self.negotiation.version
        version = self.negotiation.choose(now, failures)
        outcome = await self._ask(request, version)
        understood = outcome.disposition is Disposition.ACCEPTED or outcome.counted
        if version is not in_use and not understood:
            version, outcome = in_use, await self._ask(request, in_use)
            understood = outcome.disposition is Disposition.ACCEPTED or outcome.counted
        if not understood and self._may_be_the_version(outcome, now):
            version, outcome = await self._try_other(request, version, outcome)
        if outcome.judged:
            self._use(version, outcome)
        return outcome

    def _may_be_the_version(self, outcome: Outcome, now: float) -> bool:
        """Whether the other version is worth trying. 1.0 receivers call what they cannot decode
        a bad request (specification 2.0, "Unsupported Request Content")."""
        if outcome.disposition is Disposition.UNSUPPORTED:
            return True
        if outcome.disposition is not Disposition.REJECTED:
            return False
        if self._checked_at is not None and now - self._checked_at < CHECK_EVERY:
            return False
        self._checked_at = now
        return True

    async def _try_other(
        self, request: Request, version: WriteVersion, first: Outcome
    ) -> tuple[WriteVersion, Outcome]:
        """Send a request in the other version; return the version to use and the outcome."""
        second = await self._ask(request, other(version))
        if second.disposition is Disposition.ACCEPTED or second.counted:
            return other(version), second
        if first.disposition is Disposition.REJECTED:
            unsure = version is WriteVersion.V2 and not self.negotiation.confirmed
            keeps = second.disposition is not Disposition.REJECTED or not unsure
            return (version, first) if keeps else (other(version), second)
        if second.disposition is Disposition.UNSUPPORTED:
            text = f"it understands neither 2.0 ({first.explanation}) nor 1.0"
            return version, replace(first, disposition=Disposition.DENIED, explanation=text)
        return other(version), second

    def _use(self, version: WriteVersion, outcome: Outcome) -> None:
        now = self._clock.monotonic()
        if self.negotiation.understood(version, now, counted=outcome.counted):
            self._metrics.version = version.value
            log.info(
                "remote write changed the protocol version",
                destination=self._settings.name,
                version=version.value,
            )

    async def _ask(self, request: Request, version: WriteVersion) -> Outcome:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            headers = await loop.run_in_executor(self._thread, self._prepare, request, version)
            headers |= await self._auth.signature(headers, request.body, self._clock.time())
            began = loop.time()
            response = await self._transport.post(request.body, headers)
        except (SecretError, NoCredentialsError) as error:
            return _failed(RequestFailure.NO_CREDENTIALS, str(error), delivered=False)
        except TimeoutError:
            return _failed(RequestFailure.TIMEOUT, "no response in time")
        except TransportError as error:
            reason = self._auth.redact(str(error))[:TEXT_SHOWN]
            return _failed(RequestFailure.UNREACHABLE, reason, delivered=error.delivered)
        finally:
            self._metrics.requests.observe(loop.time() - began)
        if self._server is not None and response.server != self._server:
            self.on_change()
        self._server = response.server
        return self._judge(response, version, request.samples)

    def _judge(self, response: Response, version: WriteVersion, sent: int) -> Outcome:
        found = disposition(response, version)
        silent = found is Disposition.UNSUPPORTED and response.successful and bool(response.text)
        # After counts, a success without them is rather sent by a filter than by a rollback.
        if silent and self.negotiation.confirmed and self.negotiation.strange():
            found = Disposition.DENIED
        if found is Disposition.DENIED:
            self._auth.denied()
        judged = found in {Disposition.ACCEPTED, Disposition.REJECTED}
        throttled = found is Disposition.RETRY and response.status == 429
        failure = RequestFailure.THROTTLED if throttled else _FAILURES.get(found)
        return Outcome(
            found,
            self._explain(response),
            failure,
            written=written_samples(response, version, sent) if judged else 0,
            wait=response.retry_after,
            counted=version is WriteVersion.V2 and response.counted,
        )

    def _explain(self, response: Response) -> str:
        if response.location:
            moved = self._auth.redact(response.location)[:TEXT_SHOWN]
            return f"{response.status}, a redirect: set url to {moved} if that is the receiver"
        text = self._auth.redact(response.text)[:TEXT_SHOWN]
        return f"{response.status}: {text}" if text else f"{response.status}"

    def _prepare(self, request: Request, version: WriteVersion) -> dict[str, str]:
        """Make the body and return the headers: slow work, and reads of files."""
        self._transport.refresh()
        if request.version is not version:
            plain = encode(version, request.rows, self._families(request.rows, version))
            request.body = bytes(cramjam.snappy.compress_raw(plain))
            request.version = version
        return {**HEADERS[version], **self._auth.plain()}

    def _families(self, rows: Rows, version: WriteVersion) -> dict[Family, None]:
        """Return the families to describe: in 1.0 they are sent now and then."""
        now = self._clock.monotonic()
        recently = self._described_at is not None and now - self._described_at < METADATA_EVERY
        if version is WriteVersion.V2 or recently:
            return {}
        self._described_at = now
        return dict.fromkeys(series.family for series in rows)


def _failed(failure: RequestFailure, explanation: str, *, delivered: bool = True) -> Outcome:
    return Outcome(Disposition.RETRY, explanation, failure, delivered=delivered)

"""Responses of receivers and their meaning for the samples sent. Pure.

Sources: Remote-Write specification 2.0, "Response", "Retries & Backoff"; RFC 9110.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from types import MappingProxyType

from monitor.model.settings import WriteVersion

RETRY_AFTER_LIMIT = 300.0
"""Upper bound of Retry-After, in seconds."""

WRITTEN_HEADERS = tuple(
    f"X-Prometheus-Remote-Write-{kind}-Written" for kind in ("Samples", "Histograms", "Exemplars")
)
"""Headers of which a 2.0 receiver sends at least one with each 2xx and 4xx response."""


class Disposition(Enum):
    """The consequence of a response for the samples of its request."""

    ACCEPTED = auto()
    REJECTED = auto()  # these samples are invalid: none, or only some, were written
    TOO_LARGE = auto()  # too many at once
    UNSUPPORTED = auto()  # this version of the protocol
    RETRY = auto()  # nothing is known about the samples: overload or a fault
    DENIED = auto()  # nothing is known about the samples: access, path, a filter


_BY_STATUS: Mapping[int, Disposition] = MappingProxyType(
    dict.fromkeys((400, 409, 422), Disposition.REJECTED)
    | dict.fromkeys((408, 425, 429), Disposition.RETRY)
    | {413: Disposition.TOO_LARGE, 415: Disposition.UNSUPPORTED}
)


@dataclass(frozen=True, slots=True)
class Response:
    """A response. ``written``: the Samples-Written header, None if absent or malformed;
    ``counted``: whether any of ``WRITTEN_HEADERS`` is present; ``retry_after``: seconds;
    ``text``: the beginning of the body, sanitized; ``page``: whether that is HTML;
    ``location``: the absolute URL of a redirect without query and userinfo."""

    status: int
    written: int | None = None
    counted: bool = False
    retry_after: float | None = None
    text: str = ""
    page: bool = False
    location: str = ""
    server: str = ""

    @property
    def successful(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300


def disposition(response: Response, version: WriteVersion) -> Disposition:
    """Return the consequence of a response to a request of ``version``.

    A 2.0 request that is answered 2xx without counts was not understood (specification,
    "Required Written Response Headers"). To a 1.0 request counts mean nothing. An HTML page
    with status 2xx is the page of a filter or portal on the path. Statuses that concern the
    sender and not the samples (401, 403, 404, a redirect) keep the samples, although the
    specification would drop them: during the outage that the samples describe, it is often a
    filter or proxy that responds so.
    """
    if response.successful:
        if version is WriteVersion.V2 and response.counted:
            return Disposition.ACCEPTED
        if response.page:
            return Disposition.DENIED
        return Disposition.UNSUPPORTED if version is WriteVersion.V2 else Disposition.ACCEPTED
    if response.status >= 500:
        return Disposition.RETRY
    return _BY_STATUS.get(response.status, Disposition.DENIED)


def written_samples(response: Response, version: WriteVersion, sent: int) -> int:
    """Return how many of ``sent`` samples an ACCEPTED or REJECTED response means were written.

    A missing Samples-Written header beside other counts means none (specification 2.0); a
    malformed one is ignored.
    """
    if version is WriteVersion.V2 and response.counted and response.written is not None:
        return min(response.written, sent)
    return sent if response.successful else 0


def parse_written(headers: Mapping[str, str]) -> tuple[int | None, bool]:
    """Return the number of samples written and whether the response has counts at all."""
    counted = any(name in headers for name in WRITTEN_HEADERS)
    text = headers.get(WRITTEN_HEADERS[0])
    if text is None:
        return (0 if counted else None), counted
    digits = text.strip()
    valid = digits.isascii() and digits.isdecimal() and len(digits) < 16
    return (int(digits) if valid else None), counted


def parse_retry_after(text: str | None, now: float) -> float | None:
    """Return Retry-After (RFC 9110 section 10.2.3), seconds or a date, in seconds from ``now``
    (Unix seconds), at most ``RETRY_AFTER_LIMIT``; None if it is neither."""
    value = (text or "").strip()
    if not value:
        return None
    if value.isascii() and value.isdecimal():
        seconds = float(value[:10])
    else:
        try:
            moment = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        seconds = moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - now
    return min(max(0.0, seconds), RETRY_AFTER_LIMIT)

"""What a receiver's answer means for the samples that were sent. Pure.

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


class Disposition(Enum):
    """What to do next."""

    ACCEPTED = auto()
    REFUSED = auto()  # these samples, for good
    TOO_LARGE = auto()  # so many at once
    UNSUPPORTED = auto()  # this version of the protocol
    LATER = auto()  # nothing is said of the samples: try again
    DENIED = auto()  # nothing is said of the samples, and somebody has to act


_SPECIAL: Mapping[int, Disposition] = MappingProxyType(
    dict.fromkeys((401, 402, 403, 404, 405, 407, 410, 421, 451), Disposition.DENIED)
    | dict.fromkeys((408, 425, 429), Disposition.LATER)
    | {413: Disposition.TOO_LARGE, 415: Disposition.UNSUPPORTED}
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A receiver's answer. ``written`` is how many samples it says it wrote, None where it
    does not say; ``retry_after`` seconds; ``text`` the beginning of its body; ``page``
    whether that is HTML."""

    status: int
    written: int | None = None
    retry_after: float | None = None
    text: str = ""
    page: bool = False


def disposition(answer: Answer, version: WriteVersion, *, confirmed: bool) -> Disposition:
    """Say what an answer means. ``confirmed``: this receiver has told how many samples it
    wrote before, so it speaks 2.0.

    A status that is about us and not about the samples (401, 403, 404, a redirection) keeps
    them: a filter or proxy on the way answers so during the very outage that the samples
    tell of. So does a success that no receiver says: a page, or one without a count from a
    receiver that counts.
    """
    status, silent = answer.status, answer.written is None
    unknown = version is WriteVersion.V2 and silent and not confirmed
    if 200 <= status < 300:
        strange = answer.page or (version is WriteVersion.V2 and silent and confirmed)
        said = Disposition.DENIED if strange else Disposition.ACCEPTED
        return Disposition.UNSUPPORTED if unknown and not answer.page else said
    if status in _SPECIAL:
        return _SPECIAL[status]
    if not 400 <= status < 500:
        return Disposition.LATER if status >= 500 else Disposition.DENIED
    # A receiver of 1.0 only calls what it can't read a bad request.
    return Disposition.UNSUPPORTED if status == 400 and unknown else Disposition.REFUSED


def parse_written(text: str | None) -> int | None:
    """Read a written-count header; None for what is no count."""
    digits = (text or "").strip()
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 16 else None


def parse_retry_after(text: str | None, now: float) -> float | None:
    """Read Retry-After (RFC 9110 section 10.2.3): seconds or a date; at most five minutes."""
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

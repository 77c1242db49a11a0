"""How the monitor itself fares: its loop, its reloads, what it delivers and what it loses."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

DURATION_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(slots=True)
class Histogram:
    """Observations counted by upper bound (inclusive, as Prometheus has it)."""

    bounds: tuple[float, ...] = DURATION_BUCKETS
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = self.counts or [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    @property
    def count(self) -> int:
        return sum(self.counts)


@dataclass(slots=True)
class Vitals:
    """The monitor's own health. Times are Unix seconds, the rest seconds or counts."""

    started_at: float = 0.0
    last_completed_at: float = 0.0
    in_flight: int = 0
    loop_lag: Histogram = field(default_factory=Histogram)
    lateness: Histogram = field(default_factory=Histogram)
    reloads: int = 0
    reload_failures: int = 0
    last_reload_ok: bool = True
    last_reload_success_at: float = 0.0
    trust_ok: bool = True


class Dropped(StrEnum):
    """Why an event was not published: ``QUEUE_FULL`` made room for newer ones, ``CORRUPT``
    was damaged on disk, ``REFUSED`` the broker would not take."""

    QUEUE_FULL = "queue_full"
    CORRUPT = "corrupt"
    REFUSED = "refused"


@dataclass(slots=True)
class MqttVitals:
    """How publishing to the MQTT broker goes. ``published`` counts what the broker took,
    ``sessions`` connections that it accepted, ``conflicts`` those that it ended (or seems to
    have) because another client came with the same id."""

    connected: bool = False
    published: int = 0
    pending: int = 0
    sessions: int = 0
    conflicts: int = 0
    dropped: Counter[Dropped] = field(default_factory=Counter)


class DropReason(StrEnum):
    """Why a sample never reached a remote-write destination. Stable label values."""

    QUEUE_FULL = "queue_full"
    TOO_OLD = "too_old"
    CORRUPT = "corrupt"
    REFUSED = "refused"
    UNWRITTEN = "unwritten"
    OVERFLOW = "overflow"


class RequestFailure(StrEnum):
    """How a request of remote write failed. Stable label values."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    NO_CREDENTIALS = "no_credentials"
    SERVER_ERROR = "server_error"
    THROTTLED = "throttled"
    DENIED = "denied"
    REFUSED = "refused"
    TOO_LARGE = "too_large"


@dataclass(slots=True)
class WriteVitals:
    """How one remote-write destination fares. Times are Unix seconds, the rest counts of
    samples unless the name says otherwise."""

    pending: int = 0
    queued: int = 0
    sent: int = 0
    retried: int = 0
    dropped: dict[DropReason, int] = field(default_factory=lambda: dict.fromkeys(DropReason, 0))
    corrupt_records: int = 0
    queue_bytes: int = 0
    on_disk: bool = False
    oldest_pending_at: float = 0.0
    newest_sent_at: float = 0.0
    version: str = ""
    requests: Histogram = field(default_factory=Histogram)
    failures: dict[RequestFailure, int] = field(
        default_factory=lambda: dict.fromkeys(RequestFailure, 0)
    )

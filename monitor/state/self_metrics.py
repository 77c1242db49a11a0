"""How the monitor itself fares: its loop, its reloads, what it delivers and what it loses."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from monitor.common.histogram import Histogram


@dataclass(slots=True)
class SelfMetrics:
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
class MqttMetrics:
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
class RemoteWriteMetrics:
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

"""Metrics of the monitor itself: its loop, its reloads, what it delivers and loses."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from monitor.common.histogram import Histogram
from monitor.model.starvation import Starvation


class AbortReason(StrEnum):
    """Reason why the page's server closed a connection: the phase whose deadline it exceeded, or
    ``EVICTED`` if it made room for a newer one. Stable label values."""

    SILENT = "silent"
    HANDSHAKE = "handshake"
    IDLE = "idle"
    REQUEST = "request"
    RESPONSE = "response"
    EVICTED = "evicted"


@dataclass(slots=True)
class WebMetrics:
    """Counts of the page's server."""

    connections: int = 0
    aborted: Counter[AbortReason] = field(default_factory=Counter)
    accept_errors: int = 0
    failed_logins: int = 0
    refused_hosts: int = 0


class Part(StrEnum):
    """A part of the process that is retried while it does not work. Stable label values."""

    LISTENER = "listener"
    LOG = "log"
    STATE = "state"
    CONFIGURATION = "configuration"
    FILES = "files"
    IDENTITY = "identity"


class GuardedPart(StrEnum):
    """Part of the monitor in which an internal error was caught. Stable label values."""

    PROBER = "prober"
    DIAGNOSIS = "diagnosis"
    HEALTH = "health"
    HISTORY = "history"
    INCIDENTS = "incidents"
    LISTENER = "listener"
    EXPORTER = "exporter"
    SCHEDULE = "schedule"
    TASK = "task"


@dataclass(slots=True)
class SelfMetrics:
    """The monitor's own health. Times are Unix seconds, the rest seconds or counts."""

    started_at: float = 0.0
    last_completed_at: float = 0.0
    last_progress: float | None = None
    """Monotonic time of the start or of the last finished probe: steps of the clock, which are
    common after a boot, must not look like a stall."""

    in_flight: int = 0
    loop_lag: Histogram = field(default_factory=Histogram)
    lateness: Histogram = field(default_factory=Histogram)
    reloads: int = 0
    reload_failures: int = 0
    last_reload_ok: bool = True
    last_reload_success_at: float = 0.0
    trust_ok: bool = True
    internal_errors: Counter[GuardedPart] = field(default_factory=Counter)
    inadmissible: Counter[Starvation] = field(default_factory=Counter)
    starved_seconds: dict[Starvation, float] = field(
        default_factory=lambda: dict.fromkeys(Starvation, 0.0)
    )
    web: WebMetrics = field(default_factory=WebMetrics)
    log_lines_dropped: int = 0
    problems: dict[Part, str] = field(default_factory=dict)
    """Parts that do not work at the moment and are retried, each with the reason. Paths and
    secrets have no place in it: /healthz shows it to every client."""


class Dropped(StrEnum):
    """The reason why an event was not published: ``QUEUE_FULL`` made room for newer ones,
    ``CORRUPT`` was damaged on disk, ``REFUSED`` was refused by the broker for its content,
    ``OVERSIZE`` was larger than the broker accepts."""

    QUEUE_FULL = "queue_full"
    CORRUPT = "corrupt"
    REFUSED = "refused"
    OVERSIZE = "oversize"


@dataclass(slots=True)
class MqttMetrics:
    """Metrics of MQTT publishing. ``published`` counts messages that the broker accepted,
    ``refused`` those that it refused (they are sent again), ``sessions`` accepted connections,
    ``conflicts`` those that it ended because another client used the same id."""

    connected: bool = False
    published: int = 0
    refused: int = 0
    pending: int = 0
    sessions: int = 0
    conflicts: int = 0
    dropped: Counter[Dropped] = field(default_factory=Counter)


class DropReason(StrEnum):
    """The reason why a sample never reached a remote-write destination. Stable label values."""

    QUEUE_FULL = "queue_full"
    TOO_OLD = "too_old"
    CORRUPT = "corrupt"
    REFUSED = "refused"
    TOO_LARGE = "too_large"
    UNWRITTEN = "unwritten"
    OVERFLOW = "overflow"


@dataclass(frozen=True, slots=True)
class Drop:
    """The last drop for one reason: Unix seconds, and an explanation without secrets."""

    at: float
    explanation: str


class RequestFailure(StrEnum):
    """The kind of failure of a remote-write request. Stable label values."""

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
    """Metrics of one remote-write destination. Times are Unix seconds, the rest counts of samples
    unless the name shows otherwise. ``drops``: the last drop for each reason;
    ``left_out``: metrics that the receiver rejects and that are not sent at present;
    ``obstacle``: the response or failure that holds all samples up, "" if none does;
    ``request_limit``: the samples that the next request may hold."""

    pending: int = 0
    queued: int = 0
    sent: int = 0
    retried: int = 0
    dropped: dict[DropReason, int] = field(default_factory=lambda: dict.fromkeys(DropReason, 0))
    drops: dict[DropReason, Drop] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    obstacle: str = ""
    request_limit: int = 0
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

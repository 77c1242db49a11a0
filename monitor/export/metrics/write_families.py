"""The families of each remote-write destination."""

from __future__ import annotations

from monitor.export.metrics.family import Kind, WriteFamily, one
from monitor.state.self_metrics import DropReason, RemoteWriteMetrics

G, N = Kind.GAUGE, Kind.COUNTER


def _lost(self_metrics: RemoteWriteMetrics) -> float:
    return float(
        self_metrics.dropped[DropReason.REFUSED] + self_metrics.dropped[DropReason.UNWRITTEN]
    )


WRITE_REQUESTS = "egress_remote_write_request_duration_seconds"
WRITE_FAMILIES: tuple[WriteFamily, ...] = (
    WriteFamily(
        "egress_remote_write_samples_pending",
        G,
        "Samples in the queue that the receiver has not accepted yet.",
        lambda w: one(float(w.pending)),
    ),
    WriteFamily(
        "egress_remote_write_samples_queued",
        N,
        "Samples that were put into the queue.",
        lambda w: one(float(w.queued)),
    ),
    WriteFamily(
        "egress_remote_write_samples",
        N,
        "Samples that the receiver accepted.",
        lambda w: one(float(w.sent)),
    ),
    WriteFamily(
        "egress_remote_write_samples_retried",
        N,
        "Samples that were sent again because a request failed.",
        lambda w: one(float(w.retried)),
    ),
    WriteFamily(
        "egress_remote_write_samples_failed",
        N,
        "Samples that the receiver refused for good.",
        lambda w: one(_lost(w)),
    ),
    WriteFamily(
        "egress_remote_write_samples_dropped",
        N,
        "Samples that never reached the receiver, by reason.",
        lambda w: [((reason.value,), float(count)) for reason, count in w.dropped.items()],
        ("reason",),
    ),
    WriteFamily(
        "egress_remote_write_requests_failed",
        N,
        "Requests that failed, by how.",
        lambda w: [((failure.value,), float(count)) for failure, count in w.failures.items()],
        ("failure",),
    ),
    WriteFamily(
        "egress_remote_write_corrupt_records",
        N,
        "Damaged places in the queue that were skipped.",
        lambda w: one(float(w.corrupt_records)),
    ),
    WriteFamily(
        "egress_remote_write_queue_bytes",
        G,
        "What the queue takes on disk, or in memory where there is none.",
        lambda w: one(float(w.queue_bytes)),
    ),
    WriteFamily(
        "egress_remote_write_queue_on_disk",
        G,
        "Whether the queue is on disk; 0: what waits in it is lost with this process.",
        lambda w: one(float(w.on_disk)),
    ),
    WriteFamily(
        "egress_remote_write_oldest_pending_timestamp_seconds",
        G,
        "When the oldest sample was measured that waits, in Unix time; absent when none does.",
        lambda w: one(w.oldest_pending_at or None),
    ),
    WriteFamily(
        "egress_remote_write_highest_sent_timestamp_seconds",
        G,
        "When the newest sample was measured that the receiver accepted, in Unix time.",
        lambda w: one(w.newest_sent_at or None),
    ),
    WriteFamily(
        "egress_remote_write_protocol_info",
        G,
        "The version of Remote-Write that is spoken: always 1.",
        lambda w: [((w.version,), 1.0)] if w.version else [],
        ("version",),
    ),
)

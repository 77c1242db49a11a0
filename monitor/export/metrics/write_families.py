"""Metric families of each remote-write destination."""

from __future__ import annotations

from monitor.export.metrics.family import Kind, WriteFamily, one
from monitor.state.self_metrics import DropReason, RemoteWriteMetrics

G, N = Kind.GAUGE, Kind.COUNTER


def _lost(self_metrics: RemoteWriteMetrics) -> float:
    reasons = (DropReason.REFUSED, DropReason.TOO_LARGE, DropReason.UNWRITTEN)
    return float(sum(self_metrics.dropped[reason] for reason in reasons))


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
        "Samples that the receiver rejected for good.",
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
        "Requests that failed, by kind of failure.",
        lambda w: [((failure.value,), float(count)) for failure, count in w.failures.items()],
        ("failure",),
    ),
    WriteFamily(
        "egress_remote_write_metrics_left_out",
        G,
        "Metrics of which the receiver rejects series that are not sent at present.",
        lambda w: one(float(len(w.left_out))),
    ),
    WriteFamily(
        "egress_remote_write_request_samples_limit",
        G,
        "Samples that the next request may hold, as learned from the receiver.",
        lambda w: one(float(w.request_limit) or None),
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
        "Bytes of the queue on disk, or in memory without a state directory.",
        lambda w: one(float(w.queue_bytes)),
    ),
    WriteFamily(
        "egress_remote_write_queue_on_disk",
        G,
        "Whether the queue is on disk; if 0, waiting samples are lost with this process.",
        lambda w: one(float(w.on_disk)),
    ),
    WriteFamily(
        "egress_remote_write_oldest_pending_timestamp_seconds",
        G,
        "Time of the oldest waiting sample, in Unix time; absent if none waits.",
        lambda w: one(w.oldest_pending_at or None),
    ),
    WriteFamily(
        "egress_remote_write_highest_sent_timestamp_seconds",
        G,
        "Time of the newest sample that the receiver accepted, in Unix time.",
        lambda w: one(w.newest_sent_at or None),
    ),
    WriteFamily(
        "egress_remote_write_protocol_info",
        G,
        "Version of the Remote-Write protocol in use: always 1.",
        lambda w: [((w.version,), 1.0)] if w.version else [],
        ("version",),
    ),
)

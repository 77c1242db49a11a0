"""Notes on remote write: samples that wait, that are held up, or that were dropped."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.common.listing import listed
from monitor.state.self_metrics import RemoteWriteMetrics
from monitor.web.pages.parts import lasted

BEHIND = 300.0
"""Age in seconds from which waiting samples are reported."""

NAMES_SHOWN = 3
"""Metrics named in a note at most."""


def remote_write_lines(name: str, writes: RemoteWriteMetrics, now: float) -> Iterator[str]:
    """Yield one line per finding about a destination. ``now`` is Unix seconds."""
    if writes.oldest_pending_at and now - writes.oldest_pending_at > BEHIND:
        waited = lasted(now - writes.oldest_pending_at)
        yield f"Remote write {name} is {waited} behind; {writes.pending} samples are waiting."
    if writes.obstacle:
        yield f"Remote write {name} is held up: {writes.obstacle}."
    if writes.left_out:
        shown = listed(writes.left_out, NAMES_SHOWN)
        yield (
            f"Remote write {name} leaves out series that the receiver rejects, of these metrics: "
            f"{shown}. They are tried again."
        )
    for reason, count in writes.dropped.items():
        if not count:
            continue
        drop = writes.drops.get(reason)
        last = f", the last {lasted(max(0.0, now - drop.at))} ago" if drop else ""
        explanation = f": {drop.explanation}" if drop and drop.explanation else ""
        yield f"Remote write {name} dropped {count} samples ({reason.value}){last}{explanation}."

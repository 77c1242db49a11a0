"""The history across restarts: loaded when the daemon starts, saved regularly."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import structlog

from monitor.common.state_file import StateFile, writable_by_others
from monitor.health.baseline import Baseline
from monitor.health.quality import Quality
from monitor.health.timeline import Timeline
from monitor.incidents.incident_log import IncidentRecord
from monitor.model.target import Target, shown_path
from monitor.net.clock import Clock
from monitor.state.history_file import NAME, HistoryError, Remembered, encode, load
from monitor.state.store import StateStore

SAVE_EVERY = 60.0
"""Interval between saves: 60 s. A crash loses at most that much history."""

REOPEN_WITHIN = 900.0
"""Longest absence of the monitor after which an open incident continues: 900 s. After a longer one
it ended when the monitor stopped, because its end was not observed."""

_WEEK_PREFIX = "7d "
"""Prefix of the key of a target's last week: its last day has the key of the probe itself."""

log = structlog.get_logger(__name__)


class HistoryStore:
    """The history of one monitor on disk. Disk errors never stop the monitor."""

    def __init__(self, directory: Path | None, store: StateStore, clock: Clock) -> None:
        self._directory = directory
        self._file = StateFile(directory / NAME, "history") if directory else None
        self._store = store
        self._clock = clock
        self._timelines: Mapping[str, Timeline] = {}
        self._issuers: Mapping[str, tuple[str, ...]] = {}
        self._usual: Mapping[str, tuple[bytes, bytes]] = {}

    def load(self) -> None:
        """Load the history: incidents into the store, timelines for ``timeline_of``."""
        if self._directory is None:
            return
        if writable_by_others(self._directory):
            log.warning(
                "other users may put files into the state directory",
                directory=str(self._directory),
                remediation="remove the write permission of group and others: chmod go-w",
            )
        try:
            kept = load(self._directory)
        except HistoryError as error:
            log.warning("history ignored", directory=str(self._directory), reason=str(error))
            return
        if kept is not None:
            self._timelines, self._issuers = kept.timelines, kept.issuers
            self._usual = kept.usual
            self._store.incident_log = reopened(kept, self._clock.time())
            self._store.incidents = tuple(
                c.incident for c in self._store.incident_log if c.ended_at is None
            )

    def timeline_of(self, target: Target) -> Timeline:
        """Return the saved timeline of a target whose probe did not change; else an empty one."""
        return self._timelines.get(probe_key(target), Timeline())

    def hours_of(self, target: Target) -> Timeline:
        """Return the saved last week of a target whose probe did not change."""
        return self._timelines.get(_WEEK_PREFIX + probe_key(target), Timeline())

    def issuers_of(self, target: Target) -> tuple[str, ...]:
        """Return the saved issuers of a target whose probe did not change."""
        return self._issuers.get(probe_key(target), ())

    def quality_of(self, target: Target) -> Quality:
        """Return the saved latency baseline of a target whose probe did not change."""
        path, whole = self._usual.get(probe_key(target), (b"", b""))
        return Quality(Baseline(path), Baseline(whole))

    async def run(self) -> None:
        """Save regularly until cancelled."""
        if self._file is None:
            return
        while True:
            await asyncio.sleep(SAVE_EVERY)
            self._timelines, self._issuers, self._usual = {}, {}, {}
            data = encode(self._remembered())
            await asyncio.to_thread(self._file.save, data)

    def save(self) -> None:
        """Save now."""
        if self._file is not None:
            self._file.save(encode(self._remembered()))

    def _remembered(self) -> Remembered:
        statuses = self._store.statuses.values()
        timelines = {probe_key(r.target): r.timeline for r in statuses if r.timeline.slot}
        timelines |= {_WEEK_PREFIX + probe_key(r.target): r.hours for r in statuses if r.hours.slot}
        issuers = {probe_key(r.target): r.issuers for r in statuses if r.issuers}
        usual = {
            probe_key(r.target): (r.quality.path.codes, r.quality.whole.codes)
            for r in statuses
            if r.quality.whole.codes
        }
        return Remembered(self._clock.time(), timelines, self._store.incident_log, issuers, usual)


def probe_key(target: Target) -> str:
    """Return the key of a probe's history: a target with another destination has another history.
    The path of a wildcard sample is not part of it."""
    endpoint = target.endpoint
    path = endpoint.wildcard or shown_path(target)
    return " ".join((target.id, endpoint.prober, f"{target.host}:{target.port}", path))


def reopened(kept: Remembered, now: float) -> tuple[IncidentRecord, ...]:
    """Return the incident log as of ``now``, after the absence of the monitor."""
    if 0 <= now - kept.saved_at <= REOPEN_WITHIN:
        return kept.incident_log
    return tuple(
        IncidentRecord(c.incident, kept.saved_at) if c.ended_at is None else c
        for c in kept.incident_log
    )

"""The durable queue of one destination: a directory of segments, and a position in them.

All methods do I/O and are called by one thread at a time. A fault of the disk raises nothing:
the queue continues in memory, bounded, and tries the disk again after a while. How long samples
have waited is measured by the monotonic clock, so that a jump of the clock deletes nothing.
"""

from __future__ import annotations

import errno
import fcntl
import math
import os
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import structlog

from monitor.common.state_file import make_directory, read_file, reason_of, replace_file
from monitor.export.remote_write.drops import Observer
from monitor.export.remote_write.segment import (
    POINTS_A_RECORD,
    SEGMENT_BYTES,
    SERIES_A_RECORD,
    FileSegment,
    Kind,
    Segment,
    SegmentRecord,
    read_points,
    read_records,
    read_series,
    write_points,
    write_series,
)
from monitor.export.remote_write.series import Batch, Labels, Point, Series
from monitor.state.self_metrics import DropReason, RemoteWriteMetrics

MEMORY_BYTES = 4 * 1024 * 1024
"""Bytes kept in memory while the disk is not available: over an hour with the full catalogue."""

GRACE = 600.0
"""Seconds for which samples found at the start are kept at least, whatever the clock shows."""

SEGMENTS_PER_AGE = 24
"""A new segment begins at least this many times within the age limit: whole segments expire."""

_MEMORY_SEGMENT_BYTES = 256 * 1024
_RETRY_DISK = 30.0
_POSITION = "position"
_POSITION_LIMIT = 256
_LOCK_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bytes on disk, and seconds for which a sample is kept at most."""

    size: int
    age: float


@dataclass(slots=True)
class Reader:
    """A position in the queue: segment and offset. It reads up to the segment ``end`` if that is
    given, and began at the segment ``first``."""

    number: int = 0
    offset: int = 0
    end: int | None = None
    first: int = 0
    series: dict[int, Series] = field(default_factory=dict)
    series_of: int = -1
    scanned: int = 0


class Queue:
    """Samples are appended at the end and read in order; they leave it when committed.
    ``now`` is Unix seconds, ``monotonic`` returns seconds."""

    def __init__(
        self,
        name: str,
        directory: Path | None,
        bounds: Bounds,
        self_metrics: RemoteWriteMetrics,
        *,
        drops: Observer,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._directory = directory
        self._bounds = bounds
        self._self_metrics = self_metrics
        self._drops = drops
        self._monotonic = monotonic
        self._segments: dict[int, Segment] = {}
        self._current: Segment = Segment(0)
        self._numbers: dict[str, int] = {}
        self._external: Labels = ()
        self._reader = Reader()
        self._saved = (0, 0)
        self._lock: int | None = None
        self._retry_disk_at = math.inf

    def open(self, now: float) -> Reader:
        """Find the samples that are there, begin a new segment after them, and return the reader
        of all."""
        if self._directory is None:
            log.warning(
                "remote write is queued in memory only",
                destination=self._name,
                remediation="set state.directory: samples not sent yet are lost with a restart",
            )
        else:
            try:
                self._take(self._directory, now)
            except OSError as error:
                self._disk_failed(error)
        self._begin_segment(now)
        self._update_metrics()
        return self._reader

    def append(self, points: Sequence[Point], external: Labels, now: float) -> None:
        """Add points, under the monitor's ``external`` labels."""
        if external != self._external:
            self._external = external
            self._numbers.clear()
        if self._monotonic() >= self._retry_disk_at:
            self._return_to_disk(now)
        for start in range(0, len(points), POINTS_A_RECORD):
            self._append(points[start : start + POINTS_A_RECORD], now)
        self._keep_within_bounds()
        self._update_metrics()

    def read(self, reader: Reader, limit: int, now: float) -> Batch | None:
        """Return the next points, ``limit`` or up to a record more, all from one segment;
        None when there are none."""
        self._drop_expired()
        while (segment := self._segment_of(reader)) is not None:
            try:
                batch = self._read_segment(reader, segment, limit)
            except OSError as error:
                self._lose(segment, error, now)
                continue
            if batch.count:
                return batch
            if segment is self._current:
                self._move(reader, batch.end)
                break
            if reader.scanned < segment.size:
                self._self_metrics.corrupt_records += 1
            self._move(reader, (segment.number + 1, 0))
        return None

    def commit(self, reader: Reader, batch: Batch) -> None:
        """Have ``batch`` leave the queue."""
        segment = self._segments.get(batch.end[0])
        if segment is not None:
            segment.consumed += batch.count
            segment.oldest = batch.newest
        self._move(reader, batch.end)

    def split(self, backlog: Reader, now: float) -> Reader:
        """Bound ``backlog`` to what is here, and return a reader of what comes from now on."""
        self._begin_segment(now)
        backlog.end = self._current.number
        return Reader(self._current.number, first=self._current.number)

    def join(self, fresh: Reader) -> None:
        """Go on with ``fresh`` alone: what was before it has been read."""
        fresh.first = 0
        self._reader = fresh

    def sync(self, now: float) -> None:
        """Have the disk hold everything that was appended."""
        try:
            self._current.sync()
        except OSError as error:
            self._leave_disk(error, now)

    def save_position(self, now: float) -> None:
        """Remember over a restart what has been committed."""
        position = (self._reader.number, self._reader.offset)
        if position == self._saved or self._directory is None or self._lock is None:
            return
        try:
            _write_position(self._directory / _POSITION, position)
            self._saved = position
        except OSError as error:
            self._leave_disk(error, now)

    def close(self, now: float) -> None:
        """Sync, and give the directory back."""
        self.sync(now)
        self.save_position(now)
        for segment in self._segments.values():
            segment.seal()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _take(self, directory: Path, now: float) -> None:
        """Take possession of the directory and its segments."""
        make_directory(directory)
        self._lock = _locked(directory / "lock")
        reader = self._reader
        reader.number, reader.offset = self._saved = _read_position(directory / _POSITION)
        for path in sorted(directory.glob("*.seg")):
            if path.stem.isdecimal():
                self._take_segment(int(path.stem), directory, now)

    def _take_segment(self, number: int, directory: Path, now: float) -> None:
        try:
            segment = FileSegment(number, directory, new=False)
            data = segment.read(0) if number >= self._reader.number else b""
        except OSError:  # also a link or a FIFO that another user has put there
            self._self_metrics.corrupt_records += 1
            return
        if number < self._reader.number:
            segment.delete()
            return
        self._segments[segment.number] = segment
        for record in read_records(data):
            if record.kind is Kind.POINTS:
                segment.noted(record.count, record.newest, record.newest)
            if (segment.number, record.end) <= (self._reader.number, self._reader.offset):
                segment.consumed = segment.count
        # The clock may be wrong at the start: nothing expires at once.
        waited = min(now - segment.newest / 1000, self._bounds.age - GRACE)
        segment.appended_at = self._monotonic() - max(0.0, waited)

    def _begin_segment(self, now: float) -> None:
        """Append to a new segment from now on. Its number is the time, so that it is later
        than any that a disk which can't be read now may hold."""
        self._current.seal()
        number = max(*self._segments, self._reader.number, int(now), 0) + 1
        self._numbers.clear()
        self._current = Segment(number)
        if self._directory is not None and self._retry_disk_at == math.inf:
            try:
                self._current = FileSegment(number, self._directory, new=True)
            except OSError as error:
                self._disk_failed(error)
        self._current.began_at = self._current.appended_at = self._monotonic()
        self._segments[number] = self._current

    def _append(self, points: Sequence[Point], now: float) -> None:
        limit = SEGMENT_BYTES if self._current.on_disk else _MEMORY_SEGMENT_BYTES
        lasted = self._monotonic() - self._current.began_at
        if self._current.size >= limit or lasted > self._bounds.age / SEGMENTS_PER_AGE:
            self._begin_segment(now)
        try:
            self._write(points)
        except OSError as error:
            self._leave_disk(error, now)
            self._write(points)
        times = [at for _, at, _ in points]
        self._current.noted(len(points), min(times), max(times))
        self._current.appended_at = self._monotonic()
        self._self_metrics.queued += len(points)

    def _write(self, points: Sequence[Point]) -> None:
        new = list({s.key: s for s, _, _ in points if s.key not in self._numbers}.values())
        for start in range(0, len(new), SERIES_A_RECORD):
            part, first = new[start : start + SERIES_A_RECORD], len(self._numbers)
            self._current.append(write_series(first, part, self._external))
            self._numbers |= {series.key: first + n for n, series in enumerate(part)}
        rows = [(self._numbers[series.key], at, value) for series, at, value in points]
        self._current.append(write_points(rows))

    def _leave_disk(self, error: OSError, now: float) -> None:
        self._disk_failed(error)
        self._begin_segment(now)

    def _disk_failed(self, error: OSError) -> None:
        if self._retry_disk_at == math.inf:
            log.error(
                "remote write is queued in memory: the disk failed",
                destination=self._name,
                directory=str(self._directory),
                reason=reason_of(error),
                remediation="free space there or make it writable; it is tried again by itself",
            )
        self._retry_disk_at = self._monotonic() + _RETRY_DISK

    def _return_to_disk(self, now: float) -> None:
        """Write what was kept in memory to disk, and go on there, if it can be done."""
        assert self._directory is not None, "there is a disk to return to"
        self._retry_disk_at = self._monotonic() + _RETRY_DISK
        try:
            if self._lock is None:
                self._take(self._directory, now)
            for number, segment in sorted(self._segments.items()):
                if not segment.on_disk:
                    self._segments[number] = _on_disk(segment, self._directory)
        except OSError:
            return
        self._retry_disk_at = math.inf
        self._begin_segment(now)
        if self._current.on_disk:
            log.info("remote write is queued on disk again", destination=self._name)

    def _keep_within_bounds(self) -> None:
        self._keep_below(self._bounds.size, on_disk=True)
        self._keep_below(MEMORY_BYTES, on_disk=False)
        self._drop_expired()

    def _drop_expired(self) -> None:
        """Drop the segments of which all samples have waited too long."""
        cutoff = self._monotonic() - self._bounds.age
        expired = [s for s in self._sealed() if s.appended_at < cutoff]
        for segment in expired:
            self._drop(segment, DropReason.TOO_OLD)
        if expired:
            self._update_metrics()

    def _keep_below(self, size: int, *, on_disk: bool) -> None:
        kept = sum(s.size for s in self._segments.values() if s.on_disk is on_disk)
        for segment in self._sealed():
            if kept <= size:
                break
            if segment.on_disk is on_disk:
                kept -= segment.size
                self._drop(segment, DropReason.QUEUE_FULL)

    def _sealed(self) -> list[Segment]:
        """Return the segments that are complete, oldest first."""
        every = [self._segments[number] for number in sorted(self._segments)]
        return [segment for segment in every if segment is not self._current]

    def _drop(self, segment: Segment, reason: DropReason) -> None:
        self._drops(reason, segment.count - segment.consumed)
        del self._segments[segment.number]
        segment.delete()

    def _lose(self, segment: Segment, error: OSError, now: float) -> None:
        """Give up a segment that cannot be read any more."""
        if segment is self._current:
            self._leave_disk(error, now)
        self._self_metrics.corrupt_records += 1
        self._drop(segment, DropReason.CORRUPT)

    def _segment_of(self, reader: Reader) -> Segment | None:
        """Return the segment that a reader is at, or the next there is."""
        number = min((n for n in self._segments if n >= reader.number), default=None)
        if number is None or (reader.end is not None and number >= reader.end):
            return None
        if number != reader.number:
            reader.number, reader.offset = number, 0
        return self._segments[number]

    def _read_segment(self, reader: Reader, segment: Segment, limit: int) -> Batch:
        latest = segment is self._current
        batch = Batch(end=(segment.number, reader.offset), latest=latest)
        for record in self._records(reader, segment):
            batch.end = (segment.number, record.end)
            try:
                points = read_points(record, reader.series)
            except ValueError:
                points = []
                self._self_metrics.corrupt_records += 1
            segment.consumed += record.count - len(points)
            self._drops(DropReason.CORRUPT, record.count - len(points))
            batch.add(points)
            if batch.count >= limit:
                break
        return batch

    def _records(self, reader: Reader, segment: Segment) -> Iterator[SegmentRecord]:
        """Yield the records of points from the reader's place on, having learnt the segment's
        series. A record's ``end`` counts from the segment's start here."""
        known = reader.series_of == segment.number
        start = reader.offset if known else 0
        if not known:
            reader.series, reader.series_of = {}, segment.number
        for record in read_records(segment.read(start)):
            end = reader.scanned = start + record.end
            self._self_metrics.corrupt_records += record.damage
            if record.kind is Kind.SERIES:
                try:
                    reader.series |= read_series(record.payload)
                except ValueError:
                    self._self_metrics.corrupt_records += 1
            elif end > reader.offset:
                yield replace(record, end=end)

    def _move(self, reader: Reader, end: tuple[int, int]) -> None:
        """Put a reader behind what it has done with, and remove the segments before it."""
        reader.number, reader.offset = end
        for segment in self._sealed():
            if reader.first <= segment.number < reader.number:
                del self._segments[segment.number]
                segment.delete()
        self._update_metrics()

    def _update_metrics(self) -> None:
        segments = self._segments.values()
        self_metrics = self._self_metrics
        self_metrics.pending = sum(s.count - s.consumed for s in segments)
        self_metrics.queue_bytes = sum(s.size for s in segments)
        self_metrics.on_disk = self._current.on_disk
        waiting = (s.oldest for s in segments if s.consumed < s.count)
        self_metrics.oldest_pending_at = min(waiting, default=0) / 1000


def _on_disk(segment: Segment, directory: Path) -> Segment:
    """Write a segment of memory to disk."""
    copy = FileSegment(segment.number, directory, new=True)
    try:
        copy.append(segment.read(0))
        copy.sync()
    except OSError:
        copy.delete()
        raise
    copy.noted(segment.count, segment.oldest, segment.newest)
    copy.consumed = segment.consumed
    copy.began_at, copy.appended_at = segment.began_at, segment.appended_at
    copy.seal()
    return copy


def _locked(path: Path) -> int:
    """Return the descriptor that holds the lock.

    Raises:
        OSError: if another process holds it, or the file can't be made.
    """
    descriptor = os.open(path, _LOCK_FLAGS, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise OSError(errno.EBUSY, "another monitor uses it") from None
    return descriptor


def _read_position(path: Path) -> tuple[int, int]:
    """Return segment and offset; the very beginning where none is kept or it is damaged."""
    try:
        number, offset, check = (read_file(path, _POSITION_LIMIT) or b"").decode("ascii").split()
        if check == _check(f"{number} {offset}"):
            return int(number), int(offset)
    except (OSError, ValueError):
        pass
    return 0, 0


def _write_position(path: Path, position: tuple[int, int]) -> None:
    # Not synced, for it is written often: one that is lost costs samples that are sent again.
    text = f"{position[0]} {position[1]}"
    replace_file(path, f"{text} {_check(text)}\n".encode("ascii"), sync=False)


def _check(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"

"""One segment of the queue: records with a checksum, in a file or in memory.

A record is a header and a payload, deflated. The header holds a mark, the payload's length,
the record's kind, how many points it holds, their newest time, and a CRC-32 of all that and
the payload. A segment names the series of its samples itself, so that it can be lost or dropped
without harm to others. After damage, reading continues at the next intact record.
"""

from __future__ import annotations

import errno
import json
import os
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import accumulate
from pathlib import Path

from monitor.common.state_file import open_regular
from monitor.export.remote_write.series import Family, MetricType, Point, Series

SEGMENT_BYTES = 1024 * 1024
POINTS_A_RECORD = 16_384
SERIES_A_RECORD = 4096
_PLAIN_LIMIT = 8 * 1024 * 1024
"""Upper bound of an inflated payload in bytes: several times what the limits above can make."""

_NEW_SEGMENT = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MARK = b"EMQ1"
_HEAD = struct.Struct("<4sIBIq")
_CRC = struct.Struct("<I")
_HEADER_BYTES = _HEAD.size + _CRC.size


class Kind(IntEnum):
    """The content of a record."""

    SERIES = 1
    POINTS = 2


_KINDS = frozenset(Kind)


@dataclass(frozen=True, slots=True)
class SegmentRecord:
    """An intact record. ``end``: the offset after it; ``damage``: whether something between the
    previous record and this one was not readable."""

    kind: Kind
    count: int
    newest: int
    payload: bytes
    end: int
    damage: bool


def write_record(kind: Kind, count: int, newest: int, plain: bytes) -> bytes:
    """Return a record's bytes."""
    payload = zlib.compress(plain, 1)
    head = _HEAD.pack(_MARK, len(payload), kind, count, newest)
    return head + _CRC.pack(zlib.crc32(payload, zlib.crc32(head))) + payload


def read_records(data: bytes) -> Iterator[SegmentRecord]:
    """Return the intact records in ``data``."""
    offset, damage = 0, False
    while 0 <= offset < len(data):
        record = _record_at(data, offset, damage=damage)
        if record is not None:
            yield record
            offset, damage = record.end, False
        else:
            offset, damage = data.find(_MARK, offset + 1), True


def _record_at(data: bytes, offset: int, *, damage: bool) -> SegmentRecord | None:
    start = offset + _HEADER_BYTES
    if start > len(data):
        return None
    mark, length, kind, count, newest = _HEAD.unpack_from(data, offset)
    end = start + length
    if mark != _MARK or end > len(data):
        return None
    (crc,) = _CRC.unpack_from(data, offset + _HEAD.size)
    payload = data[start:end]
    if crc != zlib.crc32(payload, zlib.crc32(data[offset : offset + _HEAD.size])):
        return None
    if kind not in _KINDS:  # of a later version
        return None
    return SegmentRecord(Kind(kind), count, newest, payload, end, damage)


def inflate(payload: bytes) -> bytes:
    """Return a payload's plain bytes.

    Raises:
        ValueError: if it is nothing that ``write_record`` makes.
    """
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(payload, _PLAIN_LIMIT)
    except zlib.error:
        raise ValueError("not deflated") from None
    if not inflater.eof:
        raise ValueError("too large, or cut off")
    return plain


def write_series(
    first: int, series: Sequence[Series], external: Sequence[tuple[str, str]]
) -> bytes:
    """Return the record that gives ``series`` their numbers, from ``first`` on."""
    families = {one.family: None for one in series}
    numbers = {family: number for number, family in enumerate(families)}
    document = {
        "first": first,
        "external": list(external),
        "families": [[family.name, int(family.type), family.help] for family in families],
        "series": [[numbers[one.family], one.key] for one in series],
    }
    # ASCII only: a lone surrogate has no encoding.
    plain = json.dumps(document, separators=(",", ":")).encode("ascii")
    return write_record(Kind.SERIES, 0, 0, plain)


def read_series(payload: bytes) -> dict[int, Series]:
    """Return series by their number.

    Raises:
        ValueError: if it is nothing that ``write_series`` makes.
    """
    try:
        document = json.loads(inflate(payload))
        external = tuple((str(name), str(value)) for name, value in document["external"])
        families = [
            Family(str(name), MetricType(number), str(text))
            for name, number, text in document["families"]
        ]
        return {
            number: Series(str(key), families[family], external)
            for number, (family, key) in enumerate(document["series"], int(document["first"]))
        }
    except (TypeError, KeyError, IndexError, RecursionError) as error:
        raise ValueError(f"no series ({type(error).__name__})") from None


def write_points(points: Sequence[tuple[int, int, float]]) -> bytes:
    """Return the record that holds points: number of the series, milliseconds, value."""
    rows = sorted(points, key=lambda point: point[0])
    numbers = [number for number, _, _ in rows]
    # The steps between numbers are nearly all 1: they deflate to almost nothing.
    steps = (number - before for number, before in zip(numbers, [0, *numbers], strict=False))
    times = (at for _, at, _ in rows)
    values = (value for _, _, value in rows)
    plain = struct.pack(_points_format(len(rows)), *steps, *times, *values)
    return write_record(Kind.POINTS, len(rows), max(at for _, at, _ in rows), plain)


def read_points(record: SegmentRecord, series: Mapping[int, Series]) -> list[Point]:
    """Return the points whose series is known; those of an unreadable record are not.

    Raises:
        ValueError: if it is nothing that ``write_points`` makes.
    """
    plain, count = inflate(record.payload), record.count
    if len(plain) != count * 20:
        raise ValueError("no points")
    values = struct.unpack(_points_format(count), plain)
    numbers = accumulate(values[:count])
    rows = zip(numbers, values[count : 2 * count], values[2 * count :], strict=True)
    return [(series[number], at, value) for number, at, value in rows if number in series]


def _points_format(count: int) -> str:
    return f"<{count}I{count}q{count}d"


class Segment:
    """A segment in memory. ``count``: its samples, of which ``consumed`` are settled; ``oldest``
    and ``newest``: their times in milliseconds; ``began_at`` and ``appended_at``: the monotonic
    seconds when it began and when something was last appended."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.size = 0
        self.count = 0
        self.consumed = 0
        self.oldest = 0
        self.newest = 0
        self.began_at = 0.0
        self.appended_at = 0.0
        self._data = bytearray()

    def append(self, record: bytes) -> None:
        """Add a record.

        Raises:
            OSError: if it can't be written; nothing was added then.
        """
        self._data += record
        self.size += len(record)

    def read(self, offset: int) -> bytes:
        """Return everything from ``offset`` on.

        Raises:
            OSError: if it can't be read.
        """
        return bytes(self._data[offset:])

    def noted(self, count: int, oldest: int, newest: int) -> None:
        """Take note of points that were added."""
        self.count += count
        self.oldest = min(self.oldest or oldest, oldest)
        self.newest = max(self.newest, newest)

    @property
    def on_disk(self) -> bool:
        """Whether it survives this process."""
        return False

    def sync(self) -> None:
        """Have the disk hold what was appended."""

    def seal(self) -> None:
        """Append nothing more."""

    def delete(self) -> None:
        """Remove it, as far as that can be done."""
        self._data = bytearray()


class FileSegment(Segment):
    """A segment in a file of its own."""

    def __init__(self, number: int, directory: Path, *, new: bool) -> None:
        """Make the file, or take the one that is there.

        Raises:
            OSError: if that can't be done.
        """
        super().__init__(number)
        self._path = directory / f"{number:012d}.seg"
        self._file: int | None = None
        if new:
            self._file = os.open(self._path, _NEW_SEGMENT, 0o600)
        else:
            descriptor = open_regular(self._path)
            self.size = os.fstat(descriptor).st_size
            os.close(descriptor)

    @property
    def on_disk(self) -> bool:
        return True

    def append(self, record: bytes) -> None:
        assert self._file is not None, "it is sealed"
        try:
            written = os.write(self._file, record)
            if written < len(record):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            os.ftruncate(self._file, self.size)
            raise
        self.size += len(record)

    def read(self, offset: int) -> bytes:
        # Never more than was appended whole, nor than a file that grew without us may hold.
        wanted = min(self.size, 4 * SEGMENT_BYTES) - offset
        if self._file is not None:
            return os.pread(self._file, wanted, offset)
        with os.fdopen(open_regular(self._path), "rb") as file:
            file.seek(offset)
            return file.read(max(0, wanted))

    def sync(self) -> None:
        if self._file is not None:
            os.fdatasync(self._file)

    def seal(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def delete(self) -> None:
        self.seal()
        try:
            self._path.unlink(missing_ok=True)
        except OSError:
            return  # a disk that has turned read-only keeps it; it is old when we find it again

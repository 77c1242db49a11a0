"""Keeps events until the broker took them: bounded, in order, on disk where there is one."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from zlib import crc32

import structlog

from monitor.common.state_file import StateFile, read_file
from monitor.state.self_metrics import Dropped

NAME = "mqtt-events"
BYTES_LIMIT = 4 * 1024 * 1024
"""All events kept, together."""

log = structlog.get_logger(__name__)

Entry = tuple[int, bytes]
"""An event's place in the order, and its document: ASCII without a line break."""

Entries = tuple[Entry, ...]


class EventSpool:
    """Events in the order they happened. If there are too many, the oldest are dropped and counted
    in ``dropped``. No failure of the disk stops it."""

    def __init__(self, directory: Path | None, limit: int, dropped: Counter[Dropped]) -> None:
        self._file = StateFile(directory / NAME, "MQTT events") if directory else None
        self.limit = limit
        self._dropped = dropped
        self._entries: deque[Entry] = deque()
        self._bytes = 0
        self._next = 0
        self._saved: Entries | None = ()
        self._saving = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, document: bytes) -> None:
        """Keep an event; the oldest makes room if necessary."""
        self._entries.append((self._next, document))
        self._next += 1
        self._bytes += len(document)
        while len(self._entries) > self.limit or self._bytes > BYTES_LIMIT:
            self._remove_first()
            self._dropped[Dropped.QUEUE_FULL] += 1

    def first(self, count: int) -> Entries:
        """Return the oldest events, ``count`` at most."""
        return tuple(islice(self._entries, count))

    def discard(self, place: int) -> None:
        """Remove the event at ``place``, if it is still there."""
        for entry in self._entries:
            if entry[0] == place:
                self._entries.remove(entry)
                self._bytes -= len(entry[1])
            if entry[0] >= place:
                return

    def _remove_first(self) -> None:
        _, document = self._entries.popleft()
        self._bytes -= len(document)

    def load(self) -> None:
        """Take in what was kept before a restart; what is damaged is skipped and counted."""
        if self._file is None:
            return
        try:
            data = read_file(self._file.path, 2 * BYTES_LIMIT)
        except OSError as error:
            self._file.log_once("of before the restart can't be read", error)
            return
        if data is None:
            return
        documents, damaged = decode(data)
        self._dropped[Dropped.CORRUPT] += damaged
        if damaged:
            log.warning("damaged MQTT events skipped", file=str(self._file.path), events=damaged)
        for document in documents:
            self.put(document)
        self._saved = None if damaged else self.all()

    def all(self) -> Entries:
        """Return all events there are now."""
        return tuple(self._entries)

    def save(self, entries: Entries) -> None:
        """Make the disk hold ``entries``; may be called from any thread."""
        if self._file is None:
            return
        with self._saving:
            if entries == self._saved:
                return
            if self._file.save(encode(document for _, document in entries)):
                self._saved = entries


def encode(documents: Iterable[bytes]) -> bytes:
    """Return a file's content: one line per event, its CRC-32 before it."""
    return b"".join(b"%08x %s\n" % (crc32(document), document) for document in documents)


def decode(data: bytes) -> tuple[list[bytes], int]:
    """Return the events of a file's content, and how many lines are none."""
    documents, damaged = [], 0
    for line in data.splitlines():
        checksum, _, document = line.partition(b" ")
        if checksum == b"%08x" % crc32(document):
            documents.append(document)
        else:
            damaged += 1
    return documents, damaged

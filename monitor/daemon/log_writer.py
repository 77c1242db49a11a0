"""Log output that never blocks the event loop and never ends the process.

Callers append to a bounded queue; one thread writes it to the descriptor. A descriptor that
takes nothing (a pipe without a reader, a full disk, a stopped terminal) fills the queue, and
further lines are dropped and counted.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable

QUEUE_BYTES = 256 * 1024
"""Bytes of lines that wait to be written; lines beyond are dropped: at 250 bytes per line about
1,000 lines."""

STUCK_AFTER = 5.0
"""Seconds that the oldest line may wait before the output counts as stuck."""

_RETRY = (0.25, 15.0)
"""Seconds between two attempts to write after an error: first, longest (doubled in between)."""

_CHUNK = 65_536
_STACK_BYTES = 256 * 1024


class LogWriter:
    """A text stream for loggers: ``write`` queues, a daemon thread writes to ``descriptor``.

    All methods may be called from any thread, and from finalizers that run inside one of them.
    """

    def __init__(
        self,
        descriptor: int,
        *,
        limit: int = QUEUE_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``limit`` is in bytes."""
        self._descriptor = descriptor
        self._limit = limit
        self._clock = clock
        # Reentrant: asyncio logs from finalizers, which may run while this thread holds the lock.
        self._changed = threading.Condition(threading.RLock())
        self._lines: deque[tuple[float, bytes]] = deque()
        self._queued = 0
        self._unreported = 0
        self._writing_since: float | None = None
        self._error = ""
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()
        self.dropped = 0
        """Lines dropped since the start."""

        self.dropped_line: Callable[[int], str] = _dropped_line
        """Renders the line that reports a number of dropped lines."""

    def write(self, text: str) -> int:
        """Queue ``text``, one line with its line feed; drop it if the queue is full."""
        data = text.encode("utf-8", "backslashreplace")
        with self._changed:
            if self._queued + len(data) > self._limit:
                self.dropped += 1
                self._unreported += 1
            else:
                self._report_dropped()
                self._append(data)
            self._start()
            self._changed.notify_all()
        return len(text)

    def flush(self) -> None:
        """Do nothing: the thread writes as soon as the descriptor takes it."""

    def isatty(self) -> bool:
        """Return whether the descriptor is a terminal."""
        try:
            return os.isatty(self._descriptor)
        except OSError:
            return False

    @property
    def trouble(self) -> str:
        """Reason why nothing is written at the moment; "" while the output works."""
        with self._changed:
            if self._error:
                return self._error
            since = self._writing_since
            stuck = since is not None and self._clock() - since > STUCK_AFTER
            return "its reader does not read" if stuck else ""

    def drain(self, timeout: float) -> bool:
        """Wait up to ``timeout`` seconds until everything is written; return whether it is."""
        end = self._clock() + timeout
        with self._changed:
            while self._lines or self._unreported or self._writing_since is not None:
                left = end - self._clock()
                if left <= 0 or self._thread is None:
                    return False
                self._changed.wait(min(left, 0.1))
        return True

    def close(self) -> None:
        """Write nothing more. A write that blocks at the moment is not interrupted."""
        self._closed.set()
        with self._changed:
            self._changed.notify_all()

    def _append(self, data: bytes) -> None:
        self._lines.append((self._clock(), data))
        self._queued += len(data)

    def _report_dropped(self) -> None:
        """Queue the report on dropped lines behind the lines that are older than the gap."""
        count, self._unreported = self._unreported, 0
        if count:
            self._append(self.dropped_line(count).encode("utf-8", "backslashreplace"))

    def _start(self) -> None:
        if self._thread is not None and self._thread.is_alive():
            return
        thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        before = threading.stack_size(_STACK_BYTES)
        try:
            thread.start()
        except RuntimeError:
            return  # no thread can be started now; the next line tries again
        finally:
            threading.stack_size(before)
        self._thread = thread

    def _run(self) -> None:
        while (data := self._next()) is not None:
            self._write(data)
            with self._changed:
                self._writing_since = None
                self._changed.notify_all()

    def _next(self) -> bytes | None:
        """Return the next line; None after ``close``."""
        with self._changed:
            while not self._lines:
                if self._closed.is_set():
                    return None
                if self._unreported:
                    self._report_dropped()
                else:
                    self._changed.wait()
            _, data = self._lines.popleft()
            self._queued -= len(data)
            self._writing_since = self._clock()
            return data

    def _write(self, data: bytes) -> None:
        """Write one line, however long that takes."""
        left, pause = memoryview(data), _RETRY[0]
        while left and not self._closed.is_set():
            try:
                left = left[os.write(self._descriptor, left[:_CHUNK]) :]
            except BlockingIOError:
                self._wait_writable()
            except OSError as error:
                self._error = (error.strerror or str(error)).lower()
                if len(left) < len(data):  # what was written of the line ends in a line of its own
                    data = b"\n" + data.removeprefix(b"\n")
                left = memoryview(data)
                self._closed.wait(pause)
                pause = min(2 * pause, _RETRY[1])
            else:
                self._error = ""

    def _wait_writable(self) -> None:
        """Wait until a non-blocking descriptor may take something."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        if poll.poll(1000.0) and not os.get_blocking(self._descriptor):
            time.sleep(0.001)  # a pipe with less room than a line is writable all the same


def _dropped_line(count: int) -> str:
    return f"{count} log lines were dropped because the log's output took nothing\n"

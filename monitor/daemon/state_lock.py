"""The lock of the state directory: two daemons that write the same files lose events."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from contextlib import suppress
from pathlib import Path

NAME = "lock"


class StateInUseError(Exception):
    """Another process holds the lock of the state directory."""


class StateLock:
    """An exclusive lock on one state directory, held until ``release`` or the process ends."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / NAME
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock without waiting.

        Raises:
            StateInUseError: if another process holds it; the text names the process.
            OSError: if the file cannot be opened or locked: the directory can't be written
                either, or its file system has no locks.
        """
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(self.path, flags, 0o600)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(errno.EINVAL, "it is not a regular file")
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(descriptor)
            os.close(descriptor)
            what = f"process {holder} uses it" if holder else "another process uses it"
            raise StateInUseError(what) from None
        except OSError:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        with suppress(OSError):  # the process id only informs; a full disk must not matter
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Give the lock back; the file stays, because removing it would be a race."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _holder(descriptor: int) -> str:
    """Return the process id that the holder wrote; it means nothing in another PID namespace."""
    text = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
    return text if text.isdecimal() else ""

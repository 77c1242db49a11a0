"""Files that outlive a restart: no crash damages one, no disk or other user stops the monitor."""

from __future__ import annotations

import errno
import os
import stat
import threading
from contextlib import suppress
from pathlib import Path

import structlog

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

log = structlog.get_logger(__name__)


def make_directory(path: Path) -> None:
    """Create a directory and its missing parents; only their owner may enter them.

    Raises:
        OSError: if it cannot be created.
    """
    if not path.is_dir():
        make_directory(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)


def replace_file(path: Path, data: bytes, *, sync: bool = True) -> None:
    """Replace a file atomically: after a crash there is either the old one or the new one. Only
    its owner may read it. Without ``sync``, a crash of the host may leave an empty one.

    Raises:
        OSError: if it cannot be written.
    """
    make_directory(path.parent)
    unfinished = path.with_name(f"{path.name}.new")
    with suppress(FileNotFoundError):
        unfinished.unlink()  # left by a crash, or a link that another user has put there
    with os.fdopen(os.open(unfinished, _NEW_FILE, 0o600), "wb") as file:
        file.write(data)
        if sync:
            file.flush()
            os.fsync(file.fileno())
    unfinished.replace(path)


def read_file(path: Path, limit: int) -> bytes | None:
    """Return a file's content; None if there is no such file.

    Raises:
        OSError: if it cannot be read, is a link or not a regular file, or is longer than ``limit``
            bytes: that is checked before anything is read.
    """
    try:
        descriptor = open_regular(path)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(limit + 1) if os.fstat(descriptor).st_size <= limit else None
    if data is None or len(data) > limit:  # it may have grown meanwhile
        raise OSError(errno.EFBIG, f"it is too large (limit: {limit} bytes)")
    return data


def open_regular(path: Path) -> int:
    """Return a descriptor to read a file; it never waits for a FIFO.

    Raises:
        OSError: if it cannot be opened, or is a link or not a regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISDIR(mode):
        os.close(descriptor)
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file")
    return descriptor


def writable_by_others(directory: Path) -> bool:
    """Return whether other users than its owner may put files into a directory."""
    try:
        return bool(directory.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH))
    except OSError:
        return False


def reason_of(error: OSError) -> str:
    """Return the reason in a few words, without the name of the file."""
    return (error.strerror or str(error)).lower()


class StateFile:
    """One file of the state directory. A failure is logged once, until saving works again; the
    content is in memory only meanwhile."""

    def __init__(self, path: Path, holds: str) -> None:
        """``holds`` names the content in log lines."""
        self.path = path
        self._holds = holds
        self._said = False
        self._saving = threading.Lock()

    def save(self, data: bytes) -> bool:
        """Replace the file and return whether that worked. Safe to call from any thread."""
        try:
            with self._saving:  # the previous save may still be running in its thread
                replace_file(self.path, data)
        except OSError as error:
            self.log_once("not saved", error)
            return False
        self._said = False
        return True

    def log_once(self, what: str, error: OSError) -> None:
        """Log what failed, unless it was logged already."""
        if not self._said:
            self._said = True
            log.warning(
                f"{self._holds} {what}",
                file=str(self.path),
                reason=reason_of(error),
                remediation="make state.directory writable; until then a restart loses its content",
            )

"""Files that are to outlive a restart: no crash spoils one, and no disk stops the monitor."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)


def make_directory(path: Path) -> None:
    """Make a directory, and those above it, where they are not there; only their owner may
    enter them.

    Raises:
        OSError: if that can't be done.
    """
    if not path.is_dir():
        make_directory(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)


def replace_file(path: Path, data: bytes) -> None:
    """Replace a file: after a crash at any moment there is the old one or the new one. Only
    its owner may read it.

    Raises:
        OSError: if it can't be written.
    """
    make_directory(path.parent)
    alternate = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(alternate, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        os.fchmod(file.fileno(), 0o600)  # one that a crash left behind may be readable by all
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    alternate.replace(path)


def read_file(path: Path, limit: int) -> bytes | None:
    """Return a file's content; None where there is no such file.

    Raises:
        OSError: if it can't be read, or is longer than ``limit`` bytes.
    """
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except FileNotFoundError:
        return None
    if len(data) > limit:
        raise OSError(errno.EFBIG, "it is too large")
    return data


def reason_of(error: OSError) -> str:
    """Say in a few words, without the file's name, what went wrong."""
    return (error.strerror or str(error)).lower()


class StateFile:
    """One file of the state directory. What goes wrong with it is said once, until it could be
    saved again; what it was to hold is then in memory only."""

    def __init__(self, path: Path, holds: str) -> None:
        """``holds`` names its content, for the log."""
        self.path = path
        self._holds = holds
        self._said = False
        self._saving = threading.Lock()

    def save(self, data: bytes) -> bool:
        """Replace the file; whether that worked. May be called from any thread."""
        try:
            with self._saving:  # the last saving may find the one before still at it
                replace_file(self.path, data)
        except OSError as error:
            self.log_once("not saved", error)
            return False
        self._said = False
        return True

    def log_once(self, what: str, error: OSError) -> None:
        """Say what went wrong, unless it was said already."""
        if not self._said:
            self._said = True
            log.warning(
                f"{self._holds} {what}",
                file=str(self.path),
                reason=reason_of(error),
                remediation="make state.directory writable; until then a restart loses its content",
            )

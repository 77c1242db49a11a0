"""Whether files have changed: by what stat(2) reports, of the file that a link leads to."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

Stamp = tuple[int, int, int, int, int]
"""Device, inode, size, and the times of content and metadata in nanoseconds."""


def stamp_of(path: Path) -> Stamp | None:
    """Return what changes when the file does; None while it is not there.

    Symbolic links are followed, so a link that is swapped for another (Kubernetes does that to
    ``..data``) counts as a change too.
    """
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def stamps_of(paths: Iterable[Path]) -> dict[Path, Stamp | None]:
    """Return the stamp of each file."""
    return {path: stamp_of(path) for path in paths}

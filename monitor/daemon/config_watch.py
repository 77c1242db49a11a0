"""Watches the configuration's file and the files of secrets, and asks for a reload."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from monitor.common.watched_file import Stamp, stamps_of

INTERVAL = 2.0
"""Seconds between two checks of the files. A change takes effect after two: a file that still
changes is being written."""


class ConfigWatch:
    """Polls files with stat(2): unlike inotify that works on every file system, and sees the
    swap of a link in any directory above."""

    def __init__(
        self,
        files: Callable[[], Iterable[Path]],
        missing: Callable[[], Iterable[Path]],
        changed: Callable[[], None],
        known: Mapping[Path, Stamp | None],
        interval: float = INTERVAL,
    ) -> None:
        """``files`` returns the files of the settings in force, ``missing`` those that were not
        there when the settings were read; ``changed`` asks for a reload. ``known`` holds stamps
        from before the settings were read for the first time."""
        self._files = files
        self._missing = missing
        self._changed = changed
        self._known = dict(known)
        self._interval = interval

    async def run(self) -> None:
        """Watch until cancelled."""
        pending: dict[Path, Stamp | None] | None = None
        while True:
            found = await self._look()
            for path in self._missing():
                self._known.setdefault(path, None)
            # A file that the last reload has added is not a change, unless it was missing then.
            if all(self._known.get(path, stamp) == stamp for path, stamp in found.items()):
                self._known, pending = found, None
            elif found != pending:
                pending = found
            else:
                self._known, pending = found, None
                self._changed()
            await asyncio.sleep(self._interval)

    async def _look(self) -> dict[Path, Stamp | None]:
        # In a thread: a network file system that does not answer must not stop the event loop.
        paths = (*self._files(), *self._missing())
        return await asyncio.to_thread(stamps_of, paths)

"""Watches the configuration's file and the files of secrets, and asks for a reload."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

from monitor.common.watched_file import Stamp, stamps_of

INTERVAL = 2.0
"""Seconds between two looks at the files. A change takes effect after two: a file that still
changes is being written."""


class ConfigWatch:
    """Polls files with stat(2): unlike inotify that works on every file system, and sees the
    swap of a link in any directory above."""

    def __init__(
        self,
        files: Callable[[], Iterable[Path]],
        changed: Callable[[], None],
        interval: float = INTERVAL,
    ) -> None:
        """``files`` returns the files of the settings in force; ``changed`` asks for a reload."""
        self._files = files
        self._changed = changed
        self._interval = interval

    async def run(self) -> None:
        """Watch until cancelled."""
        known = await self._look()
        pending: dict[Path, Stamp | None] | None = None
        while True:
            await asyncio.sleep(self._interval)
            found = await self._look()
            # A file that the last reload has added is no change.
            if all(known.get(path, stamp) == stamp for path, stamp in found.items()):
                known, pending = found, None
            elif found != pending:
                pending = found
            else:
                known, pending = found, None
                self._changed()

    async def _look(self) -> dict[Path, Stamp | None]:
        # In a thread: a network file system that does not answer must not stop the event loop.
        return await asyncio.to_thread(stamps_of, tuple(self._files()))

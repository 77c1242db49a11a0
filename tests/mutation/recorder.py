"""Record which functions of the measured files are called."""

from __future__ import annotations

import sys
import threading
from types import CodeType, FrameType

Key = tuple[str, int, str]


def key_of(code: CodeType) -> Key:
    """Return what identifies a function: its file, first line and qualified name."""
    return code.co_filename, code.co_firstlineno, code.co_qualname


class Recorder:
    """The functions of some files that were called while it records."""

    def __init__(self, files: frozenset[str]) -> None:
        self._files = files
        self.called: set[Key] = set()

    def start(self) -> None:
        """Record from now on, in this thread and in new ones."""
        threading.setprofile(self._on_event)
        sys.setprofile(self._on_event)

    def stop(self) -> None:
        """Stop recording."""
        sys.setprofile(None)
        threading.setprofile(None)

    def _on_event(self, frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and frame.f_code.co_filename in self._files:
            self.called.add(key_of(frame.f_code))

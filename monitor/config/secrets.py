"""Reads secrets: from files only, never from the configuration itself."""

from __future__ import annotations

from pathlib import Path

from monitor.config.reader import Reading
from monitor.model.secret import Secret

_LIMIT = 4096


def read_secret(key: str, file: Path | None, reading: Reading) -> Secret | None:
    """Return what ``file`` holds, without the space around it; None where no file is named.
    A file that is no text is noted as a problem of ``key``."""
    if file is None:
        return None
    try:
        with file.open(encoding="utf-8") as text:
            return Secret(text.read(_LIMIT).strip())
    except (OSError, UnicodeDecodeError):
        reading.problem(key, "its content can't be read as text", "write the secret into it")
        return None

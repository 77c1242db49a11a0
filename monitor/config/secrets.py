"""Secrets: from files or from variables of the environment, never from the configuration itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monitor.config.reader import Reading
from monitor.model.secret import Secret

SECRET_NAMES = ("password", "token", "bearer_token")
"""Keys ``<name>_file`` name a file with a secret; a variable may hold the secret instead."""

HEADER_SECRETS = "header_secrets"
"""Like ``header_files``, with the values instead of files: only a variable can set it."""

_LIMIT = 4096


def read_secret(
    table: str, name: str, values: Mapping[str, Any], reading: Reading
) -> Secret | None:
    """Return the secret of a table: from its variable, else from its file; None without either.
    A file that is not text is noted as a problem."""
    given = values.get(name)
    if isinstance(given, Secret):
        return given
    file: Path | None = values.get(f"{name}_file")
    if file is None:
        return None
    try:
        with file.open(encoding="utf-8") as text:
            return Secret(text.read(_LIMIT).strip())
    except (OSError, UnicodeDecodeError):
        reading.problem(
            f"{table}.{name}_file", "its content cannot be read as text", "write the secret into it"
        )
        return None

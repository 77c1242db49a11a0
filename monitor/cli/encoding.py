"""Output in an encoding that lacks some characters, such as Latin-1 or ASCII."""

from __future__ import annotations

import codecs
import io
from collections.abc import Mapping
from types import MappingProxyType
from typing import TextIO

_HANDLER = "egress-monitor-plain"

_PLAIN: Mapping[str, str] = MappingProxyType(
    {"✔": "+", "▲": "!", "✘": "x", "…": ".", "\u2013": "-", "—": "-", "→": ">", "\u00d7": "x"}
)
"""One character of ASCII for each that reports use, so that columns stay aligned."""


def replace_what_cannot_be_shown(*streams: TextIO | None) -> None:
    """Let characters that the encoding of a stream lacks become similar ones, or ``?``."""
    codecs.register_error(_HANDLER, _replaced)
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(_PLAIN.get(character, "?") for character in text), error.end

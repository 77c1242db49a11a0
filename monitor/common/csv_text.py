"""CSV that a spreadsheet can open safely: text from a peer is never a formula. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from monitor.common.sanitize import sanitize

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def csv_text(rows: Iterable[Sequence[str]]) -> str:
    """Return rows in the format of RFC 4180, except that line breaks are LF."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([map(_cell, row) for row in rows])
    return out.getvalue()


def _cell(text: str) -> str:
    text = sanitize(text, replacement=" ")
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text

"""The Date header of HTTP: when an answer was made, in whole seconds."""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_FIXDATE = re.compile(
    rf"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d\d) ({'|'.join(_MONTHS)}) (\d{{4}})"
    r" (\d\d):(\d\d):(\d\d) GMT",
    re.ASCII,
)


def parse_date(text: str) -> float | None:
    """Read an IMF-fixdate (RFC 9110 section 5.6.7) as Unix seconds; None if it is none."""
    match = _FIXDATE.fullmatch(text)
    if match is None:
        return None
    day, name, year, hour, minute, second = match.groups()
    month = _MONTHS.index(name) + 1
    fields = (int(year), month, int(day), int(hour), int(minute), int(second))
    days = calendar.monthrange(fields[0], month)[1] if fields[0] else 0
    if not (1 <= fields[2] <= days and fields[3] < 24 and fields[4] < 60 and fields[5] <= 60):
        return None
    return float(calendar.timegm(fields))


def date_offset(headers: Mapping[str, str], answered_at: float, waited: float) -> float | None:
    """Return the sender's clock minus ours in seconds, by an answer whose first byte came at
    ``answered_at`` (Unix seconds) after so many seconds of waiting; None where it does not say.

    An answer from a cache (RFC 9111 section 5.1: it has an Age) was made some time ago.
    """
    date = parse_date(headers.get("date", ""))
    if date is None or headers.get("age", "0").strip() != "0":
        return None
    return date + 0.5 - (answered_at - waited / 2)

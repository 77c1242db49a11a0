"""The Date field of HTTP: when a response was made, in whole seconds."""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = "|".join(_MONTHS)
_TIME = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
_FORMS = tuple(
    re.compile(form, re.ASCII)
    for form in (
        # IMF-fixdate, then the obsolete forms that a recipient has to accept: RFC 850, asctime.
        rf"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (?P<day>\d\d) (?P<month>{_MONTH}) (?P<year>\d{{4}})"
        rf" {_TIME} GMT",
        rf"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?P<day>\d\d)-(?P<month>{_MONTH})"
        rf"-(?P<year>\d\d) {_TIME} GMT",
        rf"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?P<month>{_MONTH}) (?P<day>[ \d]\d) {_TIME}"
        r" (?P<year>\d{4})",
    )
)
_CENTURY_PIVOT = 69
"""Two-digit years from 69 on are of the 20th century, as in Go's time.Parse."""


def parse_date(text: str) -> float | None:
    """Return an HTTP-date (RFC 9110 section 5.6.7) as Unix seconds; None if it is not one."""
    match = next(filter(None, (form.fullmatch(text) for form in _FORMS)), None)
    if match is None:
        return None
    year, month = _year(match["year"]), _MONTHS.index(match["month"]) + 1
    day, hour, minute, second = (int(match[k]) for k in ("day", "hour", "minute", "second"))
    days = calendar.monthrange(year, month)[1] if year else 0
    if not (1 <= day <= days and hour < 24 and minute < 60 and second <= 60):
        return None
    return float(calendar.timegm((year, month, day, hour, minute, second)))


def _year(digits: str) -> int:
    if len(digits) > 2:
        return int(digits)
    return int(digits) + (1900 if int(digits) >= _CENTURY_PIVOT else 2000)


def date_offset(headers: Mapping[str, str], answered_at: float, waited: float) -> float | None:
    """Return the sender's clock minus ours in seconds.

    The first byte of the response came at ``answered_at`` (Unix seconds) after ``waited``
    seconds. None if the response has no Date, or comes from a cache (RFC 9111 section 5.1: it has
    an Age) and was made some time ago.
    """
    date = parse_date(headers.get("date", ""))
    if date is None or headers.get("age", "0").strip() != "0":
        return None
    return date + 0.5 - (answered_at - waited / 2)

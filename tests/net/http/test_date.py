"""The forms of HTTP-date (RFC 9110 section 5.6.7)."""

from __future__ import annotations

import pytest

from monitor.net.http.date import date_offset, parse_date

MOMENT = 784111777.0


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    ],
)
def test_all_three_forms_are_accepted(text: str):
    assert parse_date(text) == MOMENT


def test_a_two_digit_year_is_of_the_century_that_go_takes():
    assert parse_date("Thursday, 27-Nov-26 00:00:00 GMT") == 1795737600.0
    assert parse_date("Monday, 01-Jan-68 00:00:00 GMT") == 3092601600.0
    assert parse_date("Wednesday, 01-Jan-69 00:00:00 GMT") == -31536000.0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 25:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun Nov 06 08:49:37 GMT 1994",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, \u0660\u0666 Nov 1994 08:49:37 GMT",
    ],
)
def test_what_is_not_a_date_is_none(text: str):
    assert parse_date(text) is None


def test_a_cached_response_does_not_tell_the_time():
    headers = {"date": "Sun, 06 Nov 1994 08:49:37 GMT"}
    assert date_offset(headers, MOMENT + 10, 1.0) == -9.0
    assert date_offset({**headers, "age": "5"}, MOMENT + 10, 1.0) is None

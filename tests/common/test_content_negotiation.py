"""Media types and codings chosen by Accept headers, as RFC 9110 section 12 has it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.common.content_negotiation import accepts_coding, preferred_type

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
OFFERS = (TEXT, OPENMETRICS)
PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;q=0.3,"
    "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", TEXT),
        ("*/*", TEXT),
        (PROMETHEUS, OPENMETRICS),
        ("application/openmetrics-text", OPENMETRICS),
        ("application/openmetrics-text;q=0.5, text/plain", TEXT),
        ("application/openmetrics-text; q=0.0, text/plain;q=0.1", TEXT),
        ("application/openmetrics-text;q=0.000", None),
        ("application/*;q=0.9, text/plain;q=0.1", OPENMETRICS),
        ("*/*;q=0.9, text/plain;q=0", OPENMETRICS),
        ("APPLICATION/OpenMetrics-Text", OPENMETRICS),
        ("text/html, application/xml", None),
        ("text/plain;q=rubbish", None),
        ("text/plain;q=nan", None),
        (" , ,text/plain", TEXT),
    ],
)
def test_the_preferred_type(accept: str, chosen: str | None) -> None:
    assert preferred_type(accept, OFFERS) == chosen


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("", False),
        ("gzip", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("gzip;q=0.1, br", True),
        ("br, deflate", False),
        ("x-gzip", True),
        ("*", True),
        ("*;q=0", False),
        ("*;q=0, gzip", True),
        ("gzip;q=0, *", False),
        ("identity;q=1, gzip;q=0.5", True),
        ("not-gzip", False),
        ("GZIP", True),
    ],
)
def test_gzip(header: str, accepted: bool) -> None:
    assert accepts_coding(header, "gzip") is accepted


@given(st.text())
def test_any_header_is_answered(header: str) -> None:
    assert preferred_type(header, OFFERS) in {*OFFERS, None}
    assert accepts_coding(header, "gzip") in {True, False}

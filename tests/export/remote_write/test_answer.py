"""What answers mean: the cases of the specification, and those of filters and proxies."""

from __future__ import annotations

import pytest

from monitor.export.remote_write.answer import (
    RETRY_AFTER_LIMIT,
    Answer,
    Disposition,
    disposition,
    parse_retry_after,
    parse_written,
)
from monitor.model.settings import WriteVersion

V1, V2 = WriteVersion.V1, WriteVersion.V2


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (200, Disposition.ACCEPTED),
        (204, Disposition.ACCEPTED),
        (299, Disposition.ACCEPTED),
        (302, Disposition.DENIED),
        (400, Disposition.REFUSED),
        (401, Disposition.DENIED),
        (403, Disposition.DENIED),
        (404, Disposition.DENIED),
        (407, Disposition.DENIED),
        (408, Disposition.LATER),
        (409, Disposition.REFUSED),
        (413, Disposition.TOO_LARGE),
        (415, Disposition.UNSUPPORTED),
        (418, Disposition.REFUSED),
        (422, Disposition.REFUSED),
        (429, Disposition.LATER),
        (500, Disposition.LATER),
        (502, Disposition.LATER),
        (503, Disposition.LATER),
        (504, Disposition.LATER),
        (599, Disposition.LATER),
        (999, Disposition.LATER),
        (100, Disposition.DENIED),
    ],
)
def test_a_status_means_the_same_in_both_versions(status: int, said: Disposition) -> None:
    assert disposition(Answer(status), V1, confirmed=False) is said
    assert disposition(Answer(status, written=7), V2, confirmed=True) is said


@pytest.mark.parametrize("status", [200, 204, 400, 415])
def test_a_receiver_that_counts_nothing_does_not_speak_2(status: int) -> None:
    assert disposition(Answer(status), V2, confirmed=False) is Disposition.UNSUPPORTED


def test_a_success_that_no_receiver_says_empties_no_queue() -> None:
    assert disposition(Answer(200), V2, confirmed=True) is Disposition.DENIED
    for version in WriteVersion:
        assert disposition(Answer(200, page=True), version, confirmed=False) is Disposition.DENIED


def test_a_receiver_that_counts_refuses_in_2() -> None:
    assert disposition(Answer(400, written=3), V2, confirmed=False) is Disposition.REFUSED


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("99999999999999999999", RETRY_AFTER_LIMIT),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 90.0),
        ("Thu, 01 Jan 1970 00:00:01 GMT", 0.0),
        ("soon", None),
        ("Thu, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        ("Thu, 01 Jan 1970 00:00:99999999999999999999 GMT", None),
        ("-5", None),
        ("", None),
        (None, None),
        ("٣", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str | None, seconds: float | None) -> None:
    assert parse_retry_after(text, now=10.0) == seconds


@pytest.mark.parametrize(
    ("text", "count"),
    [("12", 12), ("0", 0), ("", None), (None, None), ("-1", None), ("x", None), ("9" * 99, None)],
)
def test_a_count_is_digits(text: str | None, count: int | None) -> None:
    assert parse_written(text) == count

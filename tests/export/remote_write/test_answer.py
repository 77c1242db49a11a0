"""What answers mean: the cases of the specification, and those of filters and proxies."""

from __future__ import annotations

import pytest

from monitor.export.remote_write.answer import (
    RETRY_AFTER_LIMIT,
    Answer,
    Meaning,
    meaning,
    parse_retry_after,
    parse_written,
)
from monitor.model.settings import WriteVersion

V1, V2 = WriteVersion.V1, WriteVersion.V2


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (200, Meaning.ACCEPTED),
        (204, Meaning.ACCEPTED),
        (299, Meaning.ACCEPTED),
        (302, Meaning.DENIED),
        (400, Meaning.REFUSED),
        (401, Meaning.DENIED),
        (403, Meaning.DENIED),
        (404, Meaning.DENIED),
        (407, Meaning.DENIED),
        (408, Meaning.LATER),
        (409, Meaning.REFUSED),
        (413, Meaning.TOO_LARGE),
        (415, Meaning.UNSUPPORTED),
        (418, Meaning.REFUSED),
        (422, Meaning.REFUSED),
        (429, Meaning.LATER),
        (500, Meaning.LATER),
        (502, Meaning.LATER),
        (503, Meaning.LATER),
        (504, Meaning.LATER),
        (599, Meaning.LATER),
        (999, Meaning.LATER),
        (100, Meaning.DENIED),
    ],
)
def test_a_status_means_the_same_in_both_versions(status: int, said: Meaning) -> None:
    assert meaning(Answer(status), V1, confirmed=False) is said
    assert meaning(Answer(status, written=7), V2, confirmed=True) is said


@pytest.mark.parametrize("status", [200, 204, 400, 415])
def test_a_receiver_that_counts_nothing_does_not_speak_2(status: int) -> None:
    assert meaning(Answer(status), V2, confirmed=False) is Meaning.UNSUPPORTED


def test_a_success_that_no_receiver_says_empties_no_queue() -> None:
    assert meaning(Answer(200), V2, confirmed=True) is Meaning.DENIED
    for version in WriteVersion:
        assert meaning(Answer(200, page=True), version, confirmed=False) is Meaning.DENIED


def test_a_receiver_that_counts_refuses_in_2() -> None:
    assert meaning(Answer(400, written=3), V2, confirmed=False) is Meaning.REFUSED


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

"""Sentences about instance metadata: nobody owns it, and no firewall is on the path."""

from __future__ import annotations

import pytest

from monitor.diagnosis import imds_texts
from monitor.diagnosis.imds_texts import imds_text
from monitor.model.causes import Cause
from monitor.model.probe_result import Failure, FailureKind, Phase

C = Cause


def text(cause: Cause, code: str | None = None, prober: str = "imds") -> tuple[str, str] | None:
    failure = Failure(Phase.FIRST_BYTE, FailureKind.IMDS_STATUS, "x", code=code)
    return imds_text(cause, prober, failure)


def test_an_unfinished_exchange_has_its_own_words() -> None:
    for cause in imds_texts._OF_A_STREAM:
        assert text(cause) == imds_texts._UNFINISHED
        assert text(cause, prober="http") is None


@pytest.mark.parametrize(
    ("cause", "code", "expected"),
    [
        (C.IMDS_REJECTED, "500", imds_texts._FAILS),
        (C.IMDS_REJECTED, "400", None),
        (C.IMDS_REJECTED, None, None),
        (C.IMDS_THROTTLED, "503", None),
    ],
)
def test_an_error_of_the_service_itself_is_told_as_such(
    cause: Cause, code: str | None, expected: object
) -> None:
    assert text(cause, code) == expected
    assert text(cause, code, prober="http") is None

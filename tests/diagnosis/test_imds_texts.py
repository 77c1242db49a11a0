"""Sentences about instance metadata that answers wrongly."""

from __future__ import annotations

import pytest

from monitor.diagnosis import imds_texts
from monitor.diagnosis.imds_texts import imds_text
from monitor.model.causes import Cause
from monitor.model.probe_result import Failure, FailureKind, Phase

C, K = Cause, FailureKind


def failure(kind: FailureKind, code: str | None = None) -> Failure:
    return Failure(Phase.TOKEN, kind, "x", code=code)


@pytest.mark.parametrize(
    ("cause", "code", "expected"),
    [
        (C.HTTP_TIMEOUT, None, imds_texts._UNFINISHED),
        (C.TCP_RESET, "ECONNRESET", imds_texts._UNFINISHED),
        (C.IMDS_REJECTED, "500", imds_texts._FAILS),
        (C.IMDS_REJECTED, "401", None),
        (C.TCP_TIMEOUT, None, None),
    ],
)
def test_only_what_the_record_would_word_wrongly_has_a_text_of_its_own(
    cause: Cause, code: str | None, expected: tuple[str, str] | None
):
    assert imds_text(cause, "imds", failure(K.IMDS_STATUS, code)) == expected


def test_other_probers_are_left_alone():
    assert imds_text(C.HTTP_TIMEOUT, "http", failure(K.TIMEOUT)) is None

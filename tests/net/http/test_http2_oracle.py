"""The HTTP/2 reader against Go's net/http: the same answers are accepted and refused.

Covers: monitor/net/http/http2_exchange.py
"""

from __future__ import annotations

import pytest

from monitor.net.errors import ExchangeError
from monitor.net.http.http2_exchange import HEAD_LIMIT, ResponseReader
from monitor.net.http.http2_frames import SIZE_LIMIT
from tests.oracles.http.inputs import Verdict
from tests.oracles.http2.inputs import (
    ANSWERS,
    DIFFERENCES,
    PING,
    SETTINGS,
    block,
    data,
    frame,
    head,
    verdicts,
)

VERDICTS = verdicts()


def read(method: str, raw: bytes, size: int) -> tuple[bool, ResponseReader]:
    """Feed an answer in pieces of ``size`` bytes, as a connection that is closed after it."""
    reader = ResponseReader(method)
    try:
        for start in range(0, len(raw), size):
            reader.feed(raw[start : start + size])
    except ExchangeError:
        return False, reader
    return reader.done, reader


def test_every_answer_has_a_verdict_of_go():
    assert ANSWERS.keys() == VERDICTS.keys()
    assert DIFFERENCES.keys() <= ANSWERS.keys()


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("size", [1 << 20, 4_096, 1])
def test_an_answer_is_accepted_or_refused_as_go_does(name: str, size: int):
    accepted, reader = read(*ANSWERS[name], size)
    expected = VERDICTS[name]
    assert accepted is (expected.accepted is not (name in DIFFERENCES))
    if accepted and expected.accepted:
        status = reader.head.status if reader.head else 0
        assert Verdict(accepted, status, len(reader.body)) == expected


def test_settings_and_pings_are_answered():
    reader = ResponseReader()
    reader.feed(SETTINGS + PING)
    assert bytes(reader.outgoing) == frame(4, 1, 0) + frame(6, 1, 0, b"12345678")


@pytest.mark.parametrize("continued", [False, True])
def test_fields_are_bounded_whether_they_are_compressed_or_not(continued: bool):
    plain = block([(":status", "200"), ("x", "y" * 4_000)])
    compressed = b"\x88\x40\x01x\x7f\xa1\x1e" + b"y" * 4_000 + b"\xbe" * 10_000
    whole = plain * 30 if continued else compressed
    pieces = [whole[n : n + SIZE_LIMIT] for n in range(0, len(whole), SIZE_LIMIT)]
    raw = SETTINGS + frame(1, 0, 1, pieces[0]) + b"".join(frame(9, 0, 1, p) for p in pieces[1:])
    reader = ResponseReader()
    with pytest.raises(ExchangeError, match=f"more than {HEAD_LIMIT} bytes of fields"):
        reader.feed(raw + frame(9, 4, 1) + data())


def test_the_body_is_bounded():
    reader = ResponseReader()
    reader.feed(SETTINGS + head() + data(b"x" * 16_384, ends=False) * 5)
    assert reader.done
    assert len(reader.body) == 65_536

"""The response parser against Go's net/http: the same responses are accepted and refused."""

from __future__ import annotations

import pytest

from monitor.net.errors import ExchangeError
from monitor.net.http.response import ResponseParser
from tests.oracles.http.inputs import RESPONSES, Verdict, verdicts

VERDICTS = verdicts()
WHOLE = 1 << 30
LARGE = 5000


def verdict_of(method: str, raw: bytes, size: int) -> Verdict:
    """Feed a response in pieces of ``size`` bytes, as a connection that is closed after it."""
    parser = ResponseParser(method)
    accepted = True
    try:
        for start in range(0, len(raw), size):
            if not parser.done:
                parser.feed(raw[start : start + size])
        if not parser.done:
            parser.end()
    except (ExchangeError, EOFError):
        accepted = False
    return Verdict(accepted, parser.head.status if parser.head else 0, len(parser.body))


def test_every_response_has_a_verdict_of_go():
    assert RESPONSES.keys() == VERDICTS.keys()
    assert len(RESPONSES) >= 60


@pytest.mark.parametrize("name", RESPONSES)
def test_a_response_is_accepted_or_refused_as_go_does(name: str):
    method, raw = RESPONSES[name]
    for size in (WHOLE, 1460, 7, *([1] if len(raw) < LARGE else [])):
        assert verdict_of(method, raw, size) == VERDICTS[name], size

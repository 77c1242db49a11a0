"""Whatever ended a phase becomes a failure: facts, no judgement, and bugs stay visible."""

from __future__ import annotations

import errno

import pytest

from monitor.model.probe_result import FailureKind, Phase
from monitor.net.errors import ExchangeError, IcmpOSError, failure_of

K = FailureKind


@pytest.mark.parametrize(
    ("error", "kind", "message", "code"),
    [
        (ExchangeError(K.HTTP_FORMAT, "no status line", "X"), K.HTTP_FORMAT, "no status line", "X"),
        (TimeoutError(), K.TIMEOUT, "no answer in time", None),
        (EOFError(), K.CLOSED, "the peer closed the connection", None),
        (
            OSError(errno.ECONNREFUSED, "x"),
            K.OS_ERROR,
            "Connection refused",
            "ECONNREFUSED",
        ),
        (OSError(9999, "x"), K.OS_ERROR, "Unknown error 9999", "9999"),
        (OSError("no number"), K.INTERNAL, "unexpected OSError", "OSError"),
        (KeyError("secret"), K.INTERNAL, "unexpected KeyError", "KeyError"),
    ],
)
def test_an_exception_becomes_a_failure(
    error: BaseException, kind: FailureKind, message: str, code: str | None
) -> None:
    failure = failure_of(error, Phase.CONNECT)
    assert (failure.phase, failure.kind) == (Phase.CONNECT, kind)
    assert (failure.message, failure.code) == (message, code)


def test_a_timeout_of_the_kernel_is_an_error_of_the_kernel() -> None:
    failure = failure_of(TimeoutError(errno.ETIMEDOUT, "x"), Phase.CONNECT)
    assert (failure.kind, failure.errno) == (K.OS_ERROR, errno.ETIMEDOUT)


@pytest.mark.parametrize(("sender", "shown"), [("192.0.2.1", "192.0.2.1"), ("", "a router")])
def test_an_icmp_message_is_told_with_its_sender(sender: str, shown: str) -> None:
    error = IcmpOSError(errno.EHOSTUNREACH, "x", (3, 13), sender)
    failure = failure_of(error, Phase.CONNECT)
    assert failure.icmp == (3, 13)
    assert failure.message == f"No route to host (ICMP type 3 code 13 from {shown})"

"""The one exception that says how an exchange failed, and the failures of plain sockets."""

from __future__ import annotations

import errno
import os

from monitor.model import Failure, FailureKind, Phase


class ExchangeError(Exception):
    """An exchange failed in a way that only the protocol knows: not by errno or time."""

    def __init__(self, kind: FailureKind, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.code = code


def failure_of(error: BaseException, phase: Phase) -> Failure:
    """Turn whatever ended a phase into a ``Failure``: facts, no judgement.

    An exception that none of our exchanges is known to raise is ``INTERNAL``: a bug is
    never hidden as a fault of the network.
    """
    if isinstance(error, ExchangeError):
        return Failure(phase, error.kind, error.message, code=error.code)
    if isinstance(error, TimeoutError) and error.errno is None:
        return Failure(phase, FailureKind.TIMEOUT, "no answer in time")
    if isinstance(error, EOFError):
        return Failure(phase, FailureKind.CLOSED, "the peer closed the connection")
    if isinstance(error, OSError) and error.errno is not None:
        name = errno.errorcode.get(error.errno, str(error.errno))
        text = os.strerror(error.errno)
        return Failure(phase, FailureKind.OS_ERROR, text, errno=error.errno, code=name)
    name = type(error).__name__
    return Failure(phase, FailureKind.INTERNAL, f"unexpected {name}", code=name)

"""The exception that describes a failed exchange, and the failures of plain sockets."""

from __future__ import annotations

import errno
import os

from monitor.model.probe_result import Failure, FailureKind, Phase


class ExchangeError(Exception):
    """An exchange failed in a way that only the protocol knows: not by errno or time."""

    def __init__(self, kind: FailureKind, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.code = code


class IcmpOSError(OSError):
    """A kernel error together with the ICMP (type, code) behind it and who sent that."""

    def __init__(self, number: int, text: str, icmp: tuple[int, int], sender: str) -> None:
        super().__init__(number, text)
        self.icmp = icmp
        self.sender = sender


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
        text, icmp = os.strerror(error.errno), None
        if isinstance(error, IcmpOSError):
            icmp = error.icmp
            text += f" (ICMP type {icmp[0]} code {icmp[1]} from {error.sender or 'a router'})"
        return Failure(phase, FailureKind.OS_ERROR, text, error.errno, name, icmp)
    name = type(error).__name__
    return Failure(phase, FailureKind.INTERNAL, f"unexpected {name}", code=name)

"""Compare a ClientHello of Go's size with a small one when the peer does not answer the large one.

A filter that expects the whole ClientHello in one segment lets a small one pass, and resets or
drops the one that the runner sends.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from monitor.model.probe_result import Failure, FailureKind, Phase
from monitor.net.errors import ExchangeError
from monitor.net.sockets.client_hello import GO_SIZE, SMALL_SIZE
from monitor.net.sockets.stream import TlsStream
from monitor.probes.measure import ProbeConnection

_SHARE = 0.5
"""Share of the timeout after which a silent peer is asked with a small ClientHello as well."""

_FAILURE = Failure(
    Phase.TLS,
    FailureKind.TLS_LARGE_HELLO,
    f"a ClientHello of {GO_SIZE} bytes gets no answer, one of {SMALL_SIZE} bytes does",
)

Answers = Callable[[bool], Awaitable[bool]]
"""Returns whether the peer answers a large (True) or a small ClientHello."""


async def handshake_compared(conn: ProbeConnection, stream: TlsStream, answers: Answers) -> None:
    """Shake hands. If the peer ends the connection or stays silent without any answer, try a small
    ClientHello and a large one again. If it answers the small one only, that is the failure of
    ``conn``.

    Raises:
        ExchangeError, EOFError, OSError: as ``TlsStream.handshake``.
    """
    loop = asyncio.get_running_loop()
    tasks: list[asyncio.Task[None]] = []
    # A timer, not a task: it costs next to nothing in the handshakes that are answered.
    timer = loop.call_later(
        conn.target.timeout * _SHARE,
        lambda: tasks.append(loop.create_task(_compare(conn, stream, answers))),
    )
    try:
        await stream.handshake()
    except (EOFError, OSError):
        timer.cancel()
        if not tasks:
            await _compare(conn, stream, answers)
        raise
    finally:
        timer.cancel()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    conn.failure_override = None


async def _compare(conn: ProbeConnection, stream: TlsStream, answers: Answers) -> None:
    """Set the failure of ``conn`` if the peer answers a small ClientHello only."""
    if stream.answered:
        return
    with contextlib.suppress(OSError, EOFError, ExchangeError):
        if not await answers(False) or stream.answered:
            return
        conn.failure_override = _FAILURE
        # A connection that broke once proves nothing about sizes: the large one has to fail again.
        if await answers(True):
            conn.failure_override = None

"""Long documents: rendered in slices of the event loop, shared by readers, bounded in memory.

Requests for the same document that arrive while another one is being rendered share the next
rendering. It starts after the last of these requests arrived, so no response is older than its
request.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable, Hashable, Iterable
from dataclasses import dataclass, field
from time import perf_counter

from aiohttp import web

from monitor.common.content_negotiation import accepts_coding

SLICE_SECONDS = 0.002
"""Time after which rendering lets the event loop run, in seconds. A piece of a document takes
less than 1 ms, so rendering delays a probe by about 3 ms at most."""

PAUSE_FACTOR = 2.0
"""Pause after a rendering, in multiples of the processor time that it took: clients that request
documents without end keep rendering below a third of one processor."""

BODIES_LIMIT = 16 * 1024 * 1024
"""Memory of all bodies that are being sent, in bytes; a body counts once, however many read it.
Bodies larger than a third of this raise the limit to three times their size."""

COMPRESS_FROM = 1400
"""Smallest body that is compressed, in bytes: a smaller one fits into one packet."""

_SLICE_BYTES = 32 * 1024
_COMPRESSION = 5

Pieces = Callable[[], Iterable[str | bytes]]


@dataclass(slots=True, eq=False)
class Body:
    """A rendered document. ``packed`` is its gzip form, as soon as a reader asked for it."""

    content_type: str
    content: bytes
    packed: asyncio.Task[bytes] | None = None

    async def encoded(self, coding: str) -> bytes:
        """Return the content in a content coding: ``gzip``, or "" for none."""
        if coding != "gzip":
            return self.content
        if self.packed is None:
            # A thread: zlib releases the interpreter lock, and 6 MB take 60 ms.
            work = asyncio.to_thread(gzip.compress, self.content, _COMPRESSION, mtime=0)
            self.packed = asyncio.create_task(work)
        return await asyncio.shield(self.packed)

    @property
    def size(self) -> int:
        """Memory of all forms, in bytes."""
        done = self.packed is not None and self.packed.done() and not self.packed.cancelled()
        return len(self.content) + (len(self.packed.result()) if done and self.packed else 0)


@dataclass(slots=True, eq=False)
class Sending:
    """A response in progress. ``abort`` closes its connection."""

    body: Body
    abort: Callable[[], None]


@dataclass(slots=True, eq=False)
class BodyBudget:
    """Memory that responses in progress hold through clients that read slowly."""

    limit: int = BODIES_LIMIT
    sendings: list[Sending] = field(default_factory=list)

    def begin(self, sending: Sending) -> None:
        """Add a response. If the bodies exceed the limit, abort the responses that have been in
        progress for the longest time."""
        limit = max(self.limit, 3 * sending.body.size)
        self.sendings.append(sending)
        while self._held() > limit:
            oldest = next(s for s in self.sendings if s.body is not sending.body)
            for stale in [s for s in self.sendings if s.body is oldest.body]:
                self.sendings.remove(stale)
                stale.abort()

    def end(self, sending: Sending) -> None:
        """Remove a response that ended."""
        if sending in self.sendings:
            self.sendings.remove(sending)

    def _held(self) -> int:
        return sum(body.size for body in {s.body for s in self.sendings})


class Documents:
    """Renders documents one at a time and sends them."""

    def __init__(
        self,
        budget: BodyBudget | None = None,
        settle: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """``settle`` is awaited before each rendering."""
        self._settle = settle
        self._turn = asyncio.Lock()
        self._next: dict[Hashable, asyncio.Task[Body]] = {}
        self._budget = budget or BodyBudget()

    async def rendered(self, key: Hashable, content_type: str, pieces: Pieces) -> Body:
        """Return a document that was rendered after this call. ``pieces`` makes its parts; calls
        with the same key share one rendering."""
        if key not in self._next:
            self._next[key] = asyncio.create_task(self._render(key, content_type, pieces))
        return await asyncio.shield(self._next[key])

    async def respond(
        self,
        request: web.Request,
        body: Body,
        *,
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> web.StreamResponse:
        """Send a document in slices, at the pace of its client."""
        coding = _coding(request, body)
        content = await body.encoded(coding)
        response = web.StreamResponse(status=status, headers=headers)
        response.headers["Content-Type"] = body.content_type
        response.headers["Vary"] = "Accept, Accept-Encoding"
        if coding:
            response.headers["Content-Encoding"] = coding
        response.content_length = len(content)
        sending = Sending(body, _abort_of(request))
        self._budget.begin(sending)
        try:
            await response.prepare(request)
            if request.method != "HEAD":
                view = memoryview(content)
                for start in range(0, len(content), _SLICE_BYTES):
                    await response.write(view[start : start + _SLICE_BYTES])
            await response.write_eof()
        finally:
            self._budget.end(sending)
        return response

    async def close(self) -> None:
        """Cancel renderings in progress."""
        for task in list(self._next.values()):
            task.cancel()

    async def _render(self, key: Hashable, content_type: str, pieces: Pieces) -> Body:
        try:
            await self._turn.acquire()
        finally:
            del self._next[key]  # Requests from now on need a rendering that starts later.
        spent = 0.0
        try:
            if self._settle is not None:
                await self._settle()
            made, spent = await in_slices(pieces())
            return Body(content_type, made)
        finally:
            # The lock is released after the pause: the next rendering waits, this response
            # does not.
            asyncio.get_running_loop().call_later(PAUSE_FACTOR * spent, self._turn.release)


async def in_slices(pieces: Iterable[str | bytes]) -> tuple[bytes, float]:
    """Join pieces and let the event loop run regularly. Return the result and the processor time
    that it took, in seconds."""
    made, spent, began = [], 0.0, perf_counter()
    for piece in pieces:
        made.append(piece if isinstance(piece, bytes) else piece.encode("utf-8", "replace"))
        elapsed = perf_counter() - began
        if elapsed >= SLICE_SECONDS:
            spent += elapsed
            await asyncio.sleep(0)
            began = perf_counter()
    joined = b"".join(made)
    return joined, spent + perf_counter() - began


def _coding(request: web.Request, body: Body) -> str:
    """Return the content coding for a request."""
    accepted = accepts_coding(request.headers.get("Accept-Encoding", ""), "gzip")
    return "gzip" if accepted and len(body.content) >= COMPRESS_FROM else ""


def _abort_of(request: web.Request) -> Callable[[], None]:
    transport = request.transport

    def abort() -> None:
        if transport is not None:
            transport.abort()

    return abort

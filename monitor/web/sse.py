"""Server-sent events for open pages: bounded in number and duration.

An event reports only that something changed; the page then fetches itself. So nothing is kept for
a client, a burst of results is one event, and without a client nothing is computed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from contextlib import suppress

from aiohttp import web

from monitor.state.store import StateStore
from monitor.web.admission import ConnectionPhase
from monitor.web.connection import Connection

STREAMS_LIMIT = 16
"""Maximum number of streams. Further pages poll."""

PULSE = 1.0
"""Time between two checks of the store: maximum delay of a change of state, in seconds."""

RESULTS_INTERVAL = 5.0
"""Minimum time between two events that report only new results, in seconds."""

ROWS_PER_SECOND = 50
"""Rate that bounds the cost of an open page: with more targets than this times
``RESULTS_INTERVAL``, new results are reported less often."""

HEARTBEAT = 5.0
"""Time without an event after which a heartbeat is sent, in seconds. The page treats three missing
heartbeats as a lost connection; reverse proxies close silent ones after 60 s."""

LIFETIME = 900.0
"""Time after which a stream ends, in seconds; the browser opens another one."""

SEND_SECONDS = 5.0
"""Time within which a client must take an event, in seconds."""

CHANGE = b"event: change\ndata:\n\n"
BEAT = b"event: beat\ndata:\n\n"
OPENING = b"retry: 3000\n" + BEAT
"""First bytes of a stream. A heartbeat at once shows that no proxy holds events back."""

HEADERS = {
    "Content-Type": "text/event-stream",
    # nginx, and proxies that follow its convention, buffer a response without this header.
    "X-Accel-Buffering": "no",
}
_BUFFER = 1024


class Watcher:
    """Decides when one client gets an event: at once after a change of state, regularly for
    results. Pure except for the store that it reads."""

    def __init__(self, store: StateStore, target_id: str | None, now: float) -> None:
        self._store = store
        self._target_id = target_id
        self._states, self._results = self._look()
        self._reported_at = self._sent_at = now

    def next(self, now: float) -> bytes | None:
        """Return the event to send now (monotonic seconds), if any."""
        states, results = self._look()
        changed = states != self._states
        due = now - self._reported_at >= self._patience()
        if changed or (due and results != self._results):
            self._states, self._results = states, results
            self._reported_at = self._sent_at = now
            return CHANGE
        if now - self._sent_at >= HEARTBEAT:
            self._sent_at = now
            return BEAT
        return None

    def _look(self) -> tuple[Hashable, Hashable]:
        store = self._store
        states = tuple(status.health.state for status in store.statuses.values())
        status = store.statuses.get(self._target_id) if self._target_id else None
        results = status.probes if status else store.self_metrics.last_completed_at
        return (states, store.incidents), results

    def _patience(self) -> float:
        if self._target_id:
            return 0.0
        return max(RESULTS_INTERVAL, len(self._store.statuses) / ROWS_PER_SECOND)


class Streams:
    """The open streams. ``close`` ends all of them at once."""

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._open = 0
        self._closing = asyncio.Event()

    async def close(self, _: web.Application) -> None:
        """End every stream, and accept no new one."""
        self._closing.set()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer with a stream: for one target's results if one is named, else for all."""
        if self._open >= STREAMS_LIMIT or self._closing.is_set():
            headers = {"Retry-After": "30"}
            return web.Response(status=503, text="too many streams\n", headers=headers)
        self._open += 1
        try:
            return await self._stream(request)
        finally:
            self._open -= 1

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        loop = asyncio.get_running_loop()
        response = web.StreamResponse(headers=HEADERS)
        watcher = Watcher(self._store, request.query.get("target"), loop.time())
        ends = loop.time() + LIFETIME
        if isinstance(request.protocol, Connection):
            request.protocol.client.enter(ConnectionPhase.STREAM, loop.time())
        with suppress(TimeoutError, ConnectionError):
            await response.prepare(request)
            if request.transport is not None:
                request.transport.set_write_buffer_limits(high=_BUFFER)
            await response.write(OPENING)
            while loop.time() < ends and not await self._closes_within(PULSE):
                if request.transport is None:  # The client is gone.
                    break
                if data := watcher.next(loop.time()):
                    async with asyncio.timeout(SEND_SECONDS):
                        await response.write(data)
        response.force_close()
        return response

    async def _closes_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        return self._closing.is_set()

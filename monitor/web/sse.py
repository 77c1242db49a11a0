"""Tells open pages that something changed: server-sent events, bounded in number and length.

An event says only that there is news; the page then fetches itself. So nothing is kept for a
client, a burst of results is one event, and without a client nothing is done at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from contextlib import suppress

from aiohttp import web

from monitor.state.store import StateStore

STREAMS_LIMIT = 16
"""Streams at once, of the connections there may be. Who comes later loads the page by hand."""

PULSE = 1.0
"""Seconds between two looks at the board: a change of state is told this late at most."""

RESULTS_EVERY = 5.0
"""Seconds between two events that tell of nothing but new results."""

ROWS_PER_SECOND = 50
"""Of more targets than this times ``RESULTS_EVERY`` new results are told less often, so that
an open page costs no more than so many rows a second."""

HEARTBEAT = 15.0
"""Seconds after which a line is sent when there is nothing to tell: proxies in between would
end a silent connection."""

LIFETIME = 900.0
"""Seconds after which a stream ends; the browser opens another one."""

SEND_SECONDS = 5.0
"""A client that takes no bytes for so long is dropped."""

CHANGE = b"event: change\ndata:\n\n"
BEAT = b":\n\n"
_BUFFER = 1024


class Watcher:
    """Says when one client is to be told: at once of a change of state, now and then of
    results. Pure but for the board that it looks at."""

    def __init__(self, store: StateStore, target_id: str | None, now: float) -> None:
        self._store = store
        self._target_id = target_id
        self._states, self._results = self._look()
        self._told_at = self._sent_at = now

    def next(self, now: float) -> bytes | None:
        """Return what is to be sent now (seconds of a steady clock), if anything."""
        states, results = self._look()
        changed = states != self._states
        due = now - self._told_at >= self._patience()
        if changed or (due and results != self._results):
            self._states, self._results = states, results
            self._told_at = self._sent_at = now
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
        return max(RESULTS_EVERY, len(self._store.statuses) / ROWS_PER_SECOND)


class Streams:
    """The streams that are open. ``close`` ends all of them at once."""

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._open = 0
        self._closing = asyncio.Event()

    async def close(self, _: web.Application) -> None:
        """End every stream, and take no new one."""
        self._closing.set()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer with a stream: of one target's results where it is named, else of all."""
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
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        watcher = Watcher(self._store, request.query.get("target"), loop.time())
        ends = loop.time() + LIFETIME
        with suppress(TimeoutError, ConnectionError):
            await response.prepare(request)
            if request.transport is not None:
                request.transport.set_write_buffer_limits(high=_BUFFER)
            await response.write(BEAT)
            while loop.time() < ends and not await self._closes_within(PULSE):
                if request.transport is None:  # the client went
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

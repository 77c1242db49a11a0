"""The handlers: each reads the board as it is at that moment, and changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from aiohttp import web

from monitor.export.metrics.exposition import negotiate, render_politely
from monitor.net.clock import Clock
from monitor.present.json_view import VERSION
from monitor.state.store import StateStore
from monitor.web import api, pages
from monitor.web.assets import ASSETS

WRITTEN_AT_ONCE = 2
"""Pages and long documents that are written at a time: with thousands of targets one takes some
megabytes, and a tenth of a second and more of the processor."""

_COMPRESSED_ASIDE = 4096
_FOREVER = "public, max-age=31536000, immutable"


class Views:
    """The handlers of one board."""

    def __init__(self, store: StateStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._writing = asyncio.Semaphore(WRITTEN_AT_ONCE)

    async def overview(self, request: web.Request) -> web.Response:
        return await self._page(request, pages.overview_page(self._store, self._clock.time()))

    async def target_page(self, request: web.Request) -> web.Response:
        now = self._clock.time()
        status = self._store.statuses.get(request.match_info["id"])
        if status is None:
            missing = pages.missing_page(self._store, now, "There is no such target")
            return await self._page(request, missing, 404)
        return await self._page(request, pages.target_page(self._store, status, now))

    async def incident_page(self, request: web.Request) -> web.Response:
        now = self._clock.time()
        incident_record = api.incident_record_of(self._store, request.match_info["id"])
        if incident_record is None:
            sentence = "There is no such incident, or it is so long past that it was forgotten"
            return await self._page(request, pages.missing_page(self._store, now, sentence), 404)
        return await self._page(request, pages.incident_page(self._store, incident_record, now))

    async def asset(self, request: web.Request) -> web.Response:
        asset = ASSETS.get(request.match_info["name"])
        if asset is None:
            raise web.HTTPNotFound
        headers = {"Cache-Control": _FOREVER, "ETag": f'"{asset.name}"'}
        if request.headers.get("If-None-Match") == headers["ETag"]:
            return web.Response(status=304, headers=headers)
        response = web.Response(
            body=asset.content, content_type=asset.kind, charset="utf-8", headers=headers
        )
        return _packed(request, response)

    async def metrics(self, request: web.Request) -> web.Response:
        form = negotiate(request.headers.get("Accept", ""))
        body = await render_politely(self._store, form)
        return _packed(request, _aside(body, form.value))

    async def healthz(self, request: web.Request) -> web.Response:
        return _condition(request, api.health(self._store, self._clock.time()))

    async def readyz(self, request: web.Request) -> web.Response:
        return _condition(request, api.readiness(self._store))

    async def targets(self, request: web.Request) -> web.Response:
        pieces = api.targets_pieces(self._store, self._clock.time())
        return await self._politely(request, pieces, "application/json; charset=utf-8")

    async def target(self, request: web.Request) -> web.Response:
        status = self._store.statuses.get(request.match_info["id"])
        if status is None:
            return _missing("no such target")
        return _json(api.target_document(status))

    async def history(self, request: web.Request) -> web.Response:
        status = self._store.statuses.get(request.match_info["id"])
        if status is None:
            return _missing("no such target")
        return _json(api.history_document(status, self._clock.time()))

    async def incident(self, request: web.Request) -> web.Response:
        incident_record = api.incident_record_of(self._store, request.match_info["id"])
        if incident_record is None:
            return _missing("no such incident")
        return _json(api.incident_document(incident_record))

    async def incidents(self, _: web.Request) -> web.Response:
        return _json(api.incidents_document(self._store, self._clock.time()))

    async def gateways(self, _: web.Request) -> web.Response:
        return _json(api.gateways_document(self._store, self._clock.time()))

    async def _page(
        self, request: web.Request, pieces: Iterable[str], status: int = 200
    ) -> web.Response:
        return await self._politely(request, pieces, "text/html; charset=utf-8", status)

    async def _politely(
        self, request: web.Request, pieces: Iterable[str], kind: str, status: int = 200
    ) -> web.Response:
        """Send pieces as one body; the event loop runs after each of them, for writing thousands
        of targets at a stretch would show up as latency of the probes."""
        made = []
        async with self._writing:
            for piece in pieces:
                made.append(piece.encode("utf-8", "replace"))
                await asyncio.sleep(0)
        return _packed(request, _aside(b"".join(made), kind, status))


def _aside(body: bytes, kind: str, status: int = 200) -> web.Response:
    """Make a response that, where it is compressed, is so in a thread: that, too, would be time
    taken from the probes' clock."""
    headers = {"Content-Type": kind}
    return web.Response(
        body=body, status=status, headers=headers, zlib_executor_size=_COMPRESSED_ASIDE
    )


def _packed(request: web.Request, response: web.Response) -> web.Response:
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        response.enable_compression(web.ContentCoding.gzip)
    return response


def _condition(request: web.Request, condition: api.Condition) -> web.Response:
    """Answer in plain text, or with the figures where JSON is asked for."""
    status = 200 if condition.ok else 503
    if "application/json" in request.headers.get("Accept", ""):
        return _json(condition.document, status)
    return web.Response(text=f"{condition.text}\n", status=status)


def _missing(error: str) -> web.Response:
    return _json({"version": VERSION, "error": error}, 404)


def _json(document: api.Json, status: int = 200) -> web.Response:
    text = api.encoded(document)
    return web.Response(text=text, status=status, content_type="application/json")

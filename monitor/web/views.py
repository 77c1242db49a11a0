"""Handlers of the server: each reads the store at that moment, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from urllib.parse import quote

from aiohttp import web

from monitor.common.content_negotiation import accepts_coding, preferred_type
from monitor.export.metrics.exposition import exposition_pieces, negotiate
from monitor.health.timeline import DAY
from monitor.model.causes import Cause
from monitor.net.clock import Clock
from monitor.present.alert_runbook import ALERTS
from monitor.present.json_view import VERSION
from monitor.scheduler.probe_request import ProbeRequest
from monitor.state.store import StateStore
from monitor.web import api, badge, feed, openapi, pages
from monitor.web.assets import ASSETS
from monitor.web.documents import BodyBudget, Documents
from monitor.web.guard import GRANTED
from monitor.web.pages.ranges import RANGES
from monitor.web.same_origin import same_origin

_FOREVER = "public, max-age=31536000, immutable"
_HTML = "text/html; charset=utf-8"
_JSON = "application/json; charset=utf-8"
_CONDITION_TYPES = ("text/plain", "application/json")
_REFUSALS = {
    403: "probes can be requested only with authentication enabled, and from this page",
    404: "no such target",
}
_STATUSES = {
    ProbeRequest.ACCEPTED: 202,
    ProbeRequest.IN_PROGRESS: 202,
    ProbeRequest.NOT_PROBED: 409,
    ProbeRequest.TOO_SOON: 429,
}

ProbeNow = Callable[[str], ProbeRequest]
"""Probe a target by its id. Raises KeyError if there is no such target."""


class Views:
    """The handlers of one store. ``probe_now`` probes a target on a user's request."""

    def __init__(self, store: StateStore, clock: Clock, probe_now: ProbeNow | None = None) -> None:
        self._store = store
        self._clock = clock
        self._probe_now = probe_now
        budget = BodyBudget()
        self._documents = Documents(budget, self._settle)
        # Separate, so that a scrape never waits for pages: with 1,000 targets one takes a second.
        self._scrapes = Documents(budget, self._settle)

    async def _settle(self) -> None:
        """Wait until targets and incidents agree."""
        await self._store.settle()

    async def close(self, _: web.Application) -> None:
        """Cancel renderings in progress."""
        await self._documents.close()
        await self._scrapes.close()

    async def overview(self, request: web.Request) -> web.StreamResponse:
        shown = _range_of(request)
        return await self._page(
            request,
            ("overview", shown),
            lambda: pages.overview_page(self._store, self._clock.time(), shown),
        )

    async def target_page(self, request: web.Request) -> web.StreamResponse:
        name, shown = request.match_info["id"], _range_of(request)
        if name not in self._store.statuses:
            return await self._missing_page(request, "There is no such target")
        may_probe = self._probe_now is not None and GRANTED in request
        asked = request.query.get("probe", "")
        outcome = ProbeRequest(asked) if asked in set(ProbeRequest) else None

        def pieces() -> Iterable[str]:
            status = self._store.statuses.get(name)
            if status is None:  # It was removed since.
                return ()
            return pages.target_page(
                self._store,
                status,
                self._clock.time(),
                range_name=shown,
                may_probe=may_probe,
                outcome=outcome,
            )

        return await self._page(request, ("target", name, shown, may_probe, outcome), pieces)

    async def incident_page(self, request: web.Request) -> web.StreamResponse:
        record = api.incident_record_of(self._store, request.match_info["id"])
        if record is None:
            sentence = "There is no such incident, or it ended so long ago that it was forgotten"
            return await self._missing_page(request, sentence)
        return await self._page(
            request,
            ("incident", request.match_info["id"]),
            lambda: pages.incident_page(self._store, record, self._clock.time()),
        )

    async def runbook_index(self, request: web.Request) -> web.StreamResponse:
        return await self._page(
            request, "runbook", lambda: pages.runbook_index(self._store, self._clock.time())
        )

    async def runbook(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["cause"]
        if name in ALERTS:
            return await self._page(
                request,
                ("runbook", name),
                lambda: pages.alert_page(self._store, name, self._clock.time()),
            )
        if name not in set(Cause):
            return await self._missing_page(request, "There is no such cause or alert")
        return await self._page(
            request,
            ("runbook", name),
            lambda: pages.runbook_page(self._store, Cause(name), self._clock.time()),
        )

    async def probe_from_page(self, request: web.Request) -> web.StreamResponse:
        """Probe a target, and lead back to its page."""
        status, outcome = self._probe(request)
        if outcome is None:
            return web.Response(status=status, text=f"{_REFUSALS[status]}\n")
        name = quote(request.match_info["id"], safe="")
        raise web.HTTPSeeOther(f"../{name}?probe={outcome.value}")

    async def probe(self, request: web.Request) -> web.StreamResponse:
        """Probe a target, and report the outcome."""
        status, outcome = self._probe(request)
        if outcome is None:
            return _json({"version": VERSION, "error": _REFUSALS[status]}, status)
        name = request.match_info["id"]
        return _json({"version": VERSION, "id": name, "outcome": outcome.value}, status)

    def _probe(self, request: web.Request) -> tuple[int, ProbeRequest | None]:
        """Return the status, and the outcome unless the request is refused."""
        if self._probe_now is None or GRANTED not in request or not same_origin(request.headers):
            return 403, None
        try:
            outcome = self._probe_now(request.match_info["id"])
        except KeyError:
            return 404, None
        return _STATUSES[outcome], outcome

    async def badge(self, _: web.Request) -> web.Response:
        state, words = badge.overall(self._store)
        return web.Response(
            text=badge.badge(state, words), content_type="image/svg+xml", charset="utf-8"
        )

    async def feed(self, request: web.Request) -> web.StreamResponse:
        body = await self._documents.rendered(
            "feed", feed.CONTENT_TYPE, lambda: feed.feed(self._store, self._clock.time())
        )
        return await self._documents.respond(request, body)

    async def openapi(self, _: web.Request) -> web.Response:
        return _json(openapi.document())

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
        if accepts_coding(request.headers.get("Accept-Encoding", ""), "gzip"):
            response.enable_compression(web.ContentCoding.gzip)
        return response

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        form = negotiate(request.headers.get("Accept", ""))
        body = await self._scrapes.rendered(
            ("metrics", form), form.value, lambda: exposition_pieces(self._store, form)
        )
        return await self._scrapes.respond(request, body)

    async def healthz(self, request: web.Request) -> web.Response:
        return _condition(
            request, api.health(self._store, self._clock.time(), self._clock.monotonic())
        )

    async def readyz(self, request: web.Request) -> web.Response:
        return _condition(request, api.readiness(self._store))

    async def targets(self, request: web.Request) -> web.StreamResponse:
        return await self._document(
            request, "targets", lambda: api.targets_pieces(self._store, self._clock.time())
        )

    async def target(self, request: web.Request) -> web.Response:
        await self._settle()
        status = self._store.statuses.get(request.match_info["id"])
        if status is None:
            return _missing("no such target")
        return _json(api.target_document(status))

    async def history(self, request: web.Request) -> web.Response:
        status = self._store.statuses.get(request.match_info["id"])
        if status is None:
            return _missing("no such target")
        resolution = RANGES.get(_range_of(request), DAY)
        return _json(api.history_document(status, self._clock.time(), resolution))

    async def incident(self, request: web.Request) -> web.Response:
        await self._settle()
        incident_record = api.incident_record_of(self._store, request.match_info["id"])
        if incident_record is None:
            return _missing("no such incident")
        return _json(api.incident_document(self._store, incident_record, self._clock.time()))

    async def incidents(self, request: web.Request) -> web.StreamResponse:
        return await self._document(
            request, "incidents", lambda: api.incidents_pieces(self._store, self._clock.time())
        )

    async def gateways(self, _: web.Request) -> web.Response:
        return _json(api.gateways_document(self._store, self._clock.time()))

    async def _page(
        self,
        request: web.Request,
        key: Hashable,
        pieces: Callable[[], Iterable[str]],
        status: int = 200,
    ) -> web.StreamResponse:
        body = await self._documents.rendered(key, _HTML, pieces)
        return await self._documents.respond(request, body, status=status)

    async def _missing_page(self, request: web.Request, sentence: str) -> web.StreamResponse:
        return await self._page(
            request,
            ("missing", sentence),
            lambda: pages.missing_page(self._store, self._clock.time(), sentence),
            404,
        )

    async def _document(
        self, request: web.Request, key: Hashable, pieces: Callable[[], Iterable[str]]
    ) -> web.StreamResponse:
        body = await self._documents.rendered(("api", key), _JSON, pieces)
        return await self._documents.respond(request, body)


def _range_of(request: web.Request) -> str:
    """Return the name of the length of time that a request asks for; "" for the default."""
    name = request.query.get("range", "")
    return name if name in RANGES else ""


def _condition(request: web.Request, condition: api.Condition) -> web.Response:
    """Answer in plain text, or with figures if the client prefers JSON."""
    status = 200 if condition.ok else 503
    accept = request.headers.get("Accept", "")
    if preferred_type(accept, _CONDITION_TYPES) == "application/json":
        return _json(condition.document, status)
    return web.Response(text=f"{condition.text}\n", status=status)


def _missing(error: str) -> web.Response:
    return _json({"version": VERSION, "error": error}, 404)


def _json(document: api.Json, status: int = 200) -> web.Response:
    text = api.encoded(document)
    return web.Response(text=text, status=status, content_type="application/json")

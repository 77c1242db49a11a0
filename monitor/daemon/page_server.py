"""The listener of page, metrics and API: retried until it can listen, replaced when its settings
change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog
from aiohttp import web

from monitor.model.settings import WebSettings
from monitor.net.clock import Clock
from monitor.scheduler.probe_request import ProbeRequest
from monitor.state.self_metrics import Part
from monitor.state.store import StateStore
from monitor.web.server import build_app, needs_restart, not_listening, serve, use_settings

RETRY = (0.5, 15.0)
"""Seconds between two attempts to listen: first, longest (doubled in between)."""

REPEAT_LOG = 60.0
"""Seconds until the same reason is logged again."""

log = structlog.get_logger(__name__)


class PageServer:
    """Serves the store. A port in use, an address that the interface does not have yet and
    certificate files that are not there yet are temporary: probing does not wait for them."""

    def __init__(
        self,
        store: StateStore,
        clock: Clock,
        settings: WebSettings | None,
        probe_now: Callable[[str], ProbeRequest] | None = None,
    ) -> None:
        """``settings`` None means that nothing may be served yet. ``probe_now`` probes a target
        on a user's request."""
        self._probe_now = probe_now
        self._store = store
        self._clock = clock
        self._settings = settings
        self._changed = asyncio.Event()
        self._logged: tuple[str, float] = ("", 0.0)
        self._app: web.Application | None = None

    def apply(self, settings: WebSettings | None) -> None:
        """Serve by these settings from now on. Only a new address or other certificate files
        take a new listener, which disconnects clients."""
        old, self._settings = self._settings, settings
        if settings is None or old is None or needs_restart(old, settings):
            self._changed.set()
        elif self._app is not None:
            use_settings(self._app, settings)

    async def run(self) -> None:
        """Serve until cancelled."""
        pause = RETRY[0]
        while True:
            self._changed.clear()
            settings = self._settings
            if settings is None:
                await self._changed.wait()
                continue
            try:
                await self._serve(settings)
            except OSError as error:
                self._note(not_listening(settings, error))
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._changed.wait()
                pause = min(2 * pause, RETRY[1])
            else:
                pause = RETRY[0]

    async def _serve(self, settings: WebSettings) -> None:
        """Serve until the settings change.

        Raises:
            OSError: if it cannot listen.
        """
        app = build_app(self._store, self._clock, settings, self._probe_now)
        async with serve(app, settings):
            self._app = app
            if self._store.self_metrics.problems.pop(Part.LISTENER, None):
                log.info("listening at last", address=f"{settings.host}:{settings.port}")
            self._logged = ("", 0.0)
            await self._changed.wait()

    def _note(self, reason: str) -> None:
        self._store.self_metrics.problems[Part.LISTENER] = reason
        now = asyncio.get_running_loop().time()
        if reason != self._logged[0] or now - self._logged[1] >= REPEAT_LOG:
            self._logged = (reason, now)
            log.warning(
                "not listening yet, trying again",
                reason=reason,
                remediation="end what uses the port, or write another web.listen",
            )

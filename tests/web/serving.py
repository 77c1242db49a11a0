"""A server on loopback for the length of a block, on a clock that stands still."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import ClientSession

from monitor.model.settings import WebSettings
from monitor.state.store import StateStore
from monitor.web.server import build_app, serve
from monitor.web.views import ProbeNow
from tests.internet.process import free_port
from tests.stores import NOW


@dataclass
class StoppedClock:
    now: float = NOW

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


@asynccontextmanager
async def serving(
    store: StateStore,
    clock: StoppedClock | None = None,
    probe_now: ProbeNow | None = None,
    **web: object,
) -> AsyncIterator[int]:
    """Serve ``store`` with settings of ``[web]``; yields the port."""
    port = free_port()
    settings = WebSettings("127.0.0.1", port, **web)  # type: ignore[arg-type]
    app = build_app(store, clock or StoppedClock(), settings, probe_now)
    async with serve(app, settings):
        yield port


@asynccontextmanager
async def client_of(
    store: StateStore, clock: StoppedClock | None = None, **web: object
) -> AsyncIterator[ClientSession]:
    """A client of a server of ``store``: paths are enough as URLs."""
    async with (
        serving(store, clock, **web) as port,
        ClientSession(
            f"http://127.0.0.1:{port}",
            auto_decompress=False,
            headers={"Accept-Encoding": "identity"},
        ) as session,
    ):
        yield session

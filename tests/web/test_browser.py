"""The page in a real browser: clicked through, kept up to date, and judged by axe-core.

Covers: monitor/web/pages/*.py, monitor/web/assets.py
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright, expect

from monitor.health.machine import Health
from monitor.model.causes import Cause
from monitor.model.secret import Secret
from monitor.model.settings import WebSettings
from monitor.model.state import State
from monitor.scheduler.probe_request import ProbeRequest
from monitor.web.server import build_app, serve
from tests.internet.process import free_port, program, running
from tests.stores import NOW, all_up, hostile_board, lost_egress, realistic_board, remembered
from tests.web.serving import StoppedClock, serving

PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 900}


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """Chromium, as Debian has it."""
    path = program("chromium")
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield started
        finally:
            await started.close()


@asynccontextmanager
async def page_of(opened: Browser, **options: object) -> AsyncIterator[Page]:
    """A page that fails the test for anything that it complains about."""
    context = await opened.new_context(**options)  # type: ignore[arg-type]
    page = await context.new_page()
    page.set_default_timeout(10_000)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    await context.close()
    assert complaints == []


async def check(page: Page) -> None:
    """No violation of WCAG or of axe's good practice, and nothing wider than the window."""
    results = await Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
    wide, window = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= window


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_clicking_through_meets_no_error_and_no_violation(scheme: str) -> None:
    store = remembered(realistic_board())
    async with (
        serving(store) as port,
        browser() as opened,
        page_of(opened, viewport=DESK, color_scheme=scheme) as page,
    ):
        await page.goto(f"http://127.0.0.1:{port}/")
        await expect(page.locator("#link")).to_have_text("Live")
        await check(page)
        folded = page.locator("details:not([open]) > summary")
        while await folded.count():
            await folded.first.focus()
            await page.keyboard.press("Enter")
        await check(page)
        await page.get_by_role("link", name="app-gitpod-io").first.click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("app-gitpod-io")
        await check(page)
        await page.get_by_role("link", name="All targets").click()
        await page.get_by_role("link", name="Nothing answers on tcp/443").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("Nothing answers")
        await check(page)
        await page.get_by_role("row").get_by_role("link").first.click()
        await expect(page.get_by_text("Failed in phase connect")).to_be_visible()
        await check(page)
        await page.goto(f"http://127.0.0.1:{port}/incidents/i-0")
        await expect(page.get_by_role("heading", level=1)).to_contain_text("Over: Outbound UDP")
        await check(page)


@pytest.mark.parametrize("make", [all_up, lost_egress], ids=["all_up", "lost_egress"])
async def test_a_phone_shows_it_without_scrolling_sideways(make: object) -> None:
    store = make(remembered(realistic_board()))  # type: ignore[operator]
    target = next(iter(store.statuses))
    paths = [
        "/",
        f"/targets/{target}",
        *(f"/incidents/{c.incident.id}" for c in store.incident_log),
    ]
    async with (
        serving(store) as port,
        browser() as opened,
        page_of(opened, viewport=PHONE) as page,
    ):
        for path in paths:
            await page.goto(f"http://127.0.0.1:{port}{path}")
            await check(page)


async def test_an_open_page_follows_and_leaves_the_reader_where_he_is() -> None:
    store = all_up(remembered(realistic_board()))
    status = store.statuses["app-gitpod-io"]
    async with (
        serving(store) as port,
        browser() as opened,
        page_of(opened, viewport=DESK) as page,
    ):
        await page.goto(f"http://127.0.0.1:{port}/")
        await expect(page.locator("#link")).to_have_text("Live")
        await page.locator("#g-jetbrains summary").click()
        await page.evaluate("window.here = document.querySelector('#g-jetbrains table')")
        status.health = Health(State.DOWN, NOW, Cause.TCP_TIMEOUT)
        headline = page.get_by_role("heading", level=1)
        await expect(headline).to_contain_text(
            "some actions on environments fail", ignore_case=True
        )
        await expect(page).to_have_title(
            f"1 of {len(store.statuses)} targets down · Egress Monitor"
        )
        await expect(page.locator("#t-app-gitpod-io .state")).to_be_visible()
        first = page.locator("details.group").first
        await expect(first).to_have_attribute("id", "g-management_plane")
        assert await page.evaluate("document.querySelector('#g-jetbrains').open")
        assert await page.evaluate("window.here.isConnected")
        assert await page.evaluate("document.activeElement.closest('details').id") == "g-jetbrains"
        await check(page)


FAST = """
(() => {
  const real = performance.now.bind(performance);
  performance.now = () => 10 * real();
})();
"""
"""Makes a page's deadlines pass ten times as fast."""


async def test_it_shows_since_when_it_is_not_up_to_date_and_recovers() -> None:
    port = free_port()
    settings = WebSettings("127.0.0.1", port)
    async with browser() as opened:
        context = await opened.new_context()
        page = await context.new_page()
        await page.add_init_script(FAST)
        async with serve(build_app(realistic_board(), StoppedClock(), settings), settings):
            await page.goto(f"http://127.0.0.1:{port}/")
            await expect(page.locator("#link")).to_have_text("Live")
            shown = await page.locator(".asof time").text_content()
            await expect(page.locator("#stale")).to_be_hidden()
        await expect(page.locator("#stale")).to_contain_text(f"Not updated since {shown}")
        await expect(page).to_have_title(re.compile("^Not updated · "))
        await check(page)
        async with serve(build_app(realistic_board(), StoppedClock(), settings), settings):
            await expect(page.locator("#stale")).to_be_hidden()
            await expect(page.locator("#link")).to_contain_text("Live")


@contextmanager
def nginx(served: int, folder: Path, location: str = "") -> Iterator[int]:
    """nginx with nothing but proxy_pass in front of the monitor; yields its port."""
    port, config = free_port(), folder / "nginx.conf"
    temporary = " ".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config.write_text(
        f"daemon off; pid {folder}/nginx.pid; events {{}}\n"
        f"http {{ access_log off; {temporary}\n"
        f"server {{ listen 127.0.0.1:{port}; location / {{ "
        f"proxy_pass http://127.0.0.1:{served}; {location} }} }} }}\n"
    )
    command = [program("nginx"), "-e", str(folder / "error.log"), "-c", str(config)]
    with running(command, folder / "nginx.log"):
        yield port


async def until_listening(port: int) -> None:
    async with asyncio.timeout(10):
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.05)


# ``proxy_ignore_headers`` makes nginx buffer the events, as proxies do that do not know the header.
@pytest.mark.parametrize(
    ("location", "state"),
    [("", "Live"), ("proxy_ignore_headers X-Accel-Buffering;", "Live, polling")],
    ids=["plain", "buffered"],
)
async def test_behind_nginx_an_open_page_follows(location: str, state: str, tmp_path: Path) -> None:
    store = all_up(remembered(realistic_board()))
    async with serving(store) as served:
        with nginx(served, tmp_path, location) as port:
            await until_listening(port)
            async with browser() as opened, page_of(opened, viewport=DESK) as page:
                await page.add_init_script(FAST)
                await page.goto(f"http://127.0.0.1:{port}/")
                await expect(page.locator("#link")).to_have_text(state)
                store.statuses["app-gitpod-io"].health = Health(State.DOWN, NOW, Cause.TCP_TIMEOUT)
                headline = page.get_by_role("heading", level=1)
                await expect(headline).to_contain_text(
                    "some actions on environments fail", ignore_case=True
                )
                await expect(page.locator("#stale")).to_be_hidden()


async def test_without_a_script_everything_is_there_and_is_loaded_anew() -> None:
    store = realistic_board()
    async with (
        serving(store) as port,
        browser() as opened,
        page_of(opened, java_script_enabled=False) as page,
    ):
        await page.goto(f"http://127.0.0.1:{port}/")
        await expect(page.get_by_role("heading", level=1)).to_contain_text(
            "New environments may fail"
        )
        await page.locator("#g-jetbrains summary").click()
        await expect(
            page.get_by_role("link", name="jetbrains-download", exact=True)
        ).to_be_visible()
        assert await page.locator("noscript meta[http-equiv=refresh]").count() == 1


async def test_what_a_hostile_peer_sent_does_nothing() -> None:
    async with (
        serving(hostile_board()) as port,
        browser() as opened,
        page_of(opened) as page,
    ):
        page.on("dialog", lambda dialog: pytest.fail(dialog.message))
        for path in ("/", "/targets/hostile", "/incidents/hostile"):
            await page.goto(f"http://127.0.0.1:{port}{path}")
            assert await page.locator("main script").count() == 0
            await check(page)


PATHS_SHOWN = (
    "/",
    "/?range=7d",
    "/targets/app-gitpod-io?range=1h",
    "/runbook/",
    "/runbook/dns_timeout",
    "/runbook/EgressBudgetBurnFast",
)
MODES: dict[str, dict[str, object]] = {
    "phone": {"viewport": {"width": 360, "height": 740}},
    "tablet_dark": {"viewport": {"width": 768, "height": 1024}, "color_scheme": "dark"},
    "forced_colors": {"viewport": DESK, "forced_colors": "active"},
}


@pytest.mark.parametrize("mode", MODES)
async def test_every_page_fits_and_is_accessible_in_every_mode(mode: str) -> None:
    store = lost_egress(remembered(realistic_board()))
    incidents = [f"/incidents/{record.incident.id}" for record in store.incident_log]
    async with (
        serving(store) as port,
        browser() as opened,
        page_of(opened, **MODES[mode]) as page,
    ):
        for path in (*PATHS_SHOWN, *incidents):
            await page.goto(f"http://127.0.0.1:{port}{path}")
            await expect(page.locator("#link")).to_have_text("Live")
            folded = page.locator("details:not([open]) > summary")
            while path.startswith("/incidents") and await folded.count():
                await folded.first.click()
            await check(page)


async def test_print_shows_what_is_printed_and_no_control() -> None:
    async with (
        serving(realistic_board()) as port,
        browser() as opened,
        page_of(opened, viewport=DESK) as page,
    ):
        await page.emulate_media(media="print")
        await page.goto(f"http://127.0.0.1:{port}/")
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        await expect(page.locator(".ranges")).to_be_hidden()
        await expect(page.locator("#link")).to_be_hidden()


async def test_probe_now_probes_and_shows_the_outcome() -> None:
    probed: list[str] = []

    def probe_now(name: str) -> ProbeRequest:
        probed.append(name)
        return ProbeRequest.ACCEPTED

    async with (
        serving(realistic_board(), None, probe_now, username="me", password=Secret("pw")) as port,
        browser() as opened,
        page_of(opened, http_credentials={"username": "me", "password": "pw"}) as page,
    ):
        await page.goto(f"http://127.0.0.1:{port}/targets/app-gitpod-io")
        await page.get_by_role("button", name="Probe now").click()
        await expect(page.locator("#outcome")).to_contain_text("Probing now")
        await check(page)
    assert probed == ["app-gitpod-io"]

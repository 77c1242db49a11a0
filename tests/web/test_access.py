"""Who may read: password, token, what stays open; and the listener's own TLS.

Covers: monitor/web/certificate.py, monitor/web/credentials.py, monitor/web/guard.py
"""

from __future__ import annotations

import asyncio
import base64
import shutil
import ssl
import time
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import ClientSession
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from monitor.cli.healthcheck import main as healthcheck
from monitor.cli.options import Options
from monitor.model.secret import Secret
from monitor.model.settings import WebSettings
from monitor.web import certificate, credentials, failed_logins
from monitor.web.access import Access, access
from monitor.web.server import build_app, serve, use_settings
from tests.internet.ca import Authority, Issued
from tests.internet.process import free_port
from tests.stores import realistic_board
from tests.web.serving import StoppedClock, client_of, serving

BOTH = WebSettings(username="me", password=Secret("pä:ss"), token=Secret("t0ken"))


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


@pytest.mark.parametrize(
    ("authorization", "outcome"),
    [
        (basic("me:pä:ss"), Access.GRANTED),
        ("Bearer t0ken", Access.GRANTED),
        ("bearer  t0ken ", Access.GRANTED),
        ("", Access.MISSING),
        ("  ", Access.MISSING),
        ("Basic", Access.WRONG),
        ("Basic !!!", Access.WRONG),
        (basic("me:pä"), Access.WRONG),
        (basic("me"), Access.WRONG),
        (basic("you:pä:ss"), Access.WRONG),
        ("Bearer pä:ss", Access.WRONG),
        ("Bearer \udcff", Access.WRONG),
        ("Digest t0ken", Access.WRONG),
    ],
)
def test_the_password_or_the_token_opens_and_nothing_else(
    authorization: str, outcome: Access
) -> None:
    assert access(BOTH, "/", authorization) is outcome


def test_without_a_password_or_a_token_everybody_may_read() -> None:
    assert access(WebSettings(), "/", "") is Access.OPEN
    only_token = WebSettings(token=Secret("t0ken"))
    assert access(only_token, "/", basic(":")) is Access.WRONG
    only_password = WebSettings(username="me", password=Secret("x"))
    assert access(only_password, "/", "Bearer ") is Access.WRONG


def test_health_is_open_and_metrics_if_configured() -> None:
    assert access(BOTH, "/healthz", "") is Access.OPEN
    assert access(BOTH, "/readyz", "") is Access.OPEN
    assert access(BOTH, "/metrics", "") is Access.MISSING
    opened = WebSettings(token=Secret("t0ken"), open_metrics=True)
    assert access(opened, "/metrics", "") is Access.OPEN
    assert access(opened, "/api/v1/targets", "") is Access.MISSING


@given(st.text())
def test_no_rubbish_opens(text: str) -> None:
    assert access(BOTH, "/", text) in {Access.WRONG, Access.MISSING}


async def test_failed_logins_are_counted_delayed_and_logged_once_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(failed_logins, "FIRST_DELAY", 0.05)
    store = realistic_board()
    with capture_logs() as logs:
        async with client_of(store, token=Secret("t0ken")) as client:
            began = time.monotonic()
            for _ in range(3):
                async with client.get("/", headers={"Authorization": "Bearer wrong"}) as answer:
                    assert answer.status == 401
            assert time.monotonic() - began >= 0.05 + 0.1 + 0.2
            began = time.monotonic()
            async with client.get("/healthz") as answer:
                assert answer.status == 200
            async with client.get("/", headers={"Authorization": "Bearer t0ken"}) as answer:
                assert answer.status == 200
            async with client.get("/") as answer:
                assert answer.status == 401
            async with client.get("/metrics", headers={"Authorization": "Bearer t0ken"}) as answer:
                assert "\negress_web_failed_logins_total 3.0\n" in await answer.text()
    lines = [line for line in logs if "credentials" in line["event"]]
    assert [(line["client"], line["count"]) for line in lines] == [("127.0.0.1", 1)]
    assert store.self_metrics.web.failed_logins == 3


async def token_works(client: ClientSession, token: str) -> bool:
    async with client.get("/", headers={"Authorization": f"Bearer {token}"}) as answer:
        return answer.status == 200


async def test_a_rotated_token_admits_and_the_revoked_one_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "CHECK_INTERVAL", 0.0)
    for version in ("one", "two"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "token").write_text(f"{version}\n")
    (tmp_path / "data").symlink_to("one")
    (tmp_path / "token").symlink_to("data/token")
    file = tmp_path / "token"
    async with client_of(realistic_board(), token=Secret("one"), token_file=file) as client:
        assert await token_works(client, "one")
        (tmp_path / "new").symlink_to("two")
        (tmp_path / "new").rename(tmp_path / "data")  # As Kubernetes rotates a mounted secret.
        assert not await token_works(client, "one")
        assert await token_works(client, "two")
        with capture_logs() as logs:
            for break_it in (lambda: (tmp_path / "two/token").write_text(""), file.unlink):
                break_it()
                assert await token_works(client, "two")
                assert await token_works(client, "two")
        assert [line["log_level"] for line in logs if "kept" in line["event"]] == ["warning"] * 2


async def test_reloaded_settings_are_in_force_at_once() -> None:
    port = free_port()
    settings = WebSettings("127.0.0.1", port, token=Secret("one"))
    app = build_app(realistic_board(), StoppedClock(), settings)
    async with serve(app, settings), ClientSession(f"http://127.0.0.1:{port}") as client:
        assert await token_works(client, "one")
        use_settings(app, replace(settings, token=Secret("two")))
        assert not await token_works(client, "one")
        assert await token_works(client, "two")
        use_settings(app, replace(settings, token=None))
        async with client.get("/") as answer:
            assert answer.status == 200


async def test_another_site_s_name_reads_nothing_unless_it_is_configured() -> None:
    store = realistic_board()
    with capture_logs() as logs:
        async with client_of(store, allowed_hosts=("page.example.com",)) as client:
            for host in ("evil.com", "evil.com:9242"):
                for path in ("/", "/metrics", "/api/v1/targets", "/events", "/nothing"):
                    async with client.get(path, headers={"Host": host}) as answer:
                        assert answer.status == 421
                        assert "evil" not in await answer.text()
                async with client.get("/healthz", headers={"Host": host}) as answer:
                    assert answer.status == 200
            async with client.get("/", headers={"Host": "page.example.com"}) as answer:
                assert answer.status == 200
    assert store.self_metrics.web.refused_hosts == 10
    lines = [line for line in logs if "Host header" in line["event"]]
    assert [line["host"] for line in lines] == ["evil.com"]


async def test_a_name_with_credentials_is_no_rebinding() -> None:
    headers = {"Host": "page.example.com", "Authorization": "Bearer t0ken"}
    kept = {"token": Secret("t0ken"), "open_metrics": True}
    async with client_of(realistic_board(), **kept) as client:
        async with client.get("/", headers=headers) as answer:
            assert answer.status == 200
        async with client.get("/metrics", headers={"Host": "page.example.com"}) as answer:
            assert answer.status == 421


async def test_who_may_not_read_is_told_how_to_ask_and_nothing_else() -> None:
    kept = {"username": "me", "password": Secret("pä:ss"), "token": Secret("t0ken")}
    async with client_of(realistic_board(), **kept) as client:
        for path in ("/", "/metrics", "/api/v1/targets", "/events", "/static/x", "/nothing"):
            async with client.get(path) as answer:
                assert (answer.status, await answer.text()) == (401, "authentication required\n")
                asked = answer.headers.getall("WWW-Authenticate")
                assert [challenge.split()[0] for challenge in asked] == ["Basic", "Bearer"]
                assert answer.headers["Content-Security-Policy"]
        async with client.get("/healthz") as answer:
            assert answer.status == 200
        async with client.get("/", headers={"Authorization": basic("me:pä:ss")}) as answer:
            assert answer.status == 200
        async with client.get("/metrics", headers={"Authorization": "Bearer t0ken"}) as answer:
            assert answer.status == 200


async def shown_serial(port: int, authority: Authority) -> int:
    """The serial number of the certificate that the server shows to a client that trusts the
    authority and verifies."""
    context = ssl.create_default_context(cafile=str(authority.file))
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    shown = writer.get_extra_info("peercert")
    writer.close()
    await writer.wait_closed()
    return int(shown["serialNumber"], 16)


def install(issued: Issued, folder: Path) -> dict[str, Path]:
    files = {"cert_file": folder / "tls.crt", "key_file": folder / "tls.key"}
    shutil.copy(issued.chain, files["cert_file"])
    shutil.copy(issued.key, files["key_file"])
    return files


async def test_a_renewed_certificate_is_used_without_a_restart_and_a_broken_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificate, "CHECK_EVERY", 0.0)
    authority = Authority(tmp_path)
    first, second = authority.issue("127.0.0.1"), authority.issue("127.0.0.1")
    files = install(first, tmp_path)
    async with serving(realistic_board(), **files) as port:
        assert await shown_serial(port, authority) == first.certificate.serial_number
        with capture_logs() as logs:
            shutil.copy(second.chain, files["cert_file"])  # its key is not there yet
            for _ in range(2):
                shown = await shown_serial(port, authority)
                assert shown == first.certificate.serial_number
        assert [line["log_level"] for line in logs] == ["warning"]
        install(second, tmp_path)
        assert await shown_serial(port, authority) == second.certificate.serial_number
        files["cert_file"].unlink()
        assert await shown_serial(port, authority) == second.certificate.serial_number


async def test_the_health_check_speaks_tls_where_the_monitor_does(tmp_path: Path) -> None:
    files = install(Authority(tmp_path).issue("monitor.test"), tmp_path)
    config = tmp_path / "config.toml"
    async with serving(realistic_board(), **files) as port:
        config.write_text(
            f'[web]\nlisten = "127.0.0.1:{port}"\ncert_file = "{files["cert_file"]}"\n'
            f'key_file = "{files["key_file"]}"\n'
        )
        assert await asyncio.to_thread(healthcheck, Options(config, {})) == 0

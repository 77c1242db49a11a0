"""Who may read: password, token, what stays open; and the listener's own TLS."""

from __future__ import annotations

import asyncio
import base64
import shutil
import ssl
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from monitor.cli.healthcheck import main as healthcheck
from monitor.cli.options import Options
from monitor.model.secret import Secret
from monitor.model.settings import WebSettings
from monitor.web import certificate
from monitor.web.access import admits
from tests.internet.ca import Authority, Issued
from tests.stores import realistic_board
from tests.web.serving import client_of, serving

BOTH = WebSettings(username="me", password=Secret("pä:ss"), token=Secret("t0ken"))


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


@pytest.mark.parametrize(
    ("authorization", "admitted"),
    [
        (basic("me:pä:ss"), True),
        ("Bearer t0ken", True),
        ("bearer  t0ken ", True),
        ("", False),
        ("Basic", False),
        ("Basic !!!", False),
        (basic("me:pä"), False),
        (basic("me"), False),
        (basic("you:pä:ss"), False),
        ("Bearer pä:ss", False),
        ("Bearer \udcff", False),
        ("Digest t0ken", False),
    ],
)
def test_the_password_or_the_token_opens_and_nothing_else(
    authorization: str, admitted: bool
) -> None:
    assert admits(BOTH, "/", authorization) is admitted


def test_without_a_password_or_a_token_everybody_may_read() -> None:
    assert admits(WebSettings(), "/", "")
    only_token = WebSettings(token=Secret("t0ken"))
    assert not admits(only_token, "/", basic(":"))
    assert not admits(WebSettings(username="me", password=Secret("x")), "/", "Bearer ")


def test_health_is_open_and_metrics_where_told() -> None:
    assert admits(BOTH, "/healthz", "")
    assert admits(BOTH, "/readyz", "")
    assert not admits(BOTH, "/metrics", "")
    opened = WebSettings(token=Secret("t0ken"), open_metrics=True)
    assert admits(opened, "/metrics", "")
    assert not admits(opened, "/api/v1/targets", "")


@given(st.text())
def test_no_rubbish_opens(text: str) -> None:
    assert not admits(BOTH, "/", text)


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

"""Peers that repeat what they were sent: no secret gets into a result, in whatever form.

Covers: monitor/probes/*.py
"""

from __future__ import annotations

import base64
import html
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

import pytest

from monitor.model.endpoint import Protocol
from monitor.model.secret import Secret
from monitor.model.settings import ProxyMode, ProxySettings, ScheduleSettings
from monitor.model.target import Launch, ProxyChoice, ProxyUse
from monitor.net.aws.credentials import NoCredentialsError
from monitor.net.aws.sigv4 import Credentials
from monitor.scheduler.engine import Engine
from tests.probes.support import make_probe_context, make_target

KEY = "ASIAQ3EGCANARY7EXAMPL"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYCANARY"
SESSION = "IQoJb3JpZ2luX2VjEJr//////////wEaCXVzLWVhc3QtMSJHMEUCIQ" + "CaNaRy+/" * 40


@contextmanager
def echo(reply: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[int]:
    class Echo(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            reply(self)

        do_CONNECT = do_GET  # noqa: N815 - a name of http.server

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


class Known:
    """AWS credentials that are found."""

    def __init__(self) -> None:
        self.credentials = Credentials(KEY, Secret(SECRET_KEY), Secret(SESSION))

    async def get(self) -> Credentials:
        if self.credentials is None:
            raise NoCredentialsError
        return self.credentials

    def forget(self) -> None:
        """Keep them."""


def said(text: str, code: str = "AuthFailure") -> Callable[[BaseHTTPRequestHandler], None]:
    """An error of EC2 with this message."""

    def reply(request: BaseHTTPRequestHandler) -> None:
        body = (
            f"<Response><Errors><Error><Code>{code}</Code><Message>{text}</Message></Error></Errors>"
            "</Response>"
        ).encode()
        request.send_response(401)
        request.send_header("Content-Type", f"text/xml;{SESSION[:100]}")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return reply


@pytest.mark.parametrize(
    "message",
    [
        f"The security token {SESSION} and key {KEY} are not known",
        f"The security token {SESSION[:150]}",
        f"The token {html.escape(quote(SESSION, safe=''))} of {KEY.lower()}",
        f"The key {base64.b64encode(SECRET_KEY.encode()).decode()}",
        f"{'x' * 195}{SESSION}",
    ],
)
async def test_no_message_of_ec2_shows_credentials(message: str):
    with echo(said(message, code=KEY)) as port:
        target = make_target(
            Protocol.HTTP, "127.0.0.1", port, prober="ami", query="123456789012/x*"
        )
        from dataclasses import replace

        target = replace(target, launch=Launch(region="us-east-1"))
        engine = Engine(make_probe_context(aws=Known()), ScheduleSettings())  # type: ignore[arg-type]
        result, diagnosis = await engine.measure(target)
    shown = f"{result!r} {diagnosis!r}".lower()
    assert result.failure is not None
    assert "***" in shown
    for value in (KEY, SECRET_KEY, SESSION[:12], SESSION[60:80], quote(SESSION, safe="")[:20]):
        assert value.lower() not in shown


@pytest.mark.parametrize("protocol", [Protocol.HTTP, Protocol.HTTPS])
async def test_no_header_or_status_of_a_proxy_shows_its_credentials(protocol: Protocol):
    password = Secret("s3cr3t-canary")

    def reply(request: BaseHTTPRequestHandler) -> None:
        given = request.headers["Proxy-Authorization"]
        plain = base64.b64decode(given.split()[1]).decode()
        request.send_response(502, f"Bad Gateway {given} {plain}")
        for name in ("Via", "X-Cache", "Age", "Content-Type", "Location"):
            request.send_header(name, f"1.1 p ({given}) ({plain})")
        request.send_header("Content-Length", "0")
        request.end_headers()

    with echo(reply) as port:
        url = f"http://127.0.0.1:{port}"
        settings = ProxySettings(
            mode=ProxyMode.CONFIG, https=url, http=url, username="user", password=password
        )
        context = make_probe_context(proxy=settings, table={"e.test": ("192.0.2.1",)})
        target = make_target(protocol, "e.test", proxy=ProxyChoice(ProxyUse.FIXED, url))
        result, diagnosis = await Engine(context, ScheduleSettings()).measure(target)
    shown = f"{result!r} {diagnosis!r}"
    assert result.failure is not None
    assert result.proxy
    assert "s3cr3t-canary" not in shown
    assert base64.b64encode(b"user:s3cr3t-canary").decode() not in shown

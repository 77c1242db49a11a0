"""The connection to a receiver: names, secrets, signatures, certificates, proxies, bounds."""

from __future__ import annotations

import asyncio
import re
import ssl
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from monitor.export.remote_write import delivery as delivery_module
from monitor.model.secret import Secret
from monitor.net.aws.credentials import AwsCredentials
from monitor.net.clock import SystemClock
from monitor.net.proxy.rules import NoProxy, ProxyChooser, parse_proxy
from monitor.state.self_metrics import RequestFailure
from tests.export.remote_write.delivering import delivering, fails, some
from tests.export.remote_write.test_delivery import answering
from tests.internet.ca import Authority
from tests.internet.receiver import Receiver, Request, receiver


async def test_names_are_resolved_as_the_probes_do() -> None:
    async with receiver() as (receives, url):
        named = url.replace("127.0.0.1", "receiver.test")
        async with delivering(named) as (delivery, self_metrics):
            await delivery.deliver(some())
        assert self_metrics.sent == 3
        assert receives.requests[0].headers["Host"].startswith("receiver.test:")
    async with delivering("http://nowhere.test/") as (delivery, self_metrics):
        await fails(delivery, self_metrics, RequestFailure.UNREACHABLE)


async def test_a_receiver_that_says_nothing_is_given_up_in_time() -> None:
    ended = asyncio.Event()

    async def silent(_: web.Request) -> web.Response:
        await ended.wait()
        return web.Response()

    app = web.Application()
    app.router.add_post("/", silent)
    async with TestServer(app) as server:
        async with delivering(str(server.make_url("/")), timeout=0.05) as (delivery, self_metrics):
            await fails(delivery, self_metrics, RequestFailure.TIMEOUT)
        ended.set()


async def test_a_token_is_read_again_when_its_file_changes_and_never_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    token = tmp_path / "token"
    token.write_text("hunter2\n")
    async with receiver() as (receives, url), delivering(url, bearer_token_file=token) as (d, _):
        receives.rule = answering(web.Response(status=401, text="you sent Bearer hunter2"))
        task = asyncio.create_task(d.deliver(some()))
        await task
        token.write_text("hunter3 \n")
        await d.deliver(some())
    assert [r.headers["Authorization"] for r in receives.requests] == [
        "Bearer hunter2",
        "Bearer hunter2",
        "Bearer hunter3",
    ]
    assert "hunter2" not in capsys.readouterr().out


@pytest.mark.parametrize("before", [0, 190, 1990])
async def test_a_receiver_that_repeats_what_it_was_sent_gets_no_secret_into_the_log(
    before: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(delivery_module, "REMIND_EVERY", 0.0)
    (tmp_path / "password").write_text("hunter2")
    (tmp_path / "key").write_text("canary-" * 400)
    changes = {
        "username": "me",
        "password_file": tmp_path / "password",
        "headers": (("X-Static", "canary-static"),),
        "header_files": (("X-Key", tmp_path / "key"),),
    }
    denied: list[int] = []

    def repeat(request: Request) -> web.Response | None:
        denied.append(len(denied))
        names = ("X-Key", "X-Static", "Authorization")
        sent = [request.path, *(request.headers[name] for name in names)]
        text = "-" * before + " ".join(sent[len(denied) % 4 :])
        return web.Response(status=403, text=text) if len(denied) <= 4 else None

    async with receiver() as (receives, url):
        receives.rule = repeat
        async with delivering(f"{url}?token=canary%2Dquery", **changes) as (d, _):
            await d.deliver(some(100))
    out = capsys.readouterr().out
    assert out.count("403: ") == 4
    assert not [word for word in ("canary", "hunter2", "bWU6aHVudGVyMg") if word in out]


async def test_a_secret_that_is_missing_holds_up_and_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    token = tmp_path / "token"
    async with (
        receiver() as (_, url),
        delivering(url, bearer_token_file=token) as (d, self_metrics),
    ):
        await fails(d, self_metrics, RequestFailure.NO_CREDENTIALS)
        token.write_text("now")
        await d.deliver(some())
    assert self_metrics.sent == 3
    assert f"{token} cannot be read" in capsys.readouterr().out


async def test_user_password_headers_and_query_are_sent(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("pässword")
    changes = {
        "username": "me",
        "password_file": file,
        "headers": (("X-Scope-OrgID", "a"),),
        "header_files": (("X-Key", tmp_path / "key"),),
    }
    (tmp_path / "key").write_text("k3y")
    async with receiver() as (receives, url), delivering(f"{url}?a=b%20c", **changes) as (d, _):
        await d.deliver(some())
    (request,) = receives.requests
    assert request.headers["Authorization"] == "Basic bWU6cMOkc3N3b3Jk"
    assert (request.headers["X-Scope-OrgID"], request.headers["X-Key"]) == ("a", "k3y")
    assert request.path.endswith("?a=b%20c")


async def test_requests_are_signed_for_amazon_managed_prometheus() -> None:

    environ = {
        "AWS_ACCESS_KEY_ID": "AKID",
        "AWS_SECRET_ACCESS_KEY": "s3cr3t",
        "AWS_SESSION_TOKEN": "t0ken",
    }
    clock = SystemClock()
    aws = AwsCredentials(environ, "http://127.0.0.1:1", time=clock.time)
    changes = {"sigv4_region": "eu-central-1"}
    async with receiver() as (receives, url), delivering(url, aws=aws, **changes) as (d, _):
        await d.deliver(some())
    headers = receives.requests[0].headers
    assert re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=AKID/\d{8}/eu-central-1/aps/aws4_request, "
        r"SignedHeaders=content-encoding;content-type;host;x-amz-date;x-amz-security-token;"
        r"x-prometheus-remote-write-version, Signature=[0-9a-f]{64}",
        headers["Authorization"],
    )
    assert headers["X-Amz-Security-Token"] == "t0ken"


async def test_a_client_certificate_is_shown_and_only_its_own_ca_is_trusted(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "Other CA")
    served, client = authority.issue("127.0.0.1"), authority.issue("monitor")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.file))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(served.chain, served.key)
    received = Receiver()
    app = web.Application()
    app.router.add_post("/", received.handle)
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=context)
    url = f"https://127.0.0.1:{server.port}/"
    files = {"cert_file": client.chain, "key_file": client.key}
    async with delivering(url, ca_file=authority.file, **files) as (delivery, self_metrics):
        await delivery.deliver(some())
        assert self_metrics.sent == 3
    async with delivering(url, ca_file=other.file, **files) as (delivery, self_metrics):
        await fails(delivery, self_metrics, RequestFailure.UNREACHABLE)
    await server.close()


async def test_the_proxy_is_taken_and_told_who_asks() -> None:
    seen: list[str | None] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Proxy-Authorization"))
        seen.append(request.raw_path)
        return web.Response(status=204, headers={"X-Prometheus-Remote-Write-Samples-Written": "3"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    async with TestServer(app) as server:
        proxy = parse_proxy(f"http://127.0.0.1:{server.port}")
        assert proxy is not None
        proxy = replace(proxy, username="u", password=Secret("p"))
        chooser = ProxyChooser(proxy, None, NoProxy(""))
        async with delivering("http://metrics.example/x", proxies=chooser) as (
            delivery,
            self_metrics,
        ):
            await delivery.deliver(some())
    assert seen == ["Basic dTpw", "http://metrics.example/x"]
    assert self_metrics.sent == 3

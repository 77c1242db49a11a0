"""One receiver's whole protocol, over HTTP: the cases of Prometheus' compliance suite."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from monitor.export.remote_write import delivery as module
from monitor.export.remote_write.auth import Auth
from monitor.export.remote_write.delivery import Delivery
from monitor.export.remote_write.isolate import Rows
from monitor.export.remote_write.series import STALE, Batch, Series, is_stale
from monitor.export.remote_write.transport import Transport
from monitor.model.secret import Secret
from monitor.model.settings import RemoteWriteSettings, WriteVersion
from monitor.net.aws.credentials import AwsCredentials
from monitor.net.clock import SystemClock
from monitor.net.proxy.rules import NoProxy, ProxyChooser, parse_proxy
from monitor.state.self_metrics import DropReason, RemoteWriteMetrics, RequestFailure
from tests.export.remote_write.points import FAMILY, MOMENT, points, series
from tests.internet.ca import Authority
from tests.internet.process import free_port
from tests.internet.receiver import V1, V2, Receiver, Request, receiver
from tests.probes.support import make_probe_context

DIRECT = ProxyChooser(None, None, NoProxy(""))
TOOLS = make_probe_context(table={"receiver.test": ("127.0.0.1",)})


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Wait as long as is due, but in no time; returns how long each wait would have been."""
    waits: list[float] = []
    sleep = asyncio.sleep

    async def at_once(seconds: float) -> None:
        waits.append(seconds)
        await sleep(0)

    original = module.AsyncRetrying
    monkeypatch.setattr(module, "AsyncRetrying", lambda **kw: original(sleep=at_once, **kw))
    return waits


@asynccontextmanager
async def delivering(
    url: str, proxies: ProxyChooser = DIRECT, aws: AwsCredentials | None = None, **changes: object
) -> AsyncIterator[tuple[Delivery, RemoteWriteMetrics]]:
    settings = replace(RemoteWriteSettings("test", url, url.partition("?")[0]), **changes)  # type: ignore[arg-type]
    self_metrics = RemoteWriteMetrics()
    transport = Transport(
        settings, lambda: TOOLS.trust_store, lambda: TOOLS.resolver, proxies, SystemClock()
    )
    with ThreadPoolExecutor(1) as thread:
        auth = Auth(settings, aws)
        delivery = Delivery(
            settings, auth, transport, self_metrics, clock=SystemClock(), thread=thread
        )
        delivery.open()
        try:
            yield delivery, self_metrics
        finally:
            await delivery.close()


speaking_1 = partial(delivering, protocol=WriteVersion.V1)


def some(number: int = 3, each: int = 1) -> Rows:
    batch = Batch()
    batch.add(points(number, each=each))
    return batch.series


async def fails(
    delivery: Delivery, self_metrics: RemoteWriteMetrics, failure: RequestFailure
) -> None:
    """Deliver until it has failed so three times, and give up."""
    task = asyncio.create_task(delivery.deliver(some()))
    while self_metrics.failures[failure] < 3:  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])


def answering(*answers: web.Response | int) -> Callable[[Request], web.Response | None]:
    """A rule that gives these answers in turn and then leaves it to the receiver."""
    left = list(answers)

    def rule(_: Request) -> web.Response | None:
        answer = left.pop(0) if left else None
        return web.Response(status=answer) if isinstance(answer, int) else answer

    return rule


async def test_2_is_spoken_with_a_receiver_that_does() -> None:
    async with receiver() as (receives, url), delivering(url) as (delivery, self_metrics):
        await delivery.deliver(some())
    (request,) = receives.requests
    assert request.headers["Content-Type"] == V2
    assert request.headers["Content-Encoding"] == "snappy"
    assert request.headers["X-Prometheus-Remote-Write-Version"] == "2.0.0"
    assert re.fullmatch(r"egress-monitor/[\d.]+", request.headers["User-Agent"])
    assert (self_metrics.sent, self_metrics.version) == (3, "2.0")
    assert self_metrics.newest_sent_at == MOMENT / 1000
    row = request.message.rows[0]
    assert (row.type, row.help) == (FAMILY.type, FAMILY.help)


async def test_1_is_spoken_where_it_is_configured() -> None:
    async with receiver() as (receives, url), speaking_1(url) as (delivery, _):
        await delivery.deliver(some())
        await delivery.deliver(some())
    first, second = receives.requests
    assert first.headers["Content-Type"] == V1
    assert first.headers["X-Prometheus-Remote-Write-Version"] == "0.1.0"
    assert first.message.families, "metadata come with the first request"
    assert not second.message.families, "and not with every one"


@pytest.mark.parametrize("silently", [False, True], ids=["415", "no count"])
async def test_a_receiver_of_1_gets_1_and_keeps_getting_it(silently: bool) -> None:
    async with receiver() as (receives, url), delivering(url) as (delivery, self_metrics):
        receives.counts = False
        receives.versions = {V1, V2} if silently else {V1}
        await delivery.deliver(some())
        await delivery.deliver(some())
    kinds = [request.headers["Content-Type"] for request in receives.requests]
    assert kinds == [V2, V1, V1]
    assert (self_metrics.sent, self_metrics.version) == (6, "1.0")


async def test_there_is_no_fallback_after_a_success() -> None:
    async with receiver() as (receives, url), delivering(url) as (delivery, self_metrics):
        await delivery.deliver(some())
        receives.rule = answering(receives.written(0, 400))
        await delivery.deliver(some())
    assert [r.headers["Content-Type"] for r in receives.requests] == [V2, V2]
    assert self_metrics.dropped[DropReason.REFUSED] == 3


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429])
async def test_what_may_pass_is_tried_again_with_growing_waits(
    status: int, quick: list[float]
) -> None:
    async with receiver() as (receives, url), delivering(url) as (delivery, self_metrics):
        receives.rule = answering(*[status] * 6)
        await delivery.deliver(some())
    assert len(receives.accepted) == 3
    assert len(quick) == 6
    assert quick[5] > quick[0]
    assert max(quick) <= module.LONGEST_WAIT
    assert len(set(quick)) == 6, "with jitter"
    throttled = status == 429
    failure = RequestFailure.THROTTLED if throttled else RequestFailure.SERVER_ERROR
    assert (self_metrics.failures[failure], self_metrics.retried, self_metrics.sent) == (6, 18, 3)


async def test_retry_after_is_honoured(quick: list[float]) -> None:
    async with receiver() as (receives, url), delivering(url) as (delivery, _):
        receives.rule = answering(web.Response(status=503, headers={"Retry-After": "42"}))
        await delivery.deliver(some())
    assert quick == [42.0]


@pytest.mark.parametrize("status", [401, 403, 404, 407, 302])
async def test_a_denial_keeps_the_samples_and_waits_long(status: int, quick: list[float]) -> None:
    async with receiver() as (receives, url), delivering(url) as (delivery, self_metrics):
        receives.rule = answering(status, status, status, status)
        await delivery.deliver(some())
    assert quick == [60.0, 120.0, 240.0, 300.0]
    assert self_metrics.sent == 3
    assert self_metrics.failures[RequestFailure.DENIED] == 4


async def test_a_filters_page_is_no_receivers_success(quick: list[float]) -> None:
    page = web.Response(text="<h1>Blocked</h1>", content_type="text/html")
    async with receiver() as (receives, url), delivering(url) as (delivery, self_metrics):
        receives.rule = answering(page)
        await delivery.deliver(some())
    assert quick == [60.0]
    assert len(receives.accepted) == self_metrics.sent == 3


@pytest.mark.parametrize("status", [400, 409, 422])
async def test_a_refused_sample_is_not_sent_again(status: int, quick: list[float]) -> None:
    async with receiver() as (receives, url), speaking_1(url) as (delivery, self_metrics):
        receives.rule = lambda _: web.Response(status=status)
        await delivery.deliver(some(1))
    assert len(receives.requests) == 1
    assert quick == []
    assert (self_metrics.sent, self_metrics.dropped[DropReason.REFUSED]) == (0, 1)


async def test_one_series_out_of_order_costs_no_other_and_goes_apart_from_then_on() -> None:
    def rule(request: Request) -> web.Response | None:
        names = {row.name for row in request.message.rows}
        return web.Response(status=400, text="out of order") if "m42" in names else None

    async with receiver() as (receives, url), speaking_1(url) as (delivery, self_metrics):
        receives.rule = rule
        await delivery.deliver(some(100))
        assert len(receives.accepted) == self_metrics.sent == 99
        assert self_metrics.dropped[DropReason.REFUSED] == 1
        before = len(receives.requests)
        await delivery.deliver(some(100))
        assert len(receives.requests) - before == 2
        receives.rule = lambda _: None
        await delivery.deliver(some(100))
        before = len(receives.requests)
        await delivery.deliver(some(100))
        assert len(receives.requests) - before == 1, "it is trusted again"


async def test_a_receiver_that_counts_is_believed_about_a_partial_write() -> None:
    async with receiver() as (receives, url), delivering(url) as (delivery, self_metrics):
        receives.rule = answering(receives.written(7, 400), receives.written(8))
        await delivery.deliver(some(10))
        await delivery.deliver(some(10))
    assert len(receives.requests) == 2
    assert self_metrics.sent == 15
    assert self_metrics.dropped[DropReason.REFUSED] == 3
    assert self_metrics.dropped[DropReason.UNWRITTEN] == 2


async def test_too_large_a_request_is_sent_in_parts() -> None:
    def rule(request: Request) -> web.Response | None:
        return web.Response(status=413) if request.message.count > 30 else None

    async with receiver() as (receives, url), delivering(url) as (delivery, self_metrics):
        receives.rule = rule
        await delivery.deliver(some(100))
        assert delivery.limit <= 50
    assert len(receives.accepted) == self_metrics.sent == 100


async def test_stale_markers_odd_times_and_long_names_arrive() -> None:
    long = Series("x" * 1000 + "\0label\0" + "ü" * 5000, FAMILY)
    rows: Rows = {series(): [(0, 1.0), (MOMENT * 2, STALE)], long: [(-5, 1e308)]}
    async with receiver() as (receives, url), delivering(url) as (delivery, _):
        await delivery.deliver(rows)
    first, second = receives.accepted
    assert [at for at, _ in first.samples] == [0, MOMENT * 2]
    assert is_stale(first.values[1])
    assert second.samples[0][0] == -5


@pytest.mark.parametrize("body", [b"", b"x" * 5_000_000, b"\xff\x00<"])
async def test_whatever_a_body_holds_it_is_bounded_and_harmless(
    body: bytes, quick: list[float]
) -> None:
    async with receiver() as (receives, url), delivering(url) as (delivery, self_metrics):
        receives.rule = answering(web.Response(status=500, body=body))
        await delivery.deliver(some())
    assert (len(quick), self_metrics.sent) == (1, 3)


async def test_a_receiver_that_is_not_there_is_waited_for(quick: list[float]) -> None:
    async with delivering(f"http://127.0.0.1:{free_port()}/") as (delivery, self_metrics):
        await fails(delivery, self_metrics, RequestFailure.UNREACHABLE)
        assert not delivery.works
    assert self_metrics.dropped == dict.fromkeys(DropReason, 0)


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
    before: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
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
            await d.deliver(some())
    out = capsys.readouterr().out
    assert out.count("it answered 403") == 4
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
    assert f"{token} can't be read" in capsys.readouterr().out


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
    import aiohttp

    environ = {
        "AWS_ACCESS_KEY_ID": "AKID",
        "AWS_SECRET_ACCESS_KEY": "s3cr3t",
        "AWS_SESSION_TOKEN": "t0ken",
    }
    clock = SystemClock()
    aws = AwsCredentials(
        environ, "http://127.0.0.1:1", open_session=aiohttp.ClientSession, time=clock.time
    )
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
        async with delivering("http://metrics.example/x", chooser) as (delivery, self_metrics):
            await delivery.deliver(some())
    assert seen == ["Basic dTpw", "http://metrics.example/x"]
    assert self_metrics.sent == 3

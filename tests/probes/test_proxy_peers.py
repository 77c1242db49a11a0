"""What proxies answer to CONNECT, and what is said of it.

Covers: monitor/probes/transport.py, monitor/diagnosis/proxy_texts.py
"""

from __future__ import annotations

import asyncio

import pytest

from monitor.diagnosis.causes import diagnose
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.endpoint import Protocol
from monitor.probes import prober
from tests.internet.rude import Habit, rude
from tests.probes.support import make_probe_context, make_target


def proxying(answer: bytes, *, stay: bool = False) -> Habit:
    """Return the habit of a proxy that answers CONNECT with these bytes and then closes, or
    stays silent."""

    async def habit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        if stay:
            await asyncio.Event().wait()

    return habit


async def through(habit: Habit, credentials: str = "", limit: float = 30.0) -> Diagnosis:
    async with rude(habit) as port:
        environ = {"HTTPS_PROXY": f"http://{credentials}127.0.0.1:{port}"}
        context = make_probe_context(environ=environ)
        target = make_target(Protocol.HTTPS, "rel.test", timeout=limit)
        return diagnose(target, await prober("http")(target, context))


@pytest.mark.parametrize("stay", [True, False])
async def test_a_tunnel_that_carries_nothing_is_the_proxys(stay: bool):
    habit = proxying(b"HTTP/1.1 200 OK\r\n\r\n", stay=stay)
    told = await through(habit, limit=4.0 if stay else 30.0)
    assert told.cause is Cause.PROXY_TUNNEL_FAILED
    assert "127.0.0.1" in told.detail
    assert "SNI" not in told.detail + told.remediation


@pytest.mark.parametrize("status", [b"201 Created", b"204 No Content", b"299 Odd"])
async def test_only_200_opens_a_tunnel_as_in_go(status: bytes):
    told = await through(proxying(b"HTTP/1.1 " + status + b"\r\n\r\n"))
    assert told.cause is Cause.PROXY_DENIED


async def test_a_proxy_that_takes_only_ntlm_is_named():
    answer = (
        b"HTTP/1.1 407 Login\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\n\r\n"
    )
    told = await through(proxying(answer), "user:hunter2@")
    assert told.cause is Cause.PROXY_AUTH_REQUIRED
    assert "Negotiate, NTLM" in told.detail
    assert "credentials" not in told.remediation
    assert "hunter2" not in repr(told)


async def test_the_error_that_a_proxy_names_is_told_without_its_credentials():
    answer = b"HTTP/1.1 502 Bad\r\nProxy-Status: p; error=dns_error; details=hunter2\r\n\r\n"
    told = await through(proxying(answer), "user:hunter2@")
    assert told.cause is Cause.PROXY_UPSTREAM_FAILED
    assert "dns_error" in told.detail
    assert "hunter2" not in repr(told)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"204 No Content", "accepts 200 only"),
        (b"101 Switching Protocols", "accepts 200 only"),
        (b"302 Found\r\nLocation: http://portal.test/", "redirects CONNECT"),
        (b"405 Method Not Allowed", "does not support CONNECT"),
        (b"501 Not Implemented", "does not support CONNECT"),
        (b"429 Too Many Requests", "limits its clients"),
        (b"511 Network Authentication Required", "wants a login"),
        (b"500 Internal Server Error", "failed to open a tunnel"),
        (b"403 Forbidden", "denies CONNECT"),
        (b"504 Gateway Timeout", "can't reach"),
    ],
)
async def test_a_sentence_says_no_more_than_the_status_that_a_proxy_answers(
    answer: bytes, words: str
):
    told = await through(proxying(b"HTTP/1.1 " + answer + b"\r\nContent-Length: 0\r\n\r\n"))
    assert words in told.detail


async def test_a_proxy_that_closes_without_an_answer_is_not_said_to_fail_upstream():
    told = await through(proxying(b""))
    assert told.cause is Cause.PROXY_UPSTREAM_FAILED
    assert "no complete answer to CONNECT" in told.detail
    assert "can't reach" not in told.detail


async def test_a_proxy_that_takes_basic_among_others_in_one_field_takes_the_runners_login():
    answer = b'HTTP/1.1 407 Login\r\nProxy-Authenticate: Negotiate, Basic realm="a, b"\r\n\r\n'
    told = await through(proxying(answer), "user:hunter2@")
    assert told.cause is Cause.PROXY_AUTH_REQUIRED
    assert "only" not in told.detail


async def test_a_proxy_that_does_not_speak_tls_is_named_if_it_waits():
    async def waits(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with rude(waits) as port:
        context = make_probe_context(environ={"HTTPS_PROXY": f"https://127.0.0.1:{port}"})
        target = make_target(Protocol.HTTPS, "rel.test", timeout=1.5)
        told = diagnose(target, await prober("http")(target, context))
    assert told.cause is Cause.PROXY_UNREACHABLE
    assert "TLS with the proxy fails: no answer in time" in told.detail
    assert "speaks TLS" in told.remediation


async def test_the_name_of_a_proxy_is_what_does_not_resolve():
    context = make_probe_context(environ={"HTTPS_PROXY": "http://proxy.invalid:3128"})
    target = make_target(Protocol.HTTPS, "rel.test", timeout=5.0)
    told = diagnose(target, await prober("http")(target, context))
    assert told.cause is Cause.PROXY_UNREACHABLE
    assert "The name of the proxy proxy.invalid:3128" in told.detail


async def test_a_login_that_no_configured_proxy_wants_is_that_of_an_unknown_one():
    answer = b"HTTP/1.1 407 Login\r\nContent-Length: 0\r\n\r\n"
    async with rude(proxying(answer)) as port:
        target = make_target(Protocol.HTTP, "rel.test", port, address="127.0.0.1", timeout=30.0)
        told = diagnose(target, await prober("http")(target, make_probe_context()))
    assert told.cause is Cause.PROXY_AUTH_REQUIRED
    assert "no proxy is configured" in told.detail

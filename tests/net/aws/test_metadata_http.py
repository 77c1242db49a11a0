"""Requests to metadata services: bounded, without redirects, whatever the service answers."""

from __future__ import annotations

import asyncio

import pytest

from monitor.net.aws.metadata_http import MetadataStatusError, fetch
from tests.internet.rude import babbling, closing, resetting, rude, saying, silent


def answer(body: bytes, status: str = "200 OK", more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


async def test_the_body_of_a_200_is_returned():
    async with rude(saying(answer(b"a-token"))) as port:
        assert await fetch("PUT", f"http://127.0.0.1:{port}/latest/api/token") == b"a-token"
        assert await fetch("GET", f"http://localhost:{port}") == b"a-token"


@pytest.mark.parametrize("status", [301, 302, 307, 401, 404, 429, 500, 204])
async def test_another_status_is_an_error_that_names_it(status: int):
    redirect = "Location: http://127.0.0.1:1/\r\n"
    async with rude(saying(answer(b"", f"{status} X", redirect))) as port:
        with pytest.raises(MetadataStatusError) as error:
            await fetch("GET", f"http://127.0.0.1:{port}/")
    assert error.value.status == status


@pytest.mark.parametrize("habit", [closing, resetting])
async def test_a_connection_that_ends_is_an_os_error(habit):  # type: ignore[no-untyped-def]
    async with rude(habit) as port:
        with pytest.raises(OSError, match=r".*"):
            await fetch("GET", f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    "junk",
    [
        b"\0" * 1000, b"a" * 1000, b"HTTP/1.1 100 \r\n\r\n" * 99,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" + b"x" * 70000,
        b"SSH-2.0-OpenSSH_9\r\n",
    ],
)  # fmt: skip
async def test_junk_without_end_is_a_value_error(junk: bytes):
    async with rude(babbling(junk)) as port:
        with pytest.raises(ValueError, match=r".*"):
            await asyncio.wait_for(fetch("GET", f"http://127.0.0.1:{port}/"), 90)


async def test_a_silent_service_is_left_at_the_callers_deadline():
    async with rude(silent) as port:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await fetch("GET", f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("url", ["", "ftp://127.0.0.1/", "http:///x", "127.0.0.1", "http://[::1/"])
async def test_what_is_no_url_of_http_is_a_value_error(url: str):
    with pytest.raises(ValueError, match=r".*"):
        await fetch("GET", url)


async def test_a_service_that_is_not_there_is_an_os_error():
    with pytest.raises(OSError, match=r".*"):
        await fetch("GET", "http://127.0.0.1:1/")

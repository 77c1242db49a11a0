"""AWS credentials from the environment, a container's endpoint and instance metadata.

Covers: monitor/net/aws/imds.py
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from monitor.net.aws.credentials import (
    AwsCredentials,
    NoCredentialsError,
    container_url,
    parse_credentials,
)

NOW = 1_800_000_000.0


def answer(name: str, ends: float) -> dict[str, str]:
    return {
        "Code": "Success",
        "AccessKeyId": name,
        "SecretAccessKey": "hunter2",
        "Token": "t0ken",
        "Expiration": datetime.fromtimestamp(ends, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


class Service:
    """Instance metadata and a container's endpoint in one. ``given`` is what they give."""

    def __init__(self) -> None:
        self.given: dict[str, str] | str = answer("one", NOW + 3600)
        self.status = 200
        self.requests: list[str] = []
        self.authorization = ""

    async def handle(self, request: web.Request) -> web.Response:
        self.requests.append(f"{request.method} {request.path}")
        self.authorization = request.headers.get("Authorization", "")
        if request.method == "PUT":
            return web.Response(text="imds-token")
        if request.path.startswith("/latest"):
            assert request.headers["X-aws-ec2-metadata-token"] == "imds-token"
            if request.path.endswith("/security-credentials/"):
                return web.Response(text="runner-role")
        text = self.given if isinstance(self.given, str) else json.dumps(self.given)
        return web.Response(status=self.status, text=text)


class Time:
    now = NOW

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def chain(
    environ: dict[str, str] | None = None,
) -> AsyncIterator[tuple[AwsCredentials, Service, Time]]:
    service, time = Service(), Time()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", service.handle)
    async with TestServer(app) as server:
        base = f"http://127.0.0.1:{server.port}"
        given = {name: value.format(base=base) for name, value in (environ or {}).items()}
        yield (
            AwsCredentials(given, base, time=time),
            service,
            time,
        )


CONTAINER = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "{base}/role"}


async def test_the_environment_comes_first_and_asks_nobody() -> None:
    environ = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", **CONTAINER}
    async with chain(environ) as (credentials, service, _):
        assert (await credentials.get()).access_key_id == "k"
    assert service.requests == []


async def test_the_containers_endpoint_is_asked_with_its_token(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("pod-token\n")
    environ = CONTAINER | {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(file)}
    async with chain(environ) as (credentials, service, _):
        found = await credentials.get()
    assert (found.access_key_id, found.expires_at) == ("one", NOW + 3600)
    assert service.authorization == "pod-token"
    assert "hunter2" not in repr(found)


async def test_an_instances_role_is_found_with_a_session_token() -> None:
    async with chain() as (credentials, service, _):
        assert (await credentials.get()).access_key_id == "one"
    prefix = "/latest/meta-data/iam/security-credentials/"
    assert service.requests == [
        "PUT /latest/api/token",
        f"GET {prefix}",
        f"GET {prefix}runner-role",
    ]


async def test_credentials_are_replaced_before_they_end() -> None:
    async with chain(CONTAINER) as (credentials, service, time):
        await credentials.get()
        time.now += 3200
        assert (await credentials.get()).access_key_id == "one"
        assert len(service.requests) == 1
        time.now += 200
        service.given = answer("two", time.now + 3600)
        assert (await credentials.get()).access_key_id == "two"


async def test_old_ones_do_while_new_ones_cannot_be_had() -> None:
    async with chain(CONTAINER) as (credentials, service, time):
        await credentials.get()
        service.status = 500
        time.now += 3400
        assert (await credentials.get()).access_key_id == "one"
        await credentials.get()
        assert len(service.requests) == 2, "it is not asked at every request"
        time.now += 300
        with pytest.raises(NoCredentialsError):
            await credentials.get()


@pytest.mark.parametrize(
    "given", ["", "[]", "{}", "x" * 100_000, '{"AccessKeyId": 1}', "[" * 10_000]
)
async def test_rubbish_is_no_credentials(given: str) -> None:
    async with chain(CONTAINER) as (credentials, service, _):
        service.given = given
        with pytest.raises(NoCredentialsError) as caught:
            await credentials.get()
    assert len(str(caught.value)) < 200


def test_a_token_with_a_line_break_is_refused() -> None:
    with pytest.raises(ValueError, match="no credentials"):
        parse_credentials(json.dumps(answer("a\nb", NOW)).encode())


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({"RELATIVE_URI": "/v2/x"}, "http://169.254.170.2/v2/x"),
        ({"RELATIVE_URI": "@evil.example/x"}, None),
        ({"FULL_URI": "http://169.254.170.23/v1"}, "http://169.254.170.23/v1"),
        ({"FULL_URI": "http://[fd00:ec2::23]/v1"}, "http://[fd00:ec2::23]/v1"),
        ({"FULL_URI": "https://agent.example/v1"}, "https://agent.example/v1"),
        ({"FULL_URI": "http://agent.example/v1"}, None),
        ({"FULL_URI": "http://["}, None),
        ({}, None),
    ],
)
def test_a_token_goes_only_where_sdks_send_it(environ: dict[str, str], url: str | None) -> None:
    named = {f"AWS_CONTAINER_CREDENTIALS_{name}": value for name, value in environ.items()}
    assert container_url(named) == url

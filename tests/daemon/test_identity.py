"""Who the monitor is: told by configuration, environment and real metadata exchanges."""

from __future__ import annotations

import asyncio
import json
import string
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.daemon.identity import discover, from_environment, merge
from monitor.model.identity import Identity
from monitor.model.settings import MetadataSettings, Settings
from tests.internet.imds import Mode, metadata
from tests.internet.rude import Habit, rude, saying, silent

HERE = Path("config.toml")
TASK_UNKNOWN = Identity(launch_type="fargate")
"""What the environment alone tells on Fargate."""


def settings(endpoint: str = "http://127.0.0.1:1", **values: str) -> Settings:
    return Settings(HERE, metadata=MetadataSettings(endpoint), **values)  # type: ignore[arg-type]


def test_configuration_comes_before_the_environment():
    environ = {"AWS_REGION": "us-east-1", "RUNNER_ID": "r-1"}
    known = from_environment(settings(region="eu-west-1"), environ)
    assert (known.region, known.runner_id) == ("eu-west-1", "r-1")


def test_what_is_known_is_not_overwritten():
    known = Identity(region="eu-west-1")
    found = Identity(region="us-east-1", account_id="123456789012")
    assert merge(known, found) == Identity(region="eu-west-1", account_id="123456789012")


async def test_instance_metadata_tells_the_rest():
    with metadata() as server:
        found = await discover(settings(f"http://127.0.0.1:{server.server_port}"), {})
    assert found == Identity(
        region="eu-central-1",
        availability_zone="eu-central-1a",
        account_id="123456789012",
        vpc_id="vpc-0a1b2c3d4e5f60718",
        subnet_id="subnet-0a1b2c3d4e5f60718",
        instance_id="i-0123456789abcdef0",
    )
    assert not any("credentials" in request for request in server.requests)


@pytest.mark.parametrize("mode", [Mode.DISABLED, Mode.V1_ONLY])
async def test_a_service_that_declines_is_not_asked_again(mode: Mode):
    with metadata(mode) as server:
        found = await discover(settings(f"http://127.0.0.1:{server.server_port}"), {})
    assert found == Identity()
    assert server.requests == ["PUT /latest/api/token"]


def page(body: str, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def taking_turns(*answers: bytes) -> Habit:
    """Answer one connection after the other; the last answer is for all that follow."""
    left = list(answers)

    async def habit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(left.pop(0) if len(left) > 1 else left[0])
        await writer.drain()

    return habit


async def test_a_service_that_is_not_ready_yet_is_asked_again():
    told = page('{"AvailabilityZone": "eu-west-1b"}')
    async with rude(taking_turns(page("", "503 Unavailable"), b"", told)) as port:
        assert await discover(settings(), fargate(port)) == replace(
            TASK_UNKNOWN, availability_zone="eu-west-1b"
        )


async def test_an_emulator_that_knows_no_interfaces_still_tells_the_region():
    token, document = page("token"), page('{"region": "eu-west-1"}')
    async with rude(taking_turns(token, document, page("", "404 Not Found"))) as port:
        found = await discover(settings(f"http://127.0.0.1:{port}"), {})
    assert found == Identity(region="eu-west-1")


def fargate(port: int) -> dict[str, str]:
    return {
        "ECS_CONTAINER_METADATA_URI_V4": f"http://127.0.0.1:{port}/v4/x",
        "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
    }


async def test_on_fargate_the_task_metadata_tells_and_instance_metadata_is_not_asked():
    task = {
        "TaskARN": "arn:aws:ecs:us-west-2:111122223333:task/default/158d1c8083dd",
        "AvailabilityZone": "us-west-2d",
    }
    async with rude(saying(page(json.dumps(task)))) as port:
        found = await discover(settings(), fargate(port))
    assert found == Identity(
        region="us-west-2",
        account_id="111122223333",
        availability_zone="us-west-2d",
        launch_type="fargate",
    )


async def test_on_ecs_with_instances_both_services_tell():
    task = {"TaskARN": "arn:aws-cn:ecs:cn-north-1:111122223333:task/x", "VPCID": "vpc-01234567"}
    with metadata() as server:
        async with rude(saying(page(json.dumps(task)))) as port:
            environ = {"ECS_CONTAINER_METADATA_URI_V4": f"http://127.0.0.1:{port}"}
            found = await discover(settings(f"http://127.0.0.1:{server.server_port}"), environ)
    assert (found.region, found.vpc_id) == ("cn-north-1", "vpc-01234567")
    assert found.instance_id == "i-0123456789abcdef0"


HOSTILE = [
    "not json",
    "[]",
    "7",
    "null",
    "[" * 60_000,
    "{" + " " * 70_000 + "}",
    '{"TaskARN": 7, "AvailabilityZone": ["eu-west-1a"]}',
    '{"TaskARN": "arn:evil\\n"}',
    json.dumps({"AvailabilityZone": "eu-west-1a\n"}),
    json.dumps({"AvailabilityZone": "eu-west-1" + "a" * 5000}),
    json.dumps({"TaskARN": "arn:aws:ecs:evil.example/:111122223333:task/x"}),
    json.dumps({"TaskARN": "arn:aws:ecs:eu-west-1:\u0661" + "1" * 11 + ":task/x"}),
    "{}",
]


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
async def test_a_hostile_metadata_service_injects_nothing(body: str):
    async with rude(saying(page(body))) as port:
        assert await discover(settings(), fargate(port)) == TASK_UNKNOWN


@pytest.mark.parametrize("token", ["a\r\nX-Evil: 1", "", "t" * 2000])
async def test_a_token_that_is_none_is_not_sent_on(token: str):
    async with rude(taking_turns(page(token), page('{"region": "eu-west-1"}'))) as port:
        assert await discover(settings(f"http://127.0.0.1:{port}"), {}) == Identity()


async def test_a_redirect_is_not_followed():
    with metadata() as server:
        away = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{server.server_port}/\r\n"
        async with rude(saying((away + "Content-Length: 0\r\n\r\n").encode())) as port:
            assert await discover(settings(f"http://127.0.0.1:{port}"), {}) == Identity()
    assert server.requests == []


async def test_who_never_answers_is_left_within_the_patience(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("monitor.daemon.identity._TIMEOUT", 0.05)
    started = time.monotonic()
    async with rude(silent) as port:
        assert await discover(settings(), fargate(port)) == TASK_UNKNOWN
    assert time.monotonic() - started < 5


@given(st.dictionaries(st.sampled_from(["AWS_REGION", "AWS_ACCOUNT_ID", "RUNNER_ID"]), st.text()))
def test_whatever_the_environment_says_only_names_and_numbers_come_of_it(environ: dict[str, str]):
    known = from_environment(settings(), environ)
    for value in (known.region, known.account_id, known.runner_id):
        assert set(value) <= set(string.ascii_letters + string.digits + "._-")
        assert len(value) <= 128


async def test_it_can_be_switched_off():
    off = Settings(HERE, metadata=MetadataSettings("http://127.0.0.1:1", discover_identity=False))
    assert await discover(off, {}) == Identity()

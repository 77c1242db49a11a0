"""Who the monitor is: told by configuration, environment and real metadata exchanges."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from monitor.identity import discover, from_environment, merge
from monitor.model import Identity
from monitor.settings import MetadataSettings, Settings
from tests.internet.imds import Mode, metadata
from tests.internet.rude import rude, saying

HERE = Path("config.toml")


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
async def test_a_service_that_declines_leaves_it_unknown(mode: Mode):
    with metadata(mode) as server:
        found = await discover(settings(f"http://127.0.0.1:{server.server_port}"), {})
    assert found == Identity()


def page(body: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


async def test_on_fargate_the_task_metadata_tells_and_instance_metadata_is_not_asked():
    task = {
        "TaskARN": "arn:aws:ecs:us-west-2:111122223333:task/default/158d1c8083dd",
        "AvailabilityZone": "us-west-2d",
    }
    async with rude(saying(page(json.dumps(task)))) as port:
        environ = {
            "ECS_CONTAINER_METADATA_URI_V4": f"http://127.0.0.1:{port}/v4/x",
            "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
        }
        found = await discover(settings(), environ)
    assert found == Identity(
        region="us-west-2", account_id="111122223333", availability_zone="us-west-2d"
    )


@pytest.mark.parametrize("body", ["not json", '{"TaskARN": 7}', '{"TaskARN": "arn:evil\\n"}', "{}"])
async def test_a_hostile_metadata_service_injects_nothing(body: str):
    async with rude(saying(page(body))) as port:
        environ = {
            "ECS_CONTAINER_METADATA_URI_V4": f"http://127.0.0.1:{port}",
            "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
        }
        assert await discover(settings(), environ) == Identity()


async def test_it_can_be_switched_off():
    off = Settings(HERE, metadata=MetadataSettings("http://127.0.0.1:1", discover_identity=False))
    assert await discover(off, {}) == Identity()

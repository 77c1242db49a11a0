"""Identity of this monitor: from the configuration, the environment and metadata services."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import fields
from types import MappingProxyType

from monitor.common import identifiers
from monitor.model.identity import FARGATE, Identity
from monitor.model.settings import Settings
from monitor.net.aws import imds as imds_wire
from monitor.net.aws.metadata_http import MetadataStatusError, fetch

_TIMEOUT = 2.0
"""Seconds for one try at one service, all its requests together."""

_TRIES = 3
_SHAPES: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        "region": identifiers.REGION,
        "availability_zone": identifiers.AVAILABILITY_ZONE,
        "account_id": identifiers.ACCOUNT_ID,
        "vpc_id": identifiers.VPC_ID,
        "subnet_id": identifiers.SUBNET_ID,
        "instance_id": identifiers.INSTANCE_ID,
        "runner_id": identifiers.RUNNER_ID,
        "launch_type": identifiers.LAUNCH_TYPE,
    }
)
_EXECUTION_ENVIRONMENTS: Mapping[str, str] = MappingProxyType(
    {"AWS_ECS_FARGATE": FARGATE, "AWS_ECS_EC2": "ec2"}
)
"""Value of AWS_EXECUTION_ENV in a container of ECS."""

_TASK_ARN = re.compile(
    r"arn:aws[a-z-]{0,16}:ecs:(?P<region>[a-z0-9-]{1,40}):(?P<account_id>[0-9]{12}):task/"
)


def from_environment(settings: Settings, environ: Mapping[str, str]) -> Identity:
    """Return what the configuration and the variables of AWS and the runner define, without any
    request."""
    return _validated(
        region=settings.region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION"),
        account_id=settings.account_id or environ.get("AWS_ACCOUNT_ID"),
        runner_id=settings.runner_id or environ.get("RUNNER_ID"),
        launch_type=_EXECUTION_ENVIRONMENTS.get(environ.get("AWS_EXECUTION_ENV", "")),
    )


def merge(known: Identity, found: Identity) -> Identity:
    """Fill what is not known with what was found."""
    values = {f.name: getattr(known, f.name) or getattr(found, f.name) for f in fields(Identity)}
    return Identity(**values)


def is_complete(known: Identity) -> bool:
    """Whether a metadata service has answered: both return the availability zone."""
    return bool(known.region and known.account_id and known.availability_zone)


async def discover(settings: Settings, environ: Mapping[str, str]) -> Identity:
    """Request identity from the task metadata endpoint (ECS and Fargate) and instance metadata.

    Each is tried at most three times, 2 s per attempt; values that neither returns stay "".
    Instance metadata is absent on Fargate, which is normal. Values are accepted only if they
    have the expected form, because they become host names and labels.
    """
    if not settings.metadata.discover_identity:
        return Identity()
    found = from_environment(settings, environ)
    if task_metadata := environ.get("ECS_CONTAINER_METADATA_URI_V4"):
        found = merge(found, await _patiently(_from_task, task_metadata))
    if found.launch_type != FARGATE:
        found = merge(found, await _patiently(_from_instance, settings.metadata.endpoint))
    return found


async def _patiently(
    question: Callable[[str], Awaitable[Identity]],
    url: str,
) -> Identity:
    """Put the question, again while the service is not there yet; a refusal is an answer."""
    from tenacity import (  # noqa: PLC0415 - needed once in the daemon's life
        AsyncRetrying,
        retry_if_exception,
        stop_after_attempt,
        wait_random_exponential,
    )

    async def ask() -> Identity:
        async with asyncio.timeout(_TIMEOUT):
            return await question(url)

    def may_pass(error: BaseException) -> bool:
        if isinstance(error, MetadataStatusError):
            return error.status >= 500 or error.status == 429
        return isinstance(error, OSError)

    retrying = AsyncRetrying(
        stop=stop_after_attempt(_TRIES),
        wait=wait_random_exponential(multiplier=0.5, max=5),
        retry=retry_if_exception(may_pass),
        reraise=True,
    )
    try:
        found: Identity = await retrying(ask)
    except (OSError, ValueError):
        return Identity()
    return found


async def _from_task(uri: str) -> Identity:
    """Read the task metadata endpoint, version 4 (Amazon ECS developer guide, "Amazon ECS
    task metadata V4 JSON response")."""
    task = imds_wire.json_object(await fetch("GET", f"{uri}/task"))
    arn = _TASK_ARN.match(str(task.get("TaskARN", "")))
    return _validated(
        **(arn.groupdict() if arn else {}),
        availability_zone=task.get("AvailabilityZone"),
        vpc_id=task.get("VPCID"),
        launch_type=str(task.get("LaunchType", "")).lower(),
    )


async def _from_instance(endpoint: str) -> Identity:
    """Read instance metadata, version 2."""
    base = endpoint.rstrip("/")
    token = await fetch("PUT", base + imds_wire.TOKEN_PATH, imds_wire.TOKEN_REQUEST)
    headers = imds_wire.token_headers(token)
    document = imds_wire.json_object(await fetch("GET", base + imds_wire.DOCUMENT_PATH, headers))
    found = _validated(
        region=document.get("region"),
        availability_zone=document.get("availabilityZone"),
        account_id=document.get("accountId"),
        instance_id=document.get("instanceId"),
    )
    return merge(found, await _from_interface(base, headers))


async def _from_interface(base: str, headers: Mapping[str, str]) -> Identity:
    """Ask which network the first interface is in. Emulators may not know: that is no
    reason to doubt the rest."""

    async def ask(path: str) -> str:
        return (await fetch("GET", base + path, headers)).decode("ascii").strip()

    try:
        mac = await ask(imds_wire.MAC_PATH)
        if not identifiers.MAC.fullmatch(mac):
            return Identity()
        return _validated(
            vpc_id=await ask(imds_wire.interface_path(mac, "vpc-id")),
            subnet_id=await ask(imds_wire.interface_path(mac, "subnet-id")),
        )
    except ValueError:
        return Identity()


def _validated(**values: object) -> Identity:
    """Keep the values that look like what they should be."""
    return Identity(
        **{
            name: value
            for name, value in values.items()
            if isinstance(value, str) and _SHAPES[name].fullmatch(value)
        }
    )

"""Who and where this monitor is: from configuration, environment, and metadata services."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING

from monitor.model import Identity
from monitor.settings import Settings

if TYPE_CHECKING:
    import aiohttp

_TIMEOUT = 2.0
_TRIES = 3
_SIZE_LIMIT = 65_536
_TOKEN_TTL = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
_PATTERNS = {
    "region": re.compile(r"[a-z]{2}(-[a-z]+){1,3}-\d{1,2}"),
    "availability_zone": re.compile(r"[a-z]{2}(-[a-z0-9]+){1,5}[a-z]?"),
    "account_id": re.compile(r"\d{12}"),
    "vpc_id": re.compile(r"vpc-[0-9a-f]{8,17}"),
    "subnet_id": re.compile(r"subnet-[0-9a-f]{8,17}"),
    "instance_id": re.compile(r"i-[0-9a-f]{8,17}"),
    "runner_id": re.compile(r"[A-Za-z0-9._-]{1,128}"),
}
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_ARN = re.compile(r"arn:aws[a-z-]*:ecs:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):task/")


def from_environment(settings: Settings, environ: Mapping[str, str]) -> Identity:
    """Return what is known without asking anybody: the configuration, else the variables
    that AWS and the runner set."""
    return _checked(
        region=settings.region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION"),
        account_id=settings.account_id or environ.get("AWS_ACCOUNT_ID"),
        runner_id=settings.runner_id or environ.get("RUNNER_ID"),
    )


def merge(known: Identity, found: Identity) -> Identity:
    """Fill what is not known with what was found."""
    values = {f.name: getattr(known, f.name) or getattr(found, f.name) for f in fields(Identity)}
    return Identity(**values)


async def discover(settings: Settings, environ: Mapping[str, str]) -> Identity:
    """Ask the task metadata endpoint (on ECS and Fargate) and instance metadata.

    Each is tried three times at the most; what nobody tells stays "". Instance metadata
    is absent on Fargate, and that is no fault. Whatever is told is believed only where
    it looks like what it should be: it becomes host names and labels.
    """
    if not settings.metadata.discover_identity:
        return Identity()
    import aiohttp  # noqa: PLC0415 - the probers do without it

    found = Identity()
    limits = aiohttp.ClientTimeout(total=_TIMEOUT)
    async with aiohttp.ClientSession(timeout=limits) as session:
        if task_metadata := environ.get("ECS_CONTAINER_METADATA_URI_V4"):
            found = await _ask(_from_task, session, task_metadata)
        if environ.get("AWS_EXECUTION_ENV") != "AWS_ECS_FARGATE":
            told = await _ask(_from_instance, session, settings.metadata.endpoint)
            found = merge(found, told)
    return found


async def _ask(
    question: Callable[[aiohttp.ClientSession, str], Awaitable[Identity]],
    session: aiohttp.ClientSession,
    url: str,
) -> Identity:
    """Put the question until it is answered, three times at the most."""
    import aiohttp  # noqa: PLC0415
    from tenacity import (  # noqa: PLC0415 - needed once in the daemon's life
        AsyncRetrying,
        retry_if_exception_type,
        stop_after_attempt,
        wait_random_exponential,
    )

    passing = (aiohttp.ClientError, TimeoutError, OSError, ValueError)
    retrying = AsyncRetrying(
        stop=stop_after_attempt(_TRIES),
        wait=wait_random_exponential(multiplier=0.5, max=5),
        retry=retry_if_exception_type(passing),
        retry_error_callback=lambda _: Identity(),
    )
    found: Identity = await retrying(question, session, url)
    return found


async def _from_task(session: aiohttp.ClientSession, uri: str) -> Identity:
    """Read the task metadata endpoint, version 4 (AWS: Amazon ECS task metadata)."""
    task = json.loads(await _get(session, f"{uri}/task", {}))
    arn = _ARN.match(str(task.get("TaskARN", "")))
    return _checked(
        region=arn["region"] if arn else None,
        account_id=arn["account"] if arn else None,
        availability_zone=task.get("AvailabilityZone"),
    )


async def _from_instance(session: aiohttp.ClientSession, endpoint: str) -> Identity:
    """Read instance metadata, version 2 (AWS: use IMDSv2)."""
    base = f"{endpoint.rstrip('/')}/latest"
    async with session.put(
        f"{base}/api/token", headers=_TOKEN_TTL, allow_redirects=False
    ) as answer:
        answer.raise_for_status()
        token = (await answer.content.read(1024)).decode("ascii")
    headers = {"X-aws-ec2-metadata-token": token}
    document = json.loads(
        await _get(session, f"{base}/dynamic/instance-identity/document", headers)
    )
    mac = (await _get(session, f"{base}/meta-data/mac", headers)).strip()
    vpc_id = subnet_id = None
    if _MAC.fullmatch(mac):
        interface = f"{base}/meta-data/network/interfaces/macs/{mac}"
        vpc_id = (await _get(session, f"{interface}/vpc-id", headers)).strip()
        subnet_id = (await _get(session, f"{interface}/subnet-id", headers)).strip()
    return _checked(
        region=document.get("region"),
        availability_zone=document.get("availabilityZone"),
        account_id=document.get("accountId"),
        instance_id=document.get("instanceId"),
        vpc_id=vpc_id,
        subnet_id=subnet_id,
    )


async def _get(session: aiohttp.ClientSession, url: str, headers: Mapping[str, str]) -> str:
    async with session.get(url, headers=headers, allow_redirects=False) as answer:
        answer.raise_for_status()
        return (await answer.content.read(_SIZE_LIMIT)).decode("utf-8", "replace")


def _checked(**values: object) -> Identity:
    """Keep the values that look like what they should be."""
    return Identity(
        **{
            name: value
            for name, value in values.items()
            if isinstance(value, str) and _PATTERNS[name].fullmatch(value)
        }
    )

"""Other endpoints for single AWS APIs, given as the AWS SDKs take them. Pure.

Source: AWS SDKs and tools reference guide, "Service-specific endpoints": a service's own
variable comes before AWS_ENDPOINT_URL, and AWS_IGNORE_CONFIGURED_ENDPOINT_URLS switches all
of them off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any

from monitor.config.kinds import BadValueError
from monitor.config.reader import Reading
from monitor.config.urls import Url, parse_origin
from monitor.model.endpoint import DEFAULT_PORTS, Protocol
from monitor.model.settings import TargetSettings

EVERY_SERVICE = "AWS_ENDPOINT_URL"
IGNORE = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"

SERVICES: Mapping[str, str] = MappingProxyType(
    {
        "aws-ec2": "EC2",
        "ami-bottlerocket-ecs": "EC2",
        "ami-ec2-runner": "EC2",
        "aws-s3": "S3",
        "aws-ssm": "SSM",
        "aws-sts": "STS",
        "aws-dynamodb": "DYNAMODB",
        "aws-cloudformation": "CLOUDFORMATION",
        "aws-secretsmanager": "SECRETS_MANAGER",
        "aws-logs": "CLOUDWATCH_LOGS",
        "aws-elasticloadbalancing": "ELASTIC_LOAD_BALANCING_V2",
        "aws-acm": "ACM",
    }
)
"""The end of the variable's name by target. aws-ecr is a registry, not an API of the SDKs."""


def place_of(url: Url) -> Mapping[str, Any]:
    """Return the fields of ``TargetSettings`` that ``url`` stands for."""
    protocol = Protocol(url.scheme)
    port = url.port or DEFAULT_PORTS[protocol]
    return {"protocol": protocol, "host": url.host, "port": port}


def endpoint_variables(
    environ: Mapping[str, str], reading: Reading
) -> Mapping[str, TargetSettings]:
    """Return what the environment overrides, by target."""
    if environ.get(IGNORE, "").lower() == "true":
        return {}
    found: dict[str, TargetSettings] = {}
    for name, targets in _variables(environ).items():
        try:
            override = TargetSettings(**place_of(parse_origin(environ[name])))
        except BadValueError as error:
            remediation = f"{error.remediation}, or set {IGNORE}=true"
            reading.problem(name, error.what, remediation, file="environment")
        else:
            found |= dict.fromkeys(targets, override)
    return found


def _variables(environ: Mapping[str, str]) -> Mapping[str, list[str]]:
    """Return the variables that are set, each with the targets that it is decisive for."""
    decisive: dict[str, list[str]] = {}
    for target, service in SERVICES.items():
        names = (f"{EVERY_SERVICE}_{service}", EVERY_SERVICE)
        if name := next((name for name in names if environ.get(name)), None):
            decisive.setdefault(name, []).append(target)
    return decisive


def overlaid(
    below: Mapping[str, TargetSettings], above: Mapping[str, TargetSettings]
) -> dict[str, TargetSettings]:
    """Lay ``above`` over ``below``, field by field."""
    result = {**below, **above}
    for name in below.keys() & above.keys():
        given = {f.name: getattr(above[name], f.name) for f in fields(TargetSettings)}
        kept = {f.name: getattr(below[name], f.name) for f in fields(TargetSettings)}
        said = {key: value for key, value in given.items() if value is not None}
        result[name] = TargetSettings(**{**kept, **said})
    return result

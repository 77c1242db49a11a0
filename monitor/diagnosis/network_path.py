"""Network path to an AWS API, derived from the address that answered. Pure."""

from __future__ import annotations

import ipaddress
from enum import StrEnum

from monitor.model.probe_result import Connection, ProbeResult
from monitor.model.target import Target
from monitor.net.aws.responses import is_from_aws

AWS_GROUP = "aws_api"
"""Catalog group whose endpoints have VPC endpoints."""


class NetworkPath(StrEnum):
    """The route of a request out of the VPC, or within it. Stable label values."""

    VPC_ENDPOINT = "vpc_endpoint"
    PUBLIC = "public"
    PUBLIC_OR_GATEWAY_ENDPOINT = "public_or_gateway_endpoint"
    PROXY = "proxy"


SENTENCES = {
    NetworkPath.VPC_ENDPOINT: "by VPC endpoint",
    NetworkPath.PUBLIC: "by its public address",
    NetworkPath.PUBLIC_OR_GATEWAY_ENDPOINT: "by its public address or a gateway endpoint",
    NetworkPath.PROXY: "through a proxy",
}

_OWN_NETWORKS = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)
"""Addresses that only a private network has: RFC 1918, RFC 6598 and RFC 4193. AWS gives
interface endpoints addresses of their subnet (VPC user guide, "Interface endpoints")."""

_GATEWAY_SERVICES = frozenset({"s3", "dynamodb"})
"""The services that have gateway endpoints: a route in the route table that changes neither name
nor public address, and therefore cannot be distinguished from the public path."""


def network_path(target: Target, probe_result: ProbeResult | None) -> NetworkPath | None:
    """Return the path of the last response; None if AWS itself did not respond (a sinkhole's
    block page has a private address too), or if the address is not conclusive (loopback,
    link-local)."""
    if target.group != AWS_GROUP or probe_result is None:
        return None
    connection = probe_result.primary
    if connection is None or not _has_answered(connection):
        return None
    if connection.proxy is not None:
        return NetworkPath.PROXY
    return _of_address(connection.address, target.host)


def _has_answered(connection: Connection) -> bool:
    if connection.failure is None:
        return True
    return connection.http is not None and is_from_aws(connection.http.headers)


def _of_address(text: str, host: str) -> NetworkPath | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if any(address in network for network in _OWN_NETWORKS):
        return NetworkPath.VPC_ENDPOINT
    if not address.is_global:
        return None
    if _GATEWAY_SERVICES.intersection(host.split(".")):
        return NetworkPath.PUBLIC_OR_GATEWAY_ENDPOINT
    return NetworkPath.PUBLIC

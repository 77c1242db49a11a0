"""Targets: endpoints with every value filled in, as probers receive them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from monitor.model.discovery import WildcardSample
from monitor.model.endpoint import Endpoint


class Addresses(StrEnum):
    """The addresses of a name to probe: ``FIRST`` that works in each family, or ``ALL``, which
    finds one dead address among several."""

    FIRST = "first"
    ALL = "all"


class AddressPolicy(StrEnum):
    """The addresses that may be dialed for a host. ``PRIVATE``: all except link-local addresses,
    where instance metadata is served. ``PUBLIC``: addresses of the public internet only."""

    ANY = "any"
    PRIVATE = "private"
    PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class Launch:
    """Parameters of the dry run of a launch."""

    region: str = ""
    subnet_id: str = ""
    instance_type: str = "t3.micro"


class ProxyUse(StrEnum):
    """The proxy path of a target. ``ENVIRONMENT``: by HTTP_PROXY, HTTPS_PROXY and NO_PROXY.
    ``NONE``: direct. ``BOTH``: by ``[proxy]``, with the other path measured for comparison.
    ``FIXED``: through one proxy, regardless of NO_PROXY."""

    ENVIRONMENT = "environment"
    NONE = "none"
    BOTH = "both"
    FIXED = "fixed"


@dataclass(frozen=True, slots=True)
class ProxyChoice:
    """The proxy path configured for one target. ``url`` is the URL of the ``FIXED`` proxy, without
    userinfo."""

    use: ProxyUse
    url: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint with every value filled in and its schedule: the input of a prober.

    ``interval`` and ``timeout`` are seconds. ``address`` (an IP literal) and ``connect_port``
    replace the destination of the packets, not the name in TLS or HTTP. ``proxy`` is None if
    ``[proxy]`` decides. ``missing_values`` are the placeholders without a value: such a target is
    reported as unknown and never probed. ``wildcard_sample`` is the concrete name that represents a
    wildcard. ``launch`` holds the parameters of the launch dry run of an AMI. ``address_policy``
    limits the addresses that are dialed if a server named the host.
    """

    endpoint: Endpoint
    interval: float
    timeout: float
    address: str | None = None
    connect_port: int | None = None
    missing_values: tuple[str, ...] = ()
    addresses: Addresses = Addresses.FIRST
    wildcard_sample: WildcardSample | None = None
    address_policy: AddressPolicy = AddressPolicy.ANY
    proxy: ProxyChoice | None = None
    launch: Launch | None = None

    @property
    def id(self) -> str:
        return self.endpoint.id

    @property
    def group(self) -> str:
        return self.endpoint.group

    @property
    def host(self) -> str:
        return self.endpoint.host

    @property
    def port(self) -> int:
        return self.endpoint.port

    @property
    def dial_port(self) -> int:
        """The destination port of the packets."""
        return self.connect_port or self.endpoint.port


def shown_path(target: Target) -> str:
    """Return the path without its query, which may contain a secret."""
    return target.endpoint.path.partition("?")[0]

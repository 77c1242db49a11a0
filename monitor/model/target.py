"""Targets: endpoints with every value filled in, as probers receive them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from monitor.model.discovery import WildcardSample
from monitor.model.endpoint import Endpoint


class Addresses(StrEnum):
    """Which of a name's addresses are probed: the first of each family, as most clients do,
    or all, so that one dead address among several is found."""

    FIRST = "first"
    ALL = "all"


class AddressPolicy(StrEnum):
    """Which addresses may be dialled for a host. ``PRIVATE``: all but link-local ones, at
    which a cloud's instance metadata is; ``PUBLIC``: those of the public internet."""

    ANY = "any"
    PRIVATE = "private"
    PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class Launch:
    """What the dry run of a launch names: where, and of which type an instance would be."""

    region: str = ""
    subnet_id: str = ""
    instance_type: str = "t3.micro"


class ProxyUse(StrEnum):
    """Which way a target is probed. ``ENVIRONMENT``: as HTTP_PROXY and its kin say; ``NONE``:
    directly; ``BOTH``: as ``[proxy]`` says, and the other way beside it; ``FIXED``: through
    one proxy, whatever NO_PROXY says."""

    ENVIRONMENT = "environment"
    NONE = "none"
    BOTH = "both"
    FIXED = "fixed"


@dataclass(frozen=True, slots=True)
class ProxyChoice:
    """What is said of one target's way. ``url`` is the proxy's, without userinfo, of
    ``FIXED``."""

    use: ProxyUse
    url: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint with every value filled in and its schedule: what a prober is given.

    ``interval`` and ``timeout`` are seconds. ``address`` (an IP literal) and
    ``connect_port`` replace where the packets go, not the name in TLS or HTTP.
    ``proxy`` is None where the target goes as ``[proxy]`` says.
    ``missing_values`` holds the names of template values nobody could fill in: such a target
    is shown as ``missing_values`` and never probed. ``wildcard_sample`` is
    the concrete name that represents a wildcard.
    ``launch`` is what an AMI is tried with.
    ``address_policy`` bounds the addresses that are dialled where a server named the host.
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
        """The port that packets are sent to."""
        return self.connect_port or self.endpoint.port


def shown_path(target: Target) -> str:
    """Return the path without its query, which may hold a secret of the user's."""
    return target.endpoint.path.partition("?")[0]

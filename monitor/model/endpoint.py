"""Endpoints: rows of the catalog or of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Profile(StrEnum):
    """The kind of runner, which selects rows of the catalog."""

    STANDARD = "standard"
    ENTERPRISE = "enterprise"


class Protocol(StrEnum):
    """The protocol of an endpoint. ``UDP`` is the Nebula exchange: the only UDP protocol whose
    reachability an unauthenticated client can prove."""

    HTTPS = "https"
    HTTP = "http"
    TLS = "tls"
    TCP = "tcp"
    UDP = "udp"
    DNS = "dns"
    NTP = "ntp"


DEFAULT_PROBERS: Mapping[Protocol, str] = MappingProxyType(
    {
        Protocol.HTTPS: "http",
        Protocol.HTTP: "http",
        Protocol.TLS: "tls",
        Protocol.TCP: "tcp",
        Protocol.UDP: "nebula",
        Protocol.DNS: "dns",
        Protocol.NTP: "ntp",
    }
)
"""The prober (a module of ``monitor.probes``) of each protocol, unless the catalog names another.
"""


DEFAULT_PORTS: Mapping[Protocol, int] = MappingProxyType(
    {
        Protocol.HTTPS: 443,
        Protocol.HTTP: 80,
        Protocol.TLS: 443,
        Protocol.UDP: 4242,
        Protocol.DNS: 53,
        Protocol.NTP: 123,
    }
)


class Source(StrEnum):
    """The origin of an endpoint."""

    CATALOG = "catalog"
    CONFIG = "config"
    DERIVED = "derived"


@dataclass(frozen=True, slots=True)
class StatusSet:
    """HTTP status codes that count as a response of the endpoint, as closed ranges."""

    ranges: tuple[tuple[int, int], ...]

    def __contains__(self, status: int) -> bool:
        return any(low <= status <= high for low, high in self.ranges)

    def __str__(self) -> str:
        return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in self.ranges)

    @classmethod
    def parse(cls, text: str) -> StatusSet:
        """Parse ``"200-399,401"``.

        Raises:
            ValueError: if a part is not a status code (100..599) or not an ascending range.
        """
        ranges = []
        for part in text.split(","):
            low, _, high = part.strip().partition("-")
            first, last = int(low), int(high or low)
            if not 100 <= first <= last <= 599:
                raise ValueError(f"{part.strip()!r} is not a valid range of HTTP status codes")
            ranges.append((first, last))
        return cls(tuple(ranges))


@dataclass(frozen=True, slots=True)
class Expectation:
    """The response that counts as the endpoint's own.

    ``headers``: lower-case names. If there are any, the response must contain one of them (the
    proof that the service itself replied and not a block page).
    """

    statuses: StatusSet = StatusSet(((200, 399),))
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One row of the catalog or of the user's configuration, before placeholders are filled in.

    ``host`` and ``path`` may contain ``{region}`` and ``{account_id}``. ``wildcard`` is the row as
    the requirement writes it (``*.cloudfront.net``, or host and path for a path wildcard); ``host``
    and ``path`` are then the concrete sample of it. For DNS, ``host`` is the address of the name
    server and ``query`` the name to resolve. For an AMI, ``query`` is ``OWNER/NAME``.

    A row with its own ``interval`` and ``timeout`` (seconds) is expensive to probe and is never
    probed out of turn to diagnose another one. ``gateway`` is the gateway that the row belongs to;
    the latency of a gateway is that of its ``gateway_entry``. ``audited``: redirect destinations of
    the endpoint must be on the allow-list too. ``redundancy_group`` is ``group/alternative``: the
    group works while one of its alternatives works.
    """

    id: str
    group: str
    host: str
    port: int
    protocol: Protocol
    prober: str
    path: str = "/"
    method: str = "GET"
    expect: Expectation = Expectation()
    required: bool = True
    enabled: bool = True
    profiles: frozenset[Profile] = frozenset(Profile)
    interval: float | None = None
    timeout: float | None = None
    query: str = ""
    wildcard: str | None = None
    gateway: str = ""
    gateway_entry: bool = False
    audited: bool = True
    redundancy_group: str = ""
    source: Source = Source.CATALOG
    note: str = ""

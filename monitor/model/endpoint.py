"""Endpoints: rows of the catalog or of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Profile(StrEnum):
    """Which rows of the catalogue apply: the kind of runner."""

    STANDARD = "standard"
    ENTERPRISE = "enterprise"


class Protocol(StrEnum):
    """What is spoken with an endpoint. ``UDP`` is the Nebula exchange: the one UDP
    protocol whose reachability an unauthenticated client can prove."""

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
"""The prober (a module of ``monitor.probes``) that a protocol is probed by unless the
catalogue names another one."""


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
    """Where an endpoint comes from."""

    CATALOG = "catalog"
    CONFIG = "config"
    DERIVED = "derived"


@dataclass(frozen=True, slots=True)
class StatusSet:
    """HTTP statuses that count as an answer of the endpoint, as closed ranges."""

    ranges: tuple[tuple[int, int], ...]

    def __contains__(self, status: int) -> bool:
        return any(low <= status <= high for low, high in self.ranges)

    def __str__(self) -> str:
        return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in self.ranges)

    @classmethod
    def parse(cls, text: str) -> StatusSet:
        """Read ``"200-399,401"``.

        Raises:
            ValueError: if a part is no status (100..599) or no rising range of them.
        """
        ranges = []
        for part in text.split(","):
            low, _, high = part.strip().partition("-")
            first, last = int(low), int(high or low)
            if not 100 <= first <= last <= 599:
                raise ValueError(f"{part.strip()!r} is no HTTP status range")
            ranges.append((first, last))
        return cls(tuple(ranges))


@dataclass(frozen=True, slots=True)
class Expectation:
    """What answer counts as the endpoint's own.

    ``headers``: lower-case names; when not empty, one of them has to be in the answer
    (the proof that the service itself replied, and not a block page).
    """

    statuses: StatusSet = StatusSet(((200, 399),))
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One row of the catalogue or of the user's configuration, before it is resolved.

    ``host`` and ``path`` may hold ``{region}`` and ``{account_id}``. ``wildcard`` is the
    row as the requirement writes it (``*.cloudfront.net``, or host and path for a path
    wildcard); ``host`` and ``path`` are then the concrete stand-in for it. For DNS ``host``
    is the name server's address and ``query`` the name that it is asked for; for an AMI
    ``query`` is its owner and name, ``OWNER/NAME``. A row with an ``interval`` (and a
    ``timeout``, both seconds) of its own is expensive to probe: that is never done out of its
    turn, to judge another one. ``gateway``
    names the gateway that it belongs to; the latency of a gateway is that of its
    ``gateway_entry``. ``audited``: where the endpoint redirects to has to be on the allow-list
    as well. ``redundancy_group`` is the redundant group it is in, and the alternative within it, as
    ``group/alternative``: one alternative that works suffices.
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

"""Context of a probe: clock, randomness, resolver, trust store, proxy paths."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Protocol

from monitor.common.rate_limit import TokenBucket
from monitor.model.probe_result import Resolution
from monitor.model.settings import FamilyChoice, MetadataSettings
from monitor.net.clock import Clock
from monitor.net.http.http2 import Http2Schedule

if TYPE_CHECKING:
    from monitor.net.aws.credentials import AwsCredentials
    from monitor.net.proxy.paths import ProxySelector
    from monitor.net.sockets.trust_store import TrustStore


class Resolver(Protocol):
    """Turns host names into addresses, and keeps every answer it got on the way."""

    @property
    def servers(self) -> tuple[str, ...]:
        """The name servers in use, as ``address:port``."""
        ...

    @property
    def use_tcp(self) -> bool:
        """Whether the name servers are asked by TCP at once."""
        ...

    async def resolve(
        self,
        host: str,
        within: float | None = None,
        families: FamilyChoice = FamilyChoice.AUTO,
    ) -> Resolution:
        """Resolve the addresses of the families that are probed, ``within`` seconds if given.
        Never raises for a failed lookup (see ``.failure``); the caller's ``asyncio.timeout``
        works, but loses the answers that came."""
        ...


@dataclass(frozen=True, slots=True)
class ProbeContext:
    """Everything a prober may use; nothing in it is global. A measurement that opens more
    connections than usual takes a token for each from ``starts``: later probes wait for it.
    ``segment``: the largest TCP segment (bytes) that is announced to peers, the kernel's
    choice if None. ``http2`` is when to offer HTTP/2 to each target."""

    clock: Clock
    random: Random
    resolver: Resolver
    trust_store: TrustStore
    proxy_paths: ProxySelector
    families: FamilyChoice = FamilyChoice.AUTO
    metadata: MetadataSettings = MetadataSettings()
    starts: TokenBucket | None = None
    segment: int | None = None
    aws: AwsCredentials | None = None
    http2: Http2Schedule = field(default_factory=Http2Schedule)

"""What tests of probers share: targets and tools without a network of their own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from random import Random

from monitor.model.endpoint import DEFAULT_PORTS, DEFAULT_PROBERS, Endpoint, Expectation, Protocol
from monitor.model.probe_result import Failure, FailureKind, Phase, Resolution, ResolutionSource
from monitor.model.settings import FamilyChoice, MetadataSettings, ProxySettings
from monitor.model.target import ProxyChoice, Target
from monitor.net.aws.credentials import AwsCredentials
from monitor.net.clock import SystemClock
from monitor.net.proxy.paths import ProxySelector
from monitor.net.sockets.trust_store import TrustStore
from monitor.probes.context import ProbeContext


class TableResolver:
    """Resolves the names of a table, and fails for every other with NXDOMAIN."""

    def __init__(self, table: Mapping[str, tuple[str, ...]]) -> None:
        self._table = table
        self.servers = ()
        self.use_tcp = False

    async def resolve(
        self,
        host: str,
        within: float | None = None,
        families: FamilyChoice = FamilyChoice.AUTO,
    ) -> Resolution:
        if host[0].isdigit():
            return Resolution(host, ResolutionSource.LITERAL, (host,))
        addresses = self._table.get(host, ())
        failure = None
        if not addresses:
            failure = Failure(Phase.RESOLVE, FailureKind.DNS_RCODE, "no such name", code="NXDOMAIN")
        return Resolution(host, ResolutionSource.DNS, addresses, (), failure)


def make_probe_context(
    *,
    table: Mapping[str, tuple[str, ...]] | None = None,
    ca_file: Path | None = None,
    environ: Mapping[str, str] | None = None,
    families: FamilyChoice = FamilyChoice.AUTO,
    metadata: MetadataSettings | None = None,
    proxy: ProxySettings | None = None,
    aws: AwsCredentials | None = None,
) -> ProbeContext:
    """Make tools that trust ``ca_file`` alone and know the names of ``table``."""
    return ProbeContext(
        clock=SystemClock(),
        random=Random(7),
        resolver=TableResolver(table or {}),
        trust_store=TrustStore(ca_file, system_store=False),
        proxy_paths=ProxySelector.from_settings(proxy or ProxySettings(), environ or {}),
        families=families,
        metadata=metadata or MetadataSettings(),
        aws=aws,
    )


def make_target(
    protocol: Protocol,
    host: str,
    port: int | None = None,
    *,
    timeout: float = 5.0,
    address: str | None = None,
    connect_port: int | None = None,
    path: str = "/",
    method: str = "GET",
    expect: Expectation | None = None,
    prober: str | None = None,
    query: str = "",
    proxy: ProxyChoice | None = None,
) -> Target:
    """Make a target as the catalogue would."""
    endpoint = Endpoint(
        id="under-test",
        group="tests",
        host=host,
        port=port or DEFAULT_PORTS[protocol],
        protocol=protocol,
        prober=prober or DEFAULT_PROBERS[protocol],
        path=path,
        method=method,
        expect=expect or Expectation(),
        query=query,
    )
    return Target(endpoint, 30.0, timeout, address, connect_port, proxy=proxy)

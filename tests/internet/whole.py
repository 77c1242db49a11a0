"""The whole catalogue on loopback: every name resolves to it, every endpoint answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from subprocess import Popen

from monitor.catalog import build_targets
from monitor.model.endpoint import Protocol
from monitor.model.identity import Identity
from monitor.model.settings import DnsSettings, Settings
from monitor.model.target import Target
from tests.internet.ca import Authority, Issued
from tests.internet.imds import Server, metadata
from tests.internet.nebula import lighthouse
from tests.internet.nginx import Site, nginx
from tests.internet.process import free_port, free_port_of_both
from tests.internet.unbound import NameServer, unbound

IDENTITY = Identity(region="eu-central-1", account_id="123456789012")


@dataclass(frozen=True)
class Internet:
    """What was started, and where the monitor finds it."""

    folder: Path
    authority: Authority
    targets: tuple[Target, ...]
    nginx: Popen[bytes]
    unbound: NameServer
    nebula: Popen[bytes]
    imds: Server
    ports: dict[Protocol, int]

    def config(
        self,
        text: str = "",
        *,
        interval: str = "1s",
        timeout: str = "700ms",
        system_store: bool = False,
    ) -> Path:
        """Write a configuration that probes the whole catalogue here; ``text`` goes before
        its tables."""
        redirects = "\n".join(
            f"[targets.{json.dumps(t.id)}]\nconnect_port = {self.ports[t.endpoint.protocol]}"
            for t in self.targets
            if t.endpoint.prober != "imds"
        )
        path = self.folder / "config.toml"
        path.write_text(
            f"""region = "{IDENTITY.region}"
account_id = "{IDENTITY.account_id}"
{text}
[schedule]
interval = "{interval}"
timeout = "{timeout}"
[dns]
servers = ["{self.unbound}"]
timeout = "200ms"
attempts = 1
use_hosts_file = false
[tls]
ca_file = "{self.authority.file}"
system_store = {json.dumps(system_store)}
[proxy]
mode = "none"
[web]
listen = "127.0.0.1:{self.ports[Protocol.HTTP]}"
[metadata]
endpoint = "http://127.0.0.1:{self.imds.server_port}"
{redirects}
"""
        )
        return path

    def url(self, path: str) -> str:
        """Return a URL of the monitor that runs on ``config``."""
        return f"http://127.0.0.1:{self.ports[Protocol.HTTP]}{path}"


def catalogue() -> tuple[Target, ...]:
    """Return the targets of a standard runner whose region and account are known."""
    settings = Settings(Path("none"), dns=DnsSettings(probe_servers=False))
    return build_targets(settings, IDENTITY)


def sites(
    targets: Sequence[Target], port: int, certificate: Issued, address: str = "127.0.0.1"
) -> list[Site]:
    """Return a site for each HTTPS host that answers every path as the catalogue expects."""
    secure = [t for t in targets if t.endpoint.protocol is Protocol.HTTPS]
    secure.sort(key=lambda t: t.host)
    return [
        Site((host,), port, certificate, " ".join(_locations(rows)), address)
        for host, rows in groupby(secure, lambda t: t.host)
    ]


def _locations(targets: Iterator[Target]) -> Iterator[str]:
    answers: dict[str, str] = {}
    for target in targets:
        expect = target.endpoint.expect
        status = 200 if 200 in expect.statuses else expect.statuses.ranges[0][0]
        headers = "".join(f"add_header {name} proof always; " for name in expect.headers[:1])
        path = target.endpoint.path.partition("?")[0]
        answers[path] = f"location = {path} {{ {headers}return {status} 'ok'; }}"
    yield from answers.values()


def addresses_of(targets: Sequence[Target], *, spread: bool) -> dict[str, str]:
    """Return the address of each name. ``spread``: each name that is reached by TCP only has an
    address of its own, so that the ways out are as many as outside."""
    names = sorted({t.host for t in targets if t.endpoint.prober != "imds"})
    udp = {t.host for t in targets if t.endpoint.protocol is Protocol.UDP}
    own = {name: f"127.0.1.{n}" for n, name in enumerate(names, 1) if spread and name not in udp}
    return {name: own.get(name, "127.0.0.1") for name in names}


@contextmanager
def whole_internet(folder: Path, *, spread: bool = False) -> Iterator[Internet]:
    """Start everything for the length of the block. See ``addresses_of`` for ``spread``."""
    targets = catalogue()
    addresses = addresses_of(targets, spread=spread)
    authority = Authority(folder)
    certificate = authority.issue(*addresses)
    everywhere = "0.0.0.0" if spread else "127.0.0.1"
    secure, plain, udp = free_port(), free_port(), free_port_of_both()
    ports = {
        Protocol.HTTPS: secure,
        Protocol.TCP: plain,
        Protocol.UDP: udp,
        Protocol.HTTP: free_port(),
    }
    with ExitStack() as stack:
        plain_site = Site(("tcp.test",), plain, address=everywhere)
        web = [*sites(targets, secure, certificate, everywhere), plain_site]
        dns_port = free_port_of_both()
        records = [f"{name}. A {address}" for name, address in addresses.items()]
        yield Internet(
            folder,
            authority,
            targets,
            stack.enter_context(nginx(folder / "nginx", web)),
            stack.enter_context(unbound(folder / "unbound", records, port=dns_port)),
            stack.enter_context(lighthouse(folder / "nebula", udp)),
            stack.enter_context(metadata()),
            ports,
        )

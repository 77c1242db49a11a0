"""The lab's internet: real servers for the whole catalogue, and the VPC's own services."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from types import MappingProxyType

from monitor.model.endpoint import Protocol
from monitor.model.target import Target
from tests.internet.ca import Authority, Issued
from tests.internet.imds import Mode
from tests.internet.nebula import lighthouse_command, make_identity
from tests.internet.nginx import Site, nginx_command, reload
from tests.internet.process import accepts, program, stop, wait_until
from tests.internet.unbound import unbound_command
from tests.internet.whole import IDENTITY, catalogue, sites
from tests.lab.network import METADATA, MIDDLE_IN_V4, RESOLVERS, Namespace, Network, network

NAME_SERVER, SECOND_NAME_SERVER = RESOLVERS
DUAL_STACK = ("app.gitpod.io", "app.ona.com", "releases.gitpod.io", "mcr.microsoft.com")
BLOCK_PAGE = "198.51.100.250"
VICTIM = "marketplace.visualstudio.com"
SPARE = "198.51.100.240"
"""A second address of the victim's, which its name does not have unless a setting says so."""

PROXY = f"{MIDDLE_IN_V4}:3128"
SECURE_PORTS = (443, 8443)


@dataclass
class World:
    """Everything that runs, and what a fault may do to it."""

    folder: Path
    network: Network
    authority: Authority
    targets: tuple[Target, ...]
    addresses: dict[str, str]
    addresses_v6: dict[str, str]
    public_addresses: dict[str, str] = field(default_factory=dict)
    authorities: dict[str, Authority] = field(default_factory=dict)
    trusted: list[Authority] = field(default_factory=list)
    processes: dict[str, Popen[bytes]] = field(default_factory=dict)
    client: http.client.HTTPConnection | None = None

    def start(
        self,
        name: str,
        space: Namespace,
        command: Sequence[str],
        environ: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Run ``command`` in a namespace under a name; what had that name is ended first."""
        self.end(name)
        root = str(Path(__file__).parents[2])
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = Popen(
                space.command(*command),
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=root,
                env={**os.environ, "PYTHONPATH": root, **environ},
            )

    def end(self, name: str) -> None:
        """End what runs under a name."""
        process = self.processes.pop(name, None)
        if process is not None:
            stop(process)

    def end_all(self) -> None:
        """End everything, the last first."""
        self._hang_up()
        for name in reversed(list(self.processes)):
            self.end(name)

    def program(self, module: str, *words: str) -> list[str]:
        """Return the command that runs one of our own programs."""
        return [sys.executable, "-m", module, *words]

    def resolver(
        self, records: Sequence[str] = (), *, host: str = NAME_SERVER, **options: object
    ) -> None:
        """Run a name server that knows the world; ``records`` and ``options`` change it."""
        everything = list(records) or self.records()
        folder = self.folder / f"unbound-{host}"
        command = unbound_command(folder, host, 53, records=everything, **options)  # type: ignore[arg-type]
        self.start(f"unbound-{host}", self.network.middle, command)

    def records(self) -> list[str]:
        """Return the world's records."""
        v4 = [f"{name}. 5 A {address}" for name, address in self.addresses.items()]
        v6 = [f"{name}. 5 AAAA {address}" for name, address in self.addresses_v6.items()]
        return v4 + v6

    def web(self, replace: Sequence[Site] = (), certificate: Issued | None = None) -> None:
        """Run the web servers, with their usual certificate or another one; ``replace``
        stands in for sites of the same names."""
        names = {name for site in replace for name in site.names}
        every = self.usual_sites(certificate or self.authority.issue(*sorted(self.addresses)))
        usual = [s for s in every if not names.intersection(s.names)]
        command = nginx_command(self.folder / "nginx", [*usual, *replace])
        if running := self.processes.get("nginx"):
            reload(running)
        else:
            self.start("nginx", self.network.internet, command)

    def usual_sites(self, certificate: Issued) -> list[Site]:
        """Return the sites as they are when all is well, one a host, port and family."""
        result = []
        for port in SECURE_PORTS:
            at_port = [t for t in self.targets if t.port == port]
            for site in sites(at_port, port, certificate):
                name = site.names[0]
                places = [self.addresses[name], self.addresses_v6.get(name)]
                result += [
                    Site(site.names, port, certificate, site.body, place)
                    for place in places
                    if place
                ]
        lighthouses = {t.host for t in self.targets if t.endpoint.protocol is Protocol.TCP}
        result += [Site((f"tcp.{h}",), 4242, address=self.addresses[h]) for h in lighthouses]
        result.append(Site((VICTIM,), 443, certificate, address=SPARE))
        block = "location / { default_type text/html; return 200 '<html>Web Page Blocked</html>'; }"
        own = self.authority.issue("filter.test")
        result.append(Site(("filter.test",), 443, own, block, BLOCK_PAGE))
        return result

    def lighthouses(self, *, closed: bool = False) -> None:
        """Run a Nebula node at each lighthouse's address, or none."""
        hosts = sorted({t.host for t in self.targets if t.endpoint.protocol is Protocol.UDP})
        for host in hosts:
            if closed:
                self.end(f"nebula-{host}")
            else:
                command = lighthouse_command(self.folder / "nebula", self.addresses[host], 4242)
                self.start(f"nebula-{host}", self.network.internet, command)

    def metadata(self, mode: Mode = Mode.NORMAL) -> None:
        """Run instance metadata in some mood."""
        words = ("--host", METADATA, "--port", "80", "--mode", mode.value)
        self.start("imds", self.network.middle, self.program("tests.internet.imds", *words))

    def proxy(self, rules: str = "") -> None:
        """Run a squid that lets through what ``rules`` do not deny."""
        config = self.folder / "squid.conf"
        config.write_text(
            f"""http_port {PROXY}
{rules}
http_access allow all
dns_nameservers {NAME_SERVER}
hosts_file none
connect_timeout 1 second
forward_timeout 1 second
cache deny all
access_log none
cache_log /dev/null
pid_filename none
pinger_enable off
netdb_filename none
coredump_dir /tmp
shutdown_lifetime 0 seconds
"""
        )
        command = [program("squid"), "-N", "-f", str(config)]
        self.start("squid", self.network.middle, command)
        wait_until(
            lambda: self.network.middle.call(lambda: accepts(3128, MIDDLE_IN_V4)), "squid is ready"
        )

    def other_authority(self, name: str) -> Authority:
        """Return the CA of a name, made when it is first asked for."""
        if name not in self.authorities:
            self.authorities[name] = Authority(self.folder, name)
        return self.authorities[name]

    def trust_store(self, authority: Authority) -> None:
        """Have the monitor trust one more CA from its next start on."""
        self.trusted.append(authority)

    def await_port(self, port: int) -> None:
        """Return once the middlebox accepts connections on a port."""
        middle = self.network.middle
        wait_until(lambda: middle.call(lambda: accepts(port, MIDDLE_IN_V4)), f"{port} accepts")

    def await_datagrams(self, port: int, count: int) -> None:
        """Return once ``count`` sockets of the middlebox receive datagrams on a port."""

        def there() -> bool:
            return self.network.middle.run("ss -Hlun").count(f":{port} ") >= count

        wait_until(there, f"{count} sockets receive on port {port}")

    @property
    def bundle(self) -> Path:
        """The CA bundle of the monitor."""
        return self.folder / "trusted.pem"

    def write_bundle(self) -> None:
        """Write the bundle of the CAs that the monitor is to trust."""
        certificates = [a.file.read_text() for a in (self.authority, *self.trusted)]
        self.bundle.write_text("".join(certificates))

    def await_device(self, name: str) -> None:
        """Return once the middlebox has a network device of that name."""

        def there() -> bool:
            return f" {name}:" in self.network.middle.run("ip -o link")

        wait_until(there, f"the device {name} exists")

    def config(
        self,
        *,
        interval: float,
        timeout: float,
        keys: str = "",
        tables: str = "",
        listen: str,
    ) -> Path:
        """Write the monitor's configuration."""
        path = self.folder / "config.toml"
        self.write_bundle()
        path.write_text(
            f"""region = "{IDENTITY.region}"
account_id = "{IDENTITY.account_id}"
{keys}
[schedule]
interval = "{1000 * interval:.0f}ms"
timeout = "{1000 * timeout:.0f}ms"
[dns]
servers = ["{NAME_SERVER}", "{SECOND_NAME_SERVER}"]
timeout = "400ms"
attempts = 1
use_hosts_file = false
[tls]
ca_file = "{self.bundle}"
system_store = false
[web]
listen = "{listen}:9242"
[log]
format = "json"
{tables}
"""
        )
        return path

    def monitor(self, config: Path, environ: Mapping[str, str] = MappingProxyType({})) -> None:
        """Run the monitor, and wait until it serves."""
        self._hang_up()
        command = self.program("monitor", "run", "--config", str(config))
        self.start("monitor", self.network.monitor, command, environ)
        wait_until(lambda: self.get("/healthz") is not None, "the monitor serves", 20)

    def _hang_up(self) -> None:
        if self.client is not None:
            self.client.close()
            self.client = None

    def text(self, path: str) -> str | None:
        """Return a document of the monitor's; None when it does not answer.

        One connection is kept, from a port of its own: some faults leave no new ones. The monitor
        closes it now and then, which is not an answer: a second one is tried.
        """
        for _ in range(2):
            try:
                if self.client is None:
                    self.client = self.network.monitor.call(_connect)
                self.client.request("GET", path)
                return self.client.getresponse().read().decode()
            except (OSError, http.client.HTTPException):
                self._hang_up()
        return None

    def get(self, path: str) -> dict[str, object] | None:
        """Return a JSON document of the monitor's; None when it does not answer."""
        text = self.text(path)
        try:
            return None if text is None else dict(json.loads(text))
        except ValueError:
            return {}

    def shown(self) -> list[dict[str, object]]:
        """Return the monitor's targets as its API shows them."""
        document = self.get("/api/v1/targets") or {}
        return list(document.get("targets", []))  # type: ignore[call-overload]

    def incidents(self) -> list[dict[str, object]]:
        """Return the open incidents as the API shows them."""
        document = self.get("/api/v1/incidents") or {}
        return list(document.get("incidents", []))  # type: ignore[call-overload]

    @property
    def green(self) -> bool:
        """Whether every target is up and no incident open."""
        return bool(self.shown()) and not self.ill and not self.incidents()

    @property
    def ill(self) -> tuple[str, ...]:
        """The targets that are not up, with state and cause."""
        return tuple(
            f"{t['id']} {t['state']} {t['cause']}" for t in self.shown() if t["state"] != "up"
        )


def _connect() -> http.client.HTTPConnection:
    client = http.client.HTTPConnection("127.0.0.1", 9242, timeout=5)
    client.connect()
    client.auto_open = 0  # it would connect again in the namespace of the caller
    return client


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """Lay the network and start every server for the length of the block."""
    targets = catalogue()
    names = sorted({t.host for t in targets if t.endpoint.prober != "imds"})
    v4 = {name: f"198.51.100.{number}" for number, name in enumerate(names, 10)}
    v6 = {name: f"2001:db8:100::{number}" for number, name in enumerate(DUAL_STACK, 10)}
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        space = stack.enter_context(network([*v4.values(), BLOCK_PAGE, SPARE], list(v6.values())))
        result = World(folder, space, Authority(folder), targets, v4, v6)
        stack.callback(result.end_all)
        make_identity(folder / "nebula")
        result.web()
        for server in RESOLVERS:
            result.resolver(host=server)
        result.lighthouses()
        result.metadata()
        yield result

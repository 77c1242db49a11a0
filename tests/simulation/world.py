"""A simulated VPC with the whole catalogue: every probe is built phase by phase from the faults
that are active, in virtual time and without a network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from monitor.catalog.targets import build_targets
from monitor.model.endpoint import Protocol
from monitor.model.identity import Identity
from monitor.model.probe_result import (
    Certificate,
    Connection,
    DnsAnswer,
    Failure,
    FailureKind,
    Family,
    HttpFacts,
    Phase,
    ProbeResult,
    Resolution,
    ResolutionSource,
    TlsFacts,
)
from monitor.model.settings import Settings
from monitor.model.target import Target
from monitor.scheduler.pulse import WAIT
from tests.simulation.fault import Contact, Effect, Fault, is_literal
from tests.simulation.noise import Noise

SERVERS = ("10.0.0.2", "10.0.0.3")
PROXY = "10.0.9.9:3128"
DUAL = ("app.gitpod.io", "app.ona.com", "releases.gitpod.io", "mcr.microsoft.com")
SHARED_CDN = ("download.jetbrains.com", "download-cdn.jetbrains.com", "www.vscode-unpkg.net")
DIRECT = (".amazonaws.com", ".internal")
PORTAL = "login.portal.example"
_TLS = frozenset({Protocol.HTTPS, Protocol.TLS})
_UDP = frozenset({Protocol.UDP, Protocol.DNS, Protocol.NTP})
_ERRNO = {
    "refuse": (111, "ECONNREFUSED"),
    "unrouted": (101, "ENETUNREACH"),
    "rst": (104, "ECONNRESET"),
}
_NO_REPLY = frozenset({"silent", "refuse", "unrouted", "prohibited", "local", "rst"})
RTT = 0.012


def catalogue_targets(interval: float, timeout: float) -> tuple[Target, ...]:
    """Return the targets of a standard runner in eu-central-1."""
    settings = Settings(
        source=Path("config.toml"),
        region="eu-central-1",
        account_id="123456789012",
        runner_id="r-1",
    )
    servers = tuple(f"{server}:53" for server in SERVERS)
    found = build_targets(settings, Identity(region="eu-central-1"), servers)
    return tuple(_timed(t, interval, timeout) for t in found)


def _timed(target: Target, interval: float, timeout: float) -> Target:
    from dataclasses import replace

    return replace(target, interval=interval, timeout=timeout)


@dataclass
class World:
    """Targets, their addresses, and what is broken when. ``pulse`` is seconds between the pulses
    of a way out, 0 for none."""

    random: Random
    noise: Noise
    vpc_endpoints: bool = True
    proxied: bool = False
    interval: float = 30.0
    timeout: float = 3.0
    pulse: float = 0.0
    faults: Sequence[Fault] = ()
    targets: tuple[Target, ...] = ()
    v4: dict[str, str] = field(default_factory=dict)
    v6: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.targets = catalogue_targets(self.interval, self.timeout)
        names = sorted({t.host for t in self.targets if not is_literal(t.host)})
        for number, host in enumerate(names, 10):
            private = self.vpc_endpoints and host.endswith(".amazonaws.com")
            self.v4[host] = f"10.0.1.{number}" if private else f"203.0.113.{number}"
            if host in SHARED_CDN:
                self.v4[host] = "203.0.113.200"
            if host in DUAL:
                self.v6[host] = f"2001:db8::{number}"

    def goes_by_proxy(self, target: Target) -> bool:
        """Whether a target is probed through the proxy of this world."""
        return (
            self.proxied
            and target.endpoint.protocol in _TLS
            and not target.host.endswith(DIRECT)
            and not is_literal(target.host)
        )

    def probe(self, target: Target, at: float) -> ProbeResult:
        """Return the result of a probe that starts at ``at`` (Unix seconds)."""
        if target.endpoint.protocol is Protocol.DNS:
            return self._ask_server(target, at)
        proxied = self.goes_by_proxy(target)
        resolution, waited = self._resolve(target, at, proxied)
        if resolution.failure is not None:
            return ProbeResult(
                target.id, at, waited, resolution, (), resolution.failure,
                proxy=PROXY if proxied else None,
            )  # fmt: skip
        legs = [
            self._connect(target, address, at, waited, proxied)
            for address in _one_per_family(resolution.addresses)
        ]
        works = [leg for leg, _ in legs if leg.failure is None]
        failure = None if works else legs[0][0].failure
        took = min((d for leg, d in legs if leg.failure is None), default=max(d for _, d in legs))
        return ProbeResult(
            target.id, at, took, resolution, tuple(leg for leg, _ in legs), failure,
            proxy=PROXY if proxied else None,
        )  # fmt: skip

    def pulse_reply(
        self, target: Target, address: str, port: int, phase: Phase, at: float, *, proxied: bool
    ) -> tuple[float, bool]:
        """Return after how many seconds a pulse has a result, and whether it is a reply."""
        effect = None
        if self.faults:
            contact = self._contact(target, address, port, at, proxied=proxied)
            effect = self._effect(phase, contact)
        if effect is not None and effect.kind in _NO_REPLY:
            return (WAIT if effect.kind == "silent" else 0.01), False
        took, lost = self.noise.exchange(self.random, at, phase, effect)
        return (WAIT, False) if lost or took > WAIT else (took, True)

    def flow(self, target: Target, address: str, at: float, source_port: int) -> bool:
        """Whether a connection from a chosen source port works within the timeout."""
        contact = self._contact(target, address, target.port, at, source_port=source_port)
        effect = self._effect(Phase.CONNECT, contact)
        if effect is not None and effect.kind in _NO_REPLY - {"refuse"}:
            return False
        took, lost = self.noise.exchange(self.random, at, Phase.CONNECT, effect)
        return not lost and took <= self.timeout

    def _contact(
        self,
        target: Target,
        address: str,
        port: int,
        at: float,
        *,
        proxied: bool = False,
        source_port: int | None = None,
    ) -> Contact:
        family = Family.IPV6 if ":" in address else Family.IPV4
        if source_port is None:
            source_port = self.random.randrange(1024, 65536)
        return Contact(target, address, family, port, at, self.random, proxied, source_port)

    def _effect(self, phase: Phase, contact: Contact) -> Effect | None:
        for fault in self.faults:
            if fault.active(contact.at) and (effect := fault.effect(phase, contact)) is not None:
                return effect
        return None

    def _resolve(self, target: Target, at: float, proxied: bool) -> tuple[Resolution, float]:
        host = PROXY.partition(":")[0] if proxied else target.host
        if is_literal(host):
            return Resolution(host, ResolutionSource.LITERAL, (host,)), 0.0
        answers: list[DnsAnswer] = []
        waited = 0.0
        while waited < self.timeout * 0.95:
            for server in SERVERS:
                contact = Contact(target, server, Family.IPV4, 53, at + waited, self.random, False)
                effect = self._effect(Phase.RESOLVE, contact)
                lost = self.noise.loses(self.random, at + waited)
                if (effect is not None and effect.kind == "silent") or lost:
                    silent = Failure(Phase.RESOLVE, FailureKind.TIMEOUT, "no answer in time")
                    answers.append(DnsAnswer(server, "A", None, (), 1.0, failure=silent))
                    waited += 1.0
                    if waited >= self.timeout * 0.95:
                        break
                    continue
                waited += 0.002 + (effect.delay if effect else 0.0)
                if effect is None or not effect.kind:
                    addresses = tuple(
                        a for a in (self.v4.get(host), self.v6.get(host)) if a is not None
                    )
                    answers.append(DnsAnswer(server, "A", "NOERROR", addresses, 0.002))
                    return Resolution(host, ResolutionSource.DNS, addresses, tuple(answers)), waited
                if effect.kind == "sinkhole":
                    answers.append(DnsAnswer(server, "A", "NOERROR", (effect.text,), 0.002))
                    return Resolution(
                        host, ResolutionSource.DNS, (effect.text,), tuple(answers)
                    ), waited
                answers.append(DnsAnswer(server, "A", effect.kind, (), 0.002))
                if effect.kind == "NXDOMAIN":
                    return _unresolved(host, answers, effect.kind), waited
            else:
                if answers and answers[-1].rcode not in {None, "NOERROR"}:
                    return _unresolved(host, answers, answers[-1].rcode or ""), waited
        failure = Failure(Phase.RESOLVE, FailureKind.TIMEOUT, "no answer in time")
        return Resolution(host, ResolutionSource.DNS, (), tuple(answers), failure), waited

    def _ask_server(self, target: Target, at: float) -> ProbeResult:
        contact = Contact(target, target.host, Family.IPV4, 53, at, self.random, False)
        failure, took = None, 0.002
        for tried in range(2):
            effect = self._effect(Phase.RESOLVE, contact)
            if self.noise.loses(self.random, at + tried):
                effect = Effect("silent")
            if effect is None or not effect.kind or effect.kind == "sinkhole":
                failure, took = None, tried + 0.002
                break
            if effect.kind == "silent":
                failure = Failure(Phase.EXCHANGE, FailureKind.TIMEOUT, "no answer in time")
                took = self.timeout
            else:
                failure = Failure(
                    Phase.EXCHANGE, FailureKind.DNS_RCODE, effect.kind, code=effect.kind
                )
                took = 0.002
        connection = Connection(
            target.host, 53, Family.IPV4, {Phase.EXCHANGE: took}, failure, rtt=0.001
        )
        resolution = Resolution(target.host, ResolutionSource.LITERAL, (target.host,))
        return ProbeResult(target.id, at, took, resolution, (connection,), failure)

    def _connect(  # noqa: C901 - one phase after another
        self, target: Target, address: str, at: float, waited: float, proxied: bool
    ) -> tuple[Connection, float]:
        family = Family.IPV6 if ":" in address else Family.IPV4
        port = 3128 if proxied else target.port
        sport = self.random.randrange(1024, 65536)
        contact = Contact(target, address, family, port, at + waited, self.random, proxied, sport)
        udp = target.endpoint.protocol in _UDP
        first = Phase.EXCHANGE if udp else Phase.CONNECT
        phases: dict[Phase, float] = {Phase.RESOLVE: waited}
        tls: TlsFacts | None = None
        http: HttpFacts | None = None
        failure: Failure | None = None
        spent = waited
        order = [first]
        if proxied:
            order.append(Phase.PROXY)
        if target.endpoint.protocol in _TLS:
            order.append(Phase.TLS)
        if not udp and target.endpoint.prober not in {"tcp", "tls"}:
            order.append(Phase.FIRST_BYTE)
        delay = 0.0
        for phase in order:
            effect = self._effect(phase, contact)
            took, lost = self.noise.exchange(self.random, at + spent, phase, effect)
            if lost or spent + took > self.timeout:
                failure = Failure(phase, FailureKind.TIMEOUT, "no answer in time")
                phases[phase] = self.timeout - spent
                spent = self.timeout
                break
            spent += took
            phases[phase] = took
            if effect is not None and effect.kind:
                failure, tls_seen, http_seen = _failed(target, phase, effect)
                tls, http = tls_seen or tls, http_seen or http
                if failure is not None or phase is Phase.FIRST_BYTE:
                    if effect.kind == "silent":
                        phases[phase], spent = self.timeout - spent, self.timeout
                    break
            if phase is Phase.TLS and tls is None:
                tls = _good_tls(target, at)
            if phase is Phase.FIRST_BYTE and http is None:
                http = HttpFacts("1.1", 200, {}, 2, 2)
        del delay
        answered = failure is None or failure.phase not in {Phase.CONNECT, Phase.EXCHANGE}
        received = 100 if failure is None else 0
        connection = Connection(
            address, port, family, phases, failure,
            rtt=RTT if answered else None,
            proxy=PROXY if proxied else None,
            received=received, tls=tls, http=http,
        )  # fmt: skip
        return connection, spent


def _one_per_family(addresses: Iterable[str]) -> list[str]:
    v4 = [a for a in addresses if ":" not in a]
    v6 = [a for a in addresses if ":" in a]
    return v4[:1] + v6[:1]


def _unresolved(host: str, answers: Sequence[DnsAnswer], rcode: str) -> Resolution:
    failure = Failure(Phase.RESOLVE, FailureKind.DNS_RCODE, rcode, code=rcode)
    return Resolution(host, ResolutionSource.DNS, (), tuple(answers), failure)


def certificate(host: str, issuer: str, *, expired: bool = False) -> Certificate:
    """Return a leaf certificate of an issuer."""
    return Certificate(f"CN={host}", issuer, (host,), 0.0, 1e9 if expired else 4e9, "01", "00")


def _good_tls(target: Target, at: float) -> TlsFacts:
    number = sum(map(ord, target.host.split(".")[-2])) % 5
    leaf = certificate(target.host, f"CN=Public CA {number}")
    return TlsFacts("TLSv1.3", "AES", None, True, None, (leaf,), at + 9e6, "CN=Root", True)


def _failed(  # noqa: PLR0911 - one case per kind of effect
    target: Target, phase: Phase, effect: Effect
) -> tuple[Failure | None, TlsFacts | None, HttpFacts | None]:
    kind = effect.kind
    if kind == "silent":
        return Failure(phase, FailureKind.TIMEOUT, "no answer in time"), None, None
    if kind in _ERRNO:
        number, name = _ERRNO[kind]
        return Failure(phase, FailureKind.OS_ERROR, name.lower(), number, name), None, None
    if kind == "prohibited":
        return (
            Failure(phase, FailureKind.OS_ERROR, "no route to host", 113, "EHOSTUNREACH", (3, 13)),
            None,
            None,
        )
    if kind == "local":
        number = int(effect.text)
        return Failure(phase, FailureKind.OS_ERROR, "local", number, "EADDRNOTAVAIL"), None, None
    if kind == "closed":
        return Failure(phase, FailureKind.CLOSED, "closed"), None, None
    if kind.startswith("verify:"):
        code = kind.partition(":")[2]
        host = "filter.example" if code == "62" else target.host
        tls = TlsFacts(
            "TLSv1.3",
            "AES",
            None,
            False,
            "verify",
            (certificate(host, effect.text, expired=code == "10"),),
        )
        return Failure(phase, FailureKind.TLS_VERIFY, "certificate", code=code), tls, None
    if kind.startswith("status:"):
        status = int(kind.partition(":")[2])
        http = HttpFacts("1.1", status, {}, 0, 0)
        if phase is Phase.PROXY:
            return (
                Failure(phase, FailureKind.PROXY_STATUS, str(status), code=str(status)),
                None,
                http,
            )
        return Failure(phase, FailureKind.HTTP_STATUS, str(status), code=str(status)), None, http
    if kind == "redirect":
        return None, None, HttpFacts("1.1", 302, {}, 0, 0, redirect=f"https://{effect.text}/")
    raise ValueError(kind)

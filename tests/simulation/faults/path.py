"""Faults of the way out: egress, public addresses, families, ports, paths."""

from __future__ import annotations

from random import Random
from typing import ClassVar
from zlib import crc32

from monitor.incidents.observation import is_public
from monitor.model.causes import Cause
from monitor.model.endpoint import Protocol
from monitor.model.incident import Scope
from monitor.model.probe_result import Phase
from monitor.model.target import Target
from tests.simulation.fault import Contact, Effect, Fault, egress, model
from tests.simulation.world import DUAL

C, S = Cause, Scope
FIRST = frozenset({Phase.CONNECT, Phase.EXCHANGE})
ENDS = {
    "silent": frozenset({C.TCP_TIMEOUT, C.UDP_NO_REPLY, C.PROXY_UNREACHABLE}),
    "unrouted": frozenset({C.NETWORK_UNREACHABLE}),
    "prohibited": frozenset({C.ADMIN_PROHIBITED}),
    "refuse": frozenset({C.TCP_REFUSED, C.UDP_PORT_UNREACHABLE}),
}
_TLS = frozenset({Protocol.HTTPS, Protocol.TLS})


class _Path(Fault):
    end_kind = "silent"

    def strikes(self, contact: Contact) -> bool:
        return egress(contact.target) and not contact.proxied

    def effect(self, phase: Phase, contact: Contact) -> Effect | None:
        if phase in FIRST and self.strikes(contact):
            return Effect(self.end_kind)
        return None


@model
class AllEgressDown(_Path):
    """Nothing leaves the subnet."""

    scopes = frozenset({S.ALL_EGRESS})

    def setup(self, random: Random) -> None:
        self.end_kind = random.choice(["silent", "silent", "unrouted", "prohibited"])
        self.causes = ENDS[self.end_kind]

    def possible(self) -> bool:
        return not self.world.proxied

    def hits(self, target: Target) -> bool:
        return egress(target)


@model
class NatGatewayDead(_Path):
    """Nothing at a public address answers; VPC endpoints do."""

    scopes = frozenset({S.ALL_EGRESS})
    causes = ENDS["silent"]

    def possible(self) -> bool:
        return self.world.vpc_endpoints and not self.world.proxied

    def strikes(self, contact: Contact) -> bool:
        return egress(contact.target) and is_public(contact.address)

    def hits(self, target: Target) -> bool:
        return egress(target) and is_public(self.world.v4.get(target.host, target.host))


@model
class FamilyLost(_Path):
    """One address family is dead, the other works."""

    scopes = frozenset({S.ADDRESS_FAMILY})

    def setup(self, random: Random) -> None:
        self.end_kind = random.choice(["silent", "unrouted"])
        self.causes = ENDS[self.end_kind]
        self.v6 = random.random() < 0.6

    def possible(self) -> bool:
        return not self.world.proxied

    def strikes(self, contact: Contact) -> bool:
        return egress(contact.target) and (":" in contact.address) is self.v6

    def hits(self, target: Target) -> bool:
        return egress(target) and (not self.v6 or target.host in DUAL)

    def describe(self) -> str:
        return f"FamilyLost({'ipv6' if self.v6 else 'ipv4'}, {self.end_kind})"


@model
class PortBlocked(_Path):
    """One port is blocked."""

    scopes = frozenset({S.PORT})

    def setup(self, random: Random) -> None:
        self.port, self.udp = random.choice([(8443, False), (4242, False), (4242, True)])
        self.end_kind = random.choice(["silent", "silent", "prohibited"])
        self.causes = ENDS[self.end_kind]

    def possible(self) -> bool:
        return not self.world.proxied

    def hits(self, target: Target) -> bool:
        udp = target.endpoint.protocol is Protocol.UDP
        return egress(target) and target.port == self.port and udp is self.udp

    def strikes(self, contact: Contact) -> bool:
        return not contact.proxied and self.hits(contact.target)

    def describe(self) -> str:
        return f"PortBlocked({'udp' if self.udp else 'tcp'}/{self.port}, {self.end_kind})"


@model
class PathOfSeveral(_Path):
    """One of several paths is broken, chosen by source port: a share of new flows fails."""

    kind: ClassVar[str] = "partial"
    scopes = frozenset({S.PATH})
    causes = frozenset({C.TCP_TIMEOUT, C.UDP_NO_REPLY, C.TLS_TIMEOUT_ON_HELLO, C.HTTP_TIMEOUT})

    def setup(self, random: Random) -> None:
        self.paths = random.choice([2, 3, 4, 5, 8])
        self.salt = random.randrange(1 << 16)

    def possible(self) -> bool:
        return not self.world.proxied

    def strikes(self, contact: Contact) -> bool:
        text = f"{contact.source_port} {contact.address} {contact.port} {self.salt}"
        flow = crc32(text.encode())
        return egress(contact.target) and not contact.proxied and flow % self.paths == 0

    def hits(self, target: Target) -> bool:
        return egress(target)

    def describe(self) -> str:
        return f"PathOfSeveral(1/{self.paths})"


@model
class HeavyLoss(Fault):
    """A large share of all packets is lost."""

    kind: ClassVar[str] = "partial"
    scopes = frozenset({S.PATH})
    causes = frozenset(
        {C.TCP_TIMEOUT, C.UDP_NO_REPLY, C.TLS_TIMEOUT_ON_HELLO, C.HTTP_TIMEOUT, C.SLOW}
    )

    def setup(self, random: Random) -> None:
        self.loss = random.choice([0.25, 0.3, 0.4])

    def possible(self) -> bool:
        return not self.world.proxied

    def effect(self, phase: Phase, contact: Contact) -> Effect | None:
        hit = phase is not Phase.RESOLVE and egress(contact.target)
        return Effect("", loss=self.loss) if hit else None

    def hits(self, target: Target) -> bool:
        return egress(target)

    def describe(self) -> str:
        return f"HeavyLoss({self.loss:.0%})"


@model
class OneEndpointDown(_Path):
    """One host does not answer."""

    scopes = frozenset({S.ENDPOINT})

    def setup(self, random: Random) -> None:
        hosts = sorted({t.host for t in self.world.targets if egress(t)})
        self.host = random.choice(hosts)
        self.end_kind = random.choice(["silent", "refuse", "prohibited"])
        self.causes = ENDS[self.end_kind]

    def possible(self) -> bool:
        target = next(t for t in self.world.targets if t.host == self.host)
        return not self.world.goes_by_proxy(target)

    def strikes(self, contact: Contact) -> bool:
        return contact.target.host == self.host and not contact.proxied

    def hits(self, target: Target) -> bool:
        return target.host == self.host

    def describe(self) -> str:
        return f"OneEndpointDown({self.host}, {self.end_kind})"


@model
class OneEndpointInPart(OneEndpointDown):
    """A share of the connections to one host fails."""

    kind: ClassVar[str] = "partial"

    def setup(self, random: Random) -> None:
        super().setup(random)
        self.end_kind = "silent"
        self.causes = ENDS["silent"]
        self.share = random.uniform(0.35, 0.6)

    def strikes(self, contact: Contact) -> bool:
        return super().strikes(contact) and contact.random.random() < self.share

    def describe(self) -> str:
        return f"OneEndpointInPart({self.host}, {self.share:.0%})"

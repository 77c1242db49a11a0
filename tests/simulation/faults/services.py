"""Faults of TLS, HTTP, proxies and services."""

from __future__ import annotations

from random import Random
from typing import ClassVar

from monitor.model.causes import Cause
from monitor.model.endpoint import Protocol
from monitor.model.incident import Scope
from monitor.model.probe_result import Phase
from monitor.model.target import Target
from tests.simulation.fault import Contact, Effect, Fault, egress, model
from tests.simulation.world import PORTAL

C, S = Cause, Scope
_TLS = frozenset({Protocol.HTTPS, Protocol.TLS})
HELLO = {"rst": C.TLS_RESET_ON_HELLO, "silent": C.TLS_TIMEOUT_ON_HELLO}


def secure(target: Target) -> bool:
    """Whether TLS is spoken outside the subnet."""
    return egress(target) and target.endpoint.protocol in _TLS


class _Hello(Fault):
    layer: ClassVar[int] = 3
    scopes = frozenset({S.PATH})

    def setup(self, random: Random) -> None:
        self.end_kind = random.choice(["rst", "silent"])
        self.causes = frozenset({HELLO[self.end_kind]})

    def possible(self) -> bool:
        return not self.world.proxied

    def effect(self, phase: Phase, contact: Contact) -> Effect | None:
        if phase is Phase.TLS and self.hits(contact.target):
            return Effect(self.end_kind)
        return None


@model
class TlsCutEverywhere(_Hello):
    """A device ends or swallows TLS to everything."""

    def hits(self, target: Target) -> bool:
        return secure(target)


@model
class DefaultDeny(_Hello):
    """A filter by name lets only AWS pass."""

    def hits(self, target: Target) -> bool:
        return secure(target) and not target.host.endswith(".amazonaws.com")


@model
class GroupFiltered(_Hello):
    """A filter by name stops the names of one provider."""

    scopes = frozenset({S.GROUP, S.PATH})

    def setup(self, random: Random) -> None:
        super().setup(random)
        self.zone = random.choice(["gitpod.dev", "jetbrains.com"])

    def hits(self, target: Target) -> bool:
        return secure(target) and target.host.endswith(self.zone)


@model
class Intercepted(Fault):
    """A CA that is not trusted intercepts TLS."""

    layer: ClassVar[int] = 3
    scopes = frozenset({S.TLS_INTERCEPTION})
    causes = frozenset({C.TLS_INTERCEPTED})

    def setup(self, random: Random) -> None:
        self.zones = random.choice(
            [("jetbrains.com",), ("gitpod.dev", "gitpod.io", "jetbrains.com"), ("",)]
        )

    def effect(self, phase: Phase, contact: Contact) -> Effect | None:
        if phase is Phase.TLS and self.hits(contact.target):
            return Effect("verify:20", text="CN=Zscaler Intermediate Root CA")
        return None

    def hits(self, target: Target) -> bool:
        return secure(target) and target.host.endswith(self.zones)


@model
class NoTrustStore(Fault):
    """This host trusts no CA."""

    layer: ClassVar[int] = 3
    scopes = frozenset({S.HOST})
    causes = frozenset({C.TLS_UNTRUSTED})

    def effect(self, phase: Phase, contact: Contact) -> Effect | None:
        if phase is Phase.TLS and secure(contact.target):
            number = sum(map(ord, contact.target.host.split(".")[-2])) % 5
            return Effect("verify:20", text=f"CN=Public CA {number}")
        return None

    def hits(self, target: Target) -> bool:
        return secure(target)


@model
class NoSourcePorts(Fault):
    """This host has no source port left."""

    layer: ClassVar[int] = 0
    scopes = frozenset({S.HOST})
    causes = frozenset({C.LOCAL_PORT_EXHAUSTED})

    def effect(self, phase: Phase, contact: Contact) -> Effect | None:
        return Effect("local", text="99") if phase in {Phase.CONNECT, Phase.EXCHANGE} else None

    def hits(self, target: Target) -> bool:
        return target.group != "resolver"


@model
class RegionInTrouble(Fault):
    """Most AWS APIs of the region answer 503."""

    layer: ClassVar[int] = 4
    scopes = frozenset({S.REGION})
    causes = frozenset({C.HTTP_STATUS})

    def setup(self, random: Random) -> None:
        hosts = sorted({t.host for t in self.world.targets if t.group == "aws_api"})
        self.well = set(random.sample(hosts, random.choice([0, 1, 2])))

    def effect(self, phase: Phase, contact: Contact) -> Effect | None:
        if phase is Phase.FIRST_BYTE and self.hits(contact.target):
            return Effect("status:503")
        return None

    def hits(self, target: Target) -> bool:
        return target.group == "aws_api" and target.host not in self.well


@model
class ProviderInTrouble(Fault):
    """Everything of one provider answers 503."""

    layer: ClassVar[int] = 4
    scopes = frozenset({S.GROUP})
    causes = frozenset({C.HTTP_STATUS})

    def setup(self, random: Random) -> None:
        self.group = random.choice(["jetbrains", "vscode", "management_plane"])

    def effect(self, phase: Phase, contact: Contact) -> Effect | None:
        if phase is Phase.FIRST_BYTE and self.hits(contact.target):
            return Effect("status:503")
        return None

    def hits(self, target: Target) -> bool:
        return target.group == self.group


@model
class OneCertificateExpired(Fault):
    """The certificate of one host has expired."""

    layer: ClassVar[int] = 3
    scopes = frozenset({S.ENDPOINT})
    causes = frozenset({C.TLS_EXPIRED})

    def setup(self, random: Random) -> None:
        self.host = random.choice(sorted({t.host for t in self.world.targets if secure(t)}))

    def effect(self, phase: Phase, contact: Contact) -> Effect | None:
        if phase is Phase.TLS and self.hits(contact.target):
            return Effect("verify:10", text="CN=Public CA 1")
        return None

    def hits(self, target: Target) -> bool:
        return target.host == self.host and secure(target)


@model
class CaptivePortal(Fault):
    """One login page answers for everything."""

    layer: ClassVar[int] = 4
    scopes = frozenset({S.PATH})
    causes = frozenset({C.HTTP_BLOCKED_PAGE})

    def effect(self, phase: Phase, contact: Contact) -> Effect | None:
        if phase is Phase.FIRST_BYTE and secure(contact.target):
            return Effect("redirect", text=PORTAL)
        return None

    def hits(self, target: Target) -> bool:
        return secure(target) and target.endpoint.prober not in {"tls", "tcp"}


class _Proxy(Fault):
    layer: ClassVar[int] = 1
    scopes = frozenset({S.PROXY})

    def possible(self) -> bool:
        return self.world.proxied

    def hits(self, target: Target) -> bool:
        return self.world.goes_by_proxy(target)


@model
class ProxyDown(_Proxy):
    """The proxy does not answer."""

    causes = frozenset({C.PROXY_UNREACHABLE})

    def effect(self, phase: Phase, contact: Contact) -> Effect | None:
        return Effect("silent") if contact.proxied and phase is Phase.CONNECT else None


@model
class ProxyRefusesLogin(_Proxy):
    """The proxy wants a login."""

    causes = frozenset({C.PROXY_AUTH_REQUIRED})

    def effect(self, phase: Phase, contact: Contact) -> Effect | None:
        return Effect("status:407") if contact.proxied and phase is Phase.PROXY else None


@model
class ProxyUpstreamDead(_Proxy):
    """The proxy answers and has no way out."""

    causes = frozenset({C.PROXY_UPSTREAM_FAILED})

    def effect(self, phase: Phase, contact: Contact) -> Effect | None:
        return Effect("status:503") if contact.proxied and phase is Phase.PROXY else None


@model
class ProxyClosesTunnel(_Proxy):
    """The proxy shows 200 and closes."""

    causes = frozenset({C.PROXY_TUNNEL_FAILED})

    def effect(self, phase: Phase, contact: Contact) -> Effect | None:
        return Effect("closed") if contact.proxied and phase is Phase.TLS else None


@model
class ProxyInPart(_Proxy):
    """One member of several behind the proxy's address fails."""

    kind: ClassVar[str] = "partial"
    causes = frozenset({C.PROXY_UPSTREAM_FAILED})

    def setup(self, random: Random) -> None:
        self.share = random.uniform(0.2, 0.5)

    def effect(self, phase: Phase, contact: Contact) -> Effect | None:
        if contact.proxied and phase is Phase.PROXY and contact.random.random() < self.share:
            return Effect("status:503")
        return None

"""Faults of name resolution."""

from __future__ import annotations

from random import Random
from typing import ClassVar

from monitor.model.causes import Cause
from monitor.model.incident import Scope
from monitor.model.probe_result import Phase
from monitor.model.target import Target
from tests.simulation.fault import Contact, Effect, Fault, is_literal, model
from tests.simulation.world import SERVERS

C, S = Cause, Scope
CAUSES = {
    "silent": C.DNS_TIMEOUT,
    "SERVFAIL": C.DNS_SERVFAIL,
    "REFUSED": C.DNS_REFUSED,
    "NXDOMAIN": C.DNS_NXDOMAIN,
}


def by_name(target: Target) -> bool:
    """Whether a name has to be resolved, or a name server is asked."""
    return target.group == "resolver" or not is_literal(target.host)


@model
class ResolverDead(Fault):
    """No name server answers, or all answer with an error."""

    layer: ClassVar[int] = 0
    scopes = frozenset({S.RESOLVER})

    def setup(self, random: Random) -> None:
        self.kind_of = random.choice(["silent", "silent", "SERVFAIL", "REFUSED"])
        self.causes = frozenset({CAUSES[self.kind_of]})

    def possible(self) -> bool:
        return not self.world.proxied

    def effect(self, phase: Phase, contact: Contact) -> Effect | None:
        return Effect(self.kind_of) if phase is Phase.RESOLVE else None

    def hits(self, target: Target) -> bool:
        return by_name(target)

    def describe(self) -> str:
        return f"ResolverDead({self.kind_of})"


@model
class OneServerDead(Fault):
    """One of two name servers is silent."""

    layer: ClassVar[int] = 0
    scopes = frozenset({S.RESOLVER})
    causes = frozenset({C.DNS_TIMEOUT})

    def setup(self, random: Random) -> None:
        self.server = random.choice(SERVERS)

    def effect(self, phase: Phase, contact: Contact) -> Effect | None:
        hit = phase is Phase.RESOLVE and contact.address == self.server
        return Effect("silent") if hit else None

    def hits(self, target: Target) -> bool:
        return target.host == self.server


@model
class ZoneFiltered(Fault):
    """The names of one zone are reported not to exist."""

    layer: ClassVar[int] = 0
    scopes = frozenset({S.RESOLVER})
    causes = frozenset({C.DNS_NXDOMAIN})

    def setup(self, random: Random) -> None:
        self.zone = random.choice(["gitpod.dev", "jetbrains.com", "visualstudio.com"])

    def possible(self) -> bool:
        return not self.world.proxied

    def effect(self, phase: Phase, contact: Contact) -> Effect | None:
        named = contact.target.host.endswith(self.zone)
        return Effect("NXDOMAIN") if phase is Phase.RESOLVE and named else None

    def hits(self, target: Target) -> bool:
        return target.host.endswith(self.zone)

    def describe(self) -> str:
        return f"ZoneFiltered({self.zone})"


@model
class LookupsInPart(Fault):
    """A share of the lookups fails."""

    kind: ClassVar[str] = "partial"
    layer: ClassVar[int] = 0
    scopes = frozenset({S.RESOLVER})

    def setup(self, random: Random) -> None:
        self.kind_of = random.choice(["SERVFAIL", "REFUSED"])
        self.causes = frozenset({CAUSES[self.kind_of]})
        self.share = random.uniform(0.5, 0.7)

    def possible(self) -> bool:
        return not self.world.proxied

    def effect(self, phase: Phase, contact: Contact) -> Effect | None:
        if phase is Phase.RESOLVE and contact.random.random() < self.share:
            return Effect(self.kind_of)
        return None

    def hits(self, target: Target) -> bool:
        return by_name(target) and target.group != "resolver"

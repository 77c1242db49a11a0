"""Faults of the way out: all of it, public addresses only, or one address family."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from monitor.incidents.fault_model import (
    Exposure,
    FaultModel,
    Hypothesis,
    Working,
    cause_of,
    counted,
    most_common,
    names,
    still_works,
)
from monitor.incidents.observation import Evidence, Leg, Observation, Track
from monitor.model.causes import Cause
from monitor.model.incident import Scope
from monitor.model.probe_result import Family

C = Cause
PATH_CAUSES = frozenset(
    {
        C.DNS_TIMEOUT,
        C.NETWORK_UNREACHABLE,
        C.HOST_UNREACHABLE,
        C.ADMIN_PROHIBITED,
        C.LOCAL_FIREWALL,
        C.TCP_TIMEOUT,
        C.TCP_REFUSED,
        C.UDP_NO_REPLY,
        C.UDP_PORT_UNREACHABLE,
    }
)
"""Causes that a path which carries nothing shows, whatever is at its end."""

_WORDS = {
    C.TCP_TIMEOUT: "connections time out",
    C.UDP_NO_REPLY: "no datagram is answered",
    C.NETWORK_UNREACHABLE: "this host has no route",
    C.HOST_UNREACHABLE: "a router reports no way",
    C.ADMIN_PROHIBITED: "a firewall rejects it",
    C.TCP_REFUSED: "connections are refused",
    C.DNS_TIMEOUT: "names do not resolve",
}


def fails_on_path(evidence: Evidence) -> bool:
    """Whether a result failed before anything of the endpoint answered."""
    return evidence.cause in PATH_CAUSES and not evidence.connected


class AllEgress(FaultModel):
    """Nothing that crosses the subnet's egress gets an answer."""

    name = "all_egress"
    scope = Scope.ALL_EGRESS
    cost = 8.0
    min_hosts = 3

    def exposures(self, evidence: Evidence) -> Iterable[Exposure]:
        if evidence.near or evidence.proxy:
            return
        if fails_on_path(evidence):
            yield "egress", True
        elif evidence.connected:
            yield "egress", False

    def admits(self, found: Hypothesis, working: Working) -> bool:
        return any(cause_of(t) is not C.DNS_TIMEOUT for t in found.bad)

    def cause(self, found: Hypothesis) -> Cause:
        return most_common(found.bad, PATH_CAUSES - {C.DNS_TIMEOUT})

    def detail(self, found: Hypothesis, working: Working) -> str:
        cause = self.cause(found)
        words = _WORDS.get(cause, cause.value)
        if not found.figures.working_hosts:
            return f"Nothing outside this subnet answers: {counted(found)} fail, {words}."
        return f"Most of what is outside this subnet fails: {counted(found)}, {words}." + (
            still_works(found)
        )

    def remediation(self, found: Hypothesis) -> str:
        if self.cause(found) is C.TCP_REFUSED:
            return "Check the firewall or proxy that all outbound traffic passes: it refuses it."
        return (
            "Check the subnet's default route (NAT gateway, transit gateway), then the firewall, "
            "the network ACL in both directions and the security group's outbound rules."
        )


class PublicEgress(AllEgress):
    """Nothing at a public address answers, while private addresses (VPC endpoints) do."""

    name = "public_egress"
    cost = 8.5

    def exposures(self, evidence: Evidence) -> Iterable[Exposure]:
        if evidence.near or evidence.proxy or not evidence.legs:
            return
        public = [leg for leg in evidence.legs if leg.public]
        if not public:
            if evidence.connected:
                yield "private", False
            return
        if fails_on_path(evidence):
            yield "public", True
        elif any(leg.connected for leg in public):
            yield "public", False

    def admits(self, found: Hypothesis, working: Working) -> bool:
        return found.key == "public" and bool(working(self.name, "private", found.onset))

    def subject(self, found: Hypothesis) -> str:
        return "public addresses"

    def detail(self, found: Hypothesis, working: Working) -> str:
        words = _WORDS.get(self.cause(found), self.cause(found).value)
        private = working(self.name, "private", found.onset)
        return (
            f"Nothing at a public address answers ({counted(found)} fail, {words}), while private "
            f"addresses do: {names(private)}."
        )

    def remediation(self, found: Hypothesis) -> str:
        return (
            "Check the NAT gateway (state, ErrorPortAllocation, PacketsDropCount) and the subnet's "
            "default route to it, then its own subnet's route to the internet gateway."
        )


MOST = 0.5
"""Share of the targets of a lost address family that have to work over the other one: 50 %."""


class AddressFamily(FaultModel):
    """Connections over one address family fail while the other one works."""

    name = "address_family"
    scope = Scope.ADDRESS_FAMILY
    cost = 8.25
    min_hosts = 2
    soft = True

    def exposures(self, evidence: Evidence) -> Iterable[Exposure]:
        if evidence.near or evidence.proxy:
            return
        for family in Family:
            legs = [leg for leg in evidence.legs if leg.family is family]
            if any(leg.connected for leg in legs):
                yield family.value, False
            elif legs and (evidence.ok or fails_on_path(evidence)):
                yield family.value, True

    def admits(self, found: Hypothesis, working: Working) -> bool:
        claimed = self.claims(found)
        alone = [t for t in claimed if not _both(t.last)]
        most = len(alone) >= MOST * max(1, len(claimed))
        return most and bool(working(self.name, _other(found.key), found.onset))

    def claims(self, found: Hypothesis) -> Sequence[Track]:
        """All but those that fail over both families: the other one needs another reason. One
        result of several may be a packet lost over the other one."""
        return [t for t in found.failing if not _fails_by_both(t)]

    def cause(self, found: Hypothesis) -> Cause:
        legs = [leg for t in found.failing for leg in _legs(t, found.key)]
        return C.NETWORK_UNREACHABLE if legs and all(x.unrouted for x in legs) else C.TCP_TIMEOUT

    def detail(self, found: Hypothesis, working: Working) -> str:
        family, other = _shown(found.key), _shown(_other(found.key))
        unrouted = self.cause(found) is C.NETWORK_UNREACHABLE
        how = f"has no route for {family}" if unrouted else f"gets no answer over {family}"
        claimed = [t for t in self.claims(found) if t.bad and t.last and not t.last.evidence.ok]
        down = [t for t in claimed if not _both(t.last)]
        left = f" {names(down)} have only {family} and are down." if down else ""
        return f"This host {how} while {other} works: {names(self.claims(found))}.{left}"

    def remediation(self, found: Hypothesis) -> str:
        family = _shown(found.key)
        gateway = "egress-only internet gateway" if family == "IPv6" else "NAT gateway"
        return (
            f"Repair the subnet's {family} route ({gateway}) and its {family} rules; until then "
            f"clients that try {family} first are slow."
        )


def _legs(track: Track, family: str) -> list[Leg]:
    legs = track.last.evidence.legs if track.last else ()
    return [leg for leg in legs if leg.family.value == family]


def _fails_by_both(track: Track) -> bool:
    """Whether a target fails over both families, and not only in one of several results."""
    seen = list(track.window)[-2:]
    return bool(seen) and all(map(_both, seen))


def _both(seen: Observation | None) -> bool:
    """Whether a result failed although both families were tried."""
    return bool(
        seen and not seen.evidence.ok and len({leg.family for leg in seen.evidence.legs}) > 1
    )


def _other(family: str) -> str:
    return "ipv6" if family == "ipv4" else "ipv4"


def _shown(family: str) -> str:
    return "IPv6" if family == "ipv6" else "IPv4"


class Port(FaultModel):
    """One port is blocked to every host that needs it."""

    name = "port"
    scope = Scope.PORT
    cost = 9.0

    def exposures(self, evidence: Evidence) -> Iterable[Exposure]:
        if evidence.near or evidence.proxy or evidence.cause is C.DNS_TIMEOUT:
            return
        if fails_on_path(evidence):
            yield evidence.transport, True
        elif evidence.connected:
            yield evidence.transport, False

    def detail(self, found: Hypothesis, working: Working) -> str:
        transport, _, port = found.key.partition("/")
        words = {
            C.TCP_REFUSED: "is refused by",
            C.ADMIN_PROHIBITED: "is rejected on the way to",
            C.UDP_PORT_UNREACHABLE: "is closed at",
        }.get(self.cause(found), "gets no answer from")
        return (
            f"Outbound {transport.upper()} port {port} {words} {counted(found)}: "
            f"{names(found.failing)}.{still_works(found)}"
        )

    def remediation(self, found: Hypothesis) -> str:
        transport, _, port = found.key.partition("/")
        if self.cause(found) is C.ADMIN_PROHIBITED:
            return (
                f"Open outbound {transport.upper()} {port} from the runner's subnet in the "
                "firewall on the path: it rejects the packets and reports that by ICMP."
            )
        if self.cause(found) in {C.TCP_REFUSED, C.UDP_PORT_UNREACHABLE}:
            return (
                f"Check whether a firewall answers for {transport.upper()} {port} (security groups "
                "and network ACLs never refuse, they drop); else ask the hosts' owner."
            )
        return (
            f"Open outbound {transport.upper()} {port} from the runner's subnet in the security "
            "group, the network ACL (with its return ports) and the firewall."
        )

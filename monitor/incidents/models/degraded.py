"""Faults of quality: slow paths, and paths on which a share of the connections fails."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from monitor.incidents.fault_model import (
    Exposure,
    FaultModel,
    Hypothesis,
    Mode,
    Working,
    cause_of,
    either,
    hosts_of,
    most_common,
    names,
)
from monitor.incidents.models.egress import PATH_CAUSES
from monitor.incidents.models.service import AWS_GROUP, Region
from monitor.incidents.observation import RESOLVER_GROUP, Evidence, Track
from monitor.model.causes import Cause
from monitor.model.incident import Scope

C = Cause
_FLOW_CAUSES = PATH_CAUSES - {C.DNS_TIMEOUT} | {
    C.TLS_TIMEOUT_ON_HELLO,
    C.HTTP_TIMEOUT,
    C.TCP_RESET,
    C.ADDRESS_FAILED,
}

_LOOKUP_CAUSES = frozenset(C) - {C.DNS_PARTIAL}
"""Causes that a share of failed lookups is named after: what a client noticed most."""


class _Slow(FaultModel):
    """Everything that shares something is slower than usual. What is getting slow supports the
    hypothesis; what is called slow already is affected."""

    soft = True

    def claims(self, found: Hypothesis) -> Sequence[Track]:
        return [t for t in found.failing if t.bad]

    def cause(self, found: Hypothesis) -> Cause:
        return C.SLOW


def _slowness(evidence: Evidence) -> bool | None:
    if evidence.cause is C.SLOW or (evidence.ok and evidence.slow):
        return True
    return False if evidence.ok else None


class SlowEgress(_Slow):
    """Everything outside the subnet is slower than usual."""

    name = "slow_egress"
    scope = Scope.ALL_EGRESS
    cost = 8.0
    min_hosts = 3

    def exposures(self, evidence: Evidence) -> Iterable[Exposure]:
        slow = _slowness(evidence)
        if slow is not None and not evidence.near and not evidence.proxy:
            yield "egress", slow

    def detail(self, found: Hypothesis, working: Working) -> str:
        whole = "Most of what" if found.working else "Everything"
        verb = "is outside" if found.working else "outside"
        return f"{whole} {verb} this subnet is slower than usual: {names(found.failing)}."

    def remediation(self, found: Hypothesis) -> str:
        return (
            "Check what all of it passes: the NAT gateway (bandwidth, packet metrics), the "
            "transit gateway, the firewall, and this host's own network limits."
        )


class SlowProxy(_Slow):
    """Everything through one proxy is slower than usual."""

    name = "slow_proxy"
    scope = Scope.PROXY
    cost = 8.0

    def exposures(self, evidence: Evidence) -> Iterable[Exposure]:
        slow = _slowness(evidence)
        if slow is not None and evidence.proxy:
            yield evidence.proxy, slow

    def detail(self, found: Hypothesis, working: Working) -> str:
        return f"What goes through proxy {found.key} is slower than usual: {names(found.failing)}."

    def remediation(self, found: Hypothesis) -> str:
        return "Ask the proxy's owners for its load, and compare with what does not pass it."


class SlowPort(_Slow):
    """Everything on one port is slower than usual."""

    name = "slow_port"
    scope = Scope.PORT
    cost = 9.0

    def exposures(self, evidence: Evidence) -> Iterable[Exposure]:
        slow = _slowness(evidence)
        if slow is not None and not evidence.near and not evidence.proxy:
            yield evidence.transport, slow

    def detail(self, found: Hypothesis, working: Working) -> str:
        return f"All that uses {found.key} is slower than usual: {names(found.failing)}."

    def remediation(self, found: Hypothesis) -> str:
        return "Ask the firewall's owners whether this port is inspected or shaped."


class SlowRegion(_Slow):
    """The AWS APIs of one region are slower than usual."""

    name = "slow_region"
    scope = Scope.REGION
    cost = 9.0
    min_hosts = 3

    def exposures(self, evidence: Evidence) -> Iterable[Exposure]:
        slow = _slowness(evidence)
        if slow is not None and evidence.target.group == AWS_GROUP:
            for region, _ in Region().exposures(evidence):
                yield region, slow

    def detail(self, found: Hypothesis, working: Working) -> str:
        return f"The AWS APIs of {found.key} are slower than usual: {names(found.failing)}."

    def remediation(self, found: Hypothesis) -> str:
        return "Compare the VPC endpoints with the public path; check the AWS Health Dashboard."


class SlowGroup(_Slow):
    """Everything of one provider is slower than usual."""

    name = "slow_group"
    scope = Scope.GROUP
    cost = 9.5

    def exposures(self, evidence: Evidence) -> Iterable[Exposure]:
        slow = _slowness(evidence)
        if slow is not None:
            yield evidence.target.group, slow

    def detail(self, found: Hypothesis, working: Working) -> str:
        return f"Everything in {found.key} is slower than usual: {names(found.failing)}."

    def remediation(self, found: Hypothesis) -> str:
        return "Ask the service's owner or check its status page."


class _Flaky(FaultModel):
    """A share of what depends on an element fails: one path of several is broken, return ports
    are missing, or packets are lost."""

    modes: ClassVar[frozenset[Mode]] = frozenset({Mode.PARTIAL})

    def cause(self, found: Hypothesis) -> Cause:
        return most_common(found.failing)

    def remediation(self, found: Hypothesis) -> str:
        return (
            "Check the network ACL for missing return ports (1024-65535), each member or zone of "
            "the NAT gateway and firewall, NAT port exhaustion (ErrorPortAllocation), and loss."
        )

    def alternative(self, found: Hypothesis) -> str:
        if self.cause(found) is not C.TCP_TIMEOUT:
            return ""  # Only a SYN without an answer can be tried again from the same source port.
        return either(
            "one broken path of several",
            "packet loss",
            "repeated connections from the same source ports",
        )


def _flow_cause(found: Hypothesis) -> Cause:
    return most_common(found.failing, frozenset(_FLOW_CAUSES - {C.ADDRESS_FAILED}))


def _failed(found: Hypothesis, what: str, verb: str = "failed") -> str:
    figures = found.figures
    return f"{figures.bad} of the last {figures.results} {what} {verb} ({figures.share:.0%})"


class FlakyPath(_Flaky):
    """A share of all new connections fails, whatever the host."""

    name = "flaky_path"
    counterpart = "all_egress"
    scope = Scope.PATH
    cost = 9.0
    min_hosts = 3

    def exposures(self, evidence: Evidence) -> Iterable[Exposure]:
        if evidence.near:
            return
        if evidence.cause in _FLOW_CAUSES:
            yield "egress", True
        elif evidence.ok:
            yield "egress", False

    def cause(self, found: Hypothesis) -> Cause:
        return _flow_cause(found)

    def stratum(self, track: Track) -> str:
        """Return the transport: a datagram that is sent three times fails less often than a
        connection that takes several round trips."""
        return track.last.evidence.transport if track.last else ""

    def subject(self, found: Hypothesis) -> str:
        return "new connections"

    def detail(self, found: Hypothesis, working: Working) -> str:
        return (
            f"{_failed(found, 'probes')}, whatever the host ({len(hosts_of(found.failing))} "
            "hosts): a share of new connections is lost."
        )


class FlakyProxy(_Flaky):
    """A share of what goes through a proxy fails."""

    name = "flaky_proxy"
    counterpart = "proxy"
    scope = Scope.PROXY
    cost = 9.0
    min_hosts = 3

    def exposures(self, evidence: Evidence) -> Iterable[Exposure]:
        if evidence.proxy:
            yield evidence.proxy, not evidence.ok

    def detail(self, found: Hypothesis, working: Working) -> str:
        return f"{_failed(found, f'probes through proxy {found.key}')}, whatever the host."

    def remediation(self, found: Hypothesis) -> str:
        return "Ask the proxy's owners whether one member of several is broken or overloaded."


class FlakyPort(_Flaky):
    """A share of what uses one port fails, and other ports do not."""

    name = "flaky_port"
    counterpart = "port"
    scope = Scope.PORT
    cost = 10.0
    min_hosts = 2

    def exposures(self, evidence: Evidence) -> Iterable[Exposure]:
        if evidence.near or evidence.proxy:
            return
        if evidence.cause in _FLOW_CAUSES:
            yield evidence.transport, True
        elif evidence.ok:
            yield evidence.transport, False

    def cause(self, found: Hypothesis) -> Cause:
        return _flow_cause(found)

    def detail(self, found: Hypothesis, working: Working) -> str:
        return f"{_failed(found, f'probes on {found.key}')}: {names(found.failing)}."


class FlakyResolver(_Flaky):
    """A share of all lookups fails, or lacks the response to one of its queries."""

    name = "flaky_resolver"
    counterpart = "resolver"
    scope = Scope.RESOLVER
    cost = 8.5
    min_hosts = 3

    def exposures(self, evidence: Evidence) -> Iterable[Exposure]:
        if evidence.target.group == RESOLVER_GROUP:
            yield "names", not evidence.ok
        elif evidence.resolved is not None:
            yield "names", not evidence.resolved or evidence.cause is C.DNS_PARTIAL

    def cause(self, found: Hypothesis) -> Cause:
        failed = any(cause_of(track) in _LOOKUP_CAUSES for track in found.failing)
        return most_common(found.failing, _LOOKUP_CAUSES if failed else None)

    def subject(self, found: Hypothesis) -> str:
        asked = {s for t in found.failing for o in t.window for s, _ in o.evidence.servers}
        return ", ".join(sorted(asked)) or "name servers"

    def detail(self, found: Hypothesis, working: Working) -> str:
        incomplete = any(cause_of(track) is C.DNS_PARTIAL for track in found.failing)
        verb = "failed or lacked a response" if incomplete else "failed"
        share = _failed(found, "lookups", verb)
        return f"{share}, whatever the name; asked: {self.subject(found)}."

    def remediation(self, found: Hypothesis) -> str:
        return (
            "Check the name servers' load and logs, and the limit of 1,024 packets per second and "
            "network interface of the VPC resolver."
        )

    def alternative(self, found: Hypothesis) -> str:
        return either(
            "an overloaded or broken name server",
            "packet loss on the path to it",
            "the name server's own log of these queries",
        )


class FlakyRegion(_Flaky):
    """A share of the requests to the AWS APIs of a region fails."""

    name = "flaky_region"
    counterpart = "region"
    scope = Scope.REGION
    cost = 10.0
    min_hosts = 3

    def exposures(self, evidence: Evidence) -> Iterable[Exposure]:
        return Region().exposures(evidence)

    def detail(self, found: Hypothesis, working: Working) -> str:
        what = f"requests to AWS APIs of {found.key}"
        return f"{_failed(found, what)}: {names(found.failing)}."

    def remediation(self, found: Hypothesis) -> str:
        return "Check the AWS Health Dashboard for this region, then at the VPC endpoints."


class FlakyGroup(_Flaky):
    """A share of the requests to one provider fails."""

    name = "flaky_group"
    counterpart = "group"
    scope = Scope.GROUP
    cost = 11.0
    min_hosts = 2

    def exposures(self, evidence: Evidence) -> Iterable[Exposure]:
        yield evidence.target.group, not evidence.ok

    def detail(self, found: Hypothesis, working: Working) -> str:
        return f"{_failed(found, f'probes of {found.key}')}: {names(found.failing)}."

    def remediation(self, found: Hypothesis) -> str:
        return "Ask the service's owner or check its status page."

"""Faults of name resolution: all names, one server, one zone, a sinkhole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from monitor.incidents.fault_model import (
    Exposure,
    FaultModel,
    Hypothesis,
    Working,
    cause_of,
    domains,
    hosts_of,
    most_common,
    names,
    site,
)
from monitor.incidents.observation import RESOLVER_GROUP, Evidence, Track
from monitor.model.causes import Cause
from monitor.model.incident import Scope

C = Cause
RESOLVER_CAUSES = frozenset(
    {
        C.DNS_TIMEOUT,
        C.DNS_UNREACHABLE,
        C.DNS_SLOW,
        C.DNS_SERVFAIL,
        C.DNS_REFUSED,
        C.DNS_EDNS_REFUSED,
        C.DNS_LAME,
    }
)
ANSWER_CAUSES = frozenset({C.DNS_NXDOMAIN, C.DNS_NODATA, C.DNS_SINKHOLED})
STRANGER_CAUSES = frozenset({C.TLS_NAME_MISMATCH, C.HTTP_BLOCKED_PAGE})
_ALL = RESOLVER_CAUSES | ANSWER_CAUSES
_SERVER_REMEDIATION = (
    "Check the name server itself, the VPC's DNS settings (DNS support, DHCP option set, Route 53 "
    "Resolver rules and DNS Firewall), and the route to it if it is outside the VPC."
)
_ZONE_REMEDIATION = (
    "Allow these names in the DNS firewall (Route 53 Resolver DNS Firewall), or correct the "
    "private hosted zone or forwarding rule that answers for them."
)
_SAID = {
    C.DNS_TIMEOUT: "no answer in time",
    C.DNS_SERVFAIL: "SERVFAIL",
    C.DNS_REFUSED: "REFUSED",
    C.DNS_NXDOMAIN: "they are reported not to exist",
    C.DNS_NODATA: "they have no address",
    C.DNS_SINKHOLED: "answers that cannot be right",
}

LEAST_UNRESOLVED = 3
"""Hosts whose names do not resolve before all names are reported not to, although some do: 3."""

ANSWERED_SHARE = 0.2
"""Upper bound of names that resolve, per name that does not, if the name server answers: 0.2. If
more resolve, it is a filter by name."""


class Resolver(FaultModel):
    """No name resolves any more, or hardly any; or no name server answers."""

    name = "resolver"
    scope = Scope.RESOLVER
    cost = 6.0
    min_hosts = 1

    def exposures(self, evidence: Evidence) -> Iterable[Exposure]:
        if evidence.target.group == RESOLVER_GROUP:
            if evidence.cause in _ALL or evidence.cause in _UNREACHABLE:
                yield "names", True
        elif evidence.resolved is True:
            yield "names", False
        elif evidence.resolved is False and evidence.cause in _ALL:
            yield "names", True

    def admits(self, found: Hypothesis, working: Working) -> bool:
        unresolved = _unresolved(found.failing)
        hosts = len(hosts_of(unresolved))
        if not unresolved:  # lookups wait for their timeout while the servers are known to fail
            return not found.working and len(hosts_of(found.failing)) >= 2
        if most_common(unresolved) in RESOLVER_CAUSES:
            if found.working:
                return hosts >= LEAST_UNRESOLVED
            return len(unresolved) < len(found.failing) or hosts >= 2
        few = found.figures.working_hosts <= ANSWERED_SHARE * found.figures.failing_hosts
        return few and hosts >= LEAST_UNRESOLVED and len(domains(unresolved)) >= 2

    def subject(self, found: Hypothesis) -> str:
        broken = {t.target.host for t in found.failing if t.target.group == RESOLVER_GROUP}
        asked = {server for t in found.failing if t.last for server, _ in t.last.evidence.servers}
        return ", ".join(sorted(broken or asked)) or "name servers"

    def cause(self, found: Hypothesis) -> Cause:
        return most_common(_unresolved(found.bad) or found.bad)

    def detail(self, found: Hypothesis, working: Working) -> str:
        subject = self.subject(found)
        several = "," in subject
        said = _SAID.get(self.cause(found), self.cause(found).value)
        head = f"Name server{'s' if several else ''} {subject}"
        unresolved = _unresolved(found.failing)
        if not unresolved:
            return f"{head} {'fail' if several else 'fails'} ({said})."
        left = f" Still resolved: {names(found.working)}." if found.working else ""
        what = "most names" if found.working else "names"
        return (
            f"{head} {'do' if several else 'does'} not resolve {what} ({said}): "
            f"{names(unresolved)}.{left}"
        )

    def remediation(self, found: Hypothesis) -> str:
        return _SERVER_REMEDIATION


_UNREACHABLE = frozenset({C.NETWORK_UNREACHABLE, C.HOST_UNREACHABLE, C.ADMIN_PROHIBITED})


class NameServer(FaultModel):
    """One name server fails, whatever the names do."""

    name = "name_server"
    scope = Scope.RESOLVER
    cost = 5.0
    min_hosts = 1

    def exposures(self, evidence: Evidence) -> Iterable[Exposure]:
        if evidence.target.group == RESOLVER_GROUP:
            yield evidence.target.host, evidence.cause is not None

    def detail(self, found: Hypothesis, working: Working) -> str:
        diagnosis = found.failing[0].diagnosis
        said = diagnosis.detail if diagnosis and diagnosis.cause else f"{found.key} fails."
        resolve = working("resolver", "names", found.onset)
        return said + (" Names still resolve by the others." if resolve else "")

    def remediation(self, found: Hypothesis) -> str:
        diagnosis = found.failing[0].diagnosis
        return (
            diagnosis.remediation
            if diagnosis and diagnosis.cause is C.SLOW
            else _SERVER_REMEDIATION
        )


class Zone(FaultModel):
    """The names of one zone get a wrong answer: filtered, or a wrong zone answers."""

    name = "zone"
    scope = Scope.RESOLVER
    cost = 8.5

    def exposures(self, evidence: Evidence) -> Iterable[Exposure]:
        if evidence.target.group == RESOLVER_GROUP or evidence.resolved is None:
            return
        if evidence.resolved:
            yield site(evidence.target.host), False
        elif evidence.cause in ANSWER_CAUSES:
            yield site(evidence.target.host), True

    def parts(self, failing: Sequence[Track]) -> Iterable[tuple[str, Sequence[Track]]]:
        return by_cause(failing)

    def subject(self, found: Hypothesis) -> str:
        return f"*.{found.key}"

    def detail(self, found: Hypothesis, working: Working) -> str:
        cause = self.cause(found)
        what = {
            C.DNS_NXDOMAIN: "do not exist, by the name server's answer",
            C.DNS_NODATA: "have no address, by the name server's answer",
        }.get(cause, "get an address that cannot be right")
        whole = "All names" if not found.working else "Most names"
        return f"{whole} of {found.key} {what} ({cause}): {names(found.failing)}."

    def remediation(self, found: Hypothesis) -> str:
        return _ZONE_REMEDIATION


class Sinkhole(FaultModel):
    """DNS sends names of several services to one address that serves none of them."""

    name = "sinkhole"
    scope = Scope.RESOLVER
    cost = 8.0

    def exposures(self, evidence: Evidence) -> Iterable[Exposure]:
        if evidence.proxy or evidence.resolved is None or not evidence.address:
            return
        if evidence.cause in STRANGER_CAUSES:
            yield evidence.address, True
        elif evidence.ok:
            yield evidence.address, False

    def admits(self, found: Hypothesis, working: Working) -> bool:
        return not found.working

    def cause(self, found: Hypothesis) -> Cause:
        return C.DNS_SINKHOLED

    def detail(self, found: Hypothesis, working: Working) -> str:
        diagnosis = found.failing[0].diagnosis
        shown = diagnosis.evidence.get("subject") if diagnosis else None
        who = f"its certificate is for {shown}" if shown else str(cause_of(found.failing[0]))
        return (
            f"DNS sends {names(found.failing)} to {found.key}, where something else answers "
            f"({who}): a sinkhole with a block page."
        )

    def remediation(self, found: Hypothesis) -> str:
        return _ZONE_REMEDIATION


def by_cause(failing: Sequence[Track]) -> list[tuple[str, list[Track]]]:
    """Group targets by the cause of their last bad result."""
    groups: dict[str, list[Track]] = {}
    for track in failing:
        cause = cause_of(track)
        groups.setdefault(cause.value if cause else "", []).append(track)
    return list(groups.items())


def _unresolved(failing: Sequence[Track]) -> list[Track]:
    return [t for t in failing if t.target.group != RESOLVER_GROUP]

"""Faults of this host: no sockets or ports left, no trusted CA."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from monitor.incidents.fault_model import (
    Exposure,
    FaultModel,
    Hypothesis,
    Working,
    domains,
    names,
)
from monitor.incidents.observation import Evidence
from monitor.model.causes import Cause
from monitor.model.incident import Scope

HOST_CAUSES = frozenset(
    {
        Cause.LOCAL_PORT_EXHAUSTED,
        Cause.LOCAL_RESOURCE_EXHAUSTED,
        Cause.LOCAL_ADDRESS_MISSING,
        Cause.INTERNAL_ERROR,
    }
)
LEAST_ISSUERS = 3
"""Unrelated issuers whose certificates all fail before the CA bundle is blamed: 3."""

VERIFIED_SHARE = 0.2
"""Upper bound of hosts whose certificates are verified, per host that fails, if the CA bundle is to
blame: 0.2."""

TRUST_CAUSES = frozenset({Cause.TLS_INTERCEPTED, Cause.TLS_UNTRUSTED})


class HostResources(FaultModel):
    """This host has no source ports, descriptors or memory left for new connections."""

    name = "host_resources"
    scope = Scope.HOST
    cost = 3.0
    min_hosts = 1

    def exposures(self, evidence: Evidence) -> Iterable[Exposure]:
        if evidence.cause in HOST_CAUSES:
            yield evidence.cause.value, True

    def detail(self, found: Hypothesis, working: Working) -> str:
        diagnosis = found.failing[0].diagnosis
        return _HOST_DETAILS.get(found.key) or (diagnosis.detail if diagnosis else "")

    def remediation(self, found: Hypothesis) -> str:
        diagnosis = found.failing[0].diagnosis
        return _HOST_REMEDIATIONS.get(found.key) or (diagnosis.remediation if diagnosis else "")


_HOST_DETAILS = {
    Cause.LOCAL_PORT_EXHAUSTED.value: (
        "This host has no free source port left for new connections."
    ),
    Cause.LOCAL_RESOURCE_EXHAUSTED.value: (
        "This host or the monitor is out of file descriptors or memory for sockets."
    ),
}
_HOST_REMEDIATIONS = {
    Cause.LOCAL_PORT_EXHAUSTED.value: (
        "Find the process with the most connections (`ss -s`, `ss -tan`), or widen "
        "net.ipv4.ip_local_port_range."
    ),
    Cause.LOCAL_RESOURCE_EXHAUSTED.value: (
        "Raise the limit (`ulimit -n`, the task's nofile) and look for a leak."
    ),
}


class TrustStore(FaultModel):
    """This host trusts no CA, or too few: certificates of unrelated issuers all fail."""

    name = "trust_store"
    scope = Scope.HOST
    cost = 9.0
    min_hosts = 3

    def exposures(self, evidence: Evidence) -> Iterable[Exposure]:
        if evidence.cause in TRUST_CAUSES and evidence.issuer:
            yield "trust store", True
        elif evidence.verified:
            yield "trust store", False

    def admits(self, found: Hypothesis, working: Working) -> bool:
        shown = {(t.last.evidence.issuer, t.target.host) for t in found.failing if t.last}
        issuers = Counter(issuer for issuer, _ in shown)
        few = found.figures.working_hosts <= VERIFIED_SHARE * found.figures.failing_hosts
        return few and len(issuers) >= LEAST_ISSUERS and len(domains(found.failing)) >= 3

    def cause(self, found: Hypothesis) -> Cause:
        return Cause.TLS_UNTRUSTED

    def detail(self, found: Hypothesis, working: Working) -> str:
        issuers = {t.last.evidence.issuer for t in found.failing if t.last}
        if found.working:
            return (
                f"This host does not trust {len(issuers)} CAs, which issued the certificates of "
                f"{names(found.failing)}: its CA bundle is incomplete. Still verified: "
                f"{names(found.working)}."
            )
        return (
            f"This host trusts none of the {len(issuers)} CAs that issued the certificates of "
            f"{names(found.failing)}: its CA bundle is empty, missing or incomplete."
        )

    def remediation(self, found: Hypothesis) -> str:
        return (
            "Install the CA certificates on this host (package ca-certificates) or correct the "
            "bundle that [tls] ca_file, SSL_CERT_FILE or AWS_CA_BUNDLE names."
        )


class Interception(FaultModel):
    """A CA that this host does not trust issued what several hosts show."""

    name = "tls_interception"
    scope = Scope.TLS_INTERCEPTION
    cost = 7.0
    min_hosts = 1

    def exposures(self, evidence: Evidence) -> Iterable[Exposure]:
        if evidence.cause in TRUST_CAUSES and evidence.issuer:
            yield evidence.issuer, True

    def admits(self, found: Hypothesis, working: Working) -> bool:
        named = any(t.last and t.last.evidence.cause is Cause.TLS_INTERCEPTED for t in found.bad)
        return named or found.figures.failing_hosts >= 2

    def cause(self, found: Hypothesis) -> Cause:
        return Cause.TLS_INTERCEPTED

    def detail(self, found: Hypothesis, working: Working) -> str:
        return (
            f"\u201c{found.key}\u201d, a CA that this host does not trust, intercepts TLS: "
            f"{names(found.failing)}."
        )

    def remediation(self, found: Hypothesis) -> str:
        return (
            "Exempt these hosts from TLS inspection, or have the runner trust that CA (its CA "
            "bundle, AWS_CA_BUNDLE, SSL_CERT_FILE)."
        )

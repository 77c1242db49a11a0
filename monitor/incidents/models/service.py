"""Faults at the other end: proxy, AWS region, provider, captive portal, one endpoint."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from monitor.incidents.fault_model import (
    Exposure,
    FaultModel,
    Hypothesis,
    Mode,
    Working,
    counted,
    domains,
    hosts_of,
    names,
    shorten,
    site,
    still_works,
)
from monitor.incidents.models.host import HOST_CAUSES
from monitor.incidents.models.names import by_cause
from monitor.incidents.observation import RESOLVER_GROUP, Evidence, Track
from monitor.model.causes import Cause, CauseClass
from monitor.model.diagnosis import Diagnosis
from monitor.model.incident import Scope
from monitor.model.probe_result import Phase
from monitor.model.state import State

C = Cause
PROXY_CAUSES = frozenset(c for c in Cause if c.record.cause_class is CauseClass.PROXY)
_TUNNEL_PHASES = frozenset({Phase.PROXY, Phase.TLS})
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d+")
AWS_GROUP = "aws_api"
REDIRECTS_GROUP = "redirects"
"""Group of the hosts that other targets redirect to."""


class Proxy(FaultModel):
    """A proxy fails what goes through it."""

    name = "proxy"
    scope = Scope.PROXY
    cost = 6.5
    min_hosts = 1

    def exposures(self, evidence: Evidence) -> Iterable[Exposure]:
        if not evidence.proxy:
            return
        broken = evidence.cause in PROXY_CAUSES or (
            not evidence.ok and evidence.phase in _TUNNEL_PHASES and evidence.hello != "passed"
        )
        if broken:
            yield evidence.proxy, True
        elif evidence.ok:
            yield evidence.proxy, False

    def admits(self, found: Hypothesis, working: Working) -> bool:
        causes = {t.last.evidence.cause for t in found.bad if t.last}
        itself = bool(causes & {C.PROXY_UNREACHABLE, C.PROXY_AUTH_REQUIRED})
        return itself or found.figures.failing_hosts >= 2

    def detail(self, found: Hypothesis, working: Working) -> str:
        cause = self.cause(found)
        how = _PROXY_WORDS.get(cause, f"fails what goes through it ({cause})")
        return (
            f"Proxy {found.key} {how}{_error(found)}: {names(found.failing)}.{still_works(found)}"
        )

    def remediation(self, found: Hypothesis) -> str:
        told = {t.diagnosis.remediation for t in found.bad if t.diagnosis}
        own = told.pop() if len(told) == 1 else ""
        return own or _PROXY_REMEDIATIONS.get(
            self.cause(found), "Ask the proxy's owners for its log of these connections."
        )


def _error(found: Hypothesis) -> str:
    """Return in parentheses what was observed, without the host, if it is the same for all."""
    told = {t.diagnosis.evidence.get("error", "") for t in found.bad if t.diagnosis}
    errors = {text.partition(" to CONNECT ")[0] for text in told}
    error = errors.pop() if len(errors) == 1 else ""
    return f" ({error})" if error else ""


_PROXY_WORDS = {
    C.PROXY_UNREACHABLE: "cannot be reached or used",
    C.PROXY_AUTH_REQUIRED: "wants a login",
    C.PROXY_DENIED: "denies CONNECT",
    C.PROXY_UPSTREAM_FAILED: "does not get through to what is asked of it",
    C.PROXY_TUNNEL_FAILED: "accepts CONNECT and then closes the tunnel or carries nothing",
    C.TLS_RESET_ON_HELLO: "accepts CONNECT and then closes the tunnel",
    C.TLS_TIMEOUT_ON_HELLO: "accepts CONNECT and then carries nothing",
}
_PROXY_REMEDIATIONS = {
    C.PROXY_UNREACHABLE: "Check that the proxy runs and that its port is allowed from this subnet.",
    C.PROXY_AUTH_REQUIRED: "Configure the proxy's user and password for the runner.",
    C.PROXY_DENIED: "Ask the proxy's owners to allow CONNECT to these hosts.",
    C.PROXY_UPSTREAM_FAILED: "Ask the proxy's owners why it cannot reach these hosts.",
    C.PROXY_TUNNEL_FAILED: "Ask the proxy's owners why it cannot reach these hosts.",
}


class Region(FaultModel):
    """AWS APIs of one region fail: AWS itself, or the way to it."""

    name = "region"
    scope = Scope.REGION
    cost = 9.0
    min_hosts = 3

    def exposures(self, evidence: Evidence) -> Iterable[Exposure]:
        if evidence.target.group == AWS_GROUP and evidence.cause not in HOST_CAUSES:
            labels = evidence.target.host.split(".")
            region = next((label for label in labels if _REGION.fullmatch(label)), AWS_GROUP)
            yield region, not evidence.ok

    def detail(self, found: Hypothesis, working: Working) -> str:
        whole = "No AWS API" if not found.working else "Few AWS APIs"
        return (
            f"{whole} of {found.key} answers as it should ({counted(found)} fail, most with "
            f"{self.cause(found)}): {names(found.failing)}.{still_works(found)}"
        )

    def remediation(self, found: Hypothesis) -> str:
        if self.cause(found) is C.HTTP_STATUS:
            return "Check the AWS Health Dashboard for this region; the network path works."
        return (
            "Check the VPC endpoints (security group, policy, private DNS) or the public path to "
            "AWS, then the AWS Health Dashboard."
        )


class Group(FaultModel):
    """Everything of one provider fails in the same way."""

    name = "group"
    scope = Scope.GROUP
    cost = 11.5

    def exposures(self, evidence: Evidence) -> Iterable[Exposure]:
        own = evidence.cause in HOST_CAUSES or evidence.cause is C.ADDRESS_FAILED
        if evidence.target.group == RESOLVER_GROUP or own:
            return
        if evidence.cause is None or evidence.ok:
            yield evidence.target.group, evidence.cause is not None
        else:
            yield evidence.target.group, True

    def parts(self, failing: Sequence[Track]) -> Iterable[tuple[str, Sequence[Track]]]:
        return by_cause(failing)

    def detail(self, found: Hypothesis, working: Working) -> str:
        diagnosis = found.bad[0].diagnosis
        said = f" {diagnosis.detail}" if diagnosis and diagnosis.cause else ""
        head = "Everything" if not found.working else f"{counted(found)}"
        return f"{head} in {found.key} fails in the same way: {names(found.failing)}.{said}"

    def remediation(self, found: Hypothesis) -> str:
        diagnosis = found.bad[0].diagnosis
        return diagnosis.remediation if diagnosis else ""


class Portal(FaultModel):
    """Unrelated hosts all lead to one foreign page: a captive portal or a login gateway."""

    name = "captive_portal"
    scope = Scope.PATH
    cost = 8.0
    min_hosts = 3
    soft = True
    state = State.DOWN

    def exposures(self, evidence: Evidence) -> Iterable[Exposure]:
        if evidence.redirect and site(evidence.redirect) != site(evidence.target.host):
            yield evidence.redirect, True
        elif evidence.target.group == REDIRECTS_GROUP and not evidence.ok:
            yield evidence.target.host, True

    def admits(self, found: Hypothesis, working: Working) -> bool:
        services = [t for t in found.failing if t.target.host != found.key]
        return len(domains(services)) >= 3

    def cause(self, found: Hypothesis) -> Cause:
        return C.HTTP_BLOCKED_PAGE

    def detail(self, found: Hypothesis, working: Working) -> str:
        services = [t for t in found.failing if t.target.host != found.key]
        return (
            f"{len(hosts_of(services))} unrelated hosts all redirect to {found.key}: a login page "
            f"in the network answers for {names(services)}."
        )

    def remediation(self, found: Hypothesis) -> str:
        return (
            f"Log this host in at {found.key}, or ask the network's owners to exempt it: what "
            "answers is their gateway, not the services."
        )


class EndpointFault(FaultModel):
    """One host fails for reasons of its own, or for reasons that nothing else shares."""

    name = "endpoint"
    scope = Scope.ENDPOINT
    cost = 6.0
    min_hosts = 1
    alone = True

    def exposures(self, evidence: Evidence) -> Iterable[Exposure]:
        if evidence.target.group != RESOLVER_GROUP:
            yield evidence.target.host, evidence.cause is not None

    def parts(self, failing: Sequence[Track]) -> Iterable[tuple[str, Sequence[Track]]]:
        return by_cause(failing)

    def detail(self, found: Hypothesis, working: Working) -> str:
        diagnosis = _said(found)
        if diagnosis is None:
            return f"{found.key} is not reachable."
        return f"{diagnosis.detail}{_so_far(found)}"

    def remediation(self, found: Hypothesis) -> str:
        diagnosis = _said(found)
        return diagnosis.remediation if diagnosis else "Check its last results."


class FlakyEndpoint(FaultModel):
    """A share of the connections to one host fails while others succeed."""

    name = "flaky_endpoint"
    counterpart = "endpoint"
    scope = Scope.ENDPOINT
    cost = 6.0
    min_hosts = 1
    alone = True
    modes = frozenset({Mode.PARTIAL})

    def exposures(self, evidence: Evidence) -> Iterable[Exposure]:
        yield evidence.target.host, not evidence.ok

    def detail(self, found: Hypothesis, working: Working) -> str:
        figures = found.figures
        return (
            f"{shorten(found.key)} comes and goes: {figures.bad} of the last {figures.results} "
            f"probes failed, most with {self.cause(found)}."
        )

    def remediation(self, found: Hypothesis) -> str:
        return (
            "Ask the endpoint's owner whether one server behind a load balancer is broken; also "
            "check NAT port exhaustion to this destination (ErrorPortAllocation)."
        )


def _so_far(found: Hypothesis) -> str:
    """Return how many of the last probes failed in this way, if some of them worked since the
    first one that did. What failed in another way before was another fault."""
    cause = found.model.cause(found)
    window = sorted(
        ((o.at, o.evidence.ok, o.evidence.cause) for t in found.failing for o in t.window),
        key=lambda seen: seen[0],
    )
    first = next((n for n, seen in enumerate(window) if seen[2] is cause), len(window))
    since = window[first:]
    failed = sum(seen[2] is cause for seen in since)
    if not any(ok for _, ok, _ in since):
        return ""
    return f" {failed} of the last {len(since)} probes failed."


def _said(found: Hypothesis) -> Diagnosis | None:
    for track in found.failing:
        diagnosis = track.diagnosis if track.diagnosis and track.diagnosis.cause else track.trouble
        if diagnosis is not None and diagnosis.cause is not None:
            return diagnosis
    return None

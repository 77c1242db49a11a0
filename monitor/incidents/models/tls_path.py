"""Faults that strike after TCP connects: name filters, devices that forward nothing, path MTU."""

from __future__ import annotations

from collections.abc import Iterable

from monitor.incidents.fault_model import (
    Exposure,
    FaultModel,
    Hypothesis,
    Working,
    counted,
    domains,
    either,
    hosts_of,
    names,
)
from monitor.incidents.observation import Evidence
from monitor.model.causes import Cause
from monitor.model.incident import Scope

C = Cause
HELLO_CAUSES = {"reset": C.TLS_RESET_ON_HELLO, "silent": C.TLS_TIMEOUT_ON_HELLO}
_ENDS = {"reset": "is reset right after the ClientHello", "silent": "gets no answer to it"}


class HelloPath(FaultModel):
    """A device on the path ends or swallows TLS after TCP connected: for every name, or for all
    but those that it lets through (default deny)."""

    name = "tls_path"
    scope = Scope.PATH
    cost = 9.5
    min_hosts = 3

    def exposures(self, evidence: Evidence) -> Iterable[Exposure]:
        if evidence.proxy or evidence.near:
            return
        hello = evidence.hello
        if hello == "passed":
            yield "reset", False
            yield "silent", False
        elif hello and not evidence.ok:
            yield hello, True

    def admits(self, found: Hypothesis, working: Working) -> bool:
        return len(domains(found.failing)) >= 2

    def subject(self, found: Hypothesis) -> str:
        return "name filter" if found.working else "TLS"

    def cause(self, found: Hypothesis) -> Cause:
        return HELLO_CAUSES[found.key]

    def detail(self, found: Hypothesis, working: Working) -> str:
        ends = "reset" if found.key == "reset" else "left without an answer"
        if not found.working:
            return (
                f"TCP connects, but TLS to {counted(found)} is {ends} after the ClientHello, "
                "whatever the name."
            )
        up = [t for t in found.working if not t.bad] or found.working
        passing = ", ".join(f"*.{d}" for d in domains(up)[:2])
        return (
            f"TLS to {counted(found)} is {ends} after the ClientHello while {passing} "
            f"passes: a filter by server name that denies by default. Stopped: "
            f"{names(found.failing)}."
        )

    def remediation(self, found: Hypothesis) -> str:
        if found.working:
            return (
                "Add these names to the firewall's allowed names (AWS Network Firewall domain "
                "list, TLS/SNI rule)."
            )
        return (
            "Look for the device that all of this passes (inspecting firewall, Gateway Load "
            "Balancer, transit gateway attachment): it accepts TCP and forwards nothing."
        )

    def alternative(self, found: Hypothesis) -> str:
        if found.working or found.key == "reset":
            return ""
        return either(
            "a device that accepts TCP and forwards nothing",
            "a path-MTU hole",
            "TLS in small segments, which only a path-MTU hole lets through,",
        )


class DenyList(FaultModel):
    """A filter by server name stops some names of several owners; most names pass."""

    name = "name_filter"
    scope = Scope.PATH
    cost = 12.0
    min_hosts = 3

    def exposures(self, evidence: Evidence) -> Iterable[Exposure]:
        if evidence.proxy or evidence.near:
            return
        if evidence.hello in {"reset", "silent"} and not evidence.ok:
            yield evidence.hello, True

    def admits(self, found: Hypothesis, working: Working) -> bool:
        passing = working("tls_path", found.key, found.onset)
        return len(domains(found.failing)) >= 2 and len(hosts_of(passing)) >= 3

    def subject(self, found: Hypothesis) -> str:
        return "name filter"

    def cause(self, found: Hypothesis) -> Cause:
        return HELLO_CAUSES[found.key]

    def detail(self, found: Hypothesis, working: Working) -> str:
        passing = working("tls_path", found.key, found.onset)
        up = [t for t in passing if not t.bad] or passing
        ends = "reset" if found.key == "reset" else "left without an answer"
        return (
            f"TLS to {len(hosts_of(found.failing))} hosts is {ends} after the ClientHello "
            f"({names(found.failing)}), while {names(up, 1)} pass: probably a filter by "
            "server name."
        )

    def remediation(self, found: Hypothesis) -> str:
        return (
            "Look for these names in the firewall's deny rules (AWS Network Firewall domain list, "
            "TLS/SNI rule)."
        )

"""Incidents refined by follow-up probes: a sentence and a remediation for one cause. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from monitor.incidents.fault_model import either
from monitor.incidents.followup_plan import SMALL_SEGMENT, FollowUpResult, Rival
from monitor.incidents.wording import remarked, without_internal_ids
from monitor.model.causes import Cause
from monitor.model.incident import LIKELY, PROVEN, Incident, Scope
from monitor.model.path import FlowPattern
from monitor.model.target import Target

C, Q = Cause, Rival
_OF_MANY_HOSTS = frozenset({Scope.ALL_EGRESS, Scope.ADDRESS_FAMILY, Scope.PATH})
_ELSEWHERE = "a connection to it from outside this network"
_BROKEN_ENDPOINT = either("a rule for the address or name", "a broken endpoint", _ELSEWHERE)


@dataclass(frozen=True, slots=True)
class _Case:
    """An incident, its hosts in words, one of its targets, and the results by question."""

    incident: Incident
    who: str
    target: Target
    follow_up_results: Mapping[Rival, FollowUpResult]

    def works(self, rival: Rival) -> FollowUpResult | None:
        follow_up_result = self.follow_up_results.get(rival)
        return follow_up_result if follow_up_result and follow_up_result.answered else None

    def fails(self, rival: Rival) -> FollowUpResult | None:
        follow_up_result = self.follow_up_results.get(rival)
        return follow_up_result if follow_up_result and not follow_up_result.answered else None


@dataclass(frozen=True, slots=True)
class _Answer:
    detail: str
    remediation: str
    cause: Cause | None = None
    intermittent: bool = False
    confidence: str = PROVEN


def refine(
    incident: Incident, targets: Mapping[str, Target], follow_up_results: Sequence[FollowUpResult]
) -> Incident:
    """Return the incident with the results as evidence and, if they decide it, with the sentence,
    remediation, cause and confidence that follow. The sentence of what works again stays in the
    past tense. ``targets`` are all targets by id."""
    members = [targets[name] for name in incident.affected if name in targets]
    if not follow_up_results or not members:
        return incident
    evidence = {
        **incident.evidence,
        **{s.rival.value: f"{s.subject}: {s.said}" for s in follow_up_results},
    }
    if incident.works_now:
        return replace(incident, evidence=evidence)
    by_rival: dict[Rival, FollowUpResult] = {}
    for follow_up_result in follow_up_results:
        if follow_up_result.answered or follow_up_result.rival not in by_rival:
            by_rival[follow_up_result.rival] = follow_up_result
    rule = None if incident.intermittent else _RULES.get(incident.cause)
    case = _Case(incident, whom([t.host for t in members]), members[0], by_rival)
    answer = _flows(case) or (rule(case) if rule else None)
    if answer is None:
        return replace(incident, evidence=evidence)
    return replace(
        incident,
        cause=answer.cause or incident.cause,
        detail=remarked(without_internal_ids(answer.detail), evidence),
        remediation=without_internal_ids(answer.remediation),
        evidence=evidence,
        intermittent=answer.intermittent or incident.intermittent,
        confidence=answer.confidence,
    )


def whom(hosts: Sequence[str]) -> str:
    """Write hosts short: one or two by name, more as ``*.gitpod.dev`` if they share a domain."""
    distinct = sorted(set(hosts))
    if len(distinct) <= 2:
        return " and ".join(distinct)
    labels = [host.split(".")[::-1] for host in distinct]
    shared = []
    for parts in zip(*labels, strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    if len(shared) > 1:
        return "*." + ".".join(reversed(shared))
    return f"{distinct[0]} and {len(distinct) - 1} more"


def _hello(case: _Case) -> _Answer | None:
    reset = case.incident.cause is C.TLS_RESET_ON_HELLO
    seen = "is reset right after the ClientHello" if reset else "gets no answer to the ClientHello"
    if case.works(Q.SMALL_SEGMENTS):
        return _Answer(
            f"TLS to {case.who} stalls, and works when the server may only send segments of "
            f"{SMALL_SEGMENT} bytes: a path-MTU hole that swallows large packets.",
            "Let ICMP fragmentation-needed (IPv4 type 3 code 4, IPv6 type 2) pass, or clamp the "
            "TCP MSS to the path's on the VPN, transit gateway or firewall.",
        )
    if case.incident.scope is Scope.PATH:
        return _hello_of_many(case)
    if other := case.works(Q.OTHER_NAME):
        return _Answer(
            f"TLS to {case.who} {seen} while another name at the same address answers "
            f"({other.subject}): a name filter.",
            f"Ask for {case.who} to be allowed by name: TLS/SNI rule of the firewall or AWS "
            "Network Firewall domain list.",
        )
    if case.fails(Q.OTHER_NAME) and reset:
        return _Answer(
            f"Connections to {case.who} are accepted and then reset, whatever name TLS gives: "
            "no name filter.",
            "Ask the endpoint's owner whether it refuses this subnet's public address; else look "
            "for a load balancer or inspecting firewall on the path that ends connections.",
            C.TCP_RESET,
            confidence=either(
                "an endpoint that refuses this subnet", "a device on the path", _ELSEWHERE
            ),
        )
    if case.fails(Q.OTHER_NAME):
        return _Answer(
            f"TCP to {case.who} connects, but TLS gets no answer there, whatever the name and "
            "however small the packets.",
            "Look for a firewall or load balancer that accepts connections in the endpoint's "
            "place and has no way on; else ask the endpoint's owner.",
            confidence=either("a device on the path", "a broken endpoint", _ELSEWHERE),
        )
    return _proxy_path(case)


def _hello_of_many(case: _Case) -> _Answer | None:
    """Confirm the sentence about many hosts: one host alone cannot replace it."""
    incident = case.incident
    if other := case.works(Q.OTHER_NAME):
        remark = f"Another name at the same address answers ({other.subject})."
    elif case.fails(Q.SMALL_SEGMENTS) and incident.confidence not in {LIKELY, PROVEN}:
        remark = "Small segments do not pass either, which rules out a path-MTU hole."
    else:
        return None
    return _Answer(f"{incident.detail} {remark}", incident.remediation)


_PATTERNS: Mapping[FlowPattern, tuple[str, str]] = MappingProxyType(
    {
        FlowPattern.ONE_PATH: (
            "the same source ports fail again, so one path of several is broken",
            "Check the network ACL for missing return ports (1024-65535), then each member of the "
            "NAT gateway, firewall or load balancer on the path.",
        ),
        FlowPattern.LOSS: (
            "other source ports fail the second time, so packets are lost at random",
            "Look for an overloaded link, NAT gateway or firewall on the path (PacketsDropCount, "
            "ErrorPortAllocation, bandwidth limits).",
        ),
        FlowPattern.UNCLEAR: (
            "too few to separate a broken path from loss",
            "Check the network ACL for missing return ports (1024-65535), NAT port exhaustion "
            "(ErrorPortAllocation), and each member of what is on the path.",
        ),
        FlowPattern.ALL_WORK: (
            "it fails only at times",
            "Compare the times of the failures with NAT port exhaustion (ErrorPortAllocation) and "
            "with changes on the path; else ask the endpoint's owner.",
        ),
    }
)


_PATTERN_CONFIDENCE: Mapping[FlowPattern, str] = MappingProxyType(
    {
        FlowPattern.UNCLEAR: either(
            "one broken path of several", "packet loss", "more connections from chosen source ports"
        ),
        FlowPattern.ALL_WORK: LIKELY,
    }
)


def _flows(case: _Case) -> _Answer | None:
    """Return what tries from chosen source ports show, unless all of them fail."""
    seen = case.follow_up_results.get(Q.FLOWS)
    test = seen.flows if seen else None
    if test is None or not test.flows or test.pattern is FlowPattern.ALL_FAIL:
        return None
    tried, failed = 2 * len(test.flows), sum(test.failed_rounds)
    confidence = _PATTERN_CONFIDENCE.get(test.pattern, PROVEN)
    words, remediation = _PATTERNS[test.pattern]
    if case.incident.intermittent:
        detail = f"{case.incident.detail} Tried again: {failed} of {tried} tries fail; {words}."
    else:
        detail = (
            f"TCP {test.port} to {case.who} fails in part: {failed} of {tried} tries from chosen "
            f"source ports got no answer; {words}."
        )
    return _Answer(detail, remediation, intermittent=True, confidence=confidence)


def _stream(case: _Case) -> _Answer | None:
    if case.incident.scope in _OF_MANY_HOSTS:
        return _proxy_path(case)  # what one host shows is not true of all of them
    port, rules = case.target.port, _rules(case)
    failing = f"TCP {port} to {case.who} {_STREAM_WORDS[case.incident.cause]}"
    if other := case.works(Q.OTHER_PORT):
        return _Answer(
            f"{failing} while {other.subject} of the same address answers: a rule for the port, "
            "or nothing listens on it.",
            f"{rules}; if nothing on the path blocks it, ask the endpoint's owner.",
            confidence=either("a rule for the port", "nothing that listens on it", _ELSEWHERE),
        )
    if other := case.works(Q.OTHER_ADDRESS):
        return _Answer(
            f"{failing} while {other.subject}, another address of the same name, answers.",
            f"Allow all addresses of {case.who}: rules by name, not by address; if they are "
            "allowed, that address is broken: inform the endpoint's owner.",
            confidence=either("a rule for the address", "a broken server at it", _ELSEWHERE),
        )
    if proxy_path := _proxy_path(case):
        return proxy_path
    if other := case.works(Q.SAME_PORT):
        return _Answer(
            f"{failing} while {other.subject} connects: a rule for the address or name, or the "
            "endpoint itself is out of order.",
            f"{rules}; if it is allowed there, ask the endpoint's owner.",
            confidence=_BROKEN_ENDPOINT,
        )
    return None


def _rules(case: _Case) -> str:
    """Return where to look for a rule that fits the failure: AWS's own filters drop silently."""
    what = f"TCP {case.target.port} to {case.who}"
    if case.incident.cause is C.TCP_TIMEOUT:
        return f"Allow outbound {what}: security group, network ACL and firewall"
    return (
        f"Check the firewall's rules for {what} (security groups and network ACLs drop silently, "
        "they never reject)"
    )


_STREAM_WORDS: Mapping[Cause, str] = MappingProxyType(
    {
        C.TCP_TIMEOUT: "is dropped silently",
        C.TCP_REFUSED: "is refused",
        C.ADMIN_PROHIBITED: "is rejected by a firewall (ICMP)",
        C.HOST_UNREACHABLE: "finds no way",
    }
)


def _datagram(case: _Case) -> _Answer | None:
    port = case.target.port
    rejected = case.incident.cause is C.UDP_PORT_UNREACHABLE
    how = "is rejected (ICMP port unreachable)" if rejected else "gets no answer"
    why = "a firewall rejects it or nothing listens" if rejected else "it is filtered or ignored"
    failing = f"UDP {port} to {case.who} {how}"
    if other := case.works(Q.TCP):
        return _Answer(
            f"{failing} while {other.subject} connects: {why}; the host itself can be reached.",
            _datagram_rules(case, port),
            confidence=either(
                "a filter for UDP", "a peer that does not answer", "a capture at the firewall"
            ),
        )
    if other := case.fails(Q.TCP):
        return _Answer(
            f"{failing}, and {other.subject} fails too: the host can't be reached at all.",
            f"Allow outbound UDP and TCP {port} to {case.who}; if both are allowed, ask the "
            "endpoint's owner.",
            confidence=_BROKEN_ENDPOINT,
        )
    return None


def _datagram_rules(case: _Case, port: int) -> str:
    if case.incident.cause is C.UDP_PORT_UNREACHABLE:
        return (
            f"Check whether a firewall rejects UDP {port} (security groups and network ACLs drop "
            "silently, they never reject); else ask the owner whether the service runs."
        )
    return (
        f"Allow outbound UDP {port} and the answers back (network ACL: UDP from port {port} to "
        "1024-65535), in the firewall too."
    )


def _name(case: _Case) -> _Answer | None:
    if other := case.works(Q.OTHER_SERVER):
        return _Answer(
            f"{case.incident.detail} Name server {other.subject} gives an address: they disagree.",
            "Correct the name server that was asked first (zone, forwarding rule, DNS firewall), "
            "or put the other one first.",
        )
    if other := case.fails(Q.OTHER_SERVER):
        return _Answer(
            f"{case.incident.detail} Name server {other.subject} gives no address either.",
            case.incident.remediation,
        )
    return None


def _proxy(case: _Case) -> _Answer | None:
    if case.works(Q.ALTERNATE_PROXY):
        return _Answer(
            f"{case.incident.detail} Without the proxy it is reached.",
            f"{case.incident.remediation} Or add {case.who} to NO_PROXY, if it may be reached "
            "directly.",
        )
    return None


def _proxy_path(case: _Case) -> _Answer | None:
    if other := case.works(Q.THROUGH_PROXY):
        return _Answer(
            f"{case.who} can't be reached directly, but {other.subject} it is.",
            f"Take {case.who} out of NO_PROXY, or allow TCP {case.target.port} to it directly.",
        )
    return None


_RULES: Mapping[Cause, Callable[[_Case], _Answer | None]] = MappingProxyType(
    {
        C.TLS_RESET_ON_HELLO: _hello,
        C.TLS_TIMEOUT_ON_HELLO: _hello,
        C.TCP_TIMEOUT: _stream,
        C.TCP_REFUSED: _stream,
        C.ADMIN_PROHIBITED: _stream,
        C.HOST_UNREACHABLE: _stream,
        C.UDP_NO_REPLY: _datagram,
        C.UDP_PORT_UNREACHABLE: _datagram,
        C.DNS_NXDOMAIN: _name,
        C.DNS_NODATA: _name,
        C.DNS_SINKHOLED: _name,
        C.PROXY_DENIED: _proxy,
        C.PROXY_AUTH_REQUIRED: _proxy,
        C.PROXY_UNREACHABLE: _proxy,
        C.PROXY_UPSTREAM_FAILED: _proxy,
        C.PROXY_TUNNEL_FAILED: _proxy,
    }
)

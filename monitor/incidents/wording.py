"""One sentence and one cure for an incident, by its scope."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from monitor.catalog.groups import rank
from monitor.incidents.hypothesis import Hypothesis
from monitor.model.causes import Cause
from monitor.model.groups import RESOLVER_GROUP
from monitor.model.incident import Scope

_NAMED = 4


STILL_WORKS = "still_works"
"""Names what is left of a redundant group, in an incident's evidence."""


def remarked(detail: str, evidence: Mapping[str, str]) -> str:
    """Add to a sentence what still works, unless it says that already."""
    left = evidence.get(STILL_WORKS)
    remark = f"Still works: {left}."
    return detail if not left or remark in detail else f"{detail} {remark}"


def describe(hypothesis: Hypothesis) -> tuple[str, str]:
    """Return the sentence that says what broke, and the one thing to do about it."""
    slow = hypothesis.cause is Cause.SLOW and hypothesis.scope in _SLOW
    return _slow(hypothesis) if slow else _WRITERS[hypothesis.scope](hypothesis)


def _endpoint(hypothesis: Hypothesis) -> tuple[str, str]:
    diagnosis = next((s.diagnosis for s in hypothesis.members if s.cause is hypothesis.cause), None)
    if diagnosis is None:
        return f"{hypothesis.subject} is not reachable.", "Look at its last attempt."
    return diagnosis.detail, diagnosis.remediation


def _slow(hypothesis: Hypothesis) -> tuple[str, str]:
    what, remediation = _SLOW[hypothesis.scope]
    return (
        f"{what.format(hypothesis.subject)} slower than usual: {_names(hypothesis)}.",
        remediation,
    )


_SLOW: Mapping[Scope, tuple[str, str]] = MappingProxyType(
    {
        Scope.ALL_EGRESS: (
            "Everything outside this subnet is",
            "Look at what all of it goes through: the NAT gateway (its bandwidth and packet "
            "metrics), the transit gateway, the firewall, and this host's own network limits.",
        ),
        Scope.PROXY: (
            "What goes through proxy {} is",
            "Ask the proxy's owners for its load, and compare with what does not go through it.",
        ),
        Scope.PORT: (
            "All that uses {} is",
            "Ask the firewall's owners whether this port is inspected or shaped.",
        ),
        Scope.REGION: (
            "The AWS APIs of {} are",
            "Compare the VPC endpoints with the public path; look at the AWS Health Dashboard.",
        ),
        Scope.GROUP: (
            "Everything in {} is",
            "Ask the service's owner or look at its status page; all else is as fast as ever.",
        ),
    }
)
"""What is slow, by scope, and what to do about it."""


def _host(hypothesis: Hypothesis) -> tuple[str, str]:
    match hypothesis.cause:
        case Cause.LOCAL_PORT_EXHAUSTED:
            return (
                "This host has no free source port left for new connections.",
                "Find the process with most connections (`ss -s`, `ss -tan`), or widen "
                "net.ipv4.ip_local_port_range.",
            )
        case Cause.LOCAL_RESOURCE_EXHAUSTED:
            return (
                "This host or the monitor is out of file descriptors or memory for sockets.",
                "Raise the limit (`ulimit -n`, the task's nofile) and look for a leak.",
            )
        case Cause.CLOCK_SKEW | Cause.TLS_NOT_YET_VALID:
            how = hypothesis.evidence.get("clock", "wrong")
            return (
                f"This host's clock is {how}: certificates and signed requests are refused.",
                "Set the clock (`chronyc makestep`) and allow NTP to 169.254.169.123.",
            )
        case _:
            return _endpoint(hypothesis)


def _all_egress(hypothesis: Hypothesis) -> tuple[str, str]:
    return (
        f"Nothing outside this subnet answers: all {_hosts(hypothesis)} hosts tried fail, "
        f"most with {hypothesis.cause}.",
        "Check the subnet's route to the NAT or transit gateway, then the network ACL and "
        "the security group's outbound rules.",
    )


def _resolver(hypothesis: Hypothesis) -> tuple[str, str]:
    if hypothesis.cause is Cause.DNS_SINKHOLED and not hypothesis.subject.startswith("*."):
        return (
            f"DNS sends {_names(hypothesis)} to {hypothesis.subject}, where somebody else answers "
            f"({_shown_there(hypothesis)}): a sinkhole with a block page.",
            _ZONE_REMEDIATION,
        )
    if hypothesis.subject.startswith("*."):
        return (
            f"No name of {hypothesis.subject} resolves any more ({hypothesis.cause}): "
            f"{_names(hypothesis)}. Other names do.",
            _ZONE_REMEDIATION,
        )
    several = "," in hypothesis.subject
    servers = (
        f"Name server{'s' if several else ''} {hypothesis.subject} {'do' if several else 'does'}"
    )
    names = _names(hypothesis)
    return (
        f"{servers} not resolve names ({hypothesis.cause}): {names}."
        if names
        else f"{servers} not answer ({hypothesis.cause}); names still resolve without.",
        "Check the VPC's resolver (DNS support, DHCP option set, Route 53 Resolver rules and "
        "DNS Firewall) and that UDP and TCP 53 to it are allowed.",
    )


_ZONE_REMEDIATION = (
    "Allow these names in the DNS firewall (Route 53 Resolver DNS Firewall), or correct the "
    "private hosted zone or forwarding rule that answers for them."
)


def _shown_there(hypothesis: Hypothesis) -> str:
    subject = hypothesis.evidence.get("subject")
    return f"its certificate is for {subject}" if subject else str(hypothesis.members[0].cause)


def _proxy(hypothesis: Hypothesis) -> tuple[str, str]:
    told = {s.diagnosis.remediation for s in hypothesis.members if s.diagnosis}
    own = told.pop() if len(told) == 1 else ""
    return (
        f"Requests through proxy {hypothesis.subject} fail ({hypothesis.cause}): "
        f"{_names(hypothesis)}.",
        own
        or _PROXY_REMEDIATIONS.get(
            hypothesis.cause, "Ask the proxy's owners for its log of these requests."
        ),
    )


_PROXY_REMEDIATIONS: Mapping[Cause, str] = MappingProxyType(
    {
        Cause.PROXY_UNREACHABLE: "Check that the proxy runs and that its port is allowed from "
        "this subnet.",
        Cause.PROXY_AUTH_REQUIRED: "Configure the proxy's user and password for the runner.",
        Cause.PROXY_DENIED: "Ask the proxy's owners to allow CONNECT to these hosts.",
        Cause.PROXY_UPSTREAM_FAILED: "Ask the proxy's owners why it can't reach these hosts.",
    }
)


def _interception(hypothesis: Hypothesis) -> tuple[str, str]:
    return (
        f"TLS is opened on the way by \u201c{hypothesis.subject}\u201d: {_names(hypothesis)}.",
        "Exempt these hosts from TLS inspection, or have the runner trust that CA (its CA "
        "bundle, AWS_CA_BUNDLE, SSL_CERT_FILE).",
    )


def _address_family(hypothesis: Hypothesis) -> tuple[str, str]:
    other = "IPv4" if hypothesis.subject == "ipv6" else "IPv6"
    family = "IPv6" if hypothesis.subject == "ipv6" else "IPv4"
    return (
        f"{family} is broken while {other} works: {_names(hypothesis)}.",
        f"Repair the subnet's {family} route and rules, or take {family} away from the host so "
        "that clients do not try it first.",
    )


def _port(hypothesis: Hypothesis) -> tuple[str, str]:
    transport, _, port = hypothesis.subject.partition("/")
    return (
        f"Outbound {transport.upper()} port {port} is blocked to every host that needs it "
        f"({hypothesis.cause}): {_names(hypothesis)}.",
        f"Open outbound {transport.upper()} {port} from the runner's subnet in the security "
        "group, the network ACL (with its return ports) and the firewall.",
    )


def _region(hypothesis: Hypothesis) -> tuple[str, str]:
    return (
        f"No AWS API of {hypothesis.subject} answers ({hypothesis.cause}): {_names(hypothesis)}.",
        "Check the VPC endpoints (security group, policy, private DNS) or the public path to "
        "AWS, then the AWS Health Dashboard.",
    )


def _group(hypothesis: Hypothesis) -> tuple[str, str]:
    return (
        f"Everything in {hypothesis.subject} fails the same way ({hypothesis.cause}): "
        f"{_names(hypothesis)}.",
        _endpoint(hypothesis)[1],
    )


def _hosts(hypothesis: Hypothesis) -> int:
    return len({s.target.host for s in hypothesis.members})


def _names(hypothesis: Hypothesis) -> str:
    """Name a few of the hosts, what is needed first before all, and count the others."""
    named = (s.target for s in hypothesis.members if s.target.group != RESOLVER_GROUP)
    ordered = sorted(named, key=lambda target: (rank(target.group), target.host))
    hosts = list(dict.fromkeys(target.host for target in ordered))
    more = f" and {len(hosts) - _NAMED} more" if len(hosts) > _NAMED else ""
    return ", ".join(hosts[:_NAMED]) + more


_WRITERS: Mapping[Scope, Callable[[Hypothesis], tuple[str, str]]] = MappingProxyType(
    {
        Scope.HOST: _host,
        Scope.ALL_EGRESS: _all_egress,
        Scope.RESOLVER: _resolver,
        Scope.PROXY: _proxy,
        Scope.TLS_INTERCEPTION: _interception,
        Scope.ADDRESS_FAMILY: _address_family,
        Scope.PORT: _port,
        Scope.REGION: _region,
        Scope.GROUP: _group,
        Scope.ENDPOINT: _endpoint,
    }
)

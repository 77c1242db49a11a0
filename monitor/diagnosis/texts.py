"""One plain sentence and one cure for each cause, for people at 3 a.m."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from monitor.diagnosis.evidence import clean
from monitor.model.diagnosis import Cause
from monitor.model.endpoint import Protocol
from monitor.model.probe_result import FailureKind, ProbeResult
from monitor.model.target import Target
from monitor.net.sockets.address_policy import denial_reason

_LIMIT = 400
_NAMED = 4
_UDP = frozenset({Protocol.UDP, Protocol.DNS, Protocol.NTP})


@dataclass(frozen=True, slots=True)
class Text:
    """``detail`` says what was seen, ``remediation`` what to do. Both are templates; the words
    that they may hold are those of ``_words``."""

    detail: str
    remediation: str


def explain(cause: Cause, target: Target, probe_result: ProbeResult) -> tuple[str, str]:
    """Return sentence and cure for a cause, with the target's names filled in."""
    text = _NOT_DIALLED if _is_refused(target, probe_result) else TEXTS[cause]
    words = _words(target, probe_result)
    return text.detail.format_map(words)[:_LIMIT], text.remediation.format_map(words)[:_LIMIT]


def _words(target: Target, probe_result: ProbeResult) -> Mapping[str, str]:
    failure, connection = probe_result.failure, probe_result.primary
    chain = connection.tls.chain if connection and connection.tls else ()
    resolution = probe_result.resolution
    servers = dict.fromkeys(a.server for a in resolution.answers) if resolution else {}
    offset = probe_result.clock_offset or 0.0
    return {
        "host": target.host,
        "port": str(target.port),
        "transport": "UDP" if target.endpoint.protocol in _UDP else "TCP",
        "name": target.endpoint.query or target.host,
        "servers": ", ".join(servers) or "the name server",
        "code": clean(failure.code or "") if failure else "",
        "error": clean(failure.message) if failure else "",
        "address": connection.address if connection else "its address",
        "issuer": chain[-1].issuer if chain else "an unknown CA",
        "subject": chain[0].subject if chain else "another name",
        "status": str(connection.http.status) if connection and connection.http else "an error",
        "proxy": probe_result.proxy or "the proxy",
        "timeout": f"{target.timeout:g} s",
        "dead": _dead(probe_result),
        "failed": str(len(probe_result.failed)),
        "tried": str(len(probe_result.connections)),
        "offset": f"{abs(offset):.1f} s {'behind' if offset > 0 else 'ahead'}",
    }


def _is_refused(target: Target, probe_result: ProbeResult) -> bool:
    """Whether nothing was dialled, for a server's answer must not lead to such an address."""
    failure = probe_result.failure
    sinkhole = failure is not None and failure.kind is FailureKind.DNS_SINKHOLE
    return bool(sinkhole and failure and denial_reason(failure.code or "", target.address_policy))


def _dead(probe_result: ProbeResult) -> str:
    """Name the addresses that failed, each with its reason."""
    named = [f"{c.address} ({clean(c.failure.message)})" for c in probe_result.failed if c.failure]
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return ", ".join(named[:_NAMED]) + more


_OPEN = (
    "Allow outbound {transport} {port} from the runner's subnet to {host}: security group, "
    "network ACL (with the ports of the answers) and firewall."
)
_TRUST = (
    "Exempt {host} from TLS inspection, or have the runner trust that CA (its CA bundle, "
    "SSL_CERT_FILE, AWS_CA_BUNDLE)."
)
_RESOLVER = "Check that name server and the path to it: UDP and TCP 53, DHCP option set, VPC DNS."
_DNS_FILTER = (
    "Allow {name} in the DNS firewall (Route 53 Resolver DNS Firewall) or correct the zone or "
    "forwarding rule that answers for it."
)
_NOT_DIALLED = Text(
    "{host}, which a server named, leads to {code}, {error}.",
    "If that is right (a VPC endpoint, a private zone), add {host} as an [[endpoint]] or set "
    "discovery.allow_private = true; if not, correct what answers for it in DNS.",
)
_METADATA_OPTIONS = "aws ec2 modify-instance-metadata-options"

TEXTS: Mapping[Cause, Text] = MappingProxyType(
    {
        Cause.DNS_TIMEOUT: Text("{servers} did not answer for {name}.", _RESOLVER),
        Cause.DNS_NXDOMAIN: Text("{servers} says that {name} does not exist.", _DNS_FILTER),
        Cause.DNS_NODATA: Text("{servers} knows {name} but gives no address for it.", _DNS_FILTER),
        Cause.DNS_SERVFAIL: Text(
            "{servers} failed to resolve {name}: {error}.",
            "Look at that name server's log and its forwarders; DNSSEC and a blocked upstream "
            "are the usual reasons.",
        ),
        Cause.DNS_REFUSED: Text(
            "{servers} refuses to resolve {name}.",
            "Allow this subnet to query that name server, or allow the name in its policy.",
        ),
        Cause.DNS_SINKHOLED: Text(
            "DNS answers {code} for {name}: a sinkhole, not the service.", _DNS_FILTER
        ),
        Cause.NETWORK_UNREACHABLE: Text(
            "There is no route to {host} ({address}).",
            "Add the missing route to the subnet's route table: NAT gateway, transit gateway "
            "or VPC endpoint.",
        ),
        Cause.HOST_UNREACHABLE: Text(
            "A router says that {host} ({address}) can't be reached.",
            "Follow the route from the subnet to {address}: a gateway on it has no next hop.",
        ),
        Cause.ADMIN_PROHIBITED: Text(
            "A firewall rejects {transport} {port} to {host} and says so.", _OPEN
        ),
        Cause.LOCAL_PORT_EXHAUSTED: Text(
            "This host has no free source port left to reach {host}.",
            "Find the process with most connections (`ss -tan`), or widen "
            "net.ipv4.ip_local_port_range.",
        ),
        Cause.LOCAL_RESOURCE_EXHAUSTED: Text(
            "This host ran out of {error} while reaching {host}.",
            "Raise the limit (`ulimit -n`, the task's nofile, memory) and look for a leak.",
        ),
        Cause.TCP_REFUSED: Text(
            "{host} ({address}) refuses TCP {port}.",
            "Check that the service listens there; if others reach it, a firewall answers with "
            "a reset: allow outbound TCP {port} to {host}.",
        ),
        Cause.TCP_TIMEOUT: Text("TCP {port} to {host} ({address}) is dropped silently.", _OPEN),
        Cause.TCP_RESET: Text(
            "The connection to {host} port {port} was reset after it was accepted.",
            "Look for an inspecting firewall or load balancer on the path that ends it.",
        ),
        Cause.TLS_RESET_ON_HELLO: Text(
            "TLS to {host} is cut right after the ClientHello that names it.",
            "Ask for {host} to be allowed by name: TLS/SNI rule of the firewall or AWS Network "
            "Firewall domain list.",
        ),
        Cause.TLS_TIMEOUT_ON_HELLO: Text(
            "TCP to {host} connects, but the ClientHello gets no answer within {timeout}.",
            "Ask for {host} to be allowed by name (TLS/SNI rule); if every name stalls, check "
            "the path MTU and that ICMP fragmentation-needed passes.",
        ),
        Cause.TLS_INTERCEPTED: Text(
            "TLS to {host} is opened on the way: its certificate was issued by {issuer}.", _TRUST
        ),
        Cause.TLS_UNTRUSTED: Text(
            "The certificate of {host} is not trusted: issued by {issuer} ({error}).", _TRUST
        ),
        Cause.TLS_EXPIRED: Text(
            "The certificate of {host} has expired ({subject}).",
            "Have it renewed by the endpoint's owner; check this host's clock first.",
        ),
        Cause.TLS_NOT_YET_VALID: Text(
            "The certificate of {host} is not valid yet ({subject}).",
            "Check this host's clock (`chronyc tracking`): a clock that is behind looks like this.",
        ),
        Cause.TLS_NAME_MISMATCH: Text(
            "The certificate shown for {host} is for {subject}.",
            "Check what {host} resolves to: a wrong address, a captive portal or a block page "
            "answers in its place.",
        ),
        Cause.TLS_PROTOCOL: Text(
            "TLS with {host} fails: {error}.",
            "Look for a proxy or an old TLS endpoint in between: TLS 1.2 or newer has to pass "
            "unchanged.",
        ),
        Cause.PROXY_UNREACHABLE: Text(
            "The proxy {proxy} can't be reached or used: {error}.",
            "Check that an HTTP proxy runs there and that its port is allowed from this subnet.",
        ),
        Cause.PROXY_AUTH_REQUIRED: Text(
            "The proxy {proxy} wants a user and password, or others than it was given.",
            "Give the runner the proxy's credentials, or exempt this subnet from them.",
        ),
        Cause.PROXY_DENIED: Text(
            "The proxy {proxy} denies CONNECT to {host}:{port} (status {code}).",
            "Ask the proxy's owners to allow CONNECT to {host}:{port}.",
        ),
        Cause.PROXY_UPSTREAM_FAILED: Text(
            "The proxy {proxy} can't reach {host}:{port}: {error}.",
            "Ask the proxy's owners why it can't reach {host}:{port}; if it should be reached "
            "directly, add it to NO_PROXY.",
        ),
        Cause.HTTP_TIMEOUT: Text(
            "{host} accepted the request but did not finish its answer within {timeout}.",
            "Try it by hand with `curl -v`; if it is slow there too, ask the endpoint's owner, "
            "else the proxy or firewall in between.",
        ),
        Cause.HTTP_BLOCKED_PAGE: Text(
            "A block page answers for {host} (status {status}), not the service.",
            "Ask the owners of the web filter to allow {host}.",
        ),
        Cause.HTTP_STATUS: Text(
            "{host} answers, but not as it should: {error}.",
            "Ask the endpoint's owner or look at its status page; the network path is well.",
        ),
        Cause.HTTP_PROTOCOL: Text(
            "What answers for {host} port {port} breaks HTTP: {error}.",
            "Look for a middlebox or another service on that port.",
        ),
        Cause.HTTP_TRUNCATED: Text(
            "The answer of {host} was cut short: {error}.",
            "Look for a proxy or firewall that limits size or time of downloads.",
        ),
        Cause.UDP_NO_REPLY: Text(
            "{host} ({address}) gave no valid reply on UDP {port}: {error}.",
            "Allow outbound UDP {port} from the runner's subnet to {host} and the answers back "
            "(network ACL: UDP from port {port} to 1024-65535).",
        ),
        Cause.UDP_PORT_UNREACHABLE: Text(
            "{host} ({address}) says that nothing listens on UDP {port}.",
            "Check that the address is right; a firewall that rejects looks the same: allow "
            "outbound UDP {port} to {host}.",
        ),
        Cause.IMDS_HOP_LIMIT: Text(
            "Instance metadata answers, but its token never arrives: the hop limit is 1.",
            f"Run `{_METADATA_OPTIONS} --http-put-response-hop-limit 2`, or use host networking.",
        ),
        Cause.IMDS_DISABLED: Text(
            "Instance metadata is disabled for this instance (status {code}).",
            f"Run `{_METADATA_OPTIONS} --http-endpoint enabled`.",
        ),
        Cause.IMDS_V1_ONLY: Text(
            "Instance metadata answers without a token and knows no version 2.",
            "Use a metadata service or emulator that supports IMDSv2 tokens.",
        ),
        Cause.AWS_NO_CREDENTIALS: Text(
            "There are no AWS credentials that work for the check of {name}: {error}.",
            "Give the task or instance a role, or switch this check off.",
        ),
        Cause.AWS_PERMISSION_DENIED: Text(
            "The monitor's role may not find out whether {name} can be launched: {error}.",
            "Allow ec2:DescribeImages and ec2:RunInstances for the monitor's role (docs/aws.md).",
        ),
        Cause.AMI_NOT_VISIBLE: Text(
            "This account sees no AMI {name}: {error}.",
            "Allow the AMI's owner account in the Allowed AMIs settings of account and "
            "organisation; a private AMI has to be shared with this account by its owner.",
        ),
        Cause.AMI_NOT_LAUNCHABLE: Text(
            "This account sees the AMI {name} but may not launch it: {error}.",
            "Allow the AMI's owner account in the organisation's service control policies and "
            "Allowed AMIs settings.",
        ),
        Cause.VPC_ENDPOINT_DENIED: Text(
            "{host} answers, but the policy of its VPC endpoint denies the request.",
            "Check that the VPC endpoint's policy allows the runner's role and actions.",
        ),
        Cause.ADDRESS_FAILED: Text(
            "{host} fails at {failed} of {tried} addresses on {transport} {port}: {dead}.",
            "Allow {host} by name or by all of its addresses in security group, network ACL and "
            "firewall; if those are allowed, tell its owner: clients that pick one of these fail.",
        ),
        Cause.CLOCK_SKEW: Text(
            "This host's clock is {offset} of {host}.",
            "Set the clock (`chronyc makestep`) and allow NTP to 169.254.169.123.",
        ),
        Cause.SLOW: Text(
            "{host} answers, but much slower than it used to.",
            "Compare with the other targets: if many are slow, look at the NAT gateway, proxy "
            "and link; if one, ask its owner.",
        ),
        Cause.INTERNAL_ERROR: Text(
            "The monitor itself failed while probing {host}: {error}.",
            "This is a bug of Egress Monitor, not of the network: report it with the log.",
        ),
    }
)

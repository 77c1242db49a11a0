"""The firewall request: one row per destination, as text, CSV or AWS CLI commands. Pure."""

from __future__ import annotations

import ipaddress
import json
import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from types import MappingProxyType

from monitor.catalog.groups import GROUPS, rank
from monitor.common.csv_text import csv_text
from monitor.common.identifiers import is_address
from monitor.health.status import TargetStatus
from monitor.model.causes import Ask, Cause
from monitor.model.endpoint import Protocol
from monitor.model.groups import RESOLVER_GROUP
from monitor.model.identity import Identity
from monitor.model.state import State
from monitor.model.target import Target
from monitor.present.formats import FirewallFormat


@dataclass(frozen=True, slots=True)
class Request:
    """One row for the firewall team. ``destination`` is a host, an address, or a wildcard as in the
    requirement; ``cause`` is None if nothing was probed. The direction is always outbound: nothing
    connects to a runner from outside."""

    ask: Ask
    destination: str
    port: int
    transport: str
    protocol: Protocol
    why: str
    cause: Cause | None = None
    detail: str = ""
    targets: tuple[str, ...] = ()

    @property
    def by_name(self) -> bool:
        """Whether a firewall can match the name in TLS or HTTP."""
        spoken = self.protocol in {Protocol.HTTPS, Protocol.HTTP, Protocol.TLS}
        return spoken and not is_address(self.destination)


_UDP = frozenset({Protocol.UDP, Protocol.DNS, Protocol.NTP})
_INTRO = (
    "Please allow the following outbound connections from the subnet of an Ona runner{where}.\n"
    "The answers have to come back (network ACL: ports 1024-65535); nothing connects inwards."
)
_NOTHING = "Nothing has to be opened: no destination is blocked by a rule."


def everything(targets: Iterable[Target]) -> tuple[Request, ...]:
    """Return the rows that ``targets`` need, whether or not they are open."""
    ordered = sorted(targets, key=lambda target: rank(target.group))
    return _merged(_request(target, Ask.OPEN) for target in ordered if _crosses_a_firewall(target))


def blocked(statuses: Iterable[TargetStatus]) -> tuple[Request, ...]:
    """Return the rows that would open what a check could not reach."""
    requests = []
    for status in sorted(statuses, key=lambda status: rank(status.target.group)):
        diagnosis = status.diagnosis
        ask = diagnosis.cause.record.ask if diagnosis and diagnosis.cause else None
        if diagnosis and ask and status.state is State.DOWN and _crosses_a_firewall(status.target):
            requests.append(_request(status.target, ask, diagnosis.cause, diagnosis.detail))
    return _merged(requests)


def write(requests: Sequence[Request], form: FirewallFormat, identity: Identity) -> str:
    """Return the request of the runner at ``identity``, as far as that is known; the text ends with
    a line break."""
    if form is FirewallFormat.TEXT:
        return _text(requests, identity)
    return _WRITERS[form](requests)


def _crosses_a_firewall(target: Target) -> bool:
    """Return whether packets to a target leave the VPC. Security groups and firewalls never see
    link-local services or the VPC resolver."""
    if target.group == RESOLVER_GROUP:
        return False
    try:
        address = ipaddress.ip_address(target.host)
    except ValueError:
        return True
    return not (address.is_link_local or address.is_loopback)


def _request(target: Target, ask: Ask, cause: Cause | None = None, detail: str = "") -> Request:
    endpoint = target.endpoint
    return Request(
        ask=ask,
        destination=_destination(target),
        port=target.dial_port,
        transport="udp" if endpoint.protocol in _UDP else "tcp",
        protocol=endpoint.protocol,
        why=GROUPS.get(target.group) or endpoint.note or target.group,
        cause=cause,
        detail=detail,
        targets=(target.id,),
    )


def _destination(target: Target) -> str:
    """Return the host, or the wildcard of hosts that it represents. A placeholder without a value
    is shown in capitals, so that the row is not missing from the request."""
    wildcard = (target.endpoint.wildcard or "").partition("/")[0]
    if wildcard.startswith("*."):
        return wildcard
    return target.host.replace("{region}", "REGION").replace("{account_id}", "ACCOUNT_ID")


def _merged(requests: Iterable[Request]) -> tuple[Request, ...]:
    """Merge rows with the same content, in the order of the requirements."""
    merged: dict[tuple[Ask, str, int, str], Request] = {}
    for request in requests:
        key = (request.ask, request.destination, request.port, request.transport)
        known = merged.get(key)
        ids = (*known.targets, *request.targets) if known else request.targets
        merged[key] = replace(known or request, targets=ids)
    return tuple(merged.values())


def _text(requests: Sequence[Request], identity: Identity) -> str:
    if not requests:
        return f"{_NOTHING}\n"
    known = (identity.subnet_id, identity.vpc_id, identity.account_id, identity.region)
    where = ", ".join(filter(None, known))
    lines = [_INTRO.format(where=f" ({where})" if where else "")]
    for ask in Ask:
        mine = [request for request in requests if request.ask is ask]
        if mine:
            lines += ["", f"{_HEADINGS[ask]}:"]
            lines += [line for request in mine for line in _text_lines(request)]
    return "\n".join(lines) + "\n"


_HEADINGS: Mapping[Ask, str] = MappingProxyType(
    {
        Ask.OPEN: "Open, outbound (security group, network ACL, route, firewall)",
        Ask.ALLOW_NAME: "Allow by name (TLS server name, HTTP host) in the firewall or web filter",
        Ask.ALLOW_IN_DNS: "Allow in the DNS firewall, or fix the zone that answers",
        Ask.ALLOW_IN_PROXY: "Allow in the proxy (CONNECT)",
        Ask.EXEMPT: "Exempt from TLS inspection, or have the runner trust the inspecting CA",
    }
)


def _text_lines(request: Request) -> Iterable[str]:
    where = f"{request.destination} {request.transport.upper()} {request.port}"
    yield f"  {where}  ({request.protocol}; {request.why})"
    if request.cause is not None:
        yield f"      {request.cause}: {request.detail}"


def _csv(requests: Sequence[Request]) -> str:
    return csv_text([_COLUMNS, *map(_cells, requests)])


_COLUMNS = (
    "direction", "destination", "port", "transport", "protocol", "ask", "why", "cause", "detail",
    "targets",
)  # fmt: skip


def _cells(request: Request) -> tuple[str, ...]:
    return (
        "outbound",
        request.destination,
        str(request.port),
        request.transport,
        request.protocol.value,
        request.ask.value,
        request.why,
        request.cause.value if request.cause else "",
        request.detail,
        " ".join(request.targets),
    )


def _security_group(requests: Sequence[Request]) -> str:
    """Return AWS CLI commands (EC2 API, AuthorizeSecurityGroupEgress). Security groups know
    addresses only, and the addresses of these services change, so a port is opened to all of them.
    """
    places = sorted({(r.transport, r.port) for r in requests if r.ask is Ask.OPEN})
    rest = _asked_elsewhere(requests, {Ask.OPEN})
    if not places:
        return f"# {_NOTHING}\n{rest}"
    permissions = [_permission(requests, transport, port) for transport, port in places]
    return (
        "# Security groups can't name hosts: each port is opened to every address.\n"
        "# Narrow the names down in AWS Network Firewall (--firewall-request network-firewall).\n"
        "aws ec2 authorize-security-group-egress --group-id sg-REPLACE \\\n"
        f"  --ip-permissions {shlex.quote(json.dumps(permissions))}\n{rest}"
    )


def _asked_elsewhere(requests: Sequence[Request], asked: Set[Ask]) -> str:
    """Return a comment on rows that these commands cannot fix; empty if they fix everything."""
    others = Counter(r.ask for r in requests if r.ask not in asked)
    if not others:
        return ""
    what = ", ".join(f"{ask} ({count})" for ask, count in others.items())
    return f"# To be asked for elsewhere, see --firewall-request text: {what}.\n"


def _permission(requests: Sequence[Request], transport: str, port: int) -> dict[str, object]:
    purposes = dict.fromkeys(
        r.why.partition(":")[0] for r in requests if (r.transport, r.port) == (transport, port)
    )
    said = _description(purposes)
    return {
        "IpProtocol": transport,
        "FromPort": port,
        "ToPort": port,
        "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": said}],
        "Ipv6Ranges": [{"CidrIpv6": "::/0", "Description": said}],
    }


def _description(purposes: Iterable[str]) -> str:
    """Return a text that AWS accepts: up to 255 characters of ``a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*``
    (EC2 API, IpRange)."""
    allowed = set(". _-:/()#,@[]+=&;{}!$*")
    text = f"Ona runner: {', '.join(purposes)}"
    return "".join(c for c in text if (c.isascii() and c.isalnum()) or c in allowed)[:255]


def _network_firewall(requests: Sequence[Request]) -> str:
    """Return AWS CLI commands for two rule groups: a domain list (Network Firewall developer guide,
    "Stateful domain list rule groups": a leading dot is a wildcard), and standard stateful rules
    for protocols without a name in their packets."""
    asked = {Ask.OPEN, Ask.ALLOW_NAME}
    ruled = [r for r in requests if r.ask in asked]
    names = dict.fromkeys(_domain(r.destination) for r in ruled if r.by_name)
    rest = dict.fromkeys((r.transport, r.port) for r in ruled if not r.by_name)
    parts = []
    if names:
        source = {
            "TargetTypes": ["TLS_SNI", "HTTP_HOST"],
            "Targets": list(names),
            "GeneratedRulesType": "ALLOWLIST",
        }
        parts.append(_rule_group("names", len(names), {"RulesSourceList": source}))
    if rest:
        rules = [_stateful_rule(number, *place) for number, place in enumerate(rest, 1)]
        parts.append(_rule_group("ports", len(rest), {"StatefulRules": rules}))
    elsewhere = _asked_elsewhere(requests, asked)
    return ("\n".join(parts) if parts else f"# {_NOTHING}\n") + elsewhere


def _domain(destination: str) -> str:
    return destination.removeprefix("*")


def _rule_group(name: str, rules: int, source: Mapping[str, object]) -> str:
    group = json.dumps({"RulesSource": source})
    return (
        f"aws network-firewall create-rule-group --rule-group-name ona-runner-{name} \\\n"
        f"  --type STATEFUL --capacity {max(100, 2 * rules)} \\\n"
        f"  --rule-group {shlex.quote(group)}\n"
    )


def _stateful_rule(number: int, transport: str, port: int) -> dict[str, object]:
    return {
        "Action": "PASS",
        "Header": {
            "Protocol": transport.upper(),
            "Source": "ANY",
            "SourcePort": "ANY",
            "Direction": "FORWARD",
            "Destination": "ANY",
            "DestinationPort": str(port),
        },
        "RuleOptions": [{"Keyword": "sid", "Settings": [str(number)]}],
    }


_WRITERS: Mapping[FirewallFormat, Callable[[Sequence[Request]], str]] = MappingProxyType(
    {
        FirewallFormat.CSV: _csv,
        FirewallFormat.SECURITY_GROUP: _security_group,
        FirewallFormat.NETWORK_FIREWALL: _network_firewall,
    }
)

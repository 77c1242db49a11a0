"""The registry of causes: one record per cause, and nothing else to edit for a new one.

A record holds every text about a cause: the sentence, the remediation, the
class, the severity, the request to the firewall team, the follow-up probes, and the runbook
entry (docs/causes.md is generated from it). The rule that chooses a cause is in
``monitor.diagnosis.causes``. The names are label values in metrics: never rename one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class Section(StrEnum):
    """The section of the runbook that a cause belongs to."""

    RESOLUTION = "Name resolution"
    ROUTE = "Route and host"
    TCP = "TCP"
    TLS = "TLS"
    PROXY = "Proxy"
    HTTP = "HTTP"
    UDP = "UDP"
    AWS = "AWS"
    OTHER = "Other"


class CauseClass(StrEnum):
    """The part of the system at fault, for correlation and for choosing whom to contact."""

    PATH = "path"
    RESOLVER = "resolver"
    PROXY = "proxy"
    TRUST = "trust"
    CONTENT = "content"
    HOST = "host"


class Severity(StrEnum):
    """The state that a cause leads to: DEGRADED if the endpoint still answers."""

    DOWN = "down"
    DEGRADED = "degraded"


class Ask(StrEnum):
    """The change to request from the owner of a firewall, DNS filter or proxy."""

    OPEN = "open"
    ALLOW_NAME = "allow by name"
    ALLOW_IN_DNS = "allow in DNS"
    ALLOW_IN_PROXY = "allow in proxy"
    EXEMPT = "exempt from TLS inspection"


class FollowUpKind(StrEnum):
    """The set of follow-up probes that discriminates between explanations of a cause."""

    HELLO = "hello"
    STREAM = "stream"
    DATAGRAM = "datagram"
    NAME = "name"
    PROXY = "proxy"


@dataclass(frozen=True, slots=True)
class CauseRecord:
    """Every text about one cause.

    ``sentence`` and ``remediation`` are templates; monitor.diagnosis.texts lists their fields.
    ``symptom``, ``confirm``, ``fix`` and ``request`` (to the firewall team) are the runbook
    entry, in Markdown. ``ask`` is None if no filter rule can be the reason.
    """

    section: Section
    cause_class: CauseClass
    sentence: str
    remediation: str
    symptom: str
    confirm: str
    fix: str
    request: str
    severity: Severity = Severity.DOWN
    ask: Ask | None = None
    follow_up: FollowUpKind | None = None


class Cause(StrEnum):
    """The reason why a target is not up. A closed set; the values are stable label values."""

    record: CauseRecord

    def __new__(cls, value: str, record: CauseRecord | None = None) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        if record is not None:
            member.record = record
        return member

    DNS_TIMEOUT = (
        "dns_timeout",
        CauseRecord(
            section=Section.RESOLUTION,
            cause_class=CauseClass.RESOLVER,
            sentence="{servers} did not answer for {name}: {error}.",
            remediation=(
                "Check that name server and the path to it: UDP and TCP 53, DHCP option set, "
                "VPC DNS."
            ),
            symptom=(
                "no name server answered the question in time. All targets at once: the "
                "resolver or the path to it. One name: its zone's servers are slow."
            ),
            confirm=(
                "`dig HOST @SERVER +time=2 +tries=1`, then the same with `+tcp`. Only TCP "
                "answers: UDP 53 is filtered; only UDP: TCP 53 is, and long answers fail. "
                "`cat /etc/resolv.conf` names the servers."
            ),
            fix=(
                "in a VPC, switch on DNS support and allow UDP and TCP 53 to the resolver "
                "(the VPC's base address plus two, or 169.254.169.253); correct the DHCP "
                "option set; take a dead server out of it. The VPC's resolver takes 1,024 "
                "packets a second from an interface and drops what is more."
            ),
            request="UDP and TCP 53 from the subnet to `SERVER`, and the answers back.",
            ask=Ask.OPEN,
        ),
    )

    DNS_NXDOMAIN = (
        "dns_nxdomain",
        CauseRecord(
            section=Section.RESOLUTION,
            cause_class=CauseClass.RESOLVER,
            sentence="{servers} reports that {name} does not exist.",
            remediation=(
                "Allow {name} in the DNS firewall (Route 53 Resolver DNS Firewall) or correct "
                "the zone or forwarding rule that answers for it."
            ),
            symptom=(
                "a name server reports that the name does not exist. For a public name that "
                "others resolve, the reason is a private zone or a DNS firewall."
            ),
            confirm=(
                "`dig HOST @SERVER` (status NXDOMAIN; the SOA in the authority section shows "
                "whose zone answers), and against a public resolver where one is reachable: "
                "`dig HOST @1.1.1.1`."
            ),
            fix=(
                "remove or complete the private hosted zone that hides the public one; "
                "correct the forwarding rule; check a name you configured for a typo."
            ),
            request=(
                "to allow the name in the DNS firewall (Route 53 Resolver DNS Firewall can "
                "answer NXDOMAIN for a blocked domain)."
            ),
            ask=Ask.ALLOW_IN_DNS,
            follow_up=FollowUpKind.NAME,
        ),
    )

    DNS_NODATA = (
        "dns_nodata",
        CauseRecord(
            section=Section.RESOLUTION,
            cause_class=CauseClass.RESOLVER,
            sentence="{servers} knows {name} but has no address for it.",
            remediation=(
                "Allow {name} in the DNS firewall (Route 53 Resolver DNS Firewall) or correct "
                "the zone or forwarding rule that answers for it."
            ),
            symptom=(
                "the name exists but has no address. A private zone with an incomplete "
                "record, or a DNS firewall that answers NODATA."
            ),
            confirm=(
                "`dig HOST A @SERVER` and `dig HOST AAAA @SERVER`: NOERROR, and no answer in both."
            ),
            fix="add the record to the zone that answers, or remove the zone.",
            request="to allow the name in the DNS firewall (its NODATA answer).",
            ask=Ask.ALLOW_IN_DNS,
            follow_up=FollowUpKind.NAME,
        ),
    )

    DNS_SERVFAIL = (
        "dns_servfail",
        CauseRecord(
            section=Section.RESOLUTION,
            cause_class=CauseClass.RESOLVER,
            sentence="{servers} failed to resolve {name}: {error}.",
            remediation=(
                "Check that name server's log and its forwarders; DNSSEC and a blocked "
                "upstream are the usual reasons."
            ),
            symptom=(
                "the name server answers, but failed to resolve the name, or its response is not a "
                "valid DNS message."
            ),
            confirm=(
                "`dig HOST @SERVER`, then `dig HOST @SERVER +cd`: if it resolves with `+cd`, "
                "DNSSEC validation fails."
            ),
            fix=(
                "check the server's log and its forwarders; correct the zone's DNSSEC, or "
                "the clock of the validating server."
            ),
            request="UDP and TCP 53 from the name server to its forwarders.",
        ),
    )

    DNS_REFUSED = (
        "dns_refused",
        CauseRecord(
            section=Section.RESOLUTION,
            cause_class=CauseClass.RESOLVER,
            sentence="{servers} refuses to resolve {name}.",
            remediation=(
                "Allow this subnet to query that name server, or allow the name in its policy."
            ),
            symptom="the name server answers REFUSED: this client or this name is not allowed.",
            confirm=(
                "`dig HOST @SERVER` and `dig example.com @SERVER`: both refused means this "
                "client, one means the name."
            ),
            fix="allow this subnet in the server's access list, or use another server.",
            request="to allow the subnet to query `SERVER`, or the name in its policy.",
            ask=Ask.ALLOW_IN_DNS,
        ),
    )

    DNS_SINKHOLED = (
        "dns_sinkholed",
        CauseRecord(
            section=Section.RESOLUTION,
            cause_class=CauseClass.RESOLVER,
            sentence="DNS answers {code} for {name}: a sinkhole, not the service.",
            remediation=(
                "Allow {name} in the DNS firewall (Route 53 Resolver DNS Firewall) or correct "
                "the zone or forwarding rule that answers for it."
            ),
            symptom=(
                "an answer that cannot be right: 0.0.0.0, a loopback address, or the address "
                "of a block page that serves many names."
            ),
            confirm=(
                "`dig +short HOST @SERVER`, and the same against another resolver. `curl -vk "
                "https://HOST/` shows the block page's certificate or text."
            ),
            fix=(
                "allow the name in the DNS filter. Where a VPC endpoint's private address is "
                "meant, the target is not sinkholed: private addresses are taken as they are."
            ),
            request="to take the name off the DNS block list.",
            ask=Ask.ALLOW_IN_DNS,
            follow_up=FollowUpKind.NAME,
        ),
    )

    DNS_UNREACHABLE = (
        "dns_unreachable",
        CauseRecord(
            section=Section.RESOLUTION,
            cause_class=CauseClass.RESOLVER,
            sentence=(
                "The name server cannot be reached ({servers}): {error}. {name} was not looked up."
            ),
            remediation=(
                "Check the route from this host to that name server (`ip route get`) and the DHCP "
                "option set that names it; security groups and network ACLs do not filter the VPC "
                "resolver."
            ),
            symptom=(
                "this host cannot send to its name server, or a router or host rejects it. Nothing "
                "is known about the endpoint itself."
            ),
            confirm=(
                "`cat /etc/resolv.conf`; `ip route get SERVER`; `dig HOST @SERVER +time=2 +tries=1`"
                " reports the same error."
            ),
            fix=(
                "correct the DHCP option set or resolv.conf; add the route to the server; start the"
                " server. In a VPC use the resolver at the base address plus two, or "
                "169.254.169.253."
            ),
            request="UDP and TCP 53 from the subnet to `SERVER`, if it lies behind their firewall.",
            ask=Ask.OPEN,
        ),
    )

    DNS_SLOW = (
        "dns_slow",
        CauseRecord(
            section=Section.RESOLUTION,
            cause_class=CauseClass.RESOLVER,
            sentence=(
                "Looking up {name} took {lookup} of the {timeout} that a probe may take; {phase} "
                "had the rest."
            ),
            remediation=(
                "Find out why the name server takes so long: its upstream, its load, or a record "
                "type it does not answer."
            ),
            symptom=(
                "the lookup succeeded but used most of the time, and the step after it did not end "
                "in what was left."
            ),
            confirm=(
                "`dig HOST A @SERVER` and `dig HOST AAAA @SERVER`: read the query time of each."
            ),
            fix=(
                "repair the slow upstream or use another server; a server that never answers AAAA "
                "has to answer it (RFC 4074)."
            ),
            request="nothing, unless the name server is theirs.",
        ),
    )

    DNS_PARTIAL = (
        "dns_partial",
        CauseRecord(
            section=Section.RESOLUTION,
            cause_class=CauseClass.RESOLVER,
            severity=Severity.DEGRADED,
            sentence=(
                "{servers} answers {answered} for {name}, but not {unanswered} within {waited}: "
                "{family} addresses are not found, and a Go client waits up to 10 s per lookup."
            ),
            remediation=(
                "Have the name server answer every record type (RFC 4074), or take it out of the "
                "list; a firewall that drops {unanswered} questions has the same effect."
            ),
            symptom=(
                "one of the two questions (A for IPv4, AAAA for IPv6) is answered and the other one"
                " is never answered."
            ),
            confirm="`dig HOST A @SERVER` answers, `dig HOST AAAA @SERVER +time=2` does not.",
            fix="repair or replace that name server or the DNS proxy in front of it.",
            request="to let questions of type AAAA to `SERVER` pass.",
        ),
    )

    DNS_EDNS_REFUSED = (
        "dns_edns_refused",
        CauseRecord(
            section=Section.RESOLUTION,
            cause_class=CauseClass.RESOLVER,
            sentence=(
                "{servers} answers {code} to every question with EDNS, which the runner's Go "
                "resolver always sends: {name} does not resolve for it."
            ),
            remediation=(
                "Update or replace that forwarder so that it accepts EDNS (RFC 6891); programs that"
                " use glibc still resolve."
            ),
            symptom=(
                "an old forwarder answers NOTIMP or BADVERS to an OPT record and answers without "
                "one. glibc does not send EDNS by default, Go does and gives up."
            ),
            confirm="`dig HOST @SERVER` fails, `dig HOST @SERVER +noedns` answers.",
            fix="update the forwarder, or use the VPC resolver.",
            request="to update the DNS proxy on their device.",
        ),
    )

    DNS_LAME = (
        "dns_lame",
        CauseRecord(
            section=Section.RESOLUTION,
            cause_class=CauseClass.RESOLVER,
            sentence=(
                "{servers} does not resolve names for this host: it answers without data and offers"
                " no recursion."
            ),
            remediation=(
                "Use a resolver that allows recursion for this subnet, or allow it on that server."
            ),
            symptom=(
                "a lame referral: the server is not a resolver for this client and not an authority"
                " for the name. Go and glibc go on to the next server."
            ),
            confirm="`dig HOST @SERVER`: status NOERROR, no answer, and no `ra` among the flags.",
            fix=(
                "put a recursive resolver into the DHCP option set; allow recursion for the subnet."
            ),
            request="to allow recursive queries from the subnet on `SERVER`.",
        ),
    )

    DNS_ALIAS_BROKEN = (
        "dns_alias_broken",
        CauseRecord(
            section=Section.RESOLUTION,
            cause_class=CauseClass.CONTENT,
            sentence="{name} exists, but {error}.",
            remediation=(
                "Have the owner of the zone of {name} correct its CNAME record; no rule of a "
                "firewall changes this."
            ),
            symptom=(
                "the name is an alias (CNAME) of a name that does not exist or has no address, or "
                "its aliases form a loop."
            ),
            confirm=(
                "`dig HOST @SERVER`: follow the CNAME records; the status is about the last name "
                "(RFC 6604)."
            ),
            fix="correct or remove the CNAME record in its zone.",
            request="nothing: it is the zone's owner who corrects it.",
        ),
    )

    HOSTS_FILE_SINKHOLED = (
        "hosts_file_sinkholed",
        CauseRecord(
            section=Section.RESOLUTION,
            cause_class=CauseClass.HOST,
            sentence=(
                "/etc/hosts of this host gives {code} for {name}, which is not the address of a "
                "public service. No name server was asked."
            ),
            remediation="Remove the line for {name} from /etc/hosts.",
            symptom="the hosts file of this host answers for the name, as ad-blocking lists do.",
            confirm="`getent hosts HOST`; `grep HOST /etc/hosts`.",
            fix="remove the line; in a container check `extraHosts` or `--add-host`.",
            request="nothing: it is this host.",
        ),
    )

    NO_ADDRESS_OF_FAMILY = (
        "no_address_of_family",
        CauseRecord(
            section=Section.RESOLUTION,
            cause_class=CauseClass.HOST,
            sentence="{error}; addresses of the other family are not used.",
            remediation=(
                'Probe both families (address_family = "auto"), or give {name} an address of that '
                "family."
            ),
            symptom=(
                "`address_family` restricts the probes to one family, and the name has no address "
                "of it."
            ),
            confirm="`dig HOST A` and `dig HOST AAAA`.",
            fix="change `address_family`, or add the record.",
            request="nothing: it is this host.",
        ),
    )

    NETWORK_UNREACHABLE = (
        "network_unreachable",
        CauseRecord(
            section=Section.ROUTE,
            cause_class=CauseClass.PATH,
            sentence="There is no route to {host} ({address}).",
            remediation=(
                "Add the missing route to the subnet's route table: NAT gateway, transit "
                "gateway or VPC endpoint."
            ),
            symptom="the kernel has no route, and reports this at once.",
            confirm=(
                "`ip route get ADDRESS`; for IPv6 `ip -6 route get ADDRESS`. In AWS: `aws ec2 "
                "describe-route-tables --filters Name=association.subnet-id,Values=SUBNET`."
            ),
            fix=(
                "add the default route to a NAT gateway, a transit gateway or (IPv6) an "
                "egress-only internet gateway, or the route of a gateway endpoint. Only IPv6 "
                "fails: give it a route, or take IPv6 away."
            ),
            request="nothing is filtered; it is for who owns the route tables.",
            ask=Ask.OPEN,
        ),
    )

    HOST_UNREACHABLE = (
        "host_unreachable",
        CauseRecord(
            section=Section.ROUTE,
            cause_class=CauseClass.PATH,
            sentence="{reporter} reports that {host} ({address}) cannot be reached.",
            remediation=(
                "Follow the route from the subnet to {address} (`ip route get {address}`, `ip "
                "neigh`): a hop on it does not answer or has no next hop."
            ),
            symptom=(
                "a router on the path, or the neighbor table, reports that the host is unreachable."
            ),
            confirm=(
                "`ip neigh` (FAILED for the gateway?), `traceroute -T -p PORT ADDRESS` ends "
                "at the router that reported it."
            ),
            fix=(
                "repair the next hop of that router: a deleted gateway, a blackhole route "
                "(`aws ec2 describe-route-tables` shows state `blackhole`), a tunnel that is "
                "down."
            ),
            request="whether their device lost its route to `ADDRESS`.",
            ask=Ask.OPEN,
            follow_up=FollowUpKind.STREAM,
        ),
    )

    ADMIN_PROHIBITED = (
        "admin_prohibited",
        CauseRecord(
            section=Section.ROUTE,
            cause_class=CauseClass.PATH,
            sentence="A firewall rejects {transport} {port} to {host} by an ICMP error.",
            remediation=(
                "Allow outbound {transport} {port} from the runner's subnet to {host} on the "
                "firewall or router that sends the error: {error}. Security groups and network "
                "ACLs drop silently, so they are not at fault."
            ),
            symptom=(
                "a firewall rejects by an ICMP error (administratively prohibited), or "
                "this host's own rules do (EPERM, EACCES)."
            ),
            confirm=(
                "`nc -vz -w 3 HOST PORT` fails at once. `tcpdump -ni any icmp or icmp6` shows "
                "who sends the ICMP error. No such packet: check `nft list ruleset` on the "
                "host."
            ),
            fix="a rule that allows it, on the device that sent the ICMP error.",
            request=(
                "outbound TCP or UDP `PORT` to `HOST` from the subnet; give them the address "
                "that sent the ICMP error."
            ),
            ask=Ask.OPEN,
            follow_up=FollowUpKind.STREAM,
        ),
    )

    LOCAL_PORT_EXHAUSTED = (
        "local_port_exhausted",
        CauseRecord(
            section=Section.ROUTE,
            cause_class=CauseClass.HOST,
            sentence="This host has no free source port left to reach {host}.",
            remediation=(
                "Find the process with most connections (`ss -tan`), or widen "
                "net.ipv4.ip_local_port_range."
            ),
            symptom="no source port is left for another connection to the same address and port.",
            confirm=(
                "`ss -s`; `ss -Htan state time-wait | wc -l`; `sysctl "
                "net.ipv4.ip_local_port_range`; which process: `ss -tanp`."
            ),
            fix=(
                "end the leak or reuse connections in that process; widen the range. A NAT "
                "gateway has such a bound too (55,000 connections to one destination for each "
                "of its addresses): its `ErrorPortAllocation` metric counts there, and such "
                "losses show as `tcp_timeout`."
            ),
            request="nothing: it is this host.",
        ),
    )

    STARVED_HOST = (
        "starved_host",
        CauseRecord(
            section=Section.ROUTE,
            cause_class=CauseClass.HOST,
            sentence="The monitor does not get to run on this host.",
            remediation=(
                "Raise the CPU of the monitor's container (0.1 vCPU suffices for 100 targets), or "
                "move what competes for the CPU of this host."
            ),
            symptom=(
                "this process did not run for a good part of the last 30 s: its container is over "
                "its CPU limit, other programs have the CPU, or it was stopped or suspended. "
                "Probes of that time are not counted, so nothing else is reported."
            ),
            confirm=(
                "`cat /sys/fs/cgroup/cpu.stat` (`throttled_usec` grows), `uptime`, "
                "`cat /proc/PID/schedstat` (the second number grows: nanoseconds spent waiting for "
                "a CPU), `egress_starved_seconds_total`."
            ),
            fix=(
                "raise `cpu` of the container or task, or take its CPU limit away; on a shared "
                "host raise its CPU weight (`CPUWeight=`, `cpu` shares)."
            ),
            request="nothing: it is this host.",
            severity=Severity.DEGRADED,
        ),
    )

    LOCAL_RESOURCE_EXHAUSTED = (
        "local_resource_exhausted",
        CauseRecord(
            section=Section.ROUTE,
            cause_class=CauseClass.HOST,
            sentence="This host ran out of {error} while reaching {host}.",
            remediation=(
                "Raise the limit (`ulimit -n`, the task's nofile, memory) and look for a leak."
            ),
            symptom=(
                "this host or the monitor is out of file descriptors, buffers or memory for "
                "sockets."
            ),
            confirm=(
                "`cat /proc/PID/limits`, `ls /proc/PID/fd | wc -l`, `cat /proc/net/sockstat`, "
                "`dmesg`."
            ),
            fix=(
                "raise the task's `nofile` (`ulimits` in the task definition) or its memory; "
                "find the leak."
            ),
            request="nothing: it is this host.",
        ),
    )

    LOCAL_ROUTE_DISCARDS = (
        "local_route_discards",
        CauseRecord(
            section=Section.ROUTE,
            cause_class=CauseClass.HOST,
            sentence=(
                "A route of this host discards what goes to {host} ({address}): {error}. Nothing "
                "was sent."
            ),
            remediation=(
                "Run `ip route get {address}` and remove the blackhole, prohibit or unreachable "
                "route that it shows."
            ),
            symptom=(
                "the kernel refuses before anything is sent, because its routing table has a route "
                "of type blackhole, prohibit or unreachable for the address."
            ),
            confirm=(
                "`ip route get ADDRESS` reports the error; `ip route show table all | grep -E "
                "'blackhole|prohibit|unreachable'` shows the route."
            ),
            fix=(
                "remove that route, or have the program stop that installs it (VPN client, "
                "container network, routing daemon)."
            ),
            request="nothing: it is this host.",
        ),
    )

    LOCAL_FIREWALL = (
        "local_firewall",
        CauseRecord(
            section=Section.ROUTE,
            cause_class=CauseClass.PATH,
            sentence=(
                "This host itself does not allow {transport} {port} to {host} ({address}): {error}."
                " Nothing was sent."
            ),
            remediation=(
                "Check `nft list ruleset` (output chain), `iptables -S OUTPUT` and the policies "
                "of the container runtime (eBPF, seccomp, LSM)."
            ),
            symptom=(
                "the kernel of this host refuses to send (EPERM): a packet filter or a policy on "
                "this host, not a firewall on the path."
            ),
            confirm=(
                "`nft list ruleset`; `iptables -S OUTPUT`; a counter of the rule that matches rises"
                " with each probe."
            ),
            fix="remove or change that rule.",
            request="nothing: it is this host.",
        ),
    )

    LOCAL_ADDRESS_MISSING = (
        "local_address_missing",
        CauseRecord(
            section=Section.ROUTE,
            cause_class=CauseClass.HOST,
            sentence="This host has no {family} address to reach {host} ({address}) from: {error}.",
            remediation=(
                "Give the interface a {family} address, or probe the other family only "
                "(address_family)."
            ),
            symptom=(
                "the kernel has no source address of that family. Source ports are not the reason."
            ),
            confirm="`ip address show scope global`; `sysctl net.ipv6.conf.all.disable_ipv6`.",
            fix="assign the address (subnet, network interface), or leave the family out.",
            request="nothing: it is this host.",
        ),
    )

    ADDRESS_NEEDS_ZONE = (
        "address_needs_zone",
        CauseRecord(
            section=Section.ROUTE,
            cause_class=CauseClass.HOST,
            sentence=(
                "{host} has the link-local address {address}, which cannot be reached without a "
                "zone (an interface)."
            ),
            remediation=(
                "Remove that address from DNS or write it with its zone (`fe80::1%eth0`) if it is "
                "right."
            ),
            symptom=(
                "a link-local IPv6 address is valid on one link only (RFC 4007); the kernel refuses"
                " to guess which."
            ),
            confirm="`dig HOST AAAA`: an address in fe80::/10.",
            fix="remove the record, or give the address with a zone in the configuration.",
            request="nothing: it is this host.",
        ),
    )

    LOCAL_ERROR = (
        "local_error",
        CauseRecord(
            section=Section.ROUTE,
            cause_class=CauseClass.HOST,
            sentence=(
                "The kernel of this host reports an error for {host} ({address}) during {phase}: "
                "{error}."
            ),
            remediation=(
                "Check this host (`dmesg`, `ip address`, `ip route get {address}`): no answer of "
                "the endpoint is behind this."
            ),
            symptom="an error of this host that no answer from the network explains.",
            confirm="`dmesg`; `ip -s link`; `strace -f -e trace=network curl https://HOST/`.",
            fix="follow the text of the error; report an error that is not explained here.",
            request="nothing: it is this host.",
        ),
    )

    TCP_REFUSED = (
        "tcp_refused",
        CauseRecord(
            section=Section.TCP,
            cause_class=CauseClass.PATH,
            sentence="{host} ({address}) refuses TCP {port}.",
            remediation=(
                "Check that the service listens there; if others reach it, a firewall answers "
                "with a reset: allow outbound TCP {port} to {host}."
            ),
            symptom=(
                "the connection is answered with a reset at once: nothing listens there, or a "
                "firewall rejects with a reset."
            ),
            confirm=(
                "`nc -vz -w 3 HOST PORT` here and from elsewhere. Elsewhere it works: a "
                "firewall resets it. `traceroute -T -p PORT HOST` that ends nearer than the "
                "host shows where."
            ),
            fix="see that the service listens; check the address that the name has.",
            request="outbound TCP `PORT` to `HOST` from the subnet.",
            ask=Ask.OPEN,
            follow_up=FollowUpKind.STREAM,
        ),
    )

    TCP_TIMEOUT = (
        "tcp_timeout",
        CauseRecord(
            section=Section.TCP,
            cause_class=CauseClass.PATH,
            sentence="TCP {port} to {host} ({address}) is dropped silently.",
            remediation=(
                "Allow outbound {transport} {port} from the runner's subnet to {host}: "
                "security group, network ACL (with the ports of the answers) and firewall."
            ),
            symptom=(
                "no answer to the SYN: it, or the answer, is dropped. Security groups, "
                "network ACLs and most firewalls drop silently."
            ),
            confirm=(
                "`nc -vz -w 5 HOST PORT`; `tcpdump -ni any host ADDRESS and port PORT` shows "
                "SYNs and no answer. Same port of another host, another port of the same "
                "host: the follow-up probes did that. VPC Flow Logs show REJECT for "
                "security group and network ACL."
            ),
            fix=(
                "the security group's outbound rule; the network ACL both ways (answers come "
                "to ports 1024-65535); the NAT gateway's route; the firewall's rule."
            ),
            request="outbound TCP `PORT` to `HOST` from the subnet, and the answers back.",
            ask=Ask.OPEN,
            follow_up=FollowUpKind.STREAM,
        ),
    )

    TCP_RESET = (
        "tcp_reset",
        CauseRecord(
            section=Section.TCP,
            cause_class=CauseClass.PATH,
            sentence="The connection to {host} port {port} was reset after it was accepted.",
            remediation="Look for a firewall or load balancer on the path that closes connections.",
            symptom=(
                "the connection was accepted and then reset, by a device that accepts for "
                "others (inspecting firewall, load balancer without a server behind it)."
            ),
            confirm=(
                '`curl -v https://HOST:PORT/` shows the reset after "Connected"; `tcpdump '
                "-nvi any host ADDRESS` shows the reset's TTL: another one than the SYN-ACK's "
                "means a device in between."
            ),
            fix=(
                "repair or go around that device. Idle connections are dropped by NAT "
                "gateways after 350 s: that is not the reason for a new connection."
            ),
            request="whether their device ends connections to `HOST:PORT`, and why.",
            ask=Ask.OPEN,
        ),
    )

    TLS_RESET_ON_HELLO = (
        "tls_reset_on_hello",
        CauseRecord(
            section=Section.TLS,
            cause_class=CauseClass.PATH,
            sentence="TLS to {host} is cut right after the ClientHello that names it.",
            remediation=(
                "Ask for {host} to be allowed by name: TLS/SNI rule of the firewall or AWS "
                "Network Firewall domain list."
            ),
            symptom=(
                "the connection is cut right after the ClientHello, in which the name stands "
                "in clear: a name filter (SNI)."
            ),
            confirm=(
                "`openssl s_client -connect ADDRESS:443 -servername HOST </dev/null` is cut; "
                "`-servername` with another name of the same address (or `-noservername`) "
                "gets a certificate."
            ),
            fix="allow the name.",
            request=(
                "to add `HOST` to the TLS/SNI allow-list (AWS Network Firewall: a stateful "
                "domain list with TLS_SNI; `.example.com` there means all names below)."
            ),
            ask=Ask.ALLOW_NAME,
            follow_up=FollowUpKind.HELLO,
        ),
    )

    TLS_TIMEOUT_ON_HELLO = (
        "tls_timeout_on_hello",
        CauseRecord(
            section=Section.TLS,
            cause_class=CauseClass.PATH,
            sentence="TCP to {host} connects, but the ClientHello gets no answer within {timeout}.",
            remediation=(
                "Ask for {host} to be allowed by name (TLS/SNI rule); if every name stalls, "
                "check the path MTU and that ICMP fragmentation-needed passes."
            ),
            symptom=(
                "TCP connects, the ClientHello gets no answer: a name filter that drops, or a "
                "path on which large packets vanish (MTU hole)."
            ),
            confirm=(
                "another name at the same address answers: name filter. Nothing does: `ping "
                "-M do -s 1472 ADDRESS` and smaller, `tracepath ADDRESS`. `ss -ti dst "
                "ADDRESS` shows `mss` and retransmits."
            ),
            fix=(
                'name filter: allow the name. MTU hole: let ICMP "fragmentation needed" '
                '(IPv6: "packet too big") pass, or clamp the MSS on the tunnel (`tcp option '
                "maxseg size set rt mtu` in nftables)."
            ),
            request="to add `HOST` to the TLS/SNI allow-list; to let ICMP type 3 code 4 pass.",
            ask=Ask.ALLOW_NAME,
            follow_up=FollowUpKind.HELLO,
        ),
    )

    TLS_INTERCEPTED = (
        "tls_intercepted",
        CauseRecord(
            section=Section.TLS,
            cause_class=CauseClass.TRUST,
            sentence="TLS to {host} is intercepted: its certificate was issued by {issuer}.",
            remediation=(
                "Exempt {host} from TLS inspection, or have the runner trust that CA (its CA "
                "bundle, SSL_CERT_FILE, AWS_CA_BUNDLE)."
            ),
            symptom=(
                "the certificate was issued by an inspecting product's CA that this host does "
                "not trust."
            ),
            confirm=(
                "`openssl s_client -connect HOST:443 -servername HOST -showcerts </dev/null` "
                "and read the issuer (`i:`)."
            ),
            fix=(
                "exempt the host from inspection, or have the runner trust that CA: its CA "
                "bundle, `SSL_CERT_FILE`, `AWS_CA_BUNDLE`; `ca_file` for the monitor. A CA "
                "that is trusted is legitimate: the target is up, and its evidence contains "
                "`inspected_by`."
            ),
            request="to exempt `HOST` from TLS inspection.",
            ask=Ask.EXEMPT,
        ),
    )

    TLS_UNTRUSTED = (
        "tls_untrusted",
        CauseRecord(
            section=Section.TLS,
            cause_class=CauseClass.TRUST,
            sentence="The certificate of {host} is not trusted: issued by {issuer} ({error}).",
            remediation=(
                "Exempt {host} from TLS inspection, or have the runner trust that CA (its CA "
                "bundle, SSL_CERT_FILE, AWS_CA_BUNDLE)."
            ),
            symptom=(
                "the chain leads to no CA that this host trusts: private CA, self-signed, or "
                "a missing intermediate."
            ),
            confirm=(
                "`openssl s_client -connect HOST:443 -servername HOST -showcerts </dev/null`: "
                '"verify error" shows which; compare the chain with the one seen from '
                "elsewhere."
            ),
            fix=(
                "trust the CA (bundle, `SSL_CERT_FILE`, `AWS_CA_BUNDLE`); install "
                "`ca-certificates` in the image; have the owner serve the intermediate."
            ),
            request="whether they inspect TLS to `HOST`, where the issuer is not the usual one.",
            ask=Ask.EXEMPT,
        ),
    )

    TLS_EXPIRED = (
        "tls_expired",
        CauseRecord(
            section=Section.TLS,
            cause_class=CauseClass.TRUST,
            sentence="The certificate of {host} has expired ({subject}).",
            remediation="Have it renewed by the endpoint's owner; check this host's clock first.",
            symptom="a certificate of the chain is past its end, or this host's clock is ahead.",
            confirm=(
                "`date -u`; `openssl s_client -connect HOST:443 -servername HOST </dev/null "
                "2>/dev/null | openssl x509 -noout -dates -issuer`."
            ),
            fix="correct the clock; else the endpoint's owner renews it.",
            request="only where the issuer is their inspection: to renew its CA.",
        ),
    )

    TLS_NOT_YET_VALID = (
        "tls_not_yet_valid",
        CauseRecord(
            section=Section.TLS,
            cause_class=CauseClass.TRUST,
            sentence="The certificate of {host} is not valid yet ({subject}).",
            remediation=(
                "Check this host's clock (`chronyc tracking`): a clock that is behind looks "
                "like this."
            ),
            symptom=(
                "the certificate is valid only later. Nearly always this host's clock is behind."
            ),
            confirm=(
                "`date -u`; `chronyc tracking`; `openssl x509 -noout -startdate` as for "
                "tls_expired."
            ),
            fix="`chronyc makestep`; see [clock_skew](#clock_skew).",
            request="UDP 123 to your time server, where it is not 169.254.169.123.",
        ),
    )

    TLS_NAME_MISMATCH = (
        "tls_name_mismatch",
        CauseRecord(
            section=Section.TLS,
            cause_class=CauseClass.TRUST,
            sentence="The certificate shown for {host} is for {subject}.",
            remediation=(
                "Check what {host} resolves to: a wrong address, a captive portal or a block "
                "page answers in its place."
            ),
            symptom=(
                "a certificate for another name: a wrong address, a captive portal, a block "
                "page, or a load balancer's default."
            ),
            confirm=(
                "`dig +short HOST`; `openssl s_client -connect HOST:443 -servername HOST "
                "</dev/null 2>/dev/null | openssl x509 -noout -subject -ext subjectAltName`."
            ),
            fix=(
                "correct the address (hosts file, private zone, `address` in config.toml); "
                "for a VPC endpoint switch on private DNS or use its own name."
            ),
            request="whether the certificate is that of their block page.",
        ),
    )

    TLS_PROTOCOL = (
        "tls_protocol",
        CauseRecord(
            section=Section.TLS,
            cause_class=CauseClass.PATH,
            sentence="TLS with {host} fails: {error}.",
            remediation=(
                "Look for a proxy or an old TLS endpoint in between: TLS 1.2 or newer has to "
                "pass unchanged."
            ),
            symptom=(
                "the handshake fails for protocol reasons: an alert, no shared version or "
                "cipher, or no TLS at all on that port."
            ),
            confirm=(
                "`openssl s_client -connect HOST:443 -servername HOST -tls1_2 </dev/null`, "
                "and `-tls1_3`."
            ),
            fix=(
                "an old TLS endpoint or proxy in between has to learn TLS 1.2 or newer; check "
                "port and protocol of the target."
            ),
            request="whether inspection limits TLS versions for `HOST`.",
            ask=Ask.ALLOW_NAME,
        ),
    )

    TLS_CA_EXPIRED = (
        "tls_ca_expired",
        CauseRecord(
            section=Section.TLS,
            cause_class=CauseClass.TRUST,
            sentence="{dated} expired{on}.",
            remediation=(
                "If it is a root in this host's store, renew the store (ca-certificates, CA "
                "bundle). If {host} sends it, ask the owner to send the current intermediate."
            ),
            symptom=(
                "the server's own certificate is valid, but a CA above it has expired: an "
                "intermediate that the server sends, or a root in this host's store."
            ),
            confirm=(
                "`openssl s_client -connect HOST:443 -servername HOST -showcerts </dev/null` and "
                "`openssl x509 -noout -subject -enddate` of each certificate; the error names the "
                "depth (0 is the server's own)."
            ),
            fix=(
                "update `ca-certificates` in the image, or the bundle that `SSL_CERT_FILE` "
                "names; an "
                "intermediate: the endpoint's owner. This host's clock is not the reason if other "
                "targets are up."
            ),
            request="only if the issuer is their inspection: to renew its CA.",
        ),
    )

    TLS_INCOMPLETE_CHAIN = (
        "tls_incomplete_chain",
        CauseRecord(
            section=Section.TLS,
            cause_class=CauseClass.TRUST,
            sentence=(
                "{host} does not send the intermediate certificate that issued its own ({issuer}): "
                "the chain is incomplete."
            ),
            remediation=(
                "Ask the owner of {host} to send its certificate together with the intermediate "
                "{issuer}."
            ),
            symptom=(
                "the server sends its own certificate without the intermediate CA that issued "
                "it, or "
                "with another one. Browsers fetch or remember it; Go and OpenSSL do not."
            ),
            confirm=(
                "`openssl s_client -connect HOST:443 -servername HOST -showcerts </dev/null`: the "
                "issuer (`i:`) of certificate 0 is not the subject (`s:`) of certificate 1."
            ),
            fix="the endpoint's owner installs the full chain (RFC 8446 section 4.4.2).",
            request="nothing: no filter is the reason.",
        ),
    )

    TLS_CERTIFICATE_UNSUITABLE = (
        "tls_certificate_unsuitable",
        CauseRecord(
            section=Section.TLS,
            cause_class=CauseClass.TRUST,
            sentence="The certificate of {host} is unsuitable: {error}.",
            remediation="Ask the owner of {host} to have the certificate issued again.",
            symptom=(
                "the CA is trusted, but the certificate may not be used: not for servers "
                "(extendedKeyUsage), signed with SHA-1, without subjectAltName, outside the names "
                "that its CA may issue for, or malformed."
            ),
            confirm=(
                "`openssl s_client -connect HOST:443 -servername HOST </dev/null 2>/dev/null | "
                "openssl x509 -noout -text`: X509v3 extensions, Signature Algorithm."
            ),
            fix=(
                "the endpoint's owner, or the operator of a private CA, issues another certificate."
            ),
            request="nothing: no filter is the reason.",
        ),
    )

    TLS_REJECTED_BY_GO = (
        "tls_rejected_by_go",
        CauseRecord(
            section=Section.TLS,
            cause_class=CauseClass.TRUST,
            sentence=(
                "OpenSSL accepts the certificate of {host}, but Go, which the runner is written "
                "in, "
                "refuses it: {error}."
            ),
            remediation=(
                "Ask the issuer, {issuer}, to issue another certificate; an inspecting proxy needs "
                "an update, or an exemption for {host}."
            ),
            symptom=(
                "curl and OpenSSL reach the endpoint, the runner does not: the certificate "
                "breaks a "
                "rule that Go's crypto/x509 enforces (negative serial number since Go 1.23, "
                "duplicate extensions, unsupported curve, names that are not ASCII)."
            ),
            confirm=(
                "`openssl s_client -connect HOST:443 -servername HOST </dev/null 2>/dev/null | "
                "openssl x509 -noout -serial -text`; a Go program reports `x509: …`."
            ),
            fix=(
                "issue the certificate again. `GODEBUG=x509negativeserial=1` in the runner's "
                "environment accepts negative serial numbers for the time being."
            ),
            request="to update the CA of their inspection, or to exempt `HOST`.",
            ask=Ask.EXEMPT,
        ),
    )

    TLS_NAME_NOT_COVERED = (
        "tls_name_not_covered",
        CauseRecord(
            section=Section.TLS,
            cause_class=CauseClass.TRUST,
            sentence="The certificate of {host} is for {names}, other names of its own domain.",
            remediation="Ask the owner of {host} for a certificate that names it.",
            symptom=(
                "the owner's own certificate does not cover this name: a wildcard that is one "
                "level "
                "short, or the certificate of a neighbor."
            ),
            confirm=(
                "`openssl s_client -connect HOST:443 -servername HOST </dev/null 2>/dev/null | "
                "openssl x509 -noout -ext subjectAltName`."
            ),
            fix=(
                "a certificate with this name. `*.example.com` covers `a.example.com`, but neither "
                "`example.com` nor `a.b.example.com`."
            ),
            request="nothing: no filter is the reason.",
        ),
    )

    TLS_NAME_REFUSED = (
        "tls_name_refused",
        CauseRecord(
            section=Section.TLS,
            cause_class=CauseClass.PATH,
            sentence="{host} refuses the name in the ClientHello: {error}.",
            remediation=(
                "Check that {host} is the name that the server serves. If it is, a filter of "
                "server "
                "names answers in its place: ask the owners of the firewall to allow {host}."
            ),
            symptom=(
                "the peer answers the ClientHello with alert unrecognized_name (112) or "
                "access_denied "
                "(49): the server does not serve this name, or a filter refuses it."
            ),
            confirm=(
                "`openssl s_client -connect ADDRESS:443 -servername HOST </dev/null`, then with "
                "another name of the same address."
            ),
            fix="correct the name or the address; allow the name in the filter.",
            request="to add `HOST` to the TLS/SNI allow-list.",
            ask=Ask.ALLOW_NAME,
        ),
    )

    TLS_NO_APPLICATION_PROTOCOL = (
        "tls_no_application_protocol",
        CauseRecord(
            section=Section.TLS,
            cause_class=CauseClass.CONTENT,
            sentence="{host} speaks none of the application protocols that ALPN offered.",
            remediation=(
                "Ask the owner of {host} which application protocol it speaks; if it is not HTTP, "
                'probe it with protocol = "tls".'
            ),
            symptom=(
                "the server answers with alert no_application_protocol (120, RFC 7301 section "
                "3.2): "
                "it speaks neither HTTP/2 nor HTTP/1.1."
            ),
            confirm=(
                "`openssl s_client -connect HOST:443 -alpn h2,http/1.1 </dev/null | grep ALPN`."
            ),
            fix='for an endpoint of your own: `protocol = "tls"`, or the right port.',
            request="nothing: no filter is the reason.",
        ),
    )

    TLS_CLIENT_CERTIFICATE_REQUIRED = (
        "tls_client_certificate_required",
        CauseRecord(
            section=Section.TLS,
            cause_class=CauseClass.CONTENT,
            sentence="{host} requires a client certificate (mutual TLS), and the runner has none.",
            remediation=(
                "Ask the owner of {host} not to require client certificates from this network; if "
                'that is intended, probe the endpoint with protocol = "tcp".'
            ),
            symptom=(
                "the server asks for a certificate of the client and refuses to go on without one: "
                "alert 116 in TLS 1.3, alert 40 or a closed connection in TLS 1.2. The path is "
                "fine."
            ),
            confirm=(
                "`openssl s_client -connect HOST:443 -servername HOST </dev/null`: "
                '"Acceptable client certificate CA names" is listed, and an alert ends it.'
            ),
            fix="the endpoint's owner; the runner presents no client certificates.",
            request="nothing: no filter is the reason.",
        ),
    )

    TLS_LARGE_CLIENT_HELLO = (
        "tls_large_client_hello",
        CauseRecord(
            section=Section.TLS,
            cause_class=CauseClass.PATH,
            sentence=(
                "TLS to {host} fails with a ClientHello of the size that Go sends since 1.24, and "
                "works with a small one: {error}."
            ),
            remediation=(
                "Have the firewall that reads the server name reassemble TCP segments first "
                "(update "
                "it), or exempt {host}; until then set GODEBUG=tlsmlkem=0 in the runner's "
                "environment."
            ),
            symptom=(
                "curl with an older OpenSSL works, the runner is reset or gets no answer: a filter "
                "expects the whole ClientHello in one segment. With X25519MLKEM768 it takes two."
            ),
            confirm=(
                "`openssl s_client -connect HOST:443 -servername HOST -groups "
                "X25519MLKEM768:X25519` "
                "(OpenSSL 3.5) fails, with `-groups X25519` it works."
            ),
            fix=(
                "an update of the firewall or inspecting device. `GODEBUG=tlsmlkem=0` makes Go's "
                "ClientHello small again."
            ),
            request=(
                "to handle a ClientHello that spans several TCP segments (RFC 8446 sets no limit)."
            ),
            ask=Ask.ALLOW_NAME,
        ),
    )

    TLS_NOT_SPOKEN = (
        "tls_not_spoken",
        CauseRecord(
            section=Section.TLS,
            cause_class=CauseClass.CONTENT,
            sentence="Port {port} of {host} does not speak TLS: {error}.",
            remediation=(
                "Check port and protocol of the endpoint: a plain HTTP server, or another service, "
                "answers there."
            ),
            symptom=(
                "the answer to the ClientHello is plain text: HTTP, SSH, SMTP or another protocol."
            ),
            confirm="`curl -v http://HOST:PORT/`; `nc HOST PORT </dev/null`.",
            fix='the right port, or `protocol = "http"` or "tcp" for an endpoint of your own.',
            request="whether a device of theirs answers for `HOST:PORT`.",
        ),
    )

    PROXY_UNREACHABLE = (
        "proxy_unreachable",
        CauseRecord(
            section=Section.PROXY,
            cause_class=CauseClass.PROXY,
            sentence="The proxy {proxy} can't be reached or used: {error}.",
            remediation=(
                "Check that an HTTP proxy runs there and that its port is allowed from this subnet."
            ),
            symptom="the proxy's name does not resolve, or its port refuses or drops.",
            confirm=(
                "`env | grep -i proxy`; `nc -vz -w 3 PROXY PORT`; `curl -v -x "
                "http://PROXY:PORT https://HOST/`."
            ),
            fix="start it, correct `HTTPS_PROXY`, allow its port from this subnet.",
            request="outbound TCP to the proxy's port from the subnet.",
            follow_up=FollowUpKind.PROXY,
        ),
    )

    PROXY_AUTH_REQUIRED = (
        "proxy_auth_required",
        CauseRecord(
            section=Section.PROXY,
            cause_class=CauseClass.PROXY,
            sentence="The proxy {proxy} wants a user and password, or others than it was given.",
            remediation="Give the runner the proxy's credentials, or exempt this subnet from them.",
            symptom="the proxy answers 407: it wants a user and a password, or other ones.",
            confirm=(
                "`curl -v -x http://PROXY:PORT --proxy-user USER https://HOST/` (it asks for "
                "the password, so that none is in the shell's history)."
            ),
            fix=(
                "configure the credentials for the runner, and `proxy.username`, "
                "`proxy.password_file` for the monitor; or exempt the subnet."
            ),
            request="credentials, or an exemption for the subnet.",
            follow_up=FollowUpKind.PROXY,
        ),
    )

    PROXY_DENIED = (
        "proxy_denied",
        CauseRecord(
            section=Section.PROXY,
            cause_class=CauseClass.PROXY,
            sentence="The proxy {proxy} denies CONNECT to {host}:{port} (status {code}).",
            remediation="Ask the proxy's owners to allow CONNECT to {host}:{port}.",
            symptom="the proxy answers CONNECT with 403 or another refusal.",
            confirm=(
                "`curl -v -x http://PROXY:PORT https://HOST:PORT/` and read the answer to CONNECT."
            ),
            fix=(
                "allow the host and port in the proxy's list; or, where it is reached "
                "directly, put it into `NO_PROXY` (`.amazonaws.com`, `app.gitpod.io` and the "
                "rest of docs/proxy.md belong there)."
            ),
            request="to allow CONNECT to `HOST:PORT`.",
            ask=Ask.ALLOW_IN_PROXY,
            follow_up=FollowUpKind.PROXY,
        ),
    )

    PROXY_UPSTREAM_FAILED = (
        "proxy_upstream_failed",
        CauseRecord(
            section=Section.PROXY,
            cause_class=CauseClass.PROXY,
            sentence="The proxy {proxy} can't reach {host}:{port}: {error}.",
            remediation=(
                "Ask the proxy's owners why it can't reach {host}:{port}; if it should be "
                "reached directly, add it to NO_PROXY."
            ),
            symptom=(
                "the proxy answers 502, 503 or 504, or is silent: it can't reach the endpoint "
                "itself."
            ),
            confirm=(
                "`curl -v -x http://PROXY:PORT https://HOST/`, and beside it `curl -v "
                "--noproxy '*' https://HOST/`."
            ),
            fix=(
                "the proxy's own DNS, route or firewall; or `NO_PROXY`, where the direct way works."
            ),
            request="outbound `HOST:PORT` from the proxy.",
            ask=Ask.ALLOW_IN_PROXY,
            follow_up=FollowUpKind.PROXY,
        ),
    )

    PROXY_TUNNEL_FAILED = (
        "proxy_tunnel_failed",
        CauseRecord(
            section=Section.PROXY,
            cause_class=CauseClass.PROXY,
            sentence=(
                "The proxy {proxy} opened a tunnel to {host}:{port}, but TLS in it fails: {error}. "
                "The proxy, or what is behind it, does not reach {host}."
            ),
            remediation=(
                "Ask the proxy's operators to find the connection to {host}:{port} in its log; "
                "if {host} may be reached directly, add it to NO_PROXY."
            ),
            symptom=(
                "the proxy answers CONNECT with 200 and then closes the tunnel, or nothing comes "
                "back through it. Proxies that answer before they have reached the endpoint do "
                "that."
            ),
            confirm=(
                "`curl -v -x http://PROXY:PORT https://HOST/`: the answer to CONNECT is 200 and "
                "TLS "
                "fails. `curl -v --noproxy '*' https://HOST/` shows whether it is reached directly."
            ),
            fix=(
                "the proxy's own DNS, route or firewall; or `NO_PROXY`, if the endpoint is reached "
                "directly. No rule for a server name on the direct path is at fault."
            ),
            request="outbound `HOST:PORT` from the proxy.",
            ask=Ask.ALLOW_IN_PROXY,
            follow_up=FollowUpKind.PROXY,
        ),
    )

    CAPTIVE_PORTAL = (
        "captive_portal",
        CauseRecord(
            section=Section.HTTP,
            cause_class=CauseClass.CONTENT,
            sentence=(
                "A captive portal answers for {host} (status {status}): this network wants a login."
            ),
            remediation=(
                "Ask the operator of this network to exempt the runner's subnet from the login; a "
                "runner can't sign in to a portal."
            ),
            symptom=(
                "status 511 (RFC 6585 section 6), which no endpoint sends: something on the path "
                "wants "
                "a login before it lets anything through."
            ),
            confirm=(
                "`curl -sv http://HOST/ | head -50`: status, Location and page name the portal."
            ),
            fix="exempt the subnet at the gateway, firewall or proxy that runs the portal.",
            request="to exempt the subnet from the login at the portal.",
            ask=Ask.ALLOW_NAME,
        ),
    )

    HTTP_FOREIGN_REDIRECT = (
        "http_foreign_redirect",
        CauseRecord(
            section=Section.HTTP,
            cause_class=CauseClass.CONTENT,
            sentence=(
                "{host} redirects to {redirect}, another domain, and no public CA vouches for "
                "that: "
                "a captive portal or block page may answer in its place."
            ),
            remediation=(
                "Open {redirect} by hand. If it is a login or block page, ask its operator to "
                "allow "
                '{host} for this subnet; if the redirect is right, set expect_status = "302" for '
                "the "
                "endpoint."
            ),
            symptom=(
                "a redirect to another domain, by plain HTTP or on a TLS connection that a CA "
                "added to "
                "this host opened. The service itself may not have been reached."
            ),
            confirm=(
                "`curl -sv -o /dev/null https://HOST/PATH`: Location, and the issuer of the "
                "certificate."
            ),
            fix=(
                "allow the host at the filter or portal; `expect_status` for an endpoint of your "
                "own "
                "that redirects to a login on another domain."
            ),
            request="whether a portal or filter of theirs redirects `HOST`.",
            severity=Severity.DEGRADED,
            ask=Ask.ALLOW_NAME,
        ),
    )

    HTTP_INTERMEDIARY_ERROR = (
        "http_intermediary_error",
        CauseRecord(
            section=Section.HTTP,
            cause_class=CauseClass.CONTENT,
            sentence=(
                "A proxy on the path that is not configured answers for {host}: {intermediary}."
            ),
            remediation=(
                "Ask the operator of that proxy why it does not reach {host}, or to exempt "
                "{host}; the "
                "response names it."
            ),
            symptom=(
                "the response carries Proxy-Status (RFC 9209) or X-Squid-Error: a transparent "
                "proxy, or "
                "a gateway in front of the endpoint, wrote it."
            ),
            confirm=(
                "`curl -sv -o /dev/null http://HOST/`: Via, Proxy-Status, X-Squid-Error, Server."
            ),
            fix="the proxy's own DNS, route or firewall; or exempt the endpoint from it.",
            request="whether the proxy is theirs, and to let `HOST` pass.",
            ask=Ask.ALLOW_IN_PROXY,
        ),
    )

    HTTP2_BROKEN = (
        "http2_broken",
        CauseRecord(
            section=Section.HTTP,
            cause_class=CauseClass.CONTENT,
            sentence="{host} negotiates HTTP/2 and then fails ({error}), while HTTP/1.1 works.",
            remediation=(
                "Check the proxy, inspecting device or load balancer that negotiates h2 for "
                "{host}: "
                "it has to carry HTTP/2 or not offer it. Until then set GODEBUG=http2client=0 in "
                "the "
                "runner's environment."
            ),
            symptom=(
                "HTTP/2 is agreed on by ALPN and its frames are not answered, or break. Go uses "
                "HTTP/2 "
                "whenever it is negotiated, so the runner fails where `curl --http1.1` works."
            ),
            confirm=(
                "`curl -v --http2 https://HOST/PATH` fails, `curl -v --http1.1 "
                "https://HOST/PATH` works."
            ),
            fix="the device that ends TLS; `GODEBUG=http2client=0` makes Go speak HTTP/1.1.",
            request="to carry HTTP/2 to `HOST`, or not to offer `h2` by ALPN.",
            ask=Ask.ALLOW_NAME,
        ),
    )

    HTTP_TIMEOUT = (
        "http_timeout",
        CauseRecord(
            section=Section.HTTP,
            cause_class=CauseClass.CONTENT,
            sentence="{host} accepted the request but did not finish its answer within {timeout}.",
            remediation=(
                "Try it by hand with `curl -v`; if it is slow there too, ask the endpoint's "
                "owner, else the proxy or firewall in between."
            ),
            symptom="the request was accepted and no answer, or only a part of one, came in time.",
            confirm=(
                "`curl -sv -o /dev/null -w '%{time_connect} %{time_appconnect} "
                "%{time_starttransfer} %{time_total}\\n' https://HOST/PATH`."
            ),
            fix=(
                "if it is slow everywhere, the endpoint's owner; else the proxy or scanner "
                "that buffers whole downloads. A slow endpoint that is well can be given a "
                "longer `timeout`."
            ),
            request="whether downloads from `HOST` are scanned or held back.",
            ask=Ask.ALLOW_NAME,
        ),
    )

    HTTP_BLOCKED_PAGE = (
        "http_blocked_page",
        CauseRecord(
            section=Section.HTTP,
            cause_class=CauseClass.CONTENT,
            sentence="A block page answers for {host} (status {status}), not the service.",
            remediation="Ask the owners of the web filter to allow {host}.",
            symptom=(
                "a web page that reads like a filter's answers in place of the service, with "
                "200 or 403."
            ),
            confirm=(
                "`curl -sv https://HOST/PATH | head -50`: the page names product, category "
                "and a request id."
            ),
            fix="allow the host in the web filter.",
            request="to allow `HOST`; give them the category and the id from the page.",
            ask=Ask.ALLOW_NAME,
        ),
    )

    HTTP_STATUS = (
        "http_status",
        CauseRecord(
            section=Section.HTTP,
            cause_class=CauseClass.CONTENT,
            sentence="{host} answers, but not as it should: {error}.",
            remediation=(
                "Ask the endpoint's owner or check its status page; the network path works."
            ),
            symptom="the endpoint itself answers, with a status that it should not have.",
            confirm=(
                "`curl -sv -o /dev/null https://HOST/PATH`; check the `server` header and "
                "the service's status page."
            ),
            fix=(
                "the endpoint's owner. For an endpoint of your own whose status is right: "
                "`expect_status`."
            ),
            request="nothing, unless the `server` header is their product's.",
        ),
    )

    HTTP_PROTOCOL = (
        "http_protocol",
        CauseRecord(
            section=Section.HTTP,
            cause_class=CauseClass.CONTENT,
            sentence="What answers for {host} port {port} breaks HTTP: {error}.",
            remediation="Look for a middlebox or another service on that port.",
            symptom="the response is not valid HTTP, or the connection closes without one.",
            confirm=(
                "`curl -v --http1.1 https://HOST:PORT/`; `openssl s_client -quiet -connect "
                "HOST:PORT`."
            ),
            fix="check port and protocol; look for a middlebox.",
            request="whether a device of theirs answers for `HOST:PORT`.",
        ),
    )

    HTTP_TRUNCATED = (
        "http_truncated",
        CauseRecord(
            section=Section.HTTP,
            cause_class=CauseClass.CONTENT,
            sentence="The answer of {host} was cut short: {error}.",
            remediation="Look for a proxy or firewall that limits size or time of downloads.",
            symptom="fewer bytes came than were announced.",
            confirm=(
                "`curl -v -o /dev/null https://HOST/PATH` (error 18: partial file), several "
                "times: always at the same size means a limit."
            ),
            fix="a proxy or firewall that limits size or time of downloads.",
            request="to lift the limit for `HOST`.",
        ),
    )

    UDP_NO_REPLY = (
        "udp_no_reply",
        CauseRecord(
            section=Section.UDP,
            cause_class=CauseClass.PATH,
            sentence="{host} ({address}) gave no valid reply on UDP {port}: {error}.",
            remediation=(
                "Allow outbound UDP {port} from the runner's subnet to {host} and the answers "
                "back (network ACL: UDP from port {port} to 1024-65535)."
            ),
            symptom=(
                "no valid reply, though datagrams were sent several times. A Nebula "
                "lighthouse may be set to stay silent (`send_recv_error`): until it has "
                "answered once, this is less certain."
            ),
            confirm=(
                "`tcpdump -ni any udp port 4242 and host ADDRESS`: packets leave, none "
                "return. Nebula's TCP port on the same host: `nc -vz -w 3 HOST 4242`."
            ),
            fix=(
                "allow UDP both ways: a network ACL has no memory, so the answers (from port "
                "4242 to 1024-65535) need a rule of their own."
            ),
            request="outbound UDP `PORT` to `HOST` from the subnet, and the answers back.",
            ask=Ask.OPEN,
            follow_up=FollowUpKind.DATAGRAM,
        ),
    )

    UDP_NOT_SPOKEN = (
        "udp_not_spoken",
        CauseRecord(
            section=Section.UDP,
            cause_class=CauseClass.CONTENT,
            sentence="{host} ({address}) answers on UDP {port}, but not in this protocol: {error}.",
            remediation=(
                "Check address and port of {host}: another service, or a device on the path, "
                "answers there. No rule for UDP {port} is at fault."
            ),
            symptom=(
                "datagrams come back, but none is a reply of the protocol to what was sent: "
                "another service, a broken server, or forged answers. The path works."
            ),
            confirm="`tcpdump -nXi any udp port PORT and host ADDRESS` shows what comes back.",
            fix="the right address and port; or remove what answers in the endpoint's place.",
            request="whether a device of theirs answers for UDP `HOST:PORT`.",
        ),
    )

    UDP_PORT_UNREACHABLE = (
        "udp_port_unreachable",
        CauseRecord(
            section=Section.UDP,
            cause_class=CauseClass.PATH,
            sentence="{host} ({address}) reports that nothing listens on UDP {port}.",
            remediation=(
                "Check that the address is right; a firewall that rejects looks the same: "
                "allow outbound UDP {port} to {host}."
            ),
            symptom="an ICMP error reports that nothing listens on that UDP port.",
            confirm=(
                "`nc -uvz -w 2 HOST PORT`; `tcpdump -ni any icmp` shows who sends it: the "
                "host, or a firewall that rejects."
            ),
            fix="check the address; start the service.",
            request="outbound UDP `PORT` to `HOST`, where the ICMP comes from their device.",
            ask=Ask.OPEN,
            follow_up=FollowUpKind.DATAGRAM,
        ),
    )

    NTP_REFUSED = (
        "ntp_refused",
        CauseRecord(
            section=Section.UDP,
            cause_class=CauseClass.CONTENT,
            sentence=(
                "{host} answers on UDP {port} but gives no time: it declines with the code {code}."
            ),
            remediation=(
                "Query it less often if the code is RATE; else ask its owner to allow it, or use "
                "169.254.169.123 (Amazon Time Sync)."
            ),
            symptom=(
                "the time server sent a kiss-o'-death packet (RFC 5905 section 7.4): RATE, DENY, "
                "RSTR or another code. The path works."
            ),
            confirm="`chronyc sources -v`; `ntpdate -q HOST`: a kiss code or stratum 0.",
            fix=(
                "RATE: poll less often, and find other clients behind the same NAT address. DENY, "
                "RSTR: the owner's access list."
            ),
            request="nothing: the datagrams pass.",
        ),
    )

    NTP_UNSYNCHRONIZED = (
        "ntp_unsynchronized",
        CauseRecord(
            section=Section.UDP,
            cause_class=CauseClass.CONTENT,
            sentence="{host} answers on UDP {port} but has no time itself (not synchronized).",
            remediation=(
                "Have its owner repair its time sources, or use 169.254.169.123 (Amazon Time Sync)."
            ),
            symptom=(
                "the time server answers with stratum 16 or the alarm flag: it is not synchronized."
                " The path works."
            ),
            confirm="`ntpdate -q HOST` shows stratum 16.",
            fix="repair the server's own sources; use another server until then.",
            request="nothing: the datagrams pass.",
        ),
    )

    IMDS_THROTTLED = (
        "imds_throttled",
        CauseRecord(
            section=Section.AWS,
            cause_class=CauseClass.HOST,
            severity=Severity.DEGRADED,
            sentence=(
                "Instance metadata limits the rate of requests from this instance: too many are "
                "made (status {code})."
            ),
            remediation=(
                "Find the program on this instance that asks so often (agents that poll "
                "credentials, pods without a cache); clients have to wait and retry."
            ),
            symptom=(
                "instance metadata answers 429 or 503: it throttles each instance (EC2 user guide, "
                "query throttling)."
            ),
            confirm=(
                "`tcpdump -ni any host 169.254.169.254`; on the host `ss -tnp dst 169.254.169.254` "
                "shows which programs ask."
            ),
            fix="cache credentials and metadata in that program; use exponential backoff.",
            request="nothing.",
        ),
    )

    IMDS_REJECTED = (
        "imds_rejected",
        CauseRecord(
            section=Section.AWS,
            cause_class=CauseClass.HOST,
            sentence="Instance metadata rejects the request (status {code}).",
            remediation=(
                "Check what stands between this process and 169.254.169.254 (kube2iam, kiam, a "
                "proxy that removes headers): 400 means that the PUT arrived damaged, 401 that the "
                "token did."
            ),
            symptom=(
                "instance metadata answers 400 to the token request or 401 to a request with a "
                "token: headers were changed on the way, or the token is not its own."
            ),
            confirm=(
                "`curl -si -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "
                "http://169.254.169.254/latest/api/token`."
            ),
            fix="remove the proxy from the path: 169.254.169.254 belongs in NO_PROXY.",
            request="nothing.",
        ),
    )

    IMDS_FOREIGN = (
        "imds_foreign",
        CauseRecord(
            section=Section.AWS,
            cause_class=CauseClass.HOST,
            sentence="Something else answers at {host}, not instance metadata: {error}.",
            remediation=(
                "Find the proxy, portal or emulator that answers there: 169.254.169.254 has to be "
                "in NO_PROXY, and nothing may redirect it (`iptables -t nat -S`, `nft list "
                "ruleset`)."
            ),
            symptom=(
                "the answer is one that instance metadata never gives: a redirect, a web page, "
                "another status."
            ),
            confirm=(
                "`curl -sv http://169.254.169.254/latest/meta-data/` and read the headers; `ip "
                "route get 169.254.169.254`."
            ),
            fix="remove the redirection, or correct AWS_EC2_METADATA_SERVICE_ENDPOINT.",
            request="whether their device answers for 169.254.169.254.",
        ),
    )

    IMDS_HOP_LIMIT = (
        "imds_hop_limit",
        CauseRecord(
            section=Section.AWS,
            cause_class=CauseClass.HOST,
            sentence="Instance metadata answers, but its token never arrives: the hop limit is 1.",
            remediation=(
                "Run `aws ec2 modify-instance-metadata-options --http-put-response-hop-limit "
                "2`, or use host networking."
            ),
            symptom=(
                "instance metadata connects, but the answer to the token's PUT never arrives: "
                "it leaves with hop limit 1, which a container behind a bridge is beyond."
            ),
            confirm=(
                "in the container `curl -m 2 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: "
                "60' http://169.254.169.254/latest/api/token` hangs, on the host it answers."
            ),
            fix=(
                "`aws ec2 modify-instance-metadata-options --instance-id ID "
                "--http-put-response-hop-limit 2` (and in the launch template), or host "
                "networking."
            ),
            request="nothing.",
        ),
    )

    IMDS_DISABLED = (
        "imds_disabled",
        CauseRecord(
            section=Section.AWS,
            cause_class=CauseClass.HOST,
            sentence="Instance metadata is disabled for this instance (status {code}).",
            remediation="Run `aws ec2 modify-instance-metadata-options --http-endpoint enabled`.",
            symptom="instance metadata answers 403: it is switched off.",
            confirm=(
                "`aws ec2 describe-instances --instance-ids ID --query "
                "'Reservations[].Instances[].MetadataOptions'`."
            ),
            fix=(
                "`aws ec2 modify-instance-metadata-options --instance-id ID --http-endpoint "
                "enabled`."
            ),
            request="nothing.",
        ),
    )

    IMDS_V1_ONLY = (
        "imds_v1_only",
        CauseRecord(
            section=Section.AWS,
            cause_class=CauseClass.HOST,
            sentence="Instance metadata answers without a token and knows no version 2.",
            remediation="Use a metadata service or emulator that supports IMDSv2 tokens.",
            symptom=(
                "metadata answers without a token and knows no tokens: an emulator or an old proxy."
            ),
            confirm=(
                "`curl -si -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "
                "http://169.254.169.254/latest/api/token | head -1` is no 200."
            ),
            fix="use one that supports version 2; check AWS_EC2_METADATA_SERVICE_ENDPOINT.",
            request="nothing.",
        ),
    )

    AWS_NO_CREDENTIALS = (
        "aws_no_credentials",
        CauseRecord(
            section=Section.AWS,
            cause_class=CauseClass.HOST,
            severity=Severity.DEGRADED,
            sentence="No AWS credentials work for the check of {name}: {error}.",
            remediation="Give the task or instance a role, or switch this check off.",
            symptom="the check needs a signed request, and no credentials were found.",
            confirm=(
                "`aws sts get-caller-identity`; in a task `env | grep AWS_CONTAINER_CREDENTIALS`."
            ),
            fix="give the task or instance a role, or switch the check off.",
            request="nothing.",
        ),
    )

    AWS_PERMISSION_DENIED = (
        "aws_permission_denied",
        CauseRecord(
            section=Section.AWS,
            cause_class=CauseClass.HOST,
            severity=Severity.DEGRADED,
            sentence="The monitor's role may not find out whether {name} can be launched: {error}.",
            remediation=(
                "Allow ec2:DescribeImages and ec2:RunInstances for the monitor's role "
                "(docs/aws.md)."
            ),
            symptom="AWS knows who asks, and the role may not.",
            confirm=(
                "`aws ec2 describe-images --image-ids AMI`, and with the message of a denied "
                "dry run `aws sts decode-authorization-message --encoded-message …`."
            ),
            fix=(
                "allow `ec2:DescribeImages` and `ec2:RunInstances` for the role; check "
                "service control policies and permission boundaries too."
            ),
            request="nothing; it is for who owns the account's IAM.",
        ),
    )

    AMI_NOT_VISIBLE = (
        "ami_not_visible",
        CauseRecord(
            section=Section.AWS,
            cause_class=CauseClass.HOST,
            sentence="This account sees no AMI {name}: {error}.",
            remediation=(
                "Allow the AMI's owner account in the Allowed AMIs settings of account and "
                "organisation; a private AMI has to be shared with this account by its owner."
            ),
            symptom="the account does not see the image.",
            confirm=(
                "`aws ec2 describe-images --owners OWNER --filters "
                "Name=name,Values='PATTERN'`, and `aws ec2 get-allowed-images-settings`."
            ),
            fix=(
                "allow the owner's account (149721548608 for Bottlerocket, 995913728426 for "
                "Gitpod) in the allowed-AMI settings; check the region."
            ),
            request="nothing; it is for who owns the organisation's policies.",
        ),
    )

    AMI_NOT_LAUNCHABLE = (
        "ami_not_launchable",
        CauseRecord(
            section=Section.AWS,
            cause_class=CauseClass.HOST,
            sentence="This account sees the AMI {name} but may not launch it: {error}.",
            remediation=(
                "Allow the AMI's owner account in the organisation's service control policies "
                "and Allowed AMIs settings."
            ),
            symptom="the image is seen, and a dry run of RunInstances is refused.",
            confirm=(
                "`aws ec2 run-instances --dry-run --image-id AMI --instance-type m6i.large "
                "--subnet-id SUBNET`: `DryRunOperation` would be well."
            ),
            fix=(
                "allow the owner's account in service control policies (condition "
                "`ec2:Owner`) and in the allowed-AMI settings."
            ),
            request="nothing; it is for who owns the organisation's policies.",
        ),
    )

    VPC_ENDPOINT_DENIED = (
        "vpc_endpoint_denied",
        CauseRecord(
            section=Section.AWS,
            cause_class=CauseClass.CONTENT,
            severity=Severity.DEGRADED,
            sentence="{host} answers, but the policy of its VPC endpoint denies the request.",
            remediation="Allow the runner's role and actions in the policy of the VPC endpoint.",
            symptom=(
                "AWS answers through a VPC endpoint, whose policy denies the request. "
                "Degraded: the probe sends no credentials, and the policy may well allow the "
                "runner's role."
            ),
            confirm=(
                "`aws ec2 describe-vpc-endpoints --query "
                "'VpcEndpoints[].[ServiceName,PolicyDocument]'`; with the runner's role: `aws "
                "sts get-caller-identity`."
            ),
            fix="allow the runner's role and actions in the endpoint's policy.",
            request="nothing; it is for who owns the VPC endpoints.",
        ),
    )

    ADDRESS_FAILED = (
        "address_failed",
        CauseRecord(
            section=Section.OTHER,
            cause_class=CauseClass.PATH,
            severity=Severity.DEGRADED,
            sentence="{host} fails at {failed} of {tried} addresses on {transport} {port}: {dead}.",
            remediation=(
                "Allow {host} by name or by all of its addresses in security group, network "
                "ACL and firewall; if those are allowed, inform its owner: clients lose time at "
                "these before they try the next one."
            ),
            symptom=(
                "some addresses of a name fail while others work. Clients try the next address, "
                "as the probe does, but lose time at each one that fails."
            ),
            confirm=(
                "`dig +short HOST`; for each address `curl -sv -o /dev/null --connect-to "
                "HOST:443:ADDRESS:443 https://HOST/`."
            ),
            fix="allow the name, or all its addresses; else inform its owner.",
            request="outbound TCP `PORT` to `HOST` by name: its addresses change.",
        ),
    )

    CLOCK_SKEW = (
        "clock_skew",
        CauseRecord(
            section=Section.OTHER,
            cause_class=CauseClass.HOST,
            severity=Severity.DEGRADED,
            sentence=(
                "The clocks of {host} and of this host differ by {difference}: that of {host} is "
                "{ahead}."
            ),
            remediation=(
                "Compare with a third clock (`chronyc sources`): if others agree with {host}, set "
                "the clock here (`chronyc makestep`); if not, that server is wrong."
            ),
            symptom=(
                "this host's clock and the endpoint's differ by more than 5 s. AWS refuses "
                "signatures that are 5 minutes off."
            ),
            confirm="`chronyc tracking`; `curl -sI https://HOST/ | grep -i ^date:; date -u`.",
            fix=(
                "`chronyc makestep`; use 169.254.169.123 (Amazon Time Sync), which needs no egress."
            ),
            request="UDP 123 to your time servers, where you use others.",
        ),
    )

    SLOW = (
        "slow",
        CauseRecord(
            section=Section.OTHER,
            cause_class=CauseClass.PATH,
            severity=Severity.DEGRADED,
            sentence="{host} answers, but much slower than it used to.",
            remediation=(
                "Compare with the other targets: if many are slow, check the NAT gateway, "
                "proxy and link; if one, ask its owner."
            ),
            symptom=(
                "it answers, but not as it used to (docs/health.md defines the baseline). The "
                "sentence shows whether the path, the server or lost packets are meant."
            ),
            confirm=(
                "`ping ADDRESS` or `mtr -T -P 443 ADDRESS` for the path; `ss -ti dst ADDRESS` "
                "for `rtt` and `retrans`; `nstat -az TcpRetransSegs`; `curl -w` as for "
                "[http_timeout](#http_timeout) for the server."
            ),
            fix=(
                "many at once: NAT gateway (`PacketsDropCount`, bandwidth), transit gateway, "
                "firewall, the instance's network allowance (`ethtool -S INTERFACE | grep "
                "exceeded`). One alone: its owner, or a name that now resolves to a far "
                "address."
            ),
            request="load and drops of their device at that time; whether this traffic is shaped.",
        ),
    )

    INTERNAL_ERROR = (
        "internal_error",
        CauseRecord(
            section=Section.OTHER,
            cause_class=CauseClass.HOST,
            sentence="The monitor itself failed while probing {host}: {error}.",
            remediation="This is a bug in Egress Monitor. Report it with the lines from the log.",
            symptom="the monitor failed itself. It is never reported as a fault of the network.",
            confirm="the log line `internal error` with its traceback.",
            fix="report it as a bug, with that line.",
            request="nothing.",
        ),
    )

"""Faults of what many targets share: wide ones, those of a share of the connections, several at
once, and those that come and go."""

from __future__ import annotations

from dataclasses import replace

from monitor.model.causes import Cause
from monitor.model.endpoint import Protocol
from monitor.model.incident import Scope
from monitor.model.state import State
from tests.lab.breakages import (
    Breakage,
    broken_tunnels,
    distrusting,
    everywhere,
    filtered,
    gated_resolvers,
    middlebox,
    site,
)
from tests.lab.fault import Fault
from tests.lab.network import PUBLIC_V4, PUBLIC_V6, RESOLVERS
from tests.lab.settings import IPV4_ONLY, PROXIED, SEVERAL_ISSUERS, VPC_ENDPOINTS
from tests.lab.which import both, but, egress, ending, group, host, http, proxied, secure, speaks
from tests.lab.world import DUAL_STACK, SECOND_NAME_SERVER, VICTIM, World

C, S = Cause, Scope
AWS = group("aws_api")
PORTAL = "location / { return 302 https://login.portal.test/guest; }"
UNAVAILABLE = "location / { return 503; }"
_BACK = "iifname out0"


def addresses_of(w: World, suffix: str) -> str:
    """Return the IPv4 addresses of the names with a suffix, as a set for nft."""
    return ", ".join(sorted(a for name, a in w.addresses.items() if name.endswith(suffix)))


def against_names(suffix: str, rule: str) -> Breakage:
    """The middlebox treats what goes to the addresses of names with a suffix by a rule."""
    return Breakage(
        lambda w: w.network.rules(f"ip daddr {{ {addresses_of(w, suffix)} }} {rule}"),
        lambda w: w.network.clear(),
    )


WHOLE_FAULTS = (
    Fault(
        "nat-gateway-dead",
        filtered(f"ip daddr {PUBLIC_V4} drop"),
        C.TCP_TIMEOUT,
        S.ALL_EGRESS,
        both(egress, but(AWS)),
        says="Nothing at a public address answers",
        setting=replace(VPC_ENDPOINTS, keys=IPV4_ONLY.keys),
    ),
    Fault(
        "ipv4-dropped",
        filtered(f"ip daddr {PUBLIC_V4} drop"),
        C.TCP_TIMEOUT,
        S.ADDRESS_FAMILY,
        egress,
        says="while IPv6 works",
    ),
    Fault(
        "tls-default-deny",
        middlebox("reset", "!", ".amazonaws.com"),
        C.TLS_RESET_ON_HELLO,
        S.PATH,
        both(secure, but(ending(".amazonaws.com"))),
        says="filter by server name",
        setting=IPV4_ONLY,
    ),
    Fault(
        "tls-reset-for-all",
        middlebox("reset", "!", ".nothing.test"),
        C.TLS_RESET_ON_HELLO,
        S.PATH,
        secure,
        setting=IPV4_ONLY,
    ),
    Fault(
        "accepts-and-forwards-nothing",
        middlebox("drop", "!", ".nothing.test"),
        C.TLS_TIMEOUT_ON_HELLO,
        S.PATH,
        secure,
        setting=IPV4_ONLY,
    ),
    Fault(
        "path-mtu-hole-everywhere",
        filtered(f"{_BACK} meta length > 1000 drop"),
        C.TLS_TIMEOUT_ON_HELLO,
        S.PATH,
        secure,
        says="path-MTU hole",
    ),
    Fault("captive-portal", everywhere(http, PORTAL), C.HTTP_BLOCKED_PAGE, S.PATH, http),
    Fault("region-unavailable", everywhere(AWS, UNAVAILABLE), C.HTTP_STATUS, S.REGION, AWS),
    Fault(
        "no-trusted-ca",
        distrusting(),
        C.TLS_UNTRUSTED,
        S.HOST,
        secure,
        setting=SEVERAL_ISSUERS,
    ),
    Fault(
        "proxy-breaks-tunnels",
        broken_tunnels(),
        C.PROXY_TUNNEL_FAILED,
        S.PROXY,
        proxied,
        setting=PROXIED,
    ),
    # Only AAAA is answered wrongly, and every name has an A record: a runner reaches everything.
    Fault("dns-aaaa-nxdomain", gated_resolvers("aaaa"), None, None, setting=IPV4_ONLY),
)

PARTIAL_FAULTS = (
    # A network ACL that lacks a quarter of the return ports.
    Fault(
        "return-ports-missing",
        filtered(*(f"{_BACK} {kind} dport 32768-39999 drop" for kind in ("tcp", "udp"))),
        C.TCP_TIMEOUT,
        S.PATH,
        egress,
        state=State.DEGRADED,
        share=0.1,
        takes=90.0,
    ),
    # One of four paths drops what it gets, chosen by the source port.
    Fault(
        "one-path-of-four-dead",
        filtered(*(f"jhash {kind} sport mod 4 seed 0x7 0 drop" for kind in ("tcp", "udp"))),
        C.TCP_TIMEOUT,
        S.PATH,
        egress,
        state=State.DEGRADED,
        share=0.1,
        takes=90.0,
    ),
    Fault(
        "loss-20-percent",
        filtered("numgen random mod 100 < 20 drop"),
        C.TCP_TIMEOUT,
        S.PATH,
        egress,
        state=State.DEGRADED,
        share=0.1,
        takes=90.0,
    ),
    Fault(
        "provider-fails-in-part",
        against_names(".jetbrains.com", "jhash tcp sport mod 100 seed 0x7 < 45 drop"),
        C.TCP_TIMEOUT,
        S.GROUP,
        group("jetbrains"),
        state=State.DEGRADED,
        share=0.5,
        takes=90.0,
    ),
    Fault(
        "lookups-fail-in-part",
        gated_resolvers("lose=0.55"),
        C.DNS_TIMEOUT,
        S.RESOLVER,
        egress,
        servers=RESOLVERS,
        state=State.DEGRADED,
        share=0.1,
        takes=90.0,
    ),
)

_PORT = Fault("", filtered(), C.TCP_TIMEOUT, S.PORT, speaks(Protocol.HTTPS, port=8443))
_UDP = Fault("", filtered(), C.UDP_NO_REPLY, S.PORT, speaks(Protocol.UDP))
_UNAVAILABLE = Fault("", filtered(), C.HTTP_STATUS, S.ENDPOINT, host(VICTIM))

OVERLAPPING_FAULTS = (
    Fault(
        "resolver-in-part-and-port-dropped",
        filtered(f"input: ip daddr {SECOND_NAME_SERVER} drop", "tcp dport 8443 drop"),
        C.DNS_TIMEOUT,
        S.RESOLVER,
        servers=(SECOND_NAME_SERVER,),
        beside=(_PORT,),
        takes=10.0,
    ),
    Fault(
        "name-filter-and-udp-dropped",
        middlebox("reset", ".jetbrains.com") + filtered("udp dport 4242 drop"),
        C.TLS_RESET_ON_HELLO,
        S.GROUP,
        group("jetbrains"),
        beside=(_UDP,),
        takes=10.0,
    ),
    Fault(
        "three-at-once",
        filtered(f"ip6 daddr {PUBLIC_V6} drop", "udp dport 4242 drop") + site(VICTIM, UNAVAILABLE),
        C.TCP_TIMEOUT,
        S.ADDRESS_FAMILY,
        host(*DUAL_STACK),
        state=State.DEGRADED,
        beside=(_UDP, _UNAVAILABLE),
        takes=10.0,
    ),
)

RECURRING_FAULTS = (
    Fault(
        "all-egress-dropped-twice",
        filtered("drop"),
        C.TCP_TIMEOUT,
        S.ALL_EGRESS,
        egress,
        times=2,
    ),
    Fault(
        "dns-silent-twice",
        filtered("input: udp dport 53 drop", "input: tcp dport 53 drop"),
        C.DNS_TIMEOUT,
        S.RESOLVER,
        egress,
        RESOLVERS,
        times=2,
    ),
)

WIDE_FAULTS = (*WHOLE_FAULTS, *PARTIAL_FAULTS, *OVERLAPPING_FAULTS, *RECURRING_FAULTS)

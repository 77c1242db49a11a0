"""The faults that the monitor has to name right: what breaks, and what is expected of it."""

from __future__ import annotations

from datetime import timedelta

from monitor.model.causes import Cause
from monitor.model.endpoint import Protocol
from monitor.model.incident import Scope
from monitor.model.state import State
from tests.internet.ca import DAY
from tests.internet.imds import Mode
from tests.lab.breakages import (
    against,
    answering,
    certificates,
    filtered,
    late_resolvers,
    metadata,
    middlebox,
    no_descriptors,
    no_lighthouses,
    no_route,
    no_source_ports,
    proxying,
    relayed,
    resolving,
    rude,
    sinkholed,
    site,
    stopped,
)
from tests.lab.fault import Fault
from tests.lab.network import MIDDLE_IN_V4, PUBLIC_V6, RESOLVERS
from tests.lab.settings import (
    CORPORATE,
    CORPORATE_TRUST,
    EVERY_ADDRESS,
    FARGATE,
    OFTEN,
    PROXIED,
)
from tests.lab.which import egress, ending, everything, group, host, proxied, secure, speaks
from tests.lab.wide_faults import WIDE_FAULTS
from tests.lab.world import DUAL_STACK, SECOND_NAME_SERVER, SPARE, VICTIM, World

C, S = Cause, Scope
API = "ec2.eu-central-1.amazonaws.com"


def interception_is_shown(w: World) -> bool:
    """Whether each opened name says by whom, without being called down."""
    opened = [t for t in w.shown() if str(t["host"]).endswith(".jetbrains.com")]
    return bool(opened) and all(CORPORATE in str(t["evidence"]) for t in opened)


def page(status: int) -> str:
    text = "<html><title>Web Page Blocked</title>"
    return f"location / {{ default_type text/html; return {status} '{text}'; }}"


DNS_FAULTS = (
    Fault(
        "dns-silent",
        filtered("input: udp dport 53 drop", "input: tcp dport 53 drop"),
        C.DNS_TIMEOUT,
        S.RESOLVER,
        egress,
        RESOLVERS,
    ),
    Fault(
        "dns-servfail",
        resolving(failing=["."], records=["x.invalid. 5 A 192.0.2.9"]),
        C.DNS_SERVFAIL,
        S.RESOLVER,
        egress,
        RESOLVERS,
    ),
    Fault(
        "dns-refused",
        resolving(zones={".": "refuse"}, records=["x.invalid. 5 A 192.0.2.9"]),
        C.DNS_REFUSED,
        S.RESOLVER,
        egress,
        RESOLVERS,
    ),
    Fault(
        "dns-nxdomain-zone",
        resolving(zones={"gitpod.dev.": "always_nxdomain"}),
        C.DNS_NXDOMAIN,
        S.RESOLVER,
        ending(".gitpod.dev"),
    ),
    Fault(
        "dns-nodata",
        resolving(zones={f"{VICTIM}.": "always_nodata"}),
        C.DNS_NODATA,
        S.ENDPOINT,
        host(VICTIM),
    ),
    Fault(
        "dns-sinkhole-zero",
        answering(f"{VICTIM}. 5 A 0.0.0.0"),
        C.DNS_SINKHOLED,
        S.ENDPOINT,
        host(VICTIM),
    ),
    Fault(
        "dns-sinkhole-page",
        sinkholed(".jetbrains.com"),
        C.DNS_SINKHOLED,
        S.RESOLVER,
        ending(".jetbrains.com"),
    ),
    Fault(
        "dns-one-of-two-dead",
        filtered(f"input: ip daddr {SECOND_NAME_SERVER} drop"),
        C.DNS_TIMEOUT,
        S.RESOLVER,
        servers=(SECOND_NAME_SERVER,),
    ),
    Fault(
        "dns-slower-than-timeout",
        late_resolvers(2.5),
        C.DNS_TIMEOUT,
        S.RESOLVER,
        egress,
        RESOLVERS,
    ),
    Fault(
        "dns-truncated-tcp-blocked",
        resolving(extra="server:\n  max-udp-size: 40\n") + filtered("input: tcp dport 53 drop"),
        C.DNS_TIMEOUT,
        S.RESOLVER,
        egress,
        RESOLVERS,
    ),
)

ROUTE_AND_TCP_FAULTS = (
    Fault(
        "tcp-4242-dropped",
        filtered("tcp dport 4242 drop"),
        C.TCP_TIMEOUT,
        S.PORT,
        speaks(Protocol.TCP),
    ),
    Fault(
        "tcp-8443-dropped",
        filtered("tcp dport 8443 drop"),
        C.TCP_TIMEOUT,
        S.PORT,
        speaks(Protocol.HTTPS, port=8443),
    ),
    Fault(
        "address-dropped",
        against(VICTIM, "drop"),
        C.TCP_TIMEOUT,
        S.ENDPOINT,
        host(VICTIM),
        says="a rule for the address",
    ),
    Fault(
        "tcp-reset",
        against(VICTIM, "tcp dport 443 reject with tcp reset"),
        C.TCP_REFUSED,
        S.ENDPOINT,
        host(VICTIM),
    ),
    Fault(
        "reset-after-accept",
        rude(VICTIM, "reset"),
        C.TCP_RESET,
        S.ENDPOINT,
        host(VICTIM),
    ),
    Fault(
        "one-address-of-two-dead",
        filtered(f"ip daddr {SPARE} drop"),
        C.ADDRESS_FAILED,
        S.ENDPOINT,
        host(VICTIM),
        state=State.DEGRADED,
        setting=EVERY_ADDRESS,
    ),
    Fault(
        "admin-prohibited",
        against(VICTIM, "reject with icmpx admin-prohibited"),
        C.ADMIN_PROHIBITED,
        S.ENDPOINT,
        host(VICTIM),
    ),
    Fault("no-route", no_route(), C.NETWORK_UNREACHABLE, S.ALL_EGRESS, egress),
    Fault(
        "ipv6-dropped",
        filtered(f"ip6 daddr {PUBLIC_V6} drop"),
        C.TCP_TIMEOUT,
        S.ADDRESS_FAMILY,
        host(*DUAL_STACK),
        state=State.DEGRADED,
    ),
    Fault("all-egress-dropped", filtered("drop"), C.TCP_TIMEOUT, S.ALL_EGRESS, egress),
    Fault(
        "ports-exhausted",
        no_source_ports(),
        C.LOCAL_PORT_EXHAUSTED,
        S.HOST,
        everything,
        RESOLVERS,
    ),
    Fault(
        "descriptors-exhausted",
        no_descriptors(),
        C.LOCAL_RESOURCE_EXHAUSTED,
        S.HOST,
        everything,
        RESOLVERS,
    ),
)

TLS_FAULTS = (
    Fault(
        "tls-reset-on-name",
        middlebox("reset", ".gitpod.dev"),
        C.TLS_RESET_ON_HELLO,
        S.GROUP,
        group("gateway"),
        says="a name filter",
    ),
    Fault(
        "tls-dropped-on-name",
        middlebox("drop", ".gitpod.dev"),
        C.TLS_TIMEOUT_ON_HELLO,
        S.GROUP,
        group("gateway"),
        says="a name filter",
    ),
    Fault(
        "tls-path-mtu-hole",
        against(VICTIM, "accept", back="meta length > 1000 drop"),
        C.TLS_TIMEOUT_ON_HELLO,
        S.ENDPOINT,
        host(VICTIM),
        says="path-MTU hole",
    ),
    Fault(
        "tls-intercepted",
        middlebox("intercept", ".jetbrains.com", ".amazonaws.com", issuer=CORPORATE),
        C.TLS_INTERCEPTED,
        S.TLS_INTERCEPTION,
        ending(".jetbrains.com", ".amazonaws.com"),
    ),
    Fault(
        "tls-intercepted-trusted",
        middlebox("intercept", ".jetbrains.com", issuer=CORPORATE),
        None,
        None,
        setting=CORPORATE_TRUST,
        fact=interception_is_shown,
    ),
    Fault(
        "tls-protocol-alert",
        middlebox("alert", VICTIM),
        C.TLS_PROTOCOL,
        S.ENDPOINT,
        host(VICTIM),
    ),
    Fault(
        "tls-expired",
        site(VICTIM, not_after=-timedelta(hours=1)),
        C.TLS_EXPIRED,
        S.ENDPOINT,
        host(VICTIM),
    ),
    Fault(
        "tls-not-yet-valid",
        site(VICTIM, not_before=DAY),
        C.TLS_NOT_YET_VALID,
        S.ENDPOINT,
        host(VICTIM),
    ),
    # What a host whose clock is a day behind sees of an internet that has just been renewed.
    Fault("clock-behind", certificates(not_before=DAY), C.CLOCK_SKEW, S.HOST, secure),
    Fault(
        "tls-wrong-name",
        site(VICTIM, called="other.test"),
        C.TLS_NAME_MISMATCH,
        S.ENDPOINT,
        host(VICTIM),
    ),
    Fault(
        "tls-self-signed",
        site(VICTIM, self_signed=True),
        C.TLS_UNTRUSTED,
        S.ENDPOINT,
        host(VICTIM),
    ),
)

HTTP_FAULTS = (
    Fault(
        "http-block-page-200",
        site(API, page(200)),
        C.HTTP_BLOCKED_PAGE,
        S.ENDPOINT,
        host(API),
    ),
    Fault(
        "http-block-page-403",
        site(VICTIM, page(403)),
        C.HTTP_BLOCKED_PAGE,
        S.ENDPOINT,
        host(VICTIM),
    ),
    Fault(
        "http-503",
        site(VICTIM, "location / { return 503; }"),
        C.HTTP_STATUS,
        S.ENDPOINT,
        host(VICTIM),
    ),
    Fault(
        "http-headers-never-end",
        rude(VICTIM, "headers"),
        C.HTTP_TIMEOUT,
        S.ENDPOINT,
        host(VICTIM),
    ),
    Fault(
        "http-body-cut-short",
        rude(VICTIM, "short"),
        C.HTTP_TRUNCATED,
        S.ENDPOINT,
        host(VICTIM),
    ),
    Fault(
        "http-first-byte-late",
        rude(VICTIM, "late"),
        C.HTTP_TIMEOUT,
        S.ENDPOINT,
        host(VICTIM),
    ),
)

PROXY_FAULTS = (
    Fault(
        "proxy-down",
        stopped(lambda w: w.proxy(), "squid"),
        C.PROXY_UNREACHABLE,
        S.PROXY,
        proxied,
        setting=PROXIED,
    ),
    Fault(
        "proxy-silent",
        filtered(f"input: ip daddr {MIDDLE_IN_V4} tcp dport 3128 drop"),
        C.PROXY_UNREACHABLE,
        S.PROXY,
        proxied,
        setting=PROXIED,
    ),
    Fault(
        "proxy-wants-login",
        proxying(
            "auth_param basic program /usr/lib/squid/basic_fake_auth\n"
            "acl known proxy_auth REQUIRED\nhttp_access deny !known"
        ),
        C.PROXY_AUTH_REQUIRED,
        S.PROXY,
        proxied,
        setting=PROXIED,
    ),
    Fault(
        "proxy-denies-name",
        proxying(f"acl refused dstdomain {VICTIM}\nhttp_access deny refused"),
        C.PROXY_DENIED,
        S.ENDPOINT,
        host(VICTIM),
        says="Without the proxy it is reached",
        setting=PROXIED,
    ),
    Fault(
        "proxy-upstream-refused",
        against(VICTIM, "reject with tcp reset", chain="output"),
        C.PROXY_UPSTREAM_FAILED,
        S.ENDPOINT,
        host(VICTIM),
        setting=PROXIED,
    ),
    Fault(
        "proxy-upstream-silent",
        against(VICTIM, "drop", chain="output"),
        C.PROXY_UPSTREAM_FAILED,
        S.ENDPOINT,
        host(VICTIM),
        setting=PROXIED,
    ),
    # The network lets only the proxy out, and the monitor knows of none.
    Fault(
        "proxy-required-not-configured",
        filtered("reject with icmpx admin-prohibited"),
        C.ADMIN_PROHIBITED,
        S.ALL_EGRESS,
        egress,
    ),
)

UDP_FAULTS = (
    Fault(
        "udp-dropped",
        filtered("udp dport 4242 drop"),
        C.UDP_NO_REPLY,
        S.PORT,
        speaks(Protocol.UDP),
        says="the host itself can be reached",
    ),
    Fault(
        "udp-reply-dropped",
        filtered("udp sport 4242 drop"),
        C.UDP_NO_REPLY,
        S.PORT,
        speaks(Protocol.UDP),
    ),
    Fault(
        "udp-port-unreachable",
        no_lighthouses(),
        C.UDP_PORT_UNREACHABLE,
        S.PORT,
        speaks(Protocol.UDP),
    ),
)

METADATA_FAULTS = (
    Fault(
        "imds-hop-limit",
        metadata(Mode.HOP_LIMIT),
        C.IMDS_HOP_LIMIT,
        S.ENDPOINT,
        group("instance_metadata"),
    ),
    Fault(
        "imds-disabled",
        metadata(Mode.DISABLED),
        C.IMDS_DISABLED,
        S.ENDPOINT,
        group("instance_metadata"),
    ),
    Fault(
        "imds-v1-only",
        metadata(Mode.V1_ONLY),
        C.IMDS_V1_ONLY,
        S.ENDPOINT,
        group("instance_metadata"),
    ),
    Fault(
        "imds-absent-on-fargate",
        stopped(lambda w: w.metadata(), "imds"),
        None,
        None,
        setting=FARGATE,
    ),
)

GRADUAL_FAULTS = (
    Fault(
        "slow-by-200-ms",
        relayed(VICTIM, delay=0.1),
        C.SLOW,
        S.ENDPOINT,
        host(VICTIM),
        says="The path to",
        state=State.DEGRADED,
        takes=20.0,
        setting=OFTEN,
    ),
    # The relay delays IPv4: hosts with IPv6 are reached by it first, without delay (RFC 8305).
    Fault(
        "all-slow-by-200-ms",
        relayed(delay=0.1),
        C.SLOW,
        S.ALL_EGRESS,
        lambda target: egress(target) and target.host not in DUAL_STACK,
        state=State.DEGRADED,
        takes=20.0,
        setting=OFTEN,
    ),
    # Every second probe sees a packet sent again: that is told, and is no outage.
    Fault(
        "loss-10-percent",
        relayed(VICTIM, loss=0.1),
        C.SLOW,
        S.ENDPOINT,
        host(VICTIM),
        state=State.DEGRADED,
        takes=200.0,
        setting=OFTEN,
    ),
    Fault(
        "one-gateway-down",
        against("us01.gitpod.dev", "drop"),
        C.TCP_TIMEOUT,
        S.ENDPOINT,
        host("us01.gitpod.dev"),
        says="Still works: eu01 of gateways",
        state=State.DEGRADED,
    ),
    Fault("loss-1-percent", relayed(loss=0.01, jitter=0.02), None, None),
)

FAULTS: tuple[Fault, ...] = (
    *DNS_FAULTS,
    *ROUTE_AND_TCP_FAULTS,
    *TLS_FAULTS,
    *HTTP_FAULTS,
    *UDP_FAULTS,
    *METADATA_FAULTS,
    *GRADUAL_FAULTS,
    *PROXY_FAULTS,
    *WIDE_FAULTS,
)
BY_NAME = {fault.name: fault for fault in FAULTS}
assert len(BY_NAME) == len(FAULTS), "two faults have one name"

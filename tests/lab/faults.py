"""The faults that the monitor has to name right: each how it is applied, and what is expected."""

from __future__ import annotations

import resource
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from monitor.model import Cause, Protocol, Scope, Target
from tests.internet.ca import DAY, Authority
from tests.internet.imds import Mode
from tests.internet.nginx import Site
from tests.lab.network import MIDDLE_IN_V4, PUBLIC_V6, RESOLVERS
from tests.lab.world import BLOCK_PAGE, DUAL_STACK, SECOND_NAME_SERVER, World

C, S = Cause, Scope
VICTIM = "marketplace.visualstudio.com"
API = "ec2.eu-central-1.amazonaws.com"
Change = Callable[[World], None]
Which = Callable[[Target], bool]


@dataclass(frozen=True)
class Fault:
    """One case. ``affected`` tells which targets of the catalogue it takes down; ``servers``
    are the name servers among the affected, by address."""

    name: str
    apply: Change
    lift: Change
    cause: Cause
    scope: Scope
    affected: Which
    servers: tuple[str, ...] = ()

    def expected(self, targets: tuple[Target, ...]) -> frozenset[str]:
        """Return the ids of the affected targets."""
        named = {t.id for t in targets if self.affected(t)}
        return frozenset(named | {f"dns-{server}" for server in self.servers})


def host(*names: str) -> Which:
    return lambda t: t.host in names


def ending(suffix: str) -> Which:
    return lambda t: t.host.endswith(suffix)


def group(*names: str) -> Which:
    return lambda t: t.group in names


def speaks(*protocols: Protocol, port: int | None = None) -> Which:
    return lambda t: t.endpoint.protocol in protocols and port in {None, t.port}


def named(target: Target) -> bool:
    return target.endpoint.prober != "imds"


def egress(target: Target) -> bool:
    return named(target)


def nobody(_: Target) -> bool:
    return False


def rules(*lines: str) -> Change:
    return lambda w: w.network.rules(*lines)


def clear(w: World) -> None:
    w.network.clear()


def to(w: World, name: str) -> str:
    return w.addresses[name]


def against(name: str, rule: str) -> Change:
    return lambda w: w.network.rules(f"ip daddr {to(w, name)} {rule}")


def resolver(**options: object) -> Change:
    def apply(w: World) -> None:
        for server in RESOLVERS:
            w.resolver(host=server, **options)  # type: ignore[arg-type]

    return apply


def answering(*records: str) -> Change:
    """The world's records, with those of the same names replaced."""

    def apply(w: World) -> None:
        names = {record.split(" ")[0] for record in records}
        usual = [r for r in w.records() if r.split(" ")[0] not in names]
        for server in RESOLVERS:
            w.resolver([*usual, *records], host=server)

    return apply


def pointing(suffix: str, address: str) -> Change:
    def apply(w: World) -> None:
        names = [n for n in w.addresses if n.endswith(suffix)]
        answering(*(f"{name}. 5 A {address}" for name in names))(w)

    return apply


usual_resolver = resolver()


def middlebox(mode: str, *suffixes: str) -> Change:
    """Send TLS over IPv4 through the middlebox program."""

    def apply(w: World) -> None:
        certificate: list[str] = []
        if mode == "intercept":
            corporate = Authority(w.folder, "Zscaler Intermediate Root CA")
            names = [n for n in w.addresses if n.endswith(suffixes)]
            issued = corporate.issue(*names, send_root=True)
            certificate = [str(issued.chain), str(issued.key)]
        command = w.program("tests.lab.middlebox", "9443", mode, *certificate, *suffixes)
        w.start("middlebox", w.network.middle, command)
        table = "table ip redirected { chain prerouting { type nat hook prerouting priority -100; "
        rule = f"iifname in0 tcp dport {{ 443, 8443 }} dnat to {MIDDLE_IN_V4}:9443; }} }}"
        w.network.middle.run("nft -f -", text=table + rule)

    return apply


def no_middlebox(w: World) -> None:
    w.network.middle.run("nft delete table ip redirected")
    w.end("middlebox")


def site(name: str, body: str = "", **certificate: object) -> Change:
    """The site of a name, with another certificate or another answer."""

    def apply(w: World) -> None:
        issuer = Authority(w.folder, "Lab Other CA") if certificate.pop("other", 0) else w.authority
        own = str(certificate.pop("called", name))
        issued = issuer.issue(own, **certificate)  # type: ignore[arg-type]
        answer = body or "location / { return 200 'ok'; }"
        w.web([Site((name,), 443, issued, answer, to(w, name))])

    return apply


def usual_web(w: World) -> None:
    w.web()


def rude_web(mode: str) -> Change:
    def apply(w: World) -> None:
        address = to(w, VICTIM)
        issued = w.authority.issue(VICTIM)
        elsewhere = Site((VICTIM,), 4443, issued, address=address)
        w.web([elsewhere])
        words = (address, "443", mode, str(issued.chain), str(issued.key))
        w.start("rude", w.network.internet, w.program("tests.lab.rudeweb", *words))

    return apply


def no_rude_web(w: World) -> None:
    w.end("rude")
    w.web()


def metadata(mode: Mode) -> Change:
    return lambda w: w.metadata(mode)


def no_lighthouses(w: World) -> None:
    w.lighthouses(closed=True)


def lighthouses(w: World) -> None:
    w.lighthouses()


def no_route(w: World) -> None:
    w.network.monitor.run("ip route del default")
    w.network.monitor.run("ip -6 route del default")


def route(w: World) -> None:
    w.network.route_monitor()


def no_ports(w: World) -> None:
    w.network.monitor.run("sysctl -qw net.ipv4.ip_local_reserved_ports=1024-65535")


def ports(w: World) -> None:
    w.network.monitor.call(lambda: _write("net/ipv4/ip_local_reserved_ports", "\n"))


def _write(name: str, text: str) -> None:
    with open(f"/proc/sys/{name}", "w") as file:  # noqa: PTH123 - a sysctl of this namespace
        file.write(text)


def limit_descriptors(w: World) -> None:
    pid = w.processes["monitor"].pid
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (8, 4096))


def free_descriptors(w: World) -> None:
    pid = w.processes["monitor"].pid
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (1024, 4096))


def slow_resolver(w: World) -> None:
    for server in RESOLVERS:
        command = w.program("tests.lab.slowdns", server, "2.5")
        w.start(f"unbound-{server}", w.network.middle, command)


def truncated(w: World) -> None:
    resolver(extra="server:\n  max-udp-size: 40\n")(w)
    w.network.rules("input: tcp dport 53 drop")


def whole_answers(w: World) -> None:
    clear(w)
    usual_resolver(w)


PAGE = "default_type text/html; return {} '<html><title>Web Page Blocked</title>';"

FAULTS: tuple[Fault, ...] = (
    Fault(
        "dns-silent",
        rules("input: udp dport 53 drop", "input: tcp dport 53 drop"),
        clear,
        C.DNS_TIMEOUT,
        S.RESOLVER,
        named,
        RESOLVERS,
    ),
    Fault(
        "dns-servfail",
        resolver(failing=["."], records=["x.invalid. 5 A 192.0.2.9"]),
        usual_resolver,
        C.DNS_SERVFAIL,
        S.RESOLVER,
        named,
        RESOLVERS,
    ),
    Fault(
        "dns-refused",
        resolver(zones={".": "refuse"}, records=["x.invalid. 5 A 192.0.2.9"]),
        usual_resolver,
        C.DNS_REFUSED,
        S.RESOLVER,
        named,
        RESOLVERS,
    ),
    Fault(
        "dns-nxdomain-zone",
        resolver(zones={"gitpod.dev.": "always_nxdomain"}),
        usual_resolver,
        C.DNS_NXDOMAIN,
        S.RESOLVER,
        ending(".gitpod.dev"),
    ),
    Fault(
        "dns-nodata",
        resolver(zones={f"{VICTIM}.": "always_nodata"}),
        usual_resolver,
        C.DNS_NODATA,
        S.ENDPOINT,
        host(VICTIM),
    ),
    Fault(
        "dns-sinkhole-zero",
        answering(f"{VICTIM}. 5 A 0.0.0.0"),
        usual_resolver,
        C.DNS_SINKHOLED,
        S.ENDPOINT,
        host(VICTIM),
    ),
    Fault(
        "dns-sinkhole-page",
        pointing(".jetbrains.com", BLOCK_PAGE),
        usual_resolver,
        C.DNS_SINKHOLED,
        S.RESOLVER,
        ending(".jetbrains.com"),
    ),
    Fault(
        "dns-one-of-two-dead",
        rules(f"input: ip daddr {SECOND_NAME_SERVER} drop"),
        clear,
        C.DNS_TIMEOUT,
        S.RESOLVER,
        nobody,
        (SECOND_NAME_SERVER,),
    ),
    Fault(
        "dns-slower-than-timeout",
        slow_resolver,
        usual_resolver,
        C.DNS_TIMEOUT,
        S.RESOLVER,
        named,
        RESOLVERS,
    ),
    Fault(
        "dns-truncated-tcp-blocked",
        truncated,
        whole_answers,
        C.DNS_TIMEOUT,
        S.RESOLVER,
        named,
        RESOLVERS,
    ),
    Fault(
        "tcp-4242-dropped",
        rules("tcp dport 4242 drop"),
        clear,
        C.TCP_TIMEOUT,
        S.PORT,
        speaks(Protocol.TCP),
    ),
    Fault(
        "tcp-8443-dropped",
        rules("tcp dport 8443 drop"),
        clear,
        C.TCP_TIMEOUT,
        S.PORT,
        speaks(Protocol.HTTPS, port=8443),
    ),
    Fault(
        "address-dropped",
        against(VICTIM, "drop"),
        clear,
        C.TCP_TIMEOUT,
        S.ENDPOINT,
        host(VICTIM),
    ),
    Fault(
        "tcp-reset",
        against(VICTIM, "tcp dport 443 reject with tcp reset"),
        clear,
        C.TCP_REFUSED,
        S.ENDPOINT,
        host(VICTIM),
    ),
    Fault(
        "admin-prohibited",
        against(VICTIM, "reject with icmpx admin-prohibited"),
        clear,
        C.ADMIN_PROHIBITED,
        S.ENDPOINT,
        host(VICTIM),
    ),
    Fault("no-route", no_route, route, C.NETWORK_UNREACHABLE, S.ALL_EGRESS, egress),
    Fault(
        "ipv6-dropped",
        rules(f"ip6 daddr {PUBLIC_V6} drop"),
        clear,
        C.TCP_TIMEOUT,
        S.ADDRESS_FAMILY,
        host(*DUAL_STACK),
    ),
    Fault("all-egress-dropped", rules("drop"), clear, C.TCP_TIMEOUT, S.ALL_EGRESS, egress),
    Fault("ports-exhausted", no_ports, ports, C.LOCAL_PORT_EXHAUSTED, S.HOST, egress, RESOLVERS),
    Fault(
        "tls-reset-on-name",
        middlebox("reset", ".gitpod.dev"),
        no_middlebox,
        C.TLS_RESET_ON_HELLO,
        S.GROUP,
        group("gateway"),
    ),
    Fault(
        "tls-dropped-on-name",
        middlebox("drop", ".gitpod.dev"),
        no_middlebox,
        C.TLS_TIMEOUT_ON_HELLO,
        S.GROUP,
        group("gateway"),
    ),
    Fault(
        "tls-intercepted",
        middlebox("intercept", ".jetbrains.com", ".amazonaws.com"),
        no_middlebox,
        C.TLS_INTERCEPTED,
        S.TLS_INTERCEPTION,
        lambda t: t.host.endswith((".jetbrains.com", ".amazonaws.com")),
    ),
    Fault(
        "tls-protocol-alert",
        middlebox("alert", VICTIM),
        no_middlebox,
        C.TLS_PROTOCOL,
        S.ENDPOINT,
        host(VICTIM),
    ),
    Fault(
        "tls-expired",
        site(VICTIM, not_after=-timedelta(hours=1)),
        usual_web,
        C.TLS_EXPIRED,
        S.ENDPOINT,
        host(VICTIM),
    ),
    Fault(
        "tls-not-yet-valid",
        site(VICTIM, not_before=DAY),
        usual_web,
        C.TLS_NOT_YET_VALID,
        S.ENDPOINT,
        host(VICTIM),
    ),
    Fault(
        "tls-wrong-name",
        site(VICTIM, called="other.test"),
        usual_web,
        C.TLS_NAME_MISMATCH,
        S.ENDPOINT,
        host(VICTIM),
    ),
    Fault(
        "tls-self-signed",
        site(VICTIM, self_signed=True),
        usual_web,
        C.TLS_UNTRUSTED,
        S.ENDPOINT,
        host(VICTIM),
    ),
    Fault(
        "http-block-page-200",
        site(API, f"location / {{ {PAGE.format(200)} }}"),
        usual_web,
        C.HTTP_BLOCKED_PAGE,
        S.ENDPOINT,
        host(API),
    ),
    Fault(
        "http-block-page-403",
        site(VICTIM, f"location / {{ {PAGE.format(403)} }}"),
        usual_web,
        C.HTTP_BLOCKED_PAGE,
        S.ENDPOINT,
        host(VICTIM),
    ),
    Fault(
        "http-503",
        site(VICTIM, "location / { return 503; }"),
        usual_web,
        C.HTTP_STATUS,
        S.ENDPOINT,
        host(VICTIM),
    ),
    Fault(
        "http-headers-never-end",
        rude_web("headers"),
        no_rude_web,
        C.HTTP_TIMEOUT,
        S.ENDPOINT,
        host(VICTIM),
    ),
    Fault(
        "http-body-cut-short",
        rude_web("short"),
        no_rude_web,
        C.HTTP_TRUNCATED,
        S.ENDPOINT,
        host(VICTIM),
    ),
    Fault(
        "http-first-byte-late",
        rude_web("late"),
        no_rude_web,
        C.HTTP_TIMEOUT,
        S.ENDPOINT,
        host(VICTIM),
    ),
    Fault(
        "udp-dropped",
        rules("udp dport 4242 drop"),
        clear,
        C.UDP_NO_REPLY,
        S.PORT,
        speaks(Protocol.UDP),
    ),
    Fault(
        "udp-reply-dropped",
        rules("udp sport 4242 drop"),
        clear,
        C.UDP_NO_REPLY,
        S.PORT,
        speaks(Protocol.UDP),
    ),
    Fault(
        "udp-port-unreachable",
        no_lighthouses,
        lighthouses,
        C.UDP_PORT_UNREACHABLE,
        S.PORT,
        speaks(Protocol.UDP),
    ),
    Fault(
        "imds-hop-limit",
        metadata(Mode.HOP_LIMIT),
        metadata(Mode.NORMAL),
        C.IMDS_HOP_LIMIT,
        S.ENDPOINT,
        group("instance_metadata"),
    ),
    Fault(
        "imds-disabled",
        metadata(Mode.DISABLED),
        metadata(Mode.NORMAL),
        C.IMDS_DISABLED,
        S.ENDPOINT,
        group("instance_metadata"),
    ),
    Fault(
        "imds-v1-only",
        metadata(Mode.V1_ONLY),
        metadata(Mode.NORMAL),
        C.IMDS_V1_ONLY,
        S.ENDPOINT,
        group("instance_metadata"),
    ),
    Fault(
        "one-gateway-down",
        lambda w: w.network.rules(f"ip daddr {to(w, 'us01.gitpod.dev')} drop"),
        clear,
        C.TCP_TIMEOUT,
        S.ENDPOINT,
        host("us01.gitpod.dev"),
    ),
    Fault(
        "descriptors-exhausted",
        limit_descriptors,
        free_descriptors,
        C.LOCAL_RESOURCE_EXHAUSTED,
        S.HOST,
        lambda _: True,
        RESOLVERS,
    ),
)
BY_NAME = {fault.name: fault for fault in FAULTS}

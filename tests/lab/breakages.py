"""The ways to break the lab: filters, name servers, TLS middleboxes, web servers, the host."""

from __future__ import annotations

import resource
from dataclasses import replace
from pathlib import Path

from tests.internet.imds import Mode
from tests.internet.nginx import Site
from tests.lab.fault import Breakage, Change, Which
from tests.lab.network import MIDDLE_IN_V4, RESOLVERS
from tests.lab.world import BLOCK_PAGE, World

GATE = 5300
"""Port of a gate before a name server."""


def filtered(*rules: str) -> Breakage:
    """The middlebox's packet filter has these rules (see ``Network.rules``)."""
    return Breakage(lambda w: w.network.rules(*rules), _unfiltered)


def against(name: str, rule: str, *, back: str = "", chain: str = "forward") -> Breakage:
    """The middlebox treats what goes to a name's IPv4 address by a rule, and what comes back
    from it by another."""

    def apply(w: World) -> None:
        address = w.addresses[name]
        rules = [f"{chain}: ip daddr {address} {rule}"]
        rules += [f"{chain}: ip saddr {address} {back}"] if back else []
        w.network.rules(*rules)

    return Breakage(apply, _unfiltered)


def _unfiltered(w: World) -> None:
    w.network.clear()


def resolving(**options: object) -> Breakage:
    """Both name servers run with other options (see ``unbound_command``)."""

    def apply(w: World) -> None:
        for server in RESOLVERS:
            w.resolver(host=server, **options)  # type: ignore[arg-type]

    return Breakage(apply, _usual_resolvers)


def _usual_resolvers(w: World) -> None:
    for server in RESOLVERS:
        w.resolver(host=server)


def answering(*records: str, servers: tuple[str, ...] = RESOLVERS) -> Breakage:
    """Name servers give other records for the names of ``records``."""

    def apply(w: World) -> None:
        names = {record.split(" ")[0] for record in records}
        usual = [r for r in w.records() if r.split(" ")[0] not in names]
        for server in servers:
            w.resolver([*usual, *records], host=server)

    return Breakage(apply, _usual_resolvers)


def sinkholed(suffix: str) -> Breakage:
    """Every name below ``suffix`` resolves to the block page's address."""

    def apply(w: World) -> None:
        names = [n for n in w.addresses if n.endswith(suffix)]
        answering(*(f"{name}. 5 A {BLOCK_PAGE}" for name in names)).apply(w)

    return Breakage(apply, _usual_resolvers)


def late_resolvers(seconds: float) -> Breakage:
    """Name servers answer after so many seconds."""

    def apply(w: World) -> None:
        for server in RESOLVERS:
            command = w.program("tests.lab.slowdns", server, str(seconds))
            w.start(f"unbound-{server}", w.network.middle, command)

    return Breakage(apply, _usual_resolvers)


def middlebox(mode: str, *suffixes: str, issuer: str = "") -> Breakage:
    """TLS over IPv4 goes through a program that resets, drops, refuses or opens the handshakes
    of names with one of the suffixes; ``issuer`` names the CA that it opens them with."""

    def apply(w: World) -> None:
        certificate: list[str] = []
        if mode == "intercept":
            names = [n for n in w.addresses if n.endswith(suffixes)]
            issued = w.other_authority(issuer).issue(*names, send_root=True)
            certificate = [str(issued.chain), str(issued.key)]
        command = w.program("tests.lab.middlebox", "9443", mode, *certificate, *suffixes)
        w.start("middlebox", w.network.middle, command)
        w.await_port(9443)
        table = "table ip redirected { chain prerouting { type nat hook prerouting priority -100; "
        rule = f"iifname in0 tcp dport {{ 443, 8443 }} dnat to {MIDDLE_IN_V4}:9443; }}; }}"
        w.network.middle.run("nft -f -", text=table + rule)

    def lift(w: World) -> None:
        w.network.middle.run("nft delete table ip redirected")
        w.end("middlebox")

    return Breakage(apply, lift)


def relayed(name: str = "", **treatment: float) -> Breakage:
    """IPv4 packets to and from a name's address, or all that are forwarded, go through the
    relay, which treats them as told."""

    def apply(w: World) -> None:
        words = [f"{name}={value}" for name, value in treatment.items()]
        w.start("relay", w.network.middle, w.program("tests.lab.relay", *words))
        w.await_device("relay0")
        w.network.middle.run("ip link set relay0 up")
        w.network.middle.run("ip route add default dev relay0 table 7")
        w.network.middle.run("ip rule add fwmark 7 lookup 7")
        there, back = (
            f"ip {end} {w.addresses[name]}" if name else "" for end in ("daddr", "saddr")
        )
        w.network.middle.run(
            "nft -f -",
            text="table ip relayed { chain marked { type filter hook prerouting priority -150; "
            f"iifname in0 {there} meta mark set 7; iifname out0 {back} meta mark set 7; }}; }}",
        )

    def lift(w: World) -> None:
        w.network.middle.run("nft delete table ip relayed")
        w.network.middle.run("ip rule del fwmark 7 lookup 7")
        w.end("relay")

    return Breakage(apply, lift)


def site(name: str, body: str = "", **certificate: object) -> Breakage:
    """The site of a name has another certificate or another answer."""

    def apply(w: World) -> None:
        options = dict(certificate)
        own = str(options.pop("called", name))
        issued = w.authority.issue(own, **options)  # type: ignore[arg-type]
        answer = body or "location / { return 200 'ok'; }"
        w.web([Site((name,), 443, issued, answer, w.addresses[name])])

    return Breakage(apply, _usual_web)


def certificates(**options: object) -> Breakage:
    """Every site has another certificate (see ``Authority.issue``)."""

    def apply(w: World) -> None:
        issued = w.authority.issue(*sorted(w.addresses), **options)  # type: ignore[arg-type]
        w.web(certificate=issued)

    return Breakage(apply, _usual_web)


def _usual_web(w: World) -> None:
    w.web()


def rude(name: str, habit: str) -> Breakage:
    """A server with a bad habit stands in for a name's (see ``rudeweb``)."""

    def apply(w: World) -> None:
        issued = w.authority.issue(name)
        elsewhere = Site((name,), 4443, issued, address=w.addresses[name])
        w.web([elsewhere])
        words = (w.addresses[name], "443", habit, str(issued.chain), str(issued.key))
        w.start("rude", w.network.internet, w.program("tests.lab.rudeweb", *words))

    def lift(w: World) -> None:
        w.end("rude")
        w.web()

    return Breakage(apply, lift)


def metadata(mode: Mode) -> Breakage:
    """Instance metadata is in another mood."""
    return Breakage(lambda w: w.metadata(mode), lambda w: w.metadata(Mode.NORMAL))


def proxying(conf: str) -> Breakage:
    """The proxy runs with other rules."""
    return Breakage(lambda w: w.proxy(conf), lambda w: w.proxy())


def stopped(start: Change, *names: str) -> Breakage:
    """Programs of the world are ended; ``start`` has them run again."""

    def apply(w: World) -> None:
        for name in names:
            w.end(name)

    return Breakage(apply, start)


def no_lighthouses() -> Breakage:
    return Breakage(lambda w: w.lighthouses(closed=True), lambda w: w.lighthouses())


def no_route() -> Breakage:
    def apply(w: World) -> None:
        w.network.monitor.run("ip route del default")
        w.network.monitor.run("ip -6 route del default")

    return Breakage(apply, lambda w: w.network.route_monitor())


def no_source_ports() -> Breakage:
    def apply(w: World) -> None:
        w.network.monitor.run("sysctl -qw net.ipv4.ip_local_reserved_ports=1024-65535")

    def lift(w: World) -> None:
        w.network.monitor.call(
            lambda: Path("/proc/sys/net/ipv4/ip_local_reserved_ports").write_text("\n")
        )

    return Breakage(apply, lift)


def no_descriptors() -> Breakage:
    def limit(w: World, descriptors: int) -> None:
        pid = w.processes["monitor"].pid
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (descriptors, 4096))

    return Breakage(lambda w: limit(w, 4), lambda w: limit(w, 1024))


def everywhere(which: Which, body: str) -> Breakage:
    """Every site of some targets answers in another way, with its usual certificate."""

    def apply(w: World) -> None:
        names = {t.host for t in w.targets if which(t)}
        certificate = w.authority.issue(*sorted(w.addresses))
        usual = w.usual_sites(certificate)
        w.web([replace(s, body=body) for s in usual if names.intersection(s.names)], certificate)

    return Breakage(apply, _usual_web)


def gated_resolvers(treatment: str) -> Breakage:
    """A gate before both name servers treats queries or answers in a way (see ``dnsgate``)."""

    def apply(w: World) -> None:
        rules = []
        for server in RESOLVERS:
            gate = w.program("tests.lab.dnsgate", server, str(GATE), treatment)
            w.start(f"gate-{server}", w.network.middle, gate)
            rules.append(f"ip daddr {server} udp dport 53 dnat to {server}:{GATE}")
        w.await_datagrams(GATE, len(RESOLVERS))
        chain = f"chain gate {{ type nat hook prerouting priority -100; {'; '.join(rules)}; }}"
        w.network.middle.run("nft -f -", text=f"table ip gated {{ {chain}; }}")

    def lift(w: World) -> None:
        w.network.middle.run("nft delete table ip gated")
        for server in RESOLVERS:
            w.end(f"gate-{server}")

    return Breakage(apply, lift)


def distrusting() -> Breakage:
    """The monitor's CA bundle holds none of the CAs in use."""

    def apply(w: World) -> None:
        w.bundle.write_text(w.other_authority("Unused CA").file.read_text())

    return Breakage(apply, lambda w: w.write_bundle())


def broken_tunnels() -> Breakage:
    """The proxy accepts every CONNECT and closes the tunnel."""

    def apply(w: World) -> None:
        w.end("squid")
        command = w.program("tests.lab.badproxy", MIDDLE_IN_V4, "3128")
        w.start("badproxy", w.network.middle, command)
        w.await_port(3128)

    def lift(w: World) -> None:
        w.end("badproxy")
        w.proxy()

    return Breakage(apply, lift)

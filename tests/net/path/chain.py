"""A chain of network namespaces: client, three routers, server.

    client ── r1 ── r2 ── r3 ── server        (hop 1, 2, 3, destination at 4)

Link n carries 192.0.2.(4n)/30 and 2001:db8:n::/64, reserved for documentation. There is
no way out of the namespaces.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

from tests.lab.network import Namespace, sh

NAMES = ("client", "r1", "r2", "r3", "server")
SERVER_V4, SERVER_V6 = "192.0.2.14", "2001:db8:3::2"
OTHER_V4, OTHER_V6 = "198.51.100.7", "2001:db8:ffff::7"
ROUTERS_V4 = ("192.0.2.2", "192.0.2.6", "192.0.2.10")
ROUTERS_V6 = ("2001:db8:0::2", "2001:db8:1::2", "2001:db8:2::2")


@dataclass(frozen=True)
class Chain:
    """The namespaces by name."""

    spaces: dict[str, Namespace]

    def __getitem__(self, name: str) -> Namespace:
        return self.spaces[name]

    def filter(self, router: str, *rules: str) -> None:
        """Replace the forward rules of a router."""
        body = "\n".join(rules)
        text = (
            "flush ruleset\ntable inet filter {\n chain forward {\n"
            f"  type filter hook forward priority 0;\n{body}\n }}\n}}\n"
        )
        self[router].run("nft -f -", text=text)

    def reset(self) -> None:
        """Remove all rules."""
        for name in NAMES:
            self[name].run("nft flush ruleset")

    @contextmanager
    def delayed(self, router: str, seconds: float) -> Iterator[None]:
        """Delay what a router receives from the client's side, for the length of the block."""
        space = self[router]
        inbound = space.run("ip -o route get 192.0.2.1").split()[4]
        relay = subprocess.Popen(
            space.command(sys.executable, "-m", "tests.lab.relay", f"delay={seconds}")
        )
        try:
            while " relay0:" not in space.run("ip -o link"):
                time.sleep(0.05)
            for line in (
                "ip link set relay0 up",
                "sysctl -qw net.ipv4.conf.relay0.rp_filter=0",
                "ip route add default dev relay0 table 7",
                f"ip rule add iif {inbound} lookup 7",
            ):
                space.run(line)
            yield
        finally:
            space.run("ip rule flush table 7")
            relay.terminate()
            relay.wait()

    def mute(self, router: str) -> None:
        """Let a router send no ICMP errors."""
        text = (
            "flush ruleset\ntable inet filter {\n chain output {\n"
            "  type filter hook output priority 0;\n"
            "  icmp type time-exceeded drop\n  icmpv6 type time-exceeded drop\n }\n}\n"
        )
        self[router].run("nft -f -", text=text)


@contextmanager
def chain() -> Iterator[Chain]:
    """Build the chain for the length of the block."""
    spaces = {name: Namespace(f"em-path-{os.getpid()}-{name}") for name in NAMES}
    made: list[Namespace] = []
    try:
        for space in spaces.values():
            sh(["ip", "netns", "add", space.name])
            made.append(space)
            space.run("ip link set lo up")
            for line in (
                "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1",
                "net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0",
                "net.ipv6.conf.default.accept_dad=0", "net.ipv6.conf.all.accept_dad=0",
            ):  # fmt: skip
                space.run(f"sysctl -qw {line}")
        for link, (left, right) in enumerate(pairwise(NAMES)):
            _join(spaces[left], spaces[right], link)
        _route(spaces)
        yield Chain(spaces)
    finally:
        for space in made:
            sh(["ip", "netns", "del", space.name])


def _join(left: Namespace, right: Namespace, link: int) -> None:
    one, two = f"emr{os.getpid()}{link}", f"eml{os.getpid()}{link}"
    sh(["ip", "link", "add", one, "netns", left.name, "type", "veth",
        "peer", "name", two, "netns", right.name])  # fmt: skip
    for space, device, host in ((left, one, 1), (right, two, 2)):
        space.run(f"ip address add 192.0.2.{4 * link + host}/30 dev {device}")
        space.run(f"ip -6 address add 2001:db8:{link:x}::{host}/64 dev {device} nodad")
        space.run(f"ip link set {device} up")


def _route(spaces: dict[str, Namespace]) -> None:
    server = spaces["server"]
    server.run(f"ip address add {OTHER_V4}/32 dev lo")
    server.run(f"ip -6 address add {OTHER_V6}/128 dev lo nodad")
    for number, name in enumerate(NAMES):
        space = spaces[name]
        if number < len(NAMES) - 1:
            space.run(f"ip route add default via 192.0.2.{4 * number + 2}")
            space.run(f"ip -6 route add default via 2001:db8:{number:x}::2")
        for link in range(number - 1):
            back = number - 1
            space.run(f"ip route add 192.0.2.{4 * link}/30 via 192.0.2.{4 * back + 1}")
            space.run(f"ip -6 route add 2001:db8:{link:x}::/64 via 2001:db8:{back:x}::1")

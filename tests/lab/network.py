"""Three namespaces in a row: the monitor's host, the middlebox, the internet.

    monitor ── 192.0.2.0/30 ── middlebox ── 192.0.2.4/30 ── internet
    169.254.169.254 and the name servers are on the middlebox: they are the VPC's own.

The internet's addresses are those reserved for documentation (RFC 5737, RFC 3849). There
is no way out of the three namespaces, and none in but by ``Network.open_door``.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

MONITOR_V4, MIDDLE_IN_V4 = "192.0.2.1", "192.0.2.2"
MIDDLE_OUT_V4, INTERNET_V4 = "192.0.2.5", "192.0.2.6"
HOST_V4, DOORSTEP_V4 = "192.0.2.9", "192.0.2.10"
MONITOR_V6, MIDDLE_IN_V6 = "2001:db8:1::1", "2001:db8:1::2"
MIDDLE_OUT_V6, INTERNET_V6 = "2001:db8:2::1", "2001:db8:2::2"
PUBLIC_V4, PUBLIC_V6 = "198.51.100.0/24", "2001:db8:100::/64"
METADATA = "169.254.169.254"
RESOLVERS = ("169.254.169.253", "192.0.2.130")

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Namespace:
    """A network namespace by name."""

    name: str

    def command(self, *words: str) -> list[str]:
        """Return ``words`` as a command that runs inside."""
        return ["ip", "netns", "exec", self.name, *words]

    def run(self, line: str, *, text: str | None = None) -> str:
        """Run a line of plain words inside; raises with its output when it fails."""
        return sh(self.command(*line.split()), text=text)

    def call(self, function: Callable[[], T]) -> T:
        """Call ``function`` in a thread inside: sockets it makes belong there."""

        def inside() -> T:
            with Path(f"/run/netns/{self.name}").open() as handle:
                if _libc.setns(handle.fileno(), _CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            return function()

        with ThreadPoolExecutor(1) as pool:
            return pool.submit(inside).result()


def sh(command: Sequence[str], *, text: str | None = None) -> str:
    """Run a command; raises with its output when it fails."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr or done.stdout}")
    return done.stdout


@dataclass(frozen=True)
class Network:
    """The three namespaces."""

    monitor: Namespace
    middle: Namespace
    internet: Namespace

    def rules(self, *rules: str) -> None:
        """Replace the middlebox's filter: each rule as nft writes it, in its forward chain
        (``input: rule`` and ``output: rule`` are for its own packets)."""
        chains: dict[str, list[str]] = {"forward": [], "input": [], "output": []}
        for rule in rules:
            chain, colon, rest = rule.partition(": ")
            chains[chain if colon else "forward"].append(rest if colon else rule)
        blocks = "\n".join(
            f"chain {name} {{ type filter hook {name} priority 0; {'; '.join(lines)}; }}"
            for name, lines in chains.items()
        )
        table = f"table inet fault {{\n{blocks}\n}}\n"
        self.middle.run("nft -f -", text=f"table inet fault {{}}\ndelete table inet fault\n{table}")

    def route_monitor(self) -> None:
        """Give the monitor's host its default routes."""
        self.monitor.run(f"ip route add default via {MIDDLE_IN_V4}")
        self.monitor.run(f"ip -6 route add default via {MIDDLE_IN_V6}")

    def open_door(self) -> None:
        """Let this machine reach the monitor, at ``DOORSTEP_V4``: no route leads further."""
        device = f"{self.monitor.name[:-4]}-door"
        sh(f"ip link add {device} type veth peer name door0 netns {self.monitor.name}".split())
        sh(f"ip addr add {HOST_V4}/30 dev {device}".split())
        sh(f"ip link set {device} up".split())
        self.monitor.run(f"ip addr add {DOORSTEP_V4}/30 dev door0")
        self.monitor.run("ip link set door0 up")

    def clear(self) -> None:
        """Let everything through again."""
        self.rules()


@contextmanager
def network(public_v4: Sequence[str], public_v6: Sequence[str]) -> Iterator[Network]:
    """Lay the network for the length of the block, the internet having those addresses."""
    prefix = f"eml{os.getpid() % 100000}"
    spaces = Network(*(Namespace(f"{prefix}-{part}") for part in ("mon", "mid", "net")))
    try:
        for space in (spaces.monitor, spaces.middle, spaces.internet):
            sh(["ip", "netns", "add", space.name])
            space.run("ip link set lo up")
        _link(spaces.monitor, "up0", spaces.middle, "in0")
        _link(spaces.middle, "out0", spaces.internet, "up0")
        _address(spaces)
        _route(spaces)
        for address in public_v4:
            spaces.internet.run(f"ip addr add {address}/32 dev lo")
        for address in public_v6:
            spaces.internet.run(f"ip -6 addr add {address}/128 dev lo nodad")
        spaces.clear()
        yield spaces
    finally:
        for space in (spaces.monitor, spaces.middle, spaces.internet):
            subprocess.run(["ip", "netns", "del", space.name], capture_output=True, check=False)


def _link(one: Namespace, one_end: str, other: Namespace, other_end: str) -> None:
    sh(
        f"ip link add {one_end} netns {one.name} type veth "
        f"peer name {other_end} netns {other.name}".split()
    )
    for space, end in ((one, one_end), (other, other_end)):
        # Packets as they are on a wire: a filter by length must not see them put together.
        space.run(f"ip link set {end} gso_max_segs 1")
        space.run(f"ip link set {end} up")


def _address(spaces: Network) -> None:
    for space, device, v4, v6 in (
        (spaces.monitor, "up0", MONITOR_V4, MONITOR_V6),
        (spaces.middle, "in0", MIDDLE_IN_V4, MIDDLE_IN_V6),
        (spaces.middle, "out0", MIDDLE_OUT_V4, MIDDLE_OUT_V6),
        (spaces.internet, "up0", INTERNET_V4, INTERNET_V6),
    ):
        space.run(f"ip addr add {v4}/30 dev {device}")
        space.run(f"ip -6 addr add {v6}/64 dev {device} nodad")
    for address in (METADATA, *RESOLVERS):
        spaces.middle.run(f"ip addr add {address}/32 dev lo")


def _route(spaces: Network) -> None:
    spaces.middle.run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
    # The rate limit on ICMP errors would hide every other rejection from the monitor.
    for space in (spaces.middle, spaces.internet):
        space.run("sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0")
    spaces.route_monitor()
    for address in (METADATA, *RESOLVERS):
        spaces.monitor.run(f"ip route add {address}/32 via {MIDDLE_IN_V4}")
    spaces.middle.run(f"ip route add {PUBLIC_V4} via {INTERNET_V4}")
    spaces.middle.run(f"ip -6 route add {PUBLIC_V6} via {INTERNET_V6}")
    spaces.internet.run(f"ip route add default via {MIDDLE_OUT_V4}")
    spaces.internet.run(f"ip -6 route add default via {MIDDLE_OUT_V6}")

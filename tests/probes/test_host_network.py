"""Faults of the host itself, in a network namespace: routes, families, ports, zones.

Covers: monitor/probes/measure.py, monitor/probes/tcp.py, monitor/net/sockets/tcp_info.py
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from monitor.diagnosis.causes import diagnose
from monitor.model.causes import Cause
from monitor.model.diagnosis import Diagnosis
from monitor.model.endpoint import Protocol
from monitor.model.probe_result import Family, ProbeResult
from monitor.model.settings import FamilyChoice
from monitor.net.clock import SystemClock
from monitor.net.dns.resolver import DnsResolver
from monitor.probes import prober
from tests.internet.nameserver import nameserver, reply
from tests.lab.network import Namespace, sh
from tests.probes.support import make_probe_context, make_target

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
]

V4, V6 = "198.51.100.10", "2001:db8::10"
GONE = "203.0.113.1"


@pytest.fixture
def space() -> Iterator[Namespace]:
    made = Namespace(f"em-host-{os.getpid()}")
    sh(["ip", "netns", "add", made.name])
    try:
        made.run("ip link set lo up")
        made.run(f"ip address add {V4}/32 dev lo")
        made.run(f"ip -6 address add {V6}/128 dev lo nodad")
        yield made
    finally:
        sh(["ip", "netns", "del", made.name])


def link(space: Namespace) -> None:
    """Add the interface d0, behind which nobody answers."""
    space.run("sysctl -qw net.ipv6.conf.default.accept_dad=0")
    space.run("ip link add d0 type veth peer name d1")
    space.run("ip link set d0 up")
    space.run("ip link set d1 up")


def inside(space: Namespace, run: Callable[[], Awaitable[object]]) -> object:
    async def main() -> object:
        return await run()

    return space.call(lambda: asyncio.run(main()))


def probe(
    space: Namespace,
    *addresses: str,
    protocol: Protocol = Protocol.TCP,
    port: int = 8443,
    families: FamilyChoice = FamilyChoice.AUTO,
    listen: tuple[str, ...] = (),
    timeout: float = 10.0,
) -> tuple[ProbeResult, Diagnosis]:
    """Probe a name with these addresses; a TCP server accepts at those of ``listen``."""
    target = make_target(protocol, "name.test", port, timeout=timeout)
    context = make_probe_context(table={"name.test": addresses}, families=families)

    async def run() -> ProbeResult:
        servers = [
            await asyncio.start_server(lambda _, writer: writer.close(), address, port)
            for address in listen
        ]
        try:
            return await prober(target.endpoint.prober)(target, context)
        finally:
            for server in servers:
                server.close()

    result = inside(space, run)
    assert isinstance(result, ProbeResult)
    return result, diagnose(target, result)


@pytest.mark.parametrize("protocol", [Protocol.TCP, Protocol.UDP])
@pytest.mark.parametrize("kind", ["blackhole", "prohibit"])
def test_a_route_of_this_host_that_discards_is_named(
    space: Namespace, kind: str, protocol: Protocol
):
    space.run(f"ip route add {kind} {GONE}")
    _, diagnosis = probe(space, GONE, protocol=protocol)
    assert diagnosis.cause is Cause.LOCAL_ROUTE_DISCARDS
    assert f"ip route get {GONE}" in diagnosis.remediation


def test_an_unreachable_route_is_not_a_router_that_reports(space: Namespace):
    space.run(f"ip route add unreachable {GONE}")
    _, diagnosis = probe(space, GONE)
    assert diagnosis.cause is Cause.HOST_UNREACHABLE
    assert diagnosis.detail.startswith("This host itself")


def test_a_link_local_address_needs_a_zone(space: Namespace):
    _, diagnosis = probe(space, "fe80::1")
    assert diagnosis.cause is Cause.ADDRESS_NEEDS_ZONE


def test_a_packet_filter_of_this_host_is_not_a_firewall_on_the_path(space: Namespace):
    rules = "table inet f { chain o { type filter hook output priority 0; udp dport 8443 drop; }; }"
    space.run("nft -f -", text=rules)
    _, diagnosis = probe(space, V4, protocol=Protocol.UDP)
    assert diagnosis.cause is Cause.LOCAL_FIREWALL


def test_a_host_without_an_address_of_the_family(space: Namespace):
    space.run("sysctl -qw net.ipv6.conf.all.disable_ipv6=1")
    _, diagnosis = probe(space, "2001:db8::99", families=FamilyChoice.IPV6)
    assert diagnosis.cause in {Cause.LOCAL_ADDRESS_MISSING, Cause.NETWORK_UNREACHABLE}
    assert diagnosis.cause is not Cause.LOCAL_PORT_EXHAUSTED


def narrow(space: Namespace, ports: str) -> None:
    def write() -> None:
        Path("/proc/sys/net/ipv4/ip_local_port_range").write_text(ports)

    space.call(write)


def test_source_ports_that_are_all_in_use(space: Namespace):
    narrow(space, "50000 50003")

    def hold() -> list[socket.socket]:
        held = [socket.create_server((V4, 8443))]
        held += [socket.create_connection((V4, 8443)) for _ in range(4)]
        for port in range(50000, 50004):
            held.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            held[-1].bind(("0.0.0.0", port))
        return held

    held = space.call(hold)
    try:
        _, diagnosis = probe(space, V4)
    finally:
        for each in held:
            each.close()
    assert diagnosis.cause is Cause.LOCAL_PORT_EXHAUSTED


def test_a_connection_to_itself_is_refused(space: Namespace):
    narrow(space, "40000 40003")
    for port in (40000, 40001, 40002):
        result, diagnosis = probe(space, "127.0.0.1", port=port)
        assert not result.ok
        assert diagnosis.cause is Cause.TCP_REFUSED


def test_a_family_without_a_route_is_left_out(space: Namespace):
    result, diagnosis = probe(space, GONE, V6, listen=(V6,))
    assert diagnosis.cause is None
    assert [c.address for c in result.connections] == [V6]


def test_a_default_route_without_a_global_address_is_no_ipv6(space: Namespace):
    space.run("ip -6 address del 2001:db8::10/128 dev lo")
    link(space)
    space.run("ip -6 route add default dev d0")
    result, diagnosis = probe(space, V4, "2001:db8:1::1", listen=(V4,))
    assert diagnosis.cause is None
    assert [c.address for c in result.connections] == [V4]


def test_a_silent_family_costs_no_time_and_is_named(space: Namespace):
    _vanishing_ipv6(space)
    result, diagnosis = probe(space, V4, "2001:db8:1::1", listen=(V4,))
    assert result.ok
    assert result.duration < 2.5
    assert result.primary is not None
    assert result.primary.family is Family.IPV4
    assert diagnosis.cause is Cause.ADDRESS_FAILED
    assert "2001:db8:1::1" in diagnosis.detail


def test_both_families_are_required_if_both_are_configured(space: Namespace):
    _vanishing_ipv6(space)
    families = FamilyChoice.BOTH
    result, _ = probe(space, V4, "2001:db8:1::1", listen=(V4,), families=families)
    assert not result.ok


def _vanishing_ipv6(space: Namespace) -> None:
    link(space)
    space.run("ip -6 address add 2001:db8:2::2/64 dev d0 nodad")
    space.run("ip -6 route add default dev d0")


def test_a_first_address_that_is_dropped_leaves_time_for_the_second(space: Namespace):
    link(space)
    space.run("ip address add 192.0.2.2/24 dev d0")
    space.run("ip neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev d0")
    result, diagnosis = probe(space, "192.0.2.9", V4, listen=(V4,), timeout=6.0)
    assert [c.address for c in result.connections] == [V4, "192.0.2.9"]
    assert result.ok
    assert 2.5 < result.duration < 5.5
    assert diagnosis.cause is Cause.ADDRESS_FAILED


def test_a_name_server_with_a_zone_is_asked_at_its_interface(space: Namespace):
    link(space)
    space.run("ip -6 address add fe80::53/64 dev d0 nodad")

    async def run() -> tuple[str, ...]:
        def habit(query: bytes) -> list[bytes]:
            return [reply(query, "name.test 60 IN A 192.0.2.1")]

        async with nameserver(habit, host="fe80::53%d0") as server:
            resolver = DnsResolver(
                SystemClock(), Random(7), [("fe80::53%d0", server[1])], hosts_file=None
            )
            return (await resolver.resolve("name.test")).addresses

    assert inside(space, run) == ("192.0.2.1",)
    result, _ = probe(space, "fe80::53%d0", listen=("fe80::53%d0",))
    assert result.ok


def test_a_zone_without_an_interface_is_an_error_of_this_host(space: Namespace):
    _, diagnosis = probe(space, "fe80::1%nowhere")
    assert diagnosis.cause in {Cause.LOCAL_ERROR, Cause.ADDRESS_NEEDS_ZONE}

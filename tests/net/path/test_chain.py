"""Path probes across a chain of namespaces: drops, resets, silent hops, one bad path of several.

Covers: monitor/net/path/flows.py, monitor/net/path/hop.py, monitor/net/path/reset.py,
monitor/net/path/trace.py
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Coroutine, Iterator
from random import Random
from typing import TypeVar

import pytest

from monitor.model.path import FlowPattern, ReplyKind, Transport
from monitor.net.path.flows import probe_flows
from monitor.net.path.hop import Destination, probe_hop
from monitor.net.path.reset import find_reset
from monitor.net.path.trace import TraceLimits, trace
from tests.net.path.chain import ROUTERS_V4, ROUTERS_V6, SERVER_V4, SERVER_V6, Chain, chain

pytestmark = pytest.mark.root

T = TypeVar("T")
LIMITS = TraceLimits(max_hops=8, probes=2, timeout=0.7)
DATAGRAM = b"\x14" + bytes(15)


@pytest.fixture(scope="module")
def lab() -> Iterator[Chain]:
    with chain() as made:
        sockets = made["server"].call(listen)
        yield made
        for sock in sockets:
            sock.close()


@pytest.fixture(autouse=True)
def without_rules(lab: Chain) -> Iterator[None]:
    yield
    lab.reset()


def listen() -> list[socket.socket]:
    """Listen on the server's ports; UDP 4242 stays unread, so it is silent."""
    sockets = []
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        for port in (443, 8443):
            sock = socket.socket(family)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((address, port))
            sock.listen(4096)  # connections that are reset stay in the queue
            sockets.append(sock)
    return sockets


def run(lab: Chain, work: Coroutine[object, object, T]) -> T:
    return lab["client"].call(lambda: asyncio.run(work))


@pytest.mark.parametrize(("address", "routers"), [(SERVER_V4, ROUTERS_V4), (SERVER_V6, ROUTERS_V6)])
@pytest.mark.parametrize("transport", Transport)
def test_every_hop_and_the_destination_reply(
    lab: Chain, address: str, routers: tuple[str, ...], transport: Transport
) -> None:
    port = 443 if transport is Transport.TCP else 9
    found = run(lab, trace(Destination(address, port, transport, DATAGRAM), LIMITS))
    expected = [socket.inet_ntop(*numbers(router)) for router in (*routers, address)]
    assert [hop.addresses for hop in found.hops] == [(router,) for router in expected]
    assert found.reached is (transport is Transport.TCP)
    assert found.end is not None
    assert found.first_silent is None
    assert all(0 < rtt < 1 for hop in found.hops for rtt in hop.rtts)


def numbers(address: str) -> tuple[int, bytes]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return family, socket.inet_pton(family, address)


@pytest.mark.parametrize("address", [SERVER_V4, SERVER_V6])
@pytest.mark.parametrize("transport", Transport)
def test_a_drop_shows_the_last_hop_that_replied(
    lab: Chain, address: str, transport: Transport
) -> None:
    lab.filter("r2", f"meta l4proto {transport.value} th dport 443 drop")
    found = run(lab, trace(Destination(address, 443, transport, DATAGRAM), LIMITS))
    assert not found.reached
    assert found.last_responding is not None
    assert (found.last_responding.ttl, found.first_silent) == (2, 3)
    assert len(found.hops) == 3


def test_a_rejection_names_the_router_that_prohibits(lab: Chain) -> None:
    lab.filter("r3", "tcp dport 443 reject with icmpx admin-prohibited")
    found = run(lab, trace(Destination(SERVER_V4, 443), LIMITS))
    assert found.end is not None
    assert found.end.end is ReplyKind.PROHIBITED
    assert found.end.addresses == (ROUTERS_V4[2],)


def test_a_silent_hop_hides_nothing_behind_it(lab: Chain) -> None:
    lab.mute("r2")
    found = run(lab, trace(Destination(SERVER_V4, 443), LIMITS))
    assert [bool(hop.addresses) for hop in found.hops] == [True, False, True, True]
    assert found.reached
    assert found.hops[1].loss == 1.0


@pytest.mark.parametrize("address", [SERVER_V4, SERVER_V6])
def test_the_hop_that_resets_a_hello_is_before_the_server(lab: Chain, address: str) -> None:
    lab.filter("r2", "tcp dport 8443 tcp flags & psh == psh reject with tcp reset")
    found = run(lab, find_reset(address, 8443, "blocked.test", max_hops=8, within=0.7))
    assert (found.ttl, found.distance, found.is_middlebox) == (3, 4, True)


def test_a_server_that_resets_is_not_taken_for_a_middlebox(lab: Chain) -> None:
    lab["server"].run(
        "nft -f -",
        text="table inet filter {\n chain input {\n type filter hook input priority 0;\n"
        " tcp dport 8443 tcp flags & psh == psh reject with tcp reset\n }\n}\n",
    )
    found = run(lab, find_reset(SERVER_V4, 8443, "blocked.test", max_hops=8, within=0.7))
    assert (found.ttl, found.distance, found.is_middlebox) == (4, 4, False)


def test_one_path_of_several_fails_the_same_ports_again(lab: Chain) -> None:
    lab.filter("r2", "tcp dport 443 tcp sport & 3 == 0 drop")
    found = run(lab, probe_flows(Destination(SERVER_V4, 443), Random(1), within=0.8))
    assert found.pattern is FlowPattern.ONE_PATH
    assert found.failed_rounds == (found.failed_again, found.failed_again)


def test_packet_loss_fails_other_ports_the_second_time(lab: Chain) -> None:
    lab.filter("r2", "tcp dport 443 tcp flags & (syn | ack) == syn numgen inc mod 3 0 drop")
    found = run(lab, probe_flows(Destination(SERVER_V4, 443), Random(1), count=16))
    assert found.pattern is FlowPattern.LOSS


def test_all_flows_work_or_fail_together(lab: Chain) -> None:
    found = run(lab, probe_flows(Destination(SERVER_V4, 443), Random(1)))
    assert found.pattern is FlowPattern.ALL_WORK
    lab.filter("r2", "tcp dport 443 drop")
    found = run(lab, probe_flows(Destination(SERVER_V4, 443), Random(1), within=0.3))
    assert found.pattern is FlowPattern.ALL_FAIL


def test_both_syns_of_a_silent_flow_leave_within_one_time_limit(lab: Chain) -> None:
    """The second try of a port is the kernel's retransmission, so it costs no second limit."""
    lab.filter("r2", "tcp dport 443 tcp flags & (syn | ack) == syn counter drop")
    found = run(lab, probe_flows(Destination(SERVER_V4, 443), Random(1), count=8))
    assert found.pattern is FlowPattern.ALL_FAIL
    counted = re.search(r"packets (\d+)", lab["r2"].run("nft list ruleset"))
    assert counted is not None
    assert 16 <= int(counted[1]) <= 4 * 8  # Linux 6.5 and later: 4 SYNs, at 0, 1, 2 and 3 s


def test_refused_flows_work_because_the_path_carries_packets(lab: Chain) -> None:
    found = run(lab, probe_flows(Destination(SERVER_V4, 9), Random(1), count=8))
    assert found.pattern is FlowPattern.ALL_WORK


def test_a_rejected_flow_is_tried_a_second_time(lab: Chain) -> None:
    lab.filter("r2", "tcp dport 443 tcp sport & 1 == 0 counter reject with icmpx host-unreachable")
    found = run(lab, probe_flows(Destination(SERVER_V4, 443), Random(1), count=16))
    assert found.pattern is FlowPattern.ONE_PATH
    assert f"packets {2 * found.failed_again} " in lab["r2"].run("nft list ruleset")


def test_replies_slower_than_a_retransmission_are_not_loss(lab: Chain) -> None:
    with lab.delayed("r2", 1.4):
        found = run(lab, probe_flows(Destination(SERVER_V4, 443), Random(1), count=8))
    assert found.pattern is FlowPattern.ALL_WORK


@pytest.mark.parametrize("timestamps", [0, 1])
def test_a_lost_syn_is_told_from_its_retransmission(lab: Chain, timestamps: int) -> None:
    lab["client"].run(f"sysctl -qw net.ipv4.tcp_timestamps={timestamps}")
    lab.filter(
        "r2", "tcp dport 443 tcp flags & (syn | ack) == syn limit rate over 1/hour burst 1 packets"
        " accept", "tcp dport 443 tcp flags & (syn | ack) == syn drop"
    )  # fmt: skip
    try:
        reply = run(lab, probe_hop(Destination(SERVER_V4, 443), 30, 3.0))
    finally:
        lab["client"].run("sysctl -qw net.ipv4.tcp_timestamps=1")
    assert (reply.kind, reply.retransmitted) == (ReplyKind.REACHED, True)
    assert reply.rtt is not None
    assert (reply.rtt < 0.9) is bool(timestamps)


def test_a_hop_that_reports_a_small_mtu_is_recorded(lab: Chain) -> None:
    lab["r2"].run(
        f"ip link set {lab['r2'].run('ip -o route get ' + SERVER_V4).split()[4]} mtu 1280"
    )
    try:
        payload = bytes(1372)
        reply = run(lab, probe_hop(Destination(SERVER_V4, 9, Transport.UDP, payload), 30, 0.7))
        assert reply.kind in {ReplyKind.TOO_BIG, ReplyKind.REFUSED}
    finally:
        device = lab["r2"].run("ip -o route get " + SERVER_V4).split()[4]
        lab["r2"].run(f"ip link set {device} mtu 1500")


def test_without_a_route_nothing_is_sent(lab: Chain) -> None:
    lab["client"].run("ip route del default")
    try:
        reply = run(lab, probe_hop(Destination("198.51.100.1", 443), 1, 0.5))
    finally:
        lab["client"].run("ip route add default via 192.0.2.2")
    assert reply.kind is ReplyKind.NOT_SENT
    assert "unreachable" in reply.error.lower()

"""Address ranges have labels, AWS's by the file that AWS publishes."""

from __future__ import annotations

import ipaddress
import json
import sys
from pathlib import Path

import pytest

from monitor.net.path.ranges import AddressLabels, RangesError, aws_ranges, own_networks

FILE = json.dumps(
    {
        "prefixes": [
            {"ip_prefix": "52.94.0.0/16", "region": "GLOBAL", "service": "AMAZON"},
            {"ip_prefix": "52.94.5.0/24", "region": "eu-central-1", "service": "EC2"},
        ],
        "ipv6_prefixes": [{"ipv6_prefix": "2600:1f14::/36", "region": "us-west-2"}],
    }
)


@pytest.mark.parametrize(
    ("address", "label"),
    [
        ("10.1.2.3", "private"),
        ("172.31.0.1", "private"),
        ("172.32.0.1", "public"),
        ("192.168.1.1", "own subnet"),
        ("2001:db8:7::1", "own subnet"),
        ("100.64.3.4", "carrier-grade NAT"),
        ("169.254.169.254", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("fd00:ec2::254", "private"),
        ("52.94.5.7", "AWS eu-central-1"),
        ("52.94.6.7", "AWS GLOBAL"),
        ("2600:1f14::1", "AWS us-west-2"),
        ("198.51.100.1", "documentation"),
        ("2001:db8::1", "documentation"),
        ("203.0.114.1", "public"),
        ("not an address", ""),
    ],
)
def test_an_address_has_the_label_of_its_narrowest_range(address: str, label: str) -> None:
    own = tuple(map(ipaddress.ip_network, ("192.168.1.0/24", "2001:db8:7::/64")))
    assert AddressLabels(own, aws_ranges(FILE)).label(address) == label


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"prefixes": [1], "ipv6_prefixes": []}', "[" * 9999]
)
def test_another_file_is_refused(text: str) -> None:
    with pytest.raises(RangesError, match="not a file of AWS"):
        aws_ranges(text)


def test_own_networks_are_the_routes_without_a_gateway(tmp_path: Path) -> None:
    def word(address: str) -> str:
        return f"{int.from_bytes(ipaddress.IPv4Address(address).packed, sys.byteorder):08X}"

    def v4(network: str, gateway: str, mask: str) -> str:
        return f"eth0 {word(network)} {word(gateway)} 0003 0 0 0 {word(mask)} 0 0 0"

    (tmp_path / "route").write_text(
        "\n".join(
            (
                "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT",
                v4("0.0.0.0", "10.0.1.1", "0.0.0.0"),
                v4("10.0.1.0", "0.0.0.0", "255.255.255.0"),
                v4("10.9.0.0", "10.0.1.7", "255.255.0.0"),
                v4("169.254.0.0", "0.0.0.0", "255.255.0.0"),
                "eth0 broken",
            )
        )
    )
    zero, net = "0" * 32, ipaddress.IPv6Address("2001:db8:7::").packed.hex()
    (tmp_path / "ipv6_route").write_text(
        f"{net} 40 {zero} 00 {zero} 100 1 0 1 eth0\n"
        f"{zero} 00 {zero} 00 {net} 400 1 0 3 eth0\n"
        f"{'fe80' + '0' * 28} 40 {zero} 00 {zero} 100 1 0 1 eth0\n"
        f"{zero} 00 {zero} 00 {zero} ffffffff 1 0 200200 lo\n"
    )
    expected = ("10.0.1.0/24", "2001:db8:7::/64")
    assert own_networks(tmp_path) == tuple(map(ipaddress.ip_network, expected))
    assert own_networks(tmp_path / "missing") == ()

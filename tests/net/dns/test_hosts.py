"""hosts(5) and resolv.conf(5): parsed, and read again when they change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.net.dns.hosts import WatchedFile, parse_hosts, parse_resolv_conf


def test_hosts_gives_names_their_addresses_in_order():
    table = parse_hosts(
        "127.0.0.1 localhost  # this host\n"
        "# 192.0.2.9 commented.example\n"
        "::1\tlocalhost ip6-localhost\n"
        "192.0.2.1 App.Example. alias\n"
        "192.0.2.2 app.example\n"
        "not-an-address x.example\n"
        "192.0.2.3\n\n"
        "fe80::1%eth0 router\n"
    )
    assert table == {
        "localhost": ("127.0.0.1", "::1"),
        "ip6-localhost": ("::1",),
        "app.example": ("192.0.2.1", "192.0.2.2"),
        "alias": ("192.0.2.1",),
        "router": ("fe80::1%eth0",),
    }


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("nameserver 10.0.0.2\n", ("10.0.0.2",)),
        ("# nameserver 1.1.1.1\n; nameserver 1.1.1.1\n", ("127.0.0.1",)),
        ("", ("127.0.0.1",)),
        ("nameserver\nnameserver dns.example\nnameserver fd00:ec2::253", ("fd00:ec2::253",)),
        ("nameserver fe80::1%eth0 # a router\n", ("fe80::1%eth0",)),
        ("search corp.example\noptions ndots:5\nnameserver\t10.0.0.2\n", ("10.0.0.2",)),
        (
            "".join(f"nameserver 10.0.0.{i}\n" for i in range(1, 6)),
            ("10.0.0.1", "10.0.0.2", "10.0.0.3"),
        ),
    ],
)
def test_resolv_conf_gives_the_name_servers(text: str, servers: tuple[str, ...]):
    assert parse_resolv_conf(text) == servers


@given(st.text())
def test_any_text_can_be_read(text: str):
    assert all(parse_hosts(text).values())
    assert 1 <= len(parse_resolv_conf(text)) <= 3


def test_a_file_is_read_again_when_it_changes_only(tmp_path: Path):
    reads: list[str] = []

    def parse(text: str) -> tuple[str, ...]:
        reads.append(text)
        return parse_resolv_conf(text)

    path = tmp_path / "resolv.conf"
    file = WatchedFile(path, parse)
    assert file.read() == ("127.0.0.1",)
    path.write_text("nameserver 10.0.0.2\n")
    assert [file.read(), file.read()] == [("10.0.0.2",)] * 2
    assert reads.count("nameserver 10.0.0.2\n") == 1
    before = path.stat()
    path.write_text("nameserver 10.0.0.3\n")  # the same size
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000))
    assert file.read() == ("10.0.0.3",)
    other = tmp_path / "other"
    other.write_text("nameserver 10.0.0.4\n")
    other.replace(path)  # as DHCP clients do
    assert file.read() == ("10.0.0.4",)
    path.unlink()
    assert file.read() == ("127.0.0.1",)


def test_what_can_not_be_read_is_empty(tmp_path: Path):
    path = tmp_path / "hosts"
    path.mkdir()
    assert WatchedFile(path, parse_hosts).read() == {}
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe 1\n192.0.2.1 a\n")
    assert WatchedFile(binary, parse_hosts).read() == {"a": ("192.0.2.1",)}

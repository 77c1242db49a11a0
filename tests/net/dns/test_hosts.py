"""hosts(5) and resolv.conf(5): parsed, and read again when they change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.net.dns.hosts import ResolvConf, WatchedFile, parse_hosts, parse_resolv_conf


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
    assert parse_resolv_conf(text).servers == servers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ResolvConf()),
        ("domain corp.test.", ResolvConf(search=("corp.test",))),
        ("search a.test b.test\ndomain c.test", ResolvConf(search=("c.test",))),
        ("search . a.test", ResolvConf(search=("a.test",))),
        ("options ndots:3 timeout:1 attempts:4", ResolvConf(ndots=3, timeout=1.0, attempts=4)),
        ("options ndots:99 timeout:0 attempts:0", ResolvConf(ndots=15, timeout=1.0, attempts=1)),
        ("options ndots:-1 timeout:x", ResolvConf(ndots=0, timeout=1.0)),
        ("options rotate use-vc edns0 trust-ad", ResolvConf(rotate=True, use_tcp=True)),
        ("options tcp single-request-reopen", ResolvConf(use_tcp=True, single_request=True)),
        ("#options rotate\n;search a.test\nsortlist 10.0.0.0", ResolvConf()),
    ],
)
def test_options_are_read_as_go_reads_them(text: str, expected: ResolvConf):
    assert parse_resolv_conf(text) == expected


@pytest.mark.parametrize(
    ("ndots", "name", "names"),
    [
        (1, "gitlab", ("gitlab.a.test", "gitlab.b.test", "gitlab")),
        (1, "git.lab", ("git.lab", "git.lab.a.test", "git.lab.b.test")),
        (2, "git.lab", ("git.lab.a.test", "git.lab.b.test", "git.lab")),
        (0, "gitlab", ("gitlab", "gitlab.a.test", "gitlab.b.test")),
        (1, "gitlab.", ("gitlab",)),
        (1, "a" * 250, ("a" * 250,)),
    ],
)
def test_names_are_searched_as_go_searches_them(ndots: int, name: str, names: tuple[str, ...]):
    conf = ResolvConf(search=("a.test", "b.test"), ndots=ndots)
    assert conf.candidates(name) == names


def test_the_domain_of_the_host_is_searched_if_no_other_is_given():
    assert parse_resolv_conf("", "runner.corp.test").search == ("corp.test",)
    assert parse_resolv_conf("search a.test", "runner.corp.test").search == ("a.test",)
    assert parse_resolv_conf("", "runner").search == ()


@given(st.text())
def test_any_text_can_be_read(text: str):
    assert all(parse_hosts(text).values())
    conf = parse_resolv_conf(text)
    assert 1 <= len(conf.servers) <= 3
    assert 0 <= conf.ndots <= 15
    assert conf.candidates("a.example")


def test_a_file_is_read_again_when_it_changes_only(tmp_path: Path):
    reads: list[str] = []

    def parse(text: str) -> tuple[str, ...]:
        reads.append(text)
        return parse_resolv_conf(text).servers

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

"""Socket addresses of IP literals, zones among them, and the source that the kernel chooses."""

from __future__ import annotations

import errno
import socket

import pytest

from monitor.net.sockets.socket_address import (
    family_of,
    local_address_of,
    require_source,
    socket_address,
    source_of,
)


def test_a_literal_has_the_family_of_its_notation() -> None:
    assert family_of("192.0.2.1") is socket.AF_INET
    assert family_of("fe80::1%lo") is socket.AF_INET6


@pytest.mark.parametrize("zone", ["lo", str(socket.if_nametoindex("lo"))])
def test_a_zone_is_the_index_of_its_interface(zone: str) -> None:
    expected = ("fe80::1", 53, 0, socket.if_nametoindex("lo"))
    assert socket_address(f"fe80::1%{zone}", 53) == expected
    assert socket_address("192.0.2.1", 53) == ("192.0.2.1", 53)


@pytest.mark.parametrize("zone", ["no-such-interface", "", "²"])
def test_a_zone_without_an_interface_is_no_device(zone: str) -> None:
    with pytest.raises(OSError, match=r".") as caught:
        socket_address(f"fe80::1%{zone}", 53)
    assert caught.value.errno == errno.ENODEV
    assert source_of(f"fe80::1%{zone}") is None


def test_the_source_towards_loopback_is_loopback() -> None:
    assert source_of("127.0.0.1") == "127.0.0.1"
    require_source("127.0.0.1")


def test_a_socket_has_a_local_address_once_it_is_connected() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        assert local_address_of(sock) == ""
        sock.connect(("127.0.0.1", 9))
        assert local_address_of(sock) == "127.0.0.1"
    assert local_address_of(sock) == ""

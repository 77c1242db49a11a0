"""Addresses that may be dialed for a name that a server gave."""

from __future__ import annotations

import pytest

from monitor.model.target import AddressPolicy
from monitor.net.sockets.address_policy import denial_reason

LINK_LOCAL = "a link-local address"
INSTANCE = "an address of AWS's services for an instance"
NO_HOST = "no address of a host"
LOOPBACK, PRIVATE = "a loopback address", "a private address"


@pytest.mark.parametrize(
    ("address", "private", "public"),
    [
        ("198.51.99.1", "", ""),
        ("2606:4700::1", "", ""),
        ("10.0.0.1", "", PRIVATE),
        ("fd12:3456::1", "", PRIVATE),
        ("fec0::1", "", PRIVATE),
        ("127.0.0.1", "", LOOPBACK),
        ("::1", "", LOOPBACK),
        ("169.254.169.254", LINK_LOCAL, LINK_LOCAL),
        ("fe80::1", LINK_LOCAL, LINK_LOCAL),
        ("fd00:ec2::254", INSTANCE, INSTANCE),
        ("0.0.0.0", NO_HOST, NO_HOST),
        ("224.0.0.1", NO_HOST, NO_HOST),
        ("::", NO_HOST, NO_HOST),
        ("::ffff:169.254.169.254", LINK_LOCAL, LINK_LOCAL),
        ("64:ff9b::169.254.169.254", LINK_LOCAL, LINK_LOCAL),
        ("64:ff9b::10.0.0.1", "", PRIVATE),
        ("64:ff9b::198.51.99.1", "", ""),
        ("2002:a9fe:a9fe::1", LINK_LOCAL, LINK_LOCAL),
        ("::10.0.0.1", "", PRIVATE),
    ],
)
def test_an_address_is_judged_by_what_it_leads_to(address: str, private: str, public: str) -> None:
    assert denial_reason(address, AddressPolicy.ANY) == ""
    assert denial_reason(address, AddressPolicy.PRIVATE) == private
    assert denial_reason(address, AddressPolicy.PUBLIC) == public

"""Order of destination addresses: RFC 6724 section 6 and its examples (section 10.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.net.sockets.address_selection import (
    Destination,
    is_link_local_v6,
    sorted_destinations,
)

GLOBAL_V4, LINK_LOCAL_V4 = "198.51.100.2", "169.254.13.78"


def order(*pairs: tuple[str, str | None]) -> list[str]:
    sources = dict(pairs)
    return [d.address for d in sorted_destinations([a for a, _ in pairs], sources.__getitem__)]


@pytest.mark.parametrize(
    ("pairs", "first"),
    [
        ([("198.51.100.121", LINK_LOCAL_V4), ("2001:db8:1::1", "2001:db8:1::2")], "2001:db8:1::1"),
        ([("2001:db8:1::1", "fe80::1"), ("198.51.100.121", GLOBAL_V4)], "198.51.100.121"),
        ([("10.1.2.3", "10.1.2.4"), ("2001:db8:1::1", "2001:db8:1::2")], "2001:db8:1::1"),
        ([("2002:c633::1", "2002:c633::2"), ("2001:db8::1", "2001:db8::2")], "2001:db8::1"),
        ([("2001:db8:3f::1", "2001:db8:44::2"), ("2001:db8::1", "2001:db8::2")], "2001:db8::1"),
        # A ULA source does not match the label of a global destination: rule 5.
        ([("2001:db8:1::1", "fd00::2"), ("198.51.100.121", GLOBAL_V4)], "198.51.100.121"),
        # Rule 1: no source, no use.
        ([("2001:db8:1::1", None), ("198.51.100.121", GLOBAL_V4)], "198.51.100.121"),
        ([("198.51.100.121", None), ("2001:db8:1::1", "2001:db8:1::2")], "2001:db8:1::1"),
    ],
)  # fmt: skip
def test_the_preferred_address_is_the_first(pairs: list[tuple[str, str | None]], first: str):
    assert order(*pairs)[0] == first


def test_equal_addresses_keep_their_order():
    pairs = [(f"198.51.100.{n}", GLOBAL_V4) for n in (9, 3, 7)]
    assert order(*pairs) == [address for address, _ in pairs]


@pytest.mark.parametrize(
    ("address", "source", "usable"),
    [
        ("198.51.100.1", GLOBAL_V4, True),
        ("198.51.100.1", LINK_LOCAL_V4, True),
        ("198.51.100.1", None, False),
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8::1", "fd00::2", True),
        ("2001:db8::1", "fe80::2", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("::1", "::1", True),
    ],
)
def test_a_host_is_connected_only_by_a_source_that_reaches_that_far(
    address: str, source: str | None, usable: bool
):
    assert Destination(address, source).usable is usable


@given(st.lists(st.tuples(st.ip_addresses().map(str), st.none() | st.ip_addresses().map(str))))
def test_sorting_loses_nothing(pairs: list[tuple[str, str | None]]):
    assert sorted(order(*pairs)) == sorted(address for address, _ in pairs)


def test_a_link_local_address_is_told_from_text():
    assert is_link_local_v6("fe80::1")
    assert not is_link_local_v6("169.254.1.1")
    assert not is_link_local_v6("its address")

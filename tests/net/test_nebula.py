"""Nebula's header as its source has it."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.net.nebula import HEADER_SIZE, encode_test, recv_error_index

SEEN = bytes.fromhex("12000000deadbeef0000000000000000")
"""What Debian's nebula 1.6.1 answered to a packet for the tunnel 0xdeadbeef."""


def test_the_answer_of_a_real_node_is_read():
    assert recv_error_index(SEEN) == 0xDEADBEEF


@given(st.integers(0, 2**32 - 1))
def test_a_test_request_is_a_bare_header(index: int):
    assert encode_test(index) == b"\x14\0\0\0" + struct.pack("!I", index) + b"\0" * 8
    assert recv_error_index(encode_test(index)) is None


@pytest.mark.parametrize("first", [*range(0x12), *range(0x13, 0x100)])
def test_another_type_or_version_is_no_recv_error(first: int):
    assert recv_error_index(bytes([first]) + SEEN[1:]) is None


@given(st.binary(max_size=64).filter(lambda packet: len(packet) != HEADER_SIZE))
def test_another_length_is_no_recv_error(packet: bytes):
    assert recv_error_index(packet) is None
    assert recv_error_index(b"\x12" + packet) is None or len(packet) == HEADER_SIZE - 1

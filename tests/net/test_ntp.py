"""NTP packets and the arithmetic of two clocks."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.net.ntp import PACKET_SIZE, NtpAnswer, decode_answer, encode_request, nonce_of

EPOCH = 2_208_988_800
NONCE = 0x0123456789ABCDEF


def answer(
    *,
    leap: int = 0,
    version: int = 4,
    mode: int = 4,
    stratum: int = 2,
    reference: bytes = b"GPS\0",
    received: float = 1000.0,
    sent: float = 1000.5,
) -> bytes:
    first = leap << 6 | version << 3 | mode
    stamps = [int((seconds + EPOCH) * 2**32) % 2**64 for seconds in (received, sent)]
    return struct.pack("!BBbbII4sQQQQ", first, stratum, 6, -20, 0, 0, reference, 0, NONCE, *stamps)


def test_a_request_tells_nothing_but_its_nonce():
    request = encode_request(NONCE)
    assert request == b"\x23" + b"\0" * 39 + struct.pack("!Q", NONCE)
    assert len(request) == PACKET_SIZE == 48


def test_an_answer_is_read():
    packet = answer()
    assert nonce_of(packet) == NONCE
    assert decode_answer(packet) == NtpAnswer(1000.0, 1000.5, "")
    assert nonce_of(packet + b"extension") == NONCE


@pytest.mark.parametrize(
    "packet",
    [answer(mode=3), answer(mode=5), answer(mode=6), answer(version=0), answer(version=5), b""],
)
def test_what_no_server_sends_answers_no_nonce(packet: bytes):
    assert nonce_of(packet) is None


@pytest.mark.parametrize(
    ("packet", "refusal"),
    [
        (answer(stratum=0, reference=b"RATE"), "RATE"),
        (answer(stratum=0, reference=b"DENY", leap=3), "DENY"),
        (answer(stratum=0, reference=b"\0\0\0\0"), "UNSYNCHRONIZED"),
        (answer(stratum=0, reference=b"INIT", leap=3), "UNSYNCHRONIZED"),
        (answer(stratum=0, reference=b"STEP", leap=3), "UNSYNCHRONIZED"),
        (answer(stratum=0, reference=b"NTSN", leap=3), "NTSN"),
        (answer(stratum=0, reference=b"\n\xe9%s"), "???s"),
        (answer(leap=3), "UNSYNCHRONIZED"),
        (answer(stratum=16), "UNSYNCHRONIZED"),
        (answer(stratum=255), "UNSYNCHRONIZED"),
        (answer(received=-EPOCH), "UNSYNCHRONIZED"),
        (answer(sent=-EPOCH), "UNSYNCHRONIZED"),
        (answer(stratum=15), ""),
    ],
)
def test_a_server_without_time_is_not_believed(packet: bytes, refusal: str):
    assert decode_answer(packet).refusal == refusal


def test_the_offset_is_the_mean_of_both_ways_and_the_round_trip_is_without_the_server():
    # The server is 100 s ahead; 0.1 s there, 0.5 s at the server, 0.1 s back.
    told = NtpAnswer(1100.1, 1100.6, "")
    assert told.offset(1000.0, 1000.7) == pytest.approx(100.0)
    assert told.round_trip(1000.0, 1000.7) == pytest.approx(0.2)


def test_a_server_that_lies_about_its_time_gives_no_negative_round_trip():
    assert NtpAnswer(1000.0, 2000.0, "").round_trip(1000.0, 1000.1) == 0.0


def test_times_after_the_wrap_of_2036_are_read():
    in_2040 = 2_208_988_800.0
    assert decode_answer(answer(received=in_2040, sent=in_2040)).sent_at == in_2040


@given(st.binary(max_size=100))
def test_rubbish_never_raises(packet: bytes):
    if nonce_of(packet) is not None:
        assert decode_answer(packet).refusal.isprintable()

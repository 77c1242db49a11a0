"""What the ends of sessions show of a broker, in virtual time."""

from __future__ import annotations

import pytest

from monitor.export.mqtt.limits import (
    PACKET_LIMIT,
    RELEARN,
    SMALLEST_SUSPECT,
    Learned,
    Phase,
    SessionEnd,
    forget,
    learn,
    publish_size,
)

NOW = 1000.0


def after(*ends: SessionEnd) -> Learned:
    learned = Learned()
    for end in ends:
        learned = learn(learned, end, NOW)
    return learned


def publishing(*sizes: int, **more: object) -> SessionEnd:
    return SessionEnd(Phase.PUBLISHING, sizes=sizes, **{"closed": True, **more})  # type: ignore[arg-type]


def test_a_lost_network_teaches_nothing():
    for phase in (Phase.CONNECTING, Phase.IDLE):
        assert after(SessionEnd(phase, closed=True)) == Learned()
    assert after(SessionEnd(Phase.SUBSCRIBING)).subscribe  # timed out: not closed by the broker


@pytest.mark.parametrize("code", [0x8B, 0x8E, 0x89, 0x8D], ids=hex)
@pytest.mark.parametrize("phase", [Phase.SUBSCRIBING, Phase.PUBLISHING])
def test_an_end_for_another_reason_teaches_nothing(code: int, phase: Phase):
    end = SessionEnd(phase, code=code, sizes=(9000,), all_retained=True)
    assert after(end, end, end) == Learned()


def test_an_end_at_subscribe_leaves_the_subscription_out():
    assert not after(SessionEnd(Phase.SUBSCRIBING, code=0x87)).subscribe
    assert not after(SessionEnd(Phase.SUBSCRIBING, closed=True)).subscribe


def test_an_end_at_retained_messages_leaves_the_flag_out_if_it_is_certain_or_comes_twice():
    denied = publishing(200, code=0x87, all_retained=True, closed=False)
    assert not after(denied).retain
    closed = publishing(200, all_retained=True)
    assert after(closed).retain
    assert not after(closed, closed).retain
    assert after(closed, SessionEnd(Phase.IDLE, closed=True), closed).retain


def test_a_broker_that_took_retained_messages_does_not_refuse_them():
    end = publishing(200, code=0x87, all_retained=True, took_retained=True, closed=False)
    assert after(end, end).retain


def test_after_an_end_while_publishing_one_message_at_a_time_shows_which_it_was():
    learned = after(publishing(200, 9000, 300))
    assert learned.one_by_one
    assert learned.packet_size == PACKET_LIMIT


def test_a_message_that_ends_two_sessions_alone_is_too_large():
    assert after(publishing(9000)).packet_size == PACKET_LIMIT
    assert after(publishing(9000), publishing(9000)).packet_size == 4500
    assert after(publishing(9000), publishing(9000, took=6000)).packet_size == 6000
    assert after(publishing(9000), publishing(8000)).packet_size == PACKET_LIMIT


def test_packet_too_large_is_believed_at_once():
    assert after(publishing(9000, code=0x95, closed=False)).packet_size == 4500


def test_a_small_message_or_one_smaller_than_others_is_never_too_large():
    small = publishing(SMALLEST_SUSPECT)
    assert after(small, small, small).packet_size == PACKET_LIMIT
    other = publishing(5000, took=6000)
    assert after(other, other, other).packet_size == PACKET_LIMIT


def test_the_size_is_found_in_few_sessions():
    learned, limit, sessions = Learned(), 3000, 0
    size = 200_000
    while (sent := min(size, learned.packet_size)) > limit:
        learned = learn(learned, publishing(sent), NOW)
        sessions += 1
    assert sessions <= 14


def test_not_supported_needs_no_second_time():
    assert not after(SessionEnd(Phase.CONNECTING, code=0x9A)).retain
    assert after(SessionEnd(Phase.CONNECTING, code=0x9B)).qos == 0


def test_what_was_learned_is_tried_again_after_an_hour():
    learned = after(SessionEnd(Phase.SUBSCRIBING, code=0x87))
    later = learn(learned, SessionEnd(Phase.CONNECTING, code=0x9B), NOW + 10)
    assert forget(later, NOW + RELEARN - 1) == later
    assert forget(later, NOW + RELEARN) == Learned()
    assert forget(Learned(), NOW) == Learned()


@pytest.mark.parametrize(
    ("length", "size"),
    # 2 + 1 bytes of topic, 2 of packet id, 1 of properties (MQTT 5); remaining length in 1 to 4
    [(0, 8), (121, 129), (122, 131), (16_377, 16_386), (16_378, 16_388), (2_097_146, 2_097_157)],
)
def test_the_size_of_a_packet(length: int, size: int):
    assert publish_size("t", b"x" * length, modern=True) == size
    assert publish_size("t", b"", modern=False) == 7

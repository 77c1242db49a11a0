"""Limits of a broker: announced by it, and learned from the ends of sessions. Pure.

MQTT 5 announces limits in CONNACK (section 3.2.2.3). MQTT 3.1.1, and policies such as those of AWS
IoT Core, just end the connection. What is learned from that is forgotten after ``RELEARN``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from monitor.export.mqtt.reasons import Code

RELEARN = 3600.0
"""Seconds after which something learned is tried again: one hour."""

PACKET_LIMIT = 268_435_460
"""Bytes of the largest packet that MQTT can express (MQTT 5.0 section 1.5.5)."""

SMALLEST_SUSPECT = 1024
"""Bytes up to which a packet is never blamed for the end of a session by its size alone."""


@dataclass(frozen=True, slots=True)
class BrokerLimits:
    """Limits that a broker announced in CONNACK; the defaults are those of MQTT 5.0 section
    3.2.2.3, which MQTT 3.1.1 has too. ``receive_maximum`` counts unacknowledged messages,
    ``packet_size`` is bytes, ``qos`` the highest level."""

    receive_maximum: int = 65_535
    packet_size: int = PACKET_LIMIT
    qos: int = 2
    retain: bool = True


class Phase(StrEnum):
    """Activity of a session when it ended."""

    CONNECTING = "connecting"
    SUBSCRIBING = "subscribing"
    PUBLISHING = "publishing"
    IDLE = "idle"


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """End of a session: the broker's reason code if it gave one, whether the broker or the
    network closed the connection, and what was unacknowledged then: the packets' sizes in
    bytes, and whether all were retained. ``took`` is the largest packet that the broker
    acknowledged, ``took_retained`` whether it acknowledged a retained one."""

    phase: Phase
    code: int | None = None
    closed: bool = False
    sizes: tuple[int, ...] = ()
    all_retained: bool = False
    took: int = 0
    took_retained: bool = False


@dataclass(frozen=True, slots=True)
class Learned:
    """Restrictions that the ends of sessions have shown. ``packet_size`` is bytes;
    ``one_by_one``: send one message at a time, so that it is known which one ends a session;
    ``suspect``: the size of the only unacknowledged packet of the session before, 0 for none;
    ``refused_retained``: sessions in a row that were closed at their first retained message."""

    subscribe: bool = True
    retain: bool = True
    qos: int = 1
    packet_size: int = PACKET_LIMIT
    one_by_one: bool = False
    suspect: int = 0
    refused_retained: int = 0
    until: float = 0.0


def forget(learned: Learned, now: float) -> Learned:
    """Return what is still valid at ``now`` (seconds of a monotonic clock)."""
    return Learned() if learned.until and now >= learned.until else learned


def learn(learned: Learned, end: SessionEnd, now: float) -> Learned:
    """Return what is known after a session has ended."""
    after = _learn(learned, end)
    started = not learned.until and after != learned
    return replace(after, until=now + RELEARN) if started else after


def _learn(learned: Learned, end: SessionEnd) -> Learned:
    match end:
        case SessionEnd(code=Code.RETAIN_NOT_SUPPORTED):
            return replace(learned, retain=False)
        case SessionEnd(code=Code.QOS_NOT_SUPPORTED):
            return replace(learned, qos=0)
        case SessionEnd(phase=Phase.SUBSCRIBING) if _is_refusal(end):
            return replace(learned, subscribe=False)
        case SessionEnd(phase=Phase.PUBLISHING) if _is_refusal(end):
            return _learn_of_publishing(learned, end)
    return replace(learned, suspect=0, refused_retained=0)


def _is_refusal(end: SessionEnd) -> bool:
    """Return whether the broker may have ended the session because of what was sent."""
    refusals = {Code.NOT_AUTHORIZED, Code.PACKET_TOO_LARGE, *_UNCLEAR}
    return end.code in refusals if end.code is not None else end.closed


_UNCLEAR = (Code.UNSPECIFIED, Code.IMPLEMENTATION_SPECIFIC, Code.QUOTA_EXCEEDED)


def _learn_of_publishing(learned: Learned, end: SessionEnd) -> Learned:
    largest = max(end.sizes, default=0)
    too_large = largest > max(end.took, SMALLEST_SUSPECT)
    alone = len(end.sizes) == 1
    if alone and too_large and (end.code == Code.PACKET_TOO_LARGE or learned.suspect == largest):
        # Halved, not one byte less: the limit is found after a few sessions.
        size = max(end.took, largest // 2, SMALLEST_SUSPECT)
        return replace(learned, packet_size=size, suspect=0, refused_retained=0)
    refused = end.all_retained and not end.took_retained and learned.retain
    refusals = learned.refused_retained + 1 if refused else 0
    certain = end.code == Code.NOT_AUTHORIZED or refusals > 1
    return replace(
        learned,
        retain=learned.retain and not (refused and certain),
        one_by_one=True,
        suspect=largest if alone and too_large and end.code != Code.NOT_AUTHORIZED else 0,
        refused_retained=refusals,
    )


def publish_size(topic: str, payload: bytes, *, modern: bool) -> int:
    """Return the bytes of a PUBLISH packet of QoS 1 without properties (MQTT 5.0 section 3.3).
    ``modern``: MQTT 5, which adds the length of the properties."""
    remaining = 2 + len(topic.encode()) + 2 + modern + len(payload)
    return 1 + _length_of(remaining) + remaining


def _length_of(number: int) -> int:
    """Return the bytes of a variable byte integer (MQTT 5.0 section 1.5.5)."""
    return 1 if number < 128 else 2 if number < 16_384 else 3 if number < 2_097_152 else 4

"""NTP client packets and what an answer says about two clocks (RFC 5905)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

_PACKET = struct.Struct("!BBbb3I4Q")  # RFC 5905 figure 8, without extension fields
PACKET_SIZE = _PACKET.size
_CLIENT, _SERVER = 3, 4
_VERSION = 4
_ALARM = 3  # leap indicator: the server's own clock is not set
_EPOCH = 2_208_988_800  # seconds from 1900 to 1970
_ERA = 2**32


@dataclass(frozen=True, slots=True)
class NtpAnswer:
    """A server's answer. ``received_at`` and ``sent_at`` are Unix seconds of its clock;
    ``kiss`` is the kiss-o'-death code, "" when there is none."""

    stratum: int
    received_at: float
    sent_at: float
    kiss: str


def encode_request(nonce: int) -> bytes:
    """Write a client request whose transmit timestamp is 64 random bits: the server sends
    them back, and they tell nothing about our clock (RFC 5905 7.3; RFC 9109 idea)."""
    return _PACKET.pack(_VERSION << 3 | _CLIENT, 0, 0, 0, 0, 0, 0, 0, 0, 0, nonce)


def decode_answer(packet: bytes, nonce: int) -> NtpAnswer | None:
    """Read an answer to the request of ``nonce``; None if it is none."""
    if len(packet) < PACKET_SIZE:
        return None
    flags, stratum, _, _, _, _, reference, _, origin, received, sent = _PACKET.unpack_from(packet)
    if flags & 7 != _SERVER or origin != nonce:
        return None
    kiss = ""
    if stratum == 0:
        code = reference.to_bytes(4, "big").decode("latin-1").strip("\0")
        kiss = "".join(c if c.isalnum() else "?" for c in code) or "?"
    elif flags >> 6 == _ALARM:
        kiss = "UNSYNCHRONISED"
    return NtpAnswer(stratum, _unix(received), _unix(sent), kiss)


def offset_and_delay(answer: NtpAnswer, sent_at: float, received_at: float) -> tuple[float, float]:
    """Return the server's clock minus ours, and the round trip without the server's own
    time, in seconds (RFC 5905 section 8)."""
    there, back = answer.received_at - sent_at, answer.sent_at - received_at
    delay = (received_at - sent_at) - (answer.sent_at - answer.received_at)
    return (there + back) / 2, max(0.0, delay)


def _unix(timestamp: int) -> float:
    seconds = timestamp / 2**32 - _EPOCH
    # Era 1 begins in 2036 (RFC 5905 section 6): what lies before 1970 is of that era.
    return seconds + _ERA if seconds < 0 else seconds

"""NTP client packets, and the difference between two clocks by an answer (RFC 5905)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

NONCE_BITS = 64
_PACKET = struct.Struct("!BBbb3I4Q")  # RFC 5905 figure 8, without extension fields
PACKET_SIZE = _PACKET.size
_CLIENT, _SERVER = 3, 4
_VERSION = 4
_ALARM = 3  # leap indicator: the server's own clock is not set
_UNSYNCHRONIZED = 16  # stratum; what is above is reserved (figure 11)
_NO_TIME_YET = frozenset({"INIT", "STEP", ""})
"""Kiss codes (RFC 5905 figure 13) of a server that is not synchronized yet, or again; an empty one
is that of a server of an unspecified stratum."""

_EPOCH = 2_208_988_800  # seconds from 1900 to 1970
_ERA = 2**32


@dataclass(frozen=True, slots=True)
class NtpAnswer:
    """A server's answer. ``received_at`` and ``sent_at`` are Unix seconds of its clock;
    ``refusal`` is the reason why they do not count, "" if they do: a kiss-o'-death
    code (section 7.4), or that the server is not synchronized."""

    received_at: float
    sent_at: float
    refusal: str

    def offset(self, sent_at: float, arrived_at: float) -> float:
        """Return the server's clock minus ours in seconds (section 8), our request having
        been sent and the answer having arrived at those Unix times."""
        return ((self.received_at - sent_at) + (self.sent_at - arrived_at)) / 2

    def round_trip(self, sent_at: float, arrived_at: float) -> float:
        """Return the round trip without the time that the server took, in seconds
        (section 8: the delay)."""
        return max(0.0, (arrived_at - sent_at) - (self.sent_at - self.received_at))


def encode_request(nonce: int) -> bytes:
    """Write a client request whose transmit timestamp is 64 random bits: the server sends
    them back, and they reveal nothing about our clock (draft-ietf-ntp-data-minimization-04)."""
    return _PACKET.pack(_VERSION << 3 | _CLIENT, 0, 0, 0, 0, 0, 0, 0, 0, 0, nonce)


def nonce_of(packet: bytes) -> int | None:
    """Return the nonce that a server's packet answers; None if it is no such packet."""
    if len(packet) < PACKET_SIZE:
        return None
    flags, *_, origin, _, _ = _PACKET.unpack_from(packet)
    version = flags >> 3 & 7
    return int(origin) if flags & 7 == _SERVER and 1 <= version <= _VERSION else None


def decode_answer(packet: bytes) -> NtpAnswer:
    """Read a packet for which ``nonce_of`` gave a nonce."""
    flags, stratum, _, _, _, _, reference, _, _, received, sent = _PACKET.unpack_from(packet)
    refusal = ""
    if stratum == 0:
        code = _kiss_code(reference)
        refusal = "UNSYNCHRONIZED" if code in _NO_TIME_YET else code
    elif flags >> 6 == _ALARM or stratum >= _UNSYNCHRONIZED or not received or not sent:
        refusal = "UNSYNCHRONIZED"
    return NtpAnswer(_unix(received), _unix(sent), refusal)


def _kiss_code(reference: int) -> str:
    """Read the four ASCII letters that a server of stratum 0 has in its reference id."""
    code = reference.to_bytes(4, "big").decode("latin-1").rstrip("\0")
    return "".join(c if c.isascii() and c.isalnum() else "?" for c in code)


def _unix(timestamp: int) -> float:
    seconds = timestamp / 2**32 - _EPOCH
    # Era 1 begins in 2036 (RFC 5905 section 6): what lies before 1970 is of that era.
    return seconds + _ERA if seconds < 0 else seconds

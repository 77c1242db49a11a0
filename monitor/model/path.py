"""Results of path probes: the hops to a destination, and flows by source port."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Transport(StrEnum):
    """The transport protocol of a path probe."""

    TCP = "tcp"
    UDP = "udp"


class ReplyKind(StrEnum):
    """The reply to one path probe."""

    SILENT = "silent"  # nothing within the timeout
    TIME_EXCEEDED = "time_exceeded"  # a hop: ICMP type 11, ICMPv6 type 3
    REACHED = "reached"  # the destination accepted or answered
    REFUSED = "refused"  # a RST, or ICMP port unreachable
    PROHIBITED = "prohibited"  # ICMP administratively prohibited
    UNREACHABLE = "unreachable"  # ICMP network or host unreachable
    TOO_BIG = "too_big"  # ICMP fragmentation needed, ICMPv6 packet too big
    NOT_SENT = "not_sent"  # the kernel refused to send: no route, no source port


@dataclass(frozen=True, slots=True)
class HopReply:
    """The reply to one probe with time to live ``ttl``. ``address`` is the sender of the reply, ""
    if there is none; ``rtt`` is seconds; ``mtu`` is bytes, from an ICMP message that reports it;
    ``retransmitted`` is whether the reply answers a retransmission of the packet."""

    ttl: int
    kind: ReplyKind
    address: str = ""
    rtt: float | None = None
    mtu: int | None = None
    error: str = ""
    retransmitted: bool = False


@dataclass(frozen=True, slots=True)
class Hop:
    """One hop: every probe with the same time to live. ``addresses`` are the senders of replies,
    the most frequent first: several mean several paths."""

    ttl: int
    replies: tuple[HopReply, ...]

    @property
    def addresses(self) -> tuple[str, ...]:
        """The distinct senders of replies, the most frequent first."""
        seen = [reply.address for reply in self.replies if reply.address]
        return tuple(sorted(dict.fromkeys(seen), key=seen.count, reverse=True))

    @property
    def loss(self) -> float:
        """The share of probes without a reply, 0 to 1."""
        silent = sum(reply.kind is ReplyKind.SILENT for reply in self.replies)
        return silent / len(self.replies) if self.replies else 0.0

    @property
    def rtts(self) -> tuple[float, ...]:
        """Round-trip times in seconds, in the order of the probes."""
        return tuple(reply.rtt for reply in self.replies if reply.rtt is not None)

    @property
    def mtu(self) -> int | None:
        """The smallest MTU in bytes that an ICMP message reported."""
        return min((reply.mtu for reply in self.replies if reply.mtu), default=None)

    @property
    def end(self) -> ReplyKind | None:
        """The final reply at this hop: REACHED, REFUSED or PROHIBITED; None if it is on the way."""
        ends = (ReplyKind.REACHED, ReplyKind.REFUSED, ReplyKind.PROHIBITED)
        kinds = {reply.kind for reply in self.replies}
        return next((kind for kind in ends if kind in kinds), None)


@dataclass(frozen=True, slots=True)
class PathTrace:
    """The path to one destination, as far as hops reply. Silent hops are normal in a VPC: their
    silence alone shows nothing."""

    address: str
    port: int
    transport: Transport
    hops: tuple[Hop, ...]

    @property
    def end(self) -> Hop | None:
        """The hop that ended the path: the destination, or a device that refused."""
        return next((hop for hop in self.hops if hop.end is not None), None)

    @property
    def reached(self) -> bool:
        """Whether the destination accepted or answered."""
        return self.end is not None and self.end.end is ReplyKind.REACHED

    @property
    def last_responding(self) -> Hop | None:
        """The last hop that replied."""
        return next((hop for hop in reversed(self.hops) if hop.addresses), None)

    @property
    def first_silent(self) -> int | None:
        """The first hop after the last responding one; None if the path ended with a reply."""
        if self.end is not None or not self.hops:
            return None
        last = self.last_responding
        return last.ttl + 1 if last else 1


class FlowPattern(StrEnum):
    """The pattern of failures over source ports, each tried twice."""

    ALL_WORK = "all_work"
    ALL_FAIL = "all_fail"
    ONE_PATH = "one_path"  # the same ports fail again: one path of several
    LOSS = "loss"  # other ports fail the second time: packet loss
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Flow:
    """The two tries from one source port, in order: True if the SYN was answered."""

    source_port: int
    outcomes: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class FlowTest:
    """SYNs from chosen source ports to one destination, each port tried twice."""

    address: str
    port: int
    flows: tuple[Flow, ...]

    @property
    def failed_rounds(self) -> tuple[int, int]:
        """The number of failures in the first and in the second round."""
        rounds = [[flow.outcomes[number] for flow in self.flows] for number in (0, 1)]
        return rounds[0].count(False), rounds[1].count(False)

    @property
    def failed_again(self) -> int:
        """The number of source ports that failed in both rounds."""
        return sum(not any(flow.outcomes) for flow in self.flows)

    @property
    def pattern(self) -> FlowPattern:
        """The pattern of the failures.

        A path is chosen by a hash of addresses and ports, so a broken path of several fails the
        same source ports again, while random loss fails others. If every first try fails and
        every second one works, nothing separates loss from a fault that just ended or a path on
        which replies take longer than a retransmission.
        """
        first, second = self.failed_rounds
        again, changed = self.failed_again, first + second - 2 * self.failed_again
        if not first and not second:
            return FlowPattern.ALL_WORK
        if first == second == len(self.flows):
            return FlowPattern.ALL_FAIL
        if changed == len(self.flows):
            return FlowPattern.UNCLEAR
        if again > 1 and not changed:
            return FlowPattern.ONE_PATH
        if changed > 1 and changed > again:
            return FlowPattern.LOSS
        return FlowPattern.UNCLEAR


@dataclass(frozen=True, slots=True)
class ResetHop:
    """The hop that resets a TLS connection on its ClientHello.

    ``ttl`` is the smallest time to live with which the hello was reset; ``distance`` is that of
    the server, if known. A reset at ``ttl < distance`` comes from a middlebox on the path.
    """

    ttl: int | None
    distance: int | None

    @property
    def is_middlebox(self) -> bool:
        """Whether a device between this host and the server sent the reset."""
        return self.ttl is not None and self.distance is not None and self.ttl < self.distance

"""Noise without a fault: lost packets, jitter, host stalls, rate limiting. The schedules of the
retransmissions are those of Linux: SYN after 1, 3 and 7 s (RFC 6298), data after about 0.2 s."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from monitor.model.probe_result import Phase
from tests.simulation.fault import Effect

_SYN = (1.0, 2.0, 4.0)
_DATA = (0.25, 0.5, 1.0, 2.0)
_DATAGRAM = (0.5, 1.0, 1.0)
_ROUND_TRIPS = {Phase.TLS: 2, Phase.FIRST_BYTE: 1, Phase.PROXY: 1, Phase.CONNECT: 1}


@dataclass
class Noise:
    """``loss``: share of packets lost, each way. ``stalls``: (start, end) of times at which the
    host stood still, Unix seconds."""

    loss: float = 0.01
    jitter: float = 0.02
    stalls: list[tuple[float, float]] = field(default_factory=list)

    def loses(self, random: Random, at: float, extra: float = 0.0) -> bool:
        """Whether a round trip loses a packet."""
        kept = (1 - self.loss) * (1 - extra)
        return random.random() > kept * kept

    def exchange(
        self, random: Random, at: float, phase: Phase, effect: Effect | None
    ) -> tuple[float, bool]:
        """Return how long an exchange takes, and whether all its packets are lost."""
        extra = effect.loss if effect else 0.0
        took = 0.012 + random.random() * self.jitter + (effect.delay if effect else 0.0)
        waits = {Phase.CONNECT: _SYN, Phase.EXCHANGE: _DATAGRAM}.get(phase, _DATA)
        for _ in range(_ROUND_TRIPS.get(phase, 1)):
            for wait in waits:
                if not self.loses(random, at, extra):
                    break
                took += wait
            else:
                return took, True
        return took, False

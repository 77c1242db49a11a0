"""Judgement of stalls: their reason, which measurements they spoil, and whether they last. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from monitor.model.starvation import HostStarvation, Starvation

STALL = 0.02
"""Event-loop lag that counts as a stall: 20 ms."""

AFFECTED_SECONDS = 0.2
AFFECTED_SHARE = 0.2
"""A measurement is inadmissible if this process did not run for 200 ms and 20 % of it. A refusal
within milliseconds stays valid on a busy host; a timeout of 1 s does not."""

WINDOW = 30.0
"""Period over which lasting starvation is judged: 30 s."""

LASTING_SHARE = 0.2
RECOVERED_SHARE = 0.1
"""Shares of ``WINDOW`` in which this process did not run: starvation lasts from 20 % on, and is
over below 10 %."""


@dataclass(frozen=True, slots=True)
class Stall:
    """A time in which this process did not run, on the event loop's clock (seconds). ``asleep``
    is the time that the host was suspended, which that clock does not count."""

    begun: float
    ended: float
    reason: Starvation
    asleep: float = 0.0

    def overlap(self, begun: float, ended: float) -> float:
        """Return the seconds that it shares with a period."""
        return max(0.0, min(self.ended, ended) - max(self.begun, begun))


def reason_of(
    lag: float, *, used: float, waited: float, throttled: float, suspended: float
) -> Starvation:
    """Return why this process did not run for ``lag`` seconds, from what the counters grew by
    meanwhile (seconds)."""
    if suspended >= STALL:
        return Starvation.SUSPENDED
    if throttled >= lag / 4:
        return Starvation.CPU_THROTTLED
    if used >= lag / 2:
        return Starvation.BUSY
    if waited >= lag / 4:
        return Starvation.CPU_CONTENTION
    return Starvation.STOPPED


def affecting(stalls: Sequence[Stall], begun: float, ended: float) -> Starvation | None:
    """Return why a measurement between two times is inadmissible; None if it is admissible."""
    during = [(s.overlap(begun, ended), s) for s in stalls if s.ended >= begun and s.begun <= ended]
    if any(stall.asleep >= STALL for _, stall in during):
        return Starvation.SUSPENDED
    lost = sum(seconds for seconds, _ in during)
    if lost < AFFECTED_SECONDS or lost < AFFECTED_SHARE * (ended - begun):
        return None
    return max(during, key=lambda each: each[0])[1].reason


def lasting(
    before: HostStarvation | None,
    stalls: Iterable[Stall],
    now: float,
    time: float,
    *,
    load: float,
    cpus: int,
) -> HostStarvation | None:
    """Return the starvation that lasts at ``now`` (the loop's clock; ``time`` in Unix seconds)."""
    begun = now - WINDOW
    recent = [(s.overlap(begun, now), s) for s in stalls if s.ended > begun]
    share = sum(seconds for seconds, _ in recent) / WINDOW
    if share < (LASTING_SHARE if before is None else RECOVERED_SHARE):
        return None
    by_reason: dict[Starvation, float] = {}
    for seconds, stall in recent:
        by_reason[stall.reason] = by_reason.get(stall.reason, 0.0) + seconds
    return HostStarvation(
        reason=max(by_reason, key=lambda reason: by_reason[reason]),
        since=before.since if before else time - (now - min(s.begun for _, s in recent)),
        share=min(1.0, share),
        longest=max(s.ended - s.begun for _, s in recent),
        load=load,
        cpus=cpus,
    )

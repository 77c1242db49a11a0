"""Sends pulses between full probes, evenly spread, and requests a full probe when one changes.

A pulse never changes a state. If it fails, the targets that use the way out are probed with their
full timeout at once, and that probe determines the cause; the pulse counts as the first of the two
failures that declare an outage. If it works again, they are probed at once, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random

from monitor.model.pulse import PulsePoint, PulseResult
from monitor.probes.pulse import pulse
from monitor.scheduler.beat import beat_at, sleep_until
from monitor.scheduler.pulse_plan import pulse_points
from monitor.state.pulses import PulseMetrics
from monitor.state.store import StateStore

WAIT = 1.2
"""Seconds to wait for a reply: longer than the first retransmission of a SYN (1 s, RFC 6298), so
one lost packet does not count as a failure."""

SUSPECT_AFTER = (0.1, 0.5)
"""Seconds without a reply after which the full probe starts while the pulse still waits: four times
the last round trip, within this range."""

_HASTE = 0.95
"""Part of the interval in which every way out gets its pulse, so that a pulse that starts a little
late is still in time."""

PER_SECOND = 40.0
"""Upper bound of pulses per second: with more ways out, each is checked less often."""

BATCH = 4
"""Pulses that start at the same time: 4. Waking an idle process costs more CPU than a pulse: alone,
a pulse takes three times as much as one of four."""

IDLE = 1.0
"""Seconds between two looks for ways out while there are none."""


class Pulses:
    """Checks each way out every ``interval`` seconds while ``run`` is running."""

    def __init__(
        self,
        store: StateStore,
        random: Random,
        suspect: Callable[[Sequence[str]], None],
        changed: Callable[[Sequence[str], bool], None],
    ) -> None:
        """``suspect`` is called with target ids while a reply is late; ``changed`` with the ids and
        the result when a way out that worked fails, or one that failed works."""
        self._store = store
        self._random = random
        self._suspect = suspect
        self._changed = changed
        self._worked: dict[PulsePoint, bool] = {}
        self._rtts: dict[PulsePoint, float] = {}

    async def run(self, interval: Callable[[], float]) -> None:
        """Send pulses until cancelled. ``interval`` returns seconds, 0 for none."""
        async with asyncio.TaskGroup() as group:
            while True:
                points = pulse_points(self._store.statuses.values()) if interval() else {}
                self._forget(points)
                if not points:
                    await asyncio.sleep(IDLE)
                    continue
                pause = max(_HASTE * interval() / len(points), 1 / PER_SECOND)
                loop = asyncio.get_running_loop()
                due = loop.time()
                for batch in _batches(points):
                    for point in batch:
                        group.create_task(self._send(point, points[point]))
                    # A stall of the host is not made up for.
                    due = max(due, loop.time() - pause) + pause * len(batch)
                    await sleep_until(beat_at(due))

    async def _send(self, point: PulsePoint, targets: tuple[str, ...]) -> None:
        """Send a pulse, and another one at once if this one is the first to fail: if that works,
        packets were lost, and the failure no longer counts when the full probe ends."""
        if await self._send_once(point, targets) and not self._worked[point]:
            await self._send_once(point, targets)

    async def _send_once(self, point: PulsePoint, targets: tuple[str, ...]) -> bool:
        """Send a pulse and return whether its result differs from that of the last one."""
        loop = asyncio.get_running_loop()
        late = loop.call_later(late_after(self._rtts.get(point)), self._late, point, targets)
        try:
            result = await pulse(point, self._random, WAIT)
        finally:
            late.cancel()
        self._record(point, result)
        differs = self._has_worked(point) is not result.ok
        self._worked[point] = result.ok
        if differs:
            self._changed(targets, result.ok)
        return differs

    def _late(self, point: PulsePoint, targets: tuple[str, ...]) -> None:
        if self._has_worked(point):
            self._suspect(targets)

    def _has_worked(self, point: PulsePoint) -> bool:
        """Return whether the last pulse had a reply. A way out that has had no pulse yet works,
        because a full probe found it: a fault right after the start is noticed, too."""
        return self._worked.get(point, True)

    def _record(self, point: PulsePoint, result: PulseResult) -> None:
        labels = point.labels
        metrics = self._store.pulses.get(labels)
        if metrics is None:  # setdefault would make one for each pulse
            metrics = self._store.pulses[labels] = PulseMetrics()
        metrics.sent += 1
        metrics.failed += not result.ok
        metrics.retransmits += result.retransmits
        if result.rtt is not None:
            metrics.observe(result.rtt, self._rtts.get(point))
            self._rtts[point] = result.rtt

    def _forget(self, points: Mapping[PulsePoint, tuple[str, ...]]) -> None:
        for kept in (self._worked, self._rtts):
            for gone in kept.keys() - points.keys():
                del kept[gone]


def _batches(points: Mapping[PulsePoint, tuple[str, ...]]) -> Iterator[tuple[PulsePoint, ...]]:
    """Yield the ways out in batches of different kinds of targets: neighbors in the catalog are
    in different batches, so that one lost moment does not look like a fault that they share."""
    ordered = tuple(points)
    count = -(-len(ordered) // BATCH)
    return (ordered[number::count] for number in range(count))


def late_after(rtt: float | None) -> float:
    """Return the seconds after which a reply is late. ``rtt`` is the last round trip, if known."""
    soonest, latest = SUSPECT_AFTER
    return latest if rtt is None else min(latest, max(soonest, 4 * rtt))

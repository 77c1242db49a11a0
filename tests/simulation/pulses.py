"""Pulses in virtual time, as ``monitor.scheduler.pulse`` sends them: each way out every few s.

A pulse that fails for the first time is repeated at once; the targets that use the way out are
probed, and the failure counts as their first unless the repetition works.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from monitor.model.endpoint import Protocol
from monitor.model.probe_result import Phase, ProbeResult
from monitor.model.target import Target
from monitor.scheduler.pulse import WAIT
from tests.simulation.fault import is_literal
from tests.simulation.world import PROXY, World

SUSPECT_AFTER = 0.1
"""Seconds after which the targets are probed while a pulse waits: four round trips or 0.1 s."""

_PATH_PHASES = frozenset({Phase.CONNECT, Phase.EXCHANGE})
_STREAMS = frozenset({Protocol.HTTPS, Protocol.TLS, Protocol.HTTP, Protocol.TCP})


@dataclass(frozen=True, slots=True)
class Point:
    """One way out: address, port, the phase that a pulse exercises, and a target that uses it."""

    address: str
    port: int
    phase: Phase
    proxied: bool
    speaker: Target


class SimulatedPulses:
    """Sends the pulses of a world. ``push`` plans an event at a time; ``last`` returns the last
    result of a target."""

    def __init__(
        self,
        world: World,
        push: Callable[..., None],
        last: Callable[[str], ProbeResult | None],
        soon: Callable[[Sequence[str]], None],
        changed: Callable[[Sequence[str], bool], None],
    ) -> None:
        self.world, self._push, self._last = world, push, last
        self._soon, self._changed = soon, changed
        self.points = _points(world)
        self._worked = dict.fromkeys(self.points, True)
        self.forced: dict[Point, int] = {}

    def start(self, now: float) -> None:
        """Plan the first pulse of each way out, evenly spread over the interval."""
        for number, point in enumerate(self.points if self.world.pulse else ()):
            self._push(now + self.world.pulse * number / len(self.points), "pulse", point)

    def send(self, point: Point, now: float) -> None:
        """Send one pulse, and plan the next one."""
        self._push(now + self.world.pulse, "pulse", point)
        if self._targets(point):
            self._send_once(point, now, repeated=False)

    def _send_once(self, point: Point, now: float, *, repeated: bool) -> None:
        took, ok = self._exchange(point, now)
        if took > SUSPECT_AFTER and self._worked[point]:
            self._push(now + SUSPECT_AFTER, "late_pulse", point)
        if self._worked[point] is not ok:
            self._push(now + took, "pulse_done", point, ok, repeated)

    def _exchange(self, point: Point, now: float) -> tuple[float, bool]:
        if self.forced.get(point):
            self.forced[point] -= 1
            return WAIT, False
        stalled = next((b for a, b in self.world.noise.stalls if a < now + WAIT and b > now), None)
        if stalled is not None:
            return stalled - now, False
        return self.world.pulse_reply(
            point.speaker, point.address, point.port, point.phase, now, proxied=point.proxied
        )

    def late(self, point: Point) -> None:
        """Have the targets probed while the reply is late."""
        self._soon(self._targets(point))

    def done(self, point: Point, ok: bool, repeated: bool, now: float) -> None:
        """Take in a pulse whose result differs from that of the last one."""
        if self._worked[point] is ok:
            return
        self._worked[point] = ok
        self._changed(self._targets(point), ok)
        if not ok and not repeated:
            self._send_once(point, now, repeated=True)

    def _targets(self, point: Point) -> list[str]:
        """Return the targets whose last result shows that a pulse can show a change."""
        return [name for name in self.points[point] if self._concerned(name, point)]

    def _concerned(self, name: str, point: Point) -> bool:
        last = self._last(name)
        if last is None:
            return False
        if point.phase is Phase.RESOLVE:
            return True
        return any(
            c.address == point.address and (c.failure is None or c.failure.phase in _PATH_PHASES)
            for c in last.connections
        )


def _points(world: World) -> dict[Point, list[str]]:
    known: dict[tuple[str, int, Phase], Point] = {}
    points: dict[Point, list[str]] = {}
    for target in world.targets:
        for point in _points_of(world, target):
            key = (point.address, point.port, point.phase)
            points.setdefault(known.setdefault(key, point), []).append(target.id)
    return points


def _points_of(world: World, target: Target) -> list[Point]:
    if target.endpoint.interval is not None:
        return []
    if target.endpoint.protocol is Protocol.DNS:
        return [Point(target.host, 53, Phase.RESOLVE, False, target)]
    if world.goes_by_proxy(target):
        host, _, port = PROXY.partition(":")
        return [Point(host, int(port), Phase.CONNECT, True, target)]
    stream = target.endpoint.protocol in _STREAMS
    if not stream and target.endpoint.prober != "nebula":
        return []
    phase = Phase.CONNECT if stream else Phase.EXCHANGE
    literal = target.host if is_literal(target.host) else None
    addresses = (literal, world.v4.get(target.host), world.v6.get(target.host))
    return [Point(a, target.port, phase, False, target) for a in addresses if a]

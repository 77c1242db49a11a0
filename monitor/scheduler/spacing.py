"""Even spacing of probes within each class of targets. Pure.

A class is everything that one fault can hit together: a port, a protocol, a zone, a group. If the
members of a class were probed at nearly the same moment, a fault of the class would stay unseen for
most of an interval. Each target gets the fraction of the interval that leaves the most even gaps in
its classes, and a few passes over all targets correct what the first ones could not know.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from monitor.model.target import Target

_CANDIDATES = (8, 128)
"""Fractions tried per target and pass (range): fewer for many targets, so that 4,000 take less than
1 s."""

_PASSES = 4
"""Maximum number of passes over the targets: further ones change nothing."""

_TRIES = 40_000

_UNEVENNESS = 6
"""Power of a gap's length in its cost: it makes the longest gap of a class decide."""


def classes_of(target: Target) -> tuple[tuple[str, float], ...]:
    """Return the classes of a target, with their weights.

    A group is what a name filter or an outage of a service hits, and only full probes show it: its
    weight makes four targets of a group nearly as even as they can be. Faults of a port are seen by
    pulses, too.
    """
    endpoint = target.endpoint
    zone = ".".join(target.host.split(".")[-2:])
    return (
        (f"group {target.group}", 8.0),
        (f"zone {zone}", 2.0),
        (f"host {target.host}", 1.0),
        (f"port {endpoint.protocol.value}/{target.port}", 0.1),
        ("all", 0.05),
    )


class Spacing:
    """Fractions of the interval by target. A target keeps its fraction while it exists, so a
    reload moves nothing else; a restart with the same targets gives the same fractions."""

    def __init__(self) -> None:
        self._fractions: dict[str, float] = {}

    def fraction(self, target_id: str) -> float:
        """Return the fraction of the interval at which a target is probed, 0 to 1."""
        return self._fractions.get(target_id, 0.0)

    def place(self, targets: Sequence[Target]) -> None:
        """Place the targets that have no fraction yet, and forget those that are gone."""
        places = Places(Counter(name for t in targets for name, _ in classes_of(t)))
        for target in targets:
            if target.id in self._fractions:
                places.take(target, self._fractions[target.id])
        new = [target for target in targets if target.id not in places.fractions]
        new.sort(key=lambda target: preferred_fraction(target.id))
        candidates, passes = effort(len(targets))
        for _ in range(passes):
            for target in new:
                places.move(target, candidates)
        self._fractions = places.fractions


def effort(targets: int) -> tuple[int, int]:
    """Return the number of fractions tried for each of several targets, and of passes."""
    few, many = _CANDIDATES
    candidates = max(few, min(many, _TRIES // max(1, targets)))
    return candidates, max(1, min(_PASSES, _TRIES // max(1, targets * candidates)))


def preferred_fraction(target_id: str) -> float:
    """Return the fraction at which the first target of its classes is placed: a hash of its id."""
    digest = hashlib.blake2b(target_id.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


@dataclass(slots=True)
class Places:
    """The fractions that are taken, by target and by class. ``sizes`` is the number of targets of
    each class when all are placed."""

    sizes: Counter[str]
    fractions: dict[str, float] = field(default_factory=dict)
    _taken: dict[str, list[float]] = field(default_factory=dict)

    def take(self, target: Target, fraction: float) -> None:
        """Put a target at a fraction."""
        self.fractions[target.id] = fraction
        for name, _ in classes_of(target):
            insort(self._taken.setdefault(name, []), fraction)

    def move(self, target: Target, candidates: int) -> None:
        """Put a target at the best of ``candidates`` fractions, beginning at the one it has."""
        start = self.fractions.pop(target.id, None)
        if start is None:
            start = preferred_fraction(target.id)
        else:
            for name, _ in classes_of(target):
                self._taken[name].remove(start)
        tried = [(start + number / candidates) % 1.0 for number in range(candidates)]
        self.take(target, min(tried, key=self.cost_of(target)))

    def cost_of(self, target: Target) -> Callable[[float], float]:
        """Return the cost of putting a target at a fraction: by how much it shortens the gap that
        it splits in each class, in terms of even gaps. The lowest cost is the best place."""
        classes = [
            (self._taken[name], self.sizes[name], weight)
            for name, weight in classes_of(target)
            if self._taken.get(name)
        ]

        def cost(fraction: float) -> float:
            return sum(
                weight / size * _split(fraction, taken, size) for taken, size, weight in classes
            )

        return cost


def _split(fraction: float, taken: Sequence[float], size: int) -> float:
    """Return what splitting a gap at ``fraction`` changes; gaps are in units of an even gap."""
    place = bisect_left(taken, fraction)
    before = (fraction - taken[place - 1]) % 1.0
    after = 1.0 - before if len(taken) == 1 else (taken[place % len(taken)] - fraction) % 1.0
    gap: float = (before * size) ** _UNEVENNESS + (after * size) ** _UNEVENNESS
    return gap - ((before + after) * size) ** _UNEVENNESS

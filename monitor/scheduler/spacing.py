"""Even spacing of probes within each class of targets. Pure.

A class is everything that one fault can hit together: a port, a protocol, a zone, a group. If the
members of a class were probed at nearly the same moment, a fault of the class would stay unseen for
most of an interval. Each target gets the fraction of the interval that is farthest from the members
of its classes that already have one.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence

from monitor.model.target import Target

_CANDIDATES = (8, 64)
"""Fractions tried per target (range): fewer for many targets, so that 4,000 take less than 1 s."""

_TRIES = 40_000


def classes_of(target: Target) -> tuple[str, ...]:
    """Return the classes of a target, the most important first."""
    endpoint = target.endpoint
    zone = ".".join(target.host.split(".")[-2:])
    return (
        f"port {endpoint.protocol.value}/{target.port}",
        f"group {target.group}",
        f"zone {zone}",
        f"host {target.host}",
        "all",
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
        known = {t.id: self._fractions[t.id] for t in targets if t.id in self._fractions}
        taken: dict[str, list[float]] = {}
        for target in targets:
            if target.id in known:
                _take(taken, target, known[target.id])
        count = candidates_per_target(len(targets))
        new = (t for t in targets if t.id not in known)
        for target in sorted(new, key=lambda t: preferred_fraction(t.id)):
            start = preferred_fraction(target.id)
            candidates = ((start + number / count) % 1.0 for number in range(count))
            known[target.id] = chosen = farthest(candidates, target, taken)
            _take(taken, target, chosen)
        self._fractions = known


def candidates_per_target(targets: int) -> int:
    """Return the number of fractions that are tried for each of several targets."""
    few, many = _CANDIDATES
    return max(few, min(many, _TRIES // max(1, targets)))


def preferred_fraction(target_id: str) -> float:
    """Return the fraction at which the first target of its classes is placed: a hash of its id."""
    digest = hashlib.blake2b(target_id.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def _take(taken: dict[str, list[float]], target: Target, fraction: float) -> None:
    for name in classes_of(target):
        insort(taken.setdefault(name, []), fraction)


def farthest(candidates: Iterable[float], target: Target, taken: dict[str, list[float]]) -> float:
    """Return the candidate with the best spacing, class by class: each class counts by the
    distance to its nearest member relative to an even spacing of the class."""
    members = [taken[name] for name in classes_of(target) if name in taken]
    if not members:
        return next(iter(candidates))

    def spacing(candidate: float) -> float:
        return sum(
            min(1.0, _distance(candidate, fractions) * (len(fractions) + 1))
            for fractions in members
        )

    return max(candidates, key=spacing)


def _distance(candidate: float, fractions: list[float]) -> float:
    """Return the circular distance to the nearest fraction."""
    place = bisect_left(fractions, candidate)
    before = fractions[place - 1]
    after = fractions[place % len(fractions)]
    return min((candidate - before) % 1.0, (after - candidate) % 1.0)

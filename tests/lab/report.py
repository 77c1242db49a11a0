"""Runs fault cases against the monitor in the lab and tells what it named, and how fast."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.lab.faults import Fault
from tests.lab.world import World

Incidents = list[dict[str, object]]


@dataclass(frozen=True)
class Result:
    """What the monitor said of one fault. Seconds are None where it never did."""

    fault: Fault
    incidents: Incidents
    declared: float | None
    recovered: float | None
    expected: frozenset[str]
    told: frozenset[str]

    @property
    def right(self) -> bool:
        """Whether it was named, bounded and forgotten as it should be."""
        return self.declared is not None and self.recovered is not None

    def row(self) -> str:
        """Write it as a row of the table."""
        named = "; ".join(f"{i['cause']}, {i['scope']}" for i in self.incidents) or "nothing"
        extra = self.told - self.expected
        missing = self.expected - self.told
        wrong = "".join(
            [f" +{n}" for n in sorted(extra)[:3]] + [f" -{n}" for n in sorted(missing)[:3]]
        )
        cells = (
            self.fault.name,
            f"{self.fault.cause}, {self.fault.scope}",
            named,
            f"{len(self.told)} of {len(self.expected)}{wrong}",
            _seconds(self.declared),
            _seconds(self.recovered),
            "right" if self.right else "**wrong**",
        )
        return f"| {' | '.join(cells)} |"


HEADER = """| fault | expected | named | affected | declared after, s | recovered after, s | |
| --- | --- | --- | --- | --- | --- | --- |"""


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def run_case(world: World, fault: Fault, patience: float) -> Result:
    """Apply a fault to a world that is all green, wait until it is named, and lift it."""
    expected = fault.expected(world.targets)
    seen: Incidents = []

    def named() -> bool:
        seen[:] = incidents(world)
        told = frozenset(str(i) for x in seen for i in _affected(x))
        return len(seen) == 1 and matches(fault, seen[0]) and told == expected

    fault.apply(world)
    try:
        declared = _until(named, patience)
        told = frozenset(str(i) for x in seen for i in _affected(x))
        kept = list(seen)
    finally:
        fault.lift(world)
    recovered = _until(lambda: all_green(world), patience)
    return Result(fault, kept, declared, recovered, expected, told)


def matches(fault: Fault, incident: dict[str, object]) -> bool:
    return (incident["cause"], incident["scope"]) == (fault.cause.value, fault.scope.value)


def incidents(world: World) -> Incidents:
    document = world.get("/api/v1/incidents") or {}
    return list(document.get("incidents", []))  # type: ignore[call-overload]


def _affected(incident: dict[str, object]) -> Iterable[object]:
    return list(incident["affected"])  # type: ignore[call-overload]


def all_green(world: World) -> bool:
    document = world.get("/api/v1/targets") or {}
    targets: list[dict[str, object]] = document.get("targets", [])  # type: ignore[assignment]
    green = bool(targets) and all(target["state"] == "up" for target in targets)
    return green and not incidents(world)


def _until(holds: Callable[[], bool], patience: float) -> float | None:
    started = time.monotonic()
    while time.monotonic() - started < patience:
        if holds():
            return time.monotonic() - started
        time.sleep(0.1)
    return None

"""Runs cases against the monitor in the lab and tells what it named, and how fast."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from monitor.model import Scope
from tests.lab.fault import Fault, Setting
from tests.lab.world import World

LOOPBACK = "127.0.0.1"
EGRESS_BOUND = 5.0
"""Seconds within which a loss of everything has to be declared, whatever the interval."""

Incidents = list[dict[str, object]]


@dataclass(frozen=True)
class Pace:
    """How often the monitor probes and how long a probe may take; ``slack`` is what naming a
    fault may take beyond the interval. Seconds."""

    interval: float = 10.0
    timeout: float = 2.0
    slack: float = 5.0

    def bound(self, fault: Fault) -> float:
        """Seconds within which a fault has to be declared."""
        return EGRESS_BOUND if fault.scope is Scope.ALL_EGRESS else self.interval + self.slack

    @property
    def patience(self) -> float:
        """Seconds after which a fault counts as never named."""
        return 2 * self.interval + 15.0


@dataclass(frozen=True)
class Result:
    """What the monitor said of one fault. Seconds are None where it never did, and for a fault
    that is to open no incident: until its cause and scope were named (``declared``), until
    every affected target was told too (``complete``), until all was well again after it was
    lifted (``recovered``)."""

    fault: Fault
    incidents: Incidents
    right: bool
    late: bool
    declared: float | None
    complete: float | None
    recovered: float | None
    expected: frozenset[str]
    told: frozenset[str]

    def row(self) -> str:
        """Write it as a row of the table."""
        named = "; ".join(f"{i['cause']}, {i['scope']}" for i in self.incidents) or "no incident"
        extra, missing = sorted(self.told - self.expected), sorted(self.expected - self.told)
        wrong = "".join([f" +{n}" for n in extra[:3]] + [f" -{n}" for n in missing[:3]])
        cells = (
            self.fault.name,
            self.fault.claim,
            named,
            f"{len(self.told)} of {len(self.expected)}{wrong}",
            _seconds(self.declared),
            _seconds(self.complete),
            _seconds(self.recovered),
            ("late" if self.late else "right") if self.right else "**wrong**",
        )
        return f"| {' | '.join(cells)} |"


HEADER = """| fault | expected | named | affected | declared, s | complete, s | recovered, s | |
| --- | --- | --- | --- | --- | --- | --- | --- |"""


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def run_cases(world: World, faults: Sequence[Fault], pace: Pace) -> Iterator[Result]:
    """Run each case, those of one setting in a row. A monitor that is wrong about one case
    starts afresh for the next."""
    for setting in dict.fromkeys(fault.setting for fault in faults):
        setting.prepare(world)
        start(world, setting, pace)
        for fault in (f for f in faults if f.setting == setting):
            result = run_case(world, fault, pace)
            yield result
            if not result.right:
                start(world, setting, pace)
        setting.dismantle(world)


def start(world: World, setting: Setting, pace: Pace, listen: str = LOOPBACK) -> None:
    """Run the monitor in a setting, and wait until all is well.

    Raises:
        AssertionError: if something never gets well.
    """
    config = world.config(
        interval=f"{pace.interval:g}s",
        timeout=f"{pace.timeout:g}s",
        tables=setting.tables,
        listen=listen,
    )
    world.monitor(config, setting.environ)
    if _until(lambda: world.green, pace.patience + 15) is None:
        ill = [(t["id"], t["cause"]) for t in world.shown() if t["state"] != "up"]
        raise AssertionError(f"the lab does not get green ({setting.name}): {ill}")


def run_case(world: World, fault: Fault, pace: Pace) -> Result:
    """Apply a fault to a world that is all green, wait until it is named, and lift it."""
    expected = fault.expected(world.targets)
    seen: Incidents = []
    declared: float | None = None
    begun = time.monotonic()

    def named() -> bool:
        nonlocal declared
        seen[:] = world.incidents()
        if len(seen) != 1 or not _matches(fault, seen[0]):
            declared = None
            return False
        declared = declared or time.monotonic() - begun
        return _affected(seen) == expected and fault.says in str(seen[0]["detail"])

    fault.breakage.apply(world)
    begun = time.monotonic()
    try:
        if fault.cause is None:
            complete = None
            calm = _until(lambda: bool(world.incidents()), pace.bound(fault)) is None
            right = calm and fault.fact(world)
            seen[:] = world.incidents()
        else:
            complete = _until(named, pace.patience)
            right = complete is not None
        kept = list(seen)
    finally:
        fault.breakage.lift(world)
    recovered = _until(lambda: world.green, pace.patience)
    return Result(
        fault=fault,
        incidents=kept,
        right=right and recovered is not None,
        late=max(declared or 0, recovered or 0) > pace.bound(fault),
        declared=declared,
        complete=complete,
        recovered=recovered,
        expected=expected,
        told=_affected(kept),
    )


def _matches(fault: Fault, incident: dict[str, object]) -> bool:
    wanted = (fault.cause, fault.scope, fault.state)
    return (incident["cause"], incident["scope"], incident["state"]) == wanted


def _affected(incidents: Incidents) -> frozenset[str]:
    return frozenset(str(i) for incident in incidents for i in list(incident["affected"]))  # type: ignore[call-overload]


def _until(holds: Callable[[], bool], patience: float) -> float | None:
    started = time.monotonic()
    while time.monotonic() - started < patience:
        if holds():
            return time.monotonic() - started
        time.sleep(0.1)
    return None

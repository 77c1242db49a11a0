"""Runs cases against the monitor in the lab and tells what it named, and how fast."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from monitor.model.incident import Scope
from monitor.model.state import State
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
        usual = self.interval + self.slack
        return (EGRESS_BOUND if fault.scope is Scope.ALL_EGRESS else usual) + fault.takes

    @property
    def patience(self) -> float:
        """Seconds after which a fault counts as never named."""
        return 2 * self.interval + 15.0


@dataclass(frozen=True)
class Result:
    """What the monitor said of one fault. Seconds are None where it never did, and for a fault
    that is to open no incident: until its cause and scope were named (``declared``), until
    every affected target was told too (``complete``), until all was well again after it was
    lifted (``recovered``). ``ill`` are the targets that were not."""

    fault: Fault
    incidents: Incidents
    right: bool
    late: bool
    declared: float | None
    complete: float | None
    recovered: float | None
    expected: frozenset[str]
    told: frozenset[str]
    ill: tuple[str, ...] = ()

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
            " ".join((_seconds(self.recovered), *self.ill)),
            ("late" if self.late else "right") if self.right else "**wrong**",
        )
        return f"| {' | '.join(cells)} |"


SUMMARY_HEADER = """| fault | right | declared, s | all affected known, s | recovered, s |
| --- | --- | --- | --- | --- |"""


def summary(results: Sequence[Result]) -> str:
    """Write the runs of one fault as a row: how many were right, and median and maximum of
    each time."""
    cells = (
        results[0].fault.name,
        f"{sum(result.right for result in results)} of {len(results)}",
        _spread([result.declared for result in results]),
        _spread([result.complete for result in results]),
        _spread([result.recovered for result in results]),
    )
    return f"| {' | '.join(cells)} |"


def _spread(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{median(known):.1f}, max {max(known):.1f}" if known else "-"


HEADER = """| fault | expected | named | affected | declared, s | complete, s | recovered, s | |
| --- | --- | --- | --- | --- | --- | --- | --- |"""


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


class Runner:
    """Runs cases one after the other, with a monitor that is well before each. It starts afresh
    before it would see a target fall once more: what falls often flaps, and stays degraded."""

    def __init__(self, world: World, pace: Pace) -> None:
        self._world = world
        self._pace = pace
        self._setting: Setting | None = None
        self._broken: set[str] = set()

    def run(self, fault: Fault) -> Result:
        """Run one case in its setting."""
        hit = fault.expected(self._world.targets)
        if fault.setting is not self._setting:
            if self._setting:
                self._setting.dismantle(self._world)
            self._setting = fault.setting
            self._setting.prepare(self._world)
            self._start()
        elif self._broken & hit:
            self._start()
        self._broken |= hit
        result = run_case(self._world, fault, self._pace)
        if not result.right:
            self._start()
        return result

    def _start(self) -> None:
        assert self._setting is not None
        start(self._world, self._setting, self._pace)
        self._broken.clear()


def start(world: World, setting: Setting, pace: Pace, listen: str = LOOPBACK) -> None:
    """Run the monitor in a setting, and wait until all is well.

    Raises:
        AssertionError: if something never gets well.
    """
    config = world.config(
        interval=setting.interval or pace.interval,
        timeout=setting.timeout or pace.timeout,
        tables=setting.tables,
        listen=listen,
    )
    world.monitor(config, setting.environ)
    if _until(lambda: world.green, pace.patience + 15) is None:
        raise AssertionError(f"the lab does not get green ({setting.name}): {world.ill}")
    time.sleep(setting.warm_up)


def run_case(world: World, fault: Fault, pace: Pace) -> Result:
    """Apply a fault to a world that is all green, wait until it is named, and lift it."""
    watch = _Watch(world, fault)
    fault.breakage.apply(world)
    try:
        if fault.cause is None:
            calm = _until(lambda: bool(world.incidents()), pace.bound(fault)) is None
            right, complete = calm and fault.fact(world), None
        else:
            complete = _until(watch.complete, pace.patience + fault.takes, watch.begun)
            right = complete is not None and not watch.too_bad
        watch.look()
        kept, declared = watch.incidents, watch.declared
    finally:
        fault.breakage.lift(world)
    recovered = _until(lambda: world.green, pace.patience + fault.takes)
    ill = () if recovered is not None else world.ill
    return Result(
        fault=fault,
        incidents=kept,
        right=right and recovered is not None,
        late=max(declared or 0, recovered or 0) > pace.bound(fault),
        declared=declared,
        complete=complete,
        recovered=recovered,
        expected=watch.expected,
        told=affected(kept),
        ill=ill,
    )


class _Watch:
    """Looks at what the monitor says of a fault that is about to be applied."""

    def __init__(self, world: World, fault: Fault) -> None:
        self._world = world
        self._fault = fault
        self.begun = time.monotonic()
        self.expected = fault.expected(world.targets)
        self.incidents: Incidents = []
        self.declared: float | None = None
        self.too_bad = False

    def look(self) -> None:
        self.incidents = self._world.incidents()

    def complete(self) -> bool:
        """Whether there is one incident, the right one, with all that it affects."""
        self.look()
        down = any(i["state"] == State.DOWN for i in self.incidents)
        self.too_bad |= down and self._fault.state is not State.DOWN
        if len(self.incidents) != 1 or not _matches(self._fault, self.incidents[0]):
            self.declared = None
            return False
        self.declared = self.declared or time.monotonic() - self.begun
        said = self._fault.says in str(self.incidents[0]["detail"])
        return said and affected(self.incidents) == self.expected


def _matches(fault: Fault, incident: dict[str, object]) -> bool:
    wanted = (fault.cause, fault.scope, fault.state)
    return (incident["cause"], incident["scope"], incident["state"]) == wanted


def affected(incidents: Incidents) -> frozenset[str]:
    """Return the ids of the targets of all incidents."""
    return frozenset(str(i) for incident in incidents for i in list(incident["affected"]))  # type: ignore[call-overload]


def _until(
    holds: Callable[[], bool], patience: float, started: float | None = None
) -> float | None:
    """Return after how many seconds something held; None if it did not in time."""
    started = started or time.monotonic()
    while time.monotonic() - started < patience:
        if holds():
            return time.monotonic() - started
        time.sleep(0.1)
    return None

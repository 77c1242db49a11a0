"""Runs cases against the monitor in the lab and tells what it named, and how fast."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from monitor.model.causes import Cause
from monitor.model.incident import Scope
from monitor.model.state import State
from tests.lab.fault import Fault, Setting
from tests.lab.witness import Witness
from tests.lab.world import World

LOOPBACK = "127.0.0.1"
OPENED_LIMIT = 2
"""Incidents that one fault may open: 2."""

EGRESS_BOUND = 5.0
"""Seconds within which a loss of everything has to be declared, whatever the interval."""

Incidents = list[dict[str, object]]


@dataclass(frozen=True)
class Pace:
    """How often the monitor probes and how long a probe may take; ``slack`` is what naming a
    fault may take beyond the interval, ``after`` how long it is watched once all is well again.
    Seconds."""

    interval: float = 10.0
    timeout: float = 2.0
    slack: float = 5.0
    after: float = 5.0

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
    lifted (``recovered``). ``ill`` are the targets that were not. ``opened`` are the incidents
    that it opened, with their sentences; ``untrue`` are sentences that the evidence refutes."""

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
    opened: tuple[str, ...] = ()
    untrue: tuple[str, ...] = ()

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
            str(len(self.opened)),
            "; ".join(self.untrue).replace("|", "/") or "-",
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


COLUMNS = (
    "fault", "expected", "named", "affected", "declared, s", "complete, s", "recovered, s",
    "opened", "untrue", "",
)  # fmt: skip
HEADER = f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}"


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
        hit = fault.all_expected(self._world.targets)
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
        keys=setting.keys,
        tables=setting.tables,
        listen=listen,
    )
    world.monitor(config, setting.environ)
    if _until(lambda: world.green, pace.patience + 15) is None:
        raise AssertionError(f"the lab does not get green ({setting.name}): {world.ill}")
    time.sleep(setting.warm_up)


def run_case(world: World, fault: Fault, pace: Pace) -> Result:
    """Apply a fault to a world that is all green, wait until it is named, and lift it."""
    witness = Witness(world)
    for _ in range(fault.times):
        watch, right, complete = _while_broken(world, fault, pace, witness)
        recovered = _until(lambda: _is_well(world, witness), pace.patience + fault.takes)
        ill = () if recovered is not None else world.ill
        if recovered is None or not right:
            break
    _until(lambda: _never(witness), pace.after)
    few = len(witness.opened) <= OPENED_LIMIT * (1 + len(fault.beside)) * bool(fault.cause)
    return Result(
        fault=fault,
        incidents=watch.incidents,
        right=right and few and not witness.untrue and recovered is not None,
        late=max(watch.declared or 0, recovered or 0) > pace.bound(fault),
        declared=watch.declared,
        complete=complete,
        recovered=recovered,
        expected=watch.expected,
        told=affected(watch.incidents),
        ill=ill,
        opened=tuple(witness.opened.values()),
        untrue=tuple(witness.untrue.values()),
    )


def _while_broken(
    world: World, fault: Fault, pace: Pace, witness: Witness
) -> tuple[_Watch, bool, float | None]:
    """Break it until it is named; return what was seen, whether it was right, and when."""
    watch = _Watch(world, fault, witness)
    fault.breakage.apply(world)
    try:
        if fault.cause is None:
            calm = _until(lambda: bool(witness.look()), pace.bound(fault)) is None
            right, complete = calm and fault.fact(world), None
        else:
            complete = _until(watch.complete, pace.patience + fault.takes, watch.begun)
            right = complete is not None and not watch.too_bad
        watch.look()
    finally:
        fault.breakage.lift(world)
    return watch, right, complete


def _is_well(world: World, witness: Witness) -> bool:
    """Whether all is well, or what is open says that it works now: targets that came and went too
    often stay degraded for five minutes."""
    incidents = [i for i in witness.look() if i["cause"] != Cause.STARVED_HOST]
    if incidents:
        return all("works now" in str(i["detail"]) for i in incidents)
    return not world.ill


def _never(witness: Witness) -> bool:
    witness.look()
    return False


class _Watch:
    """Looks at what the monitor says of a fault that is about to be applied."""

    def __init__(self, world: World, fault: Fault, witness: Witness) -> None:
        self._witness = witness
        self._every = [(f, f.expected(world.targets)) for f in (fault, *fault.beside)]
        self.begun = time.monotonic()
        self.expected = fault.all_expected(world.targets)
        self.incidents: Incidents = []
        self.declared: float | None = None
        self.too_bad = False

    def look(self) -> None:
        # The machine that the lab runs on may be short of CPU: that is no part of the case.
        self.incidents = [i for i in self._witness.look() if i["cause"] != Cause.STARVED_HOST]

    def complete(self) -> bool:
        """Whether there is one incident for each fault, the right one, with all that it affects."""
        self.look()
        down = any(i["state"] == State.DOWN for i in self.incidents)
        self.too_bad |= down and all(f.state is not State.DOWN for f, _ in self._every)
        pairs = [
            (fault, expected, next((i for i in self.incidents if _matches(fault, i)), None))
            for fault, expected in self._every
        ]
        if len(self.incidents) != len(pairs) or any(found is None for *_, found in pairs):
            self.declared = None
            return False
        self.declared = self.declared or time.monotonic() - self.begun
        return all(
            found is not None and _is_complete(fault, expected, found)
            for fault, expected, found in pairs
        )


def _matches(fault: Fault, incident: dict[str, object]) -> bool:
    wanted = (fault.cause, fault.scope, fault.state)
    return (incident["cause"], incident["scope"], incident["state"]) == wanted


def _is_complete(fault: Fault, expected: frozenset[str], incident: dict[str, object]) -> bool:
    told = affected([incident])
    enough = told <= expected and len(told) >= fault.share * len(expected)
    return enough and fault.says in str(incident["detail"])


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

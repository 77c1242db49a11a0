"""Drives the lab: ``up`` to look at, ``fault`` to break it, ``report`` to run every case."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab.calm import stay_calm
from tests.lab.compare import compare
from tests.lab.fault import PLAIN, Fault
from tests.lab.faults import BY_NAME
from tests.lab.network import DOORSTEP_V4
from tests.lab.report import HEADER, SUMMARY_HEADER, Pace, Runner, start, summary
from tests.lab.world import World, world

WANTED = Path("/run/egress-monitor-lab")
"""Names the fault that the lab that is up is to have; empty for none."""


def main() -> int:
    """Run one command and return its exit status."""
    arguments = parse()
    if os.geteuid() != 0:
        sys.exit("the lab needs root: it makes network namespaces and packet filters")
    unknown = [name for name in arguments.names if name not in BY_NAME]
    if unknown:
        sys.exit(f"there is no fault {', '.join(unknown)}; these are:\n{names_of_faults()}")
    if arguments.command == "fault":
        return want(arguments.names)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    pace = Pace(arguments.interval, arguments.timeout, after=arguments.after)
    with laid() as lab:
        match arguments.command:
            case "up":
                return stay_up(lab, pace)
            case "compare":
                faults = in_order(BY_NAME[name] for name in arguments.names or BY_NAME)
                return compare(lab, faults, pace)
            case "calm":
                return stay_calm(lab, pace, arguments.minutes)
            case _:
                return report(lab, arguments.names or list(BY_NAME), pace, arguments.runs)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.lab", description=__doc__)
    parser.add_argument("command", choices=["up", "fault", "report", "calm", "compare"])
    parser.add_argument("names", nargs="*", help="faults: one for `fault`, some for `report`")
    parser.add_argument("--interval", type=float, default=Pace.interval, help="seconds")
    parser.add_argument("--timeout", type=float, default=Pace.timeout, help="seconds")
    parser.add_argument("--runs", type=int, default=1, help="how often `report` runs each fault")
    parser.add_argument("--after", type=float, default=Pace.after, help="seconds of calm watched")
    parser.add_argument("--minutes", type=float, default=5.0, help="how long `calm` takes")
    return parser.parse_intermixed_args()


def names_of_faults() -> str:
    """Return a line a fault, with what is expected of it."""
    width = max(map(len, BY_NAME))
    return "\n".join(f"  {name:{width}}  {fault.claim}" for name, fault in BY_NAME.items())


def want(names: list[str]) -> int:
    """Tell the lab that is up which fault to have."""
    if not WANTED.exists():
        sys.exit("no lab is up: start it with `make lab` in another terminal")
    WANTED.write_text("".join(names[:1]))
    if not names:
        print(f"every fault is lifted; NAME= takes one of these:\n{names_of_faults()}")
    return 0


@contextmanager
def laid() -> Iterator[World]:
    """Lay the lab in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="egress-lab-") as name, world(Path(name)) as lab:
        yield lab


def report(lab: World, names: list[str], pace: Pace, runs: int) -> int:
    """Run the cases and print the table; 1 if any went wrong."""
    print(HEADER, flush=True)
    results = []
    runner = Runner(lab, pace)
    faults = in_order(BY_NAME[name] for name in names)
    for fault in faults:
        for _ in range(runs):
            results.append(result := runner.run(fault))
            print(result.row(), flush=True)
    if runs > 1:
        print(f"\n{SUMMARY_HEADER}")
        for fault in faults:
            print(summary([result for result in results if result.fault is fault]))
    right = sum(result.right for result in results)
    late = sum(result.right and result.late for result in results)
    opened = [len(result.opened) / (1 + len(result.fault.beside)) for result in results]
    untrue = sum(len(result.untrue) for result in results)
    print(
        f"\n{right} of {len(results)} right, {late} of them late; interval {pace.interval:g} s; "
        f"{untrue} untrue sentences; incidents opened per fault: mean "
        f"{sum(opened) / len(opened):.2f}, max {max(opened):g}"
    )
    for result in results:
        if not result.right or len(result.opened) > 1 + len(result.fault.beside):
            last = [f"at the end: {i['detail']}" for i in result.incidents]
            print(f"\n{result.fault.name}", *result.opened, *last, *result.untrue, sep="\n  ")
    return int(right < len(results))


def in_order(faults: Iterable[Fault]) -> list[Fault]:
    """Return faults with those of one setting in a row."""
    every = list(faults)
    settings = list(dict.fromkeys(fault.setting for fault in every))
    return sorted(every, key=lambda fault: settings.index(fault.setting))


def stay_up(lab: World, pace: Pace) -> int:
    """Keep the lab up until it is interrupted: print what the monitor says, and break what
    ``fault`` names."""
    lab.network.open_door()
    start(lab, PLAIN, pace, "0.0.0.0")
    print(f"The monitor probes a small internet every {pace.interval:g} s.")
    print(f"Its page: http://{DOORSTEP_V4}:9242/  Break something: make lab-fault NAME=...")
    WANTED.write_text("")
    try:
        watch(lab, pace)
    except KeyboardInterrupt:
        return 0
    finally:
        WANTED.unlink(missing_ok=True)


def watch(lab: World, pace: Pace) -> None:
    """Follow what is wanted, and print each change of what the monitor says."""
    current: Fault | None = None
    setting, shown, begun = PLAIN, ["all well"], time.monotonic()
    while True:
        wanted = BY_NAME.get(WANTED.read_text().strip())
        if wanted is not current:
            if current:
                current.breakage.lift(lab)
            if wanted and wanted.setting is not setting:
                setting.dismantle(lab)
                setting = wanted.setting
                setting.prepare(lab)
                start(lab, setting, pace, "0.0.0.0")
            if wanted:
                wanted.breakage.apply(lab)
            current, begun = wanted, time.monotonic()
            print(f"-- {current.name if current else 'every fault is lifted'}", flush=True)
        said = [f"{i['scope']}: {i['detail']} {i['remediation']}" for i in lab.incidents()] or [
            "all well"
        ]
        if said != shown:
            seconds = time.monotonic() - begun
            print("\n".join(f"{seconds:5.1f} s  {line}" for line in said), flush=True)
            shown = said
        time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main())

"""Drives the lab by hand: ``python -m tests.lab report [NAME…]``, ``up``, ``list``, ``break``."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.lab.faults import BY_NAME, FAULTS
from tests.lab.report import HEADER, all_green, run_case
from tests.lab.world import World, world

COMMANDS = Path("/tmp/egress-monitor-lab")


def main() -> int:
    """Run one command and return its exit status."""
    parser = argparse.ArgumentParser(prog="tests.lab", description=__doc__)
    parser.add_argument("command", choices=["report", "up", "list", "break"])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--interval", default="6s")
    parser.add_argument("--timeout", default="2s")
    parser.add_argument("--patience", type=float, default=25.0)
    arguments = parser.parse_args()
    if arguments.command == "list":
        print("\n".join(BY_NAME))
        return 0
    if arguments.command == "break":
        COMMANDS.write_text("\n".join(arguments.names))
        return 0
    with tempfile.TemporaryDirectory() as name, world(Path(name)) as started:
        started.monitor(started.config(interval=arguments.interval, timeout=arguments.timeout))
        if arguments.command == "up":
            return stay(started)
        return report(started, arguments.names or list(BY_NAME), arguments.patience)


def report(started: World, names: list[str], patience: float) -> int:
    """Run the cases and print the table; 1 if any went wrong."""
    wait_green(started)
    print(HEADER, flush=True)
    wrong = 0
    for name in names:
        result = run_case(started, BY_NAME[name], patience)
        print(result.row(), flush=True)
        wrong += not result.right
        if not result.right:
            wait_green(started)
    print(f"\n{len(names) - wrong} of {len(names)} right")
    return int(wrong > 0)


def wait_green(started: World) -> None:
    """Wait until nothing is wrong."""
    deadline = time.monotonic() + 60
    while not all_green(started):
        if time.monotonic() > deadline:
            sys.exit("the lab does not get green")
        time.sleep(0.2)


def stay(started: World) -> int:
    """Keep the lab up, print what the monitor says, and break what `break` names."""
    COMMANDS.unlink(missing_ok=True)
    current: list[str] = []
    shown = None
    while True:
        wanted = COMMANDS.read_text().split() if COMMANDS.exists() else []
        wanted = [name for name in wanted if name in BY_NAME]
        if wanted != current:
            for name in current:
                BY_NAME[name].lift(started)
            for name in wanted:
                BY_NAME[name].apply(started)
            current = wanted
        document = started.get("/api/v1/incidents") or {}
        open_ones = document.get("incidents", [])
        lines = [f"{i['scope']}: {i['detail']} {i['cure']}" for i in open_ones]  # type: ignore[attr-defined]
        if lines != shown:
            print("\n".join(lines) or "all well", flush=True)
            shown = lines
        time.sleep(0.5)


if __name__ == "__main__":
    assert len(BY_NAME) == len(FAULTS)
    sys.exit(main())

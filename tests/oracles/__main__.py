"""Record again what Go makes of the inputs of every oracle: ``python -m tests.oracles [NAME…]``."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def names() -> list[str]:
    """Return the oracles: the packages here that have a Go program."""
    return sorted(path.parent.name for path in HERE.glob("*/main.go"))


def record(name: str) -> int:
    """Run one oracle's Go program on its inputs and keep the verdicts; return their number."""
    inputs = importlib.import_module(f"tests.oracles.{name}.inputs").for_go()
    verdicts = json.loads(_go("run", str(HERE / name / "main.go"), stdin=json.dumps(inputs)))
    recorded: dict[str, Any] = {"recorded_by": _go("version").split()[2], "verdicts": verdicts}
    text = json.dumps(recorded, indent=1, sort_keys=True, ensure_ascii=False)
    (HERE / name / "verdicts.json").write_text(text + "\n")
    return len(verdicts)


def _go(*arguments: str, stdin: str = "") -> str:
    done = subprocess.run(
        ["go", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "GOTOOLCHAIN": "local"},
    )
    if done.returncode:
        sys.exit(f"go {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


if __name__ == "__main__":
    for oracle in sys.argv[1:] or names():
        print(f"{oracle}: {record(oracle)} verdicts")

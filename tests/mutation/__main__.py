"""Mutation testing: ``make mutants ARGS="--sample 200"``.

Each mutant is written to a copy of the tree, and the tests of its package run against it. A mutant
that no test notices survives and is printed with its place. The sample is reproducible by seed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.mutation.mutate import Mutant, mutants

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "diagnosis": ("monitor/diagnosis/*.py", ("tests/diagnosis",)),
    "incidents": ("monitor/incidents/**/*.py", ("tests/incidents", "tests/simulation")),
    "health": ("monitor/health/*.py", ("tests/health",)),
    "scheduling": (
        "monitor/scheduler/s*.py",
        tuple(f"tests/scheduler/test_{name}.py" for name in ("schedule", "spacing", "shard")),
    ),
    "path": ("monitor/model/path.py", ("tests/model",)),
}  # fmt: skip
SECONDS = 120
"""Time limit of the tests of one mutant; a mutant that hangs is killed."""


@dataclass(frozen=True)
class Case:
    """One mutant of one file."""

    package: str
    path: Path
    mutant: Mutant

    def __str__(self) -> str:
        where = f"{self.path}:{self.mutant.line}"
        return f"{where}: {self.mutant.before!r} -> {self.mutant.after!r}"


def main() -> int:
    """Print the score of each package and the survivors; return 0."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("packages", nargs="*", choices=[*PACKAGES, []], help="default: all")
    parser.add_argument("--sample", type=int, default=100, help="mutants per package")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        tree = Path(name) / "tree"
        ignored = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", ".cache")
        shutil.copytree(ROOT, tree, ignore=ignored)
        for package in arguments.packages or PACKAGES:
            report(package, tree, arguments.sample, Random(arguments.seed))
    return 0


def report(package: str, tree: Path, sample: int, random: Random) -> None:
    """Print the score of one package."""
    pattern, tests = PACKAGES[package]
    cases = [
        Case(package, path.relative_to(tree), mutant)
        for path in sorted(tree.glob(pattern))
        for mutant in mutants(path.read_text())
    ]
    chosen = random.sample(cases, min(sample, len(cases)))
    assert passes(tree, tests), f"the tests of {package} fail without a mutant"
    survivors = [case for case in chosen if survives(case, tree, tests)]
    killed = len(chosen) - len(survivors)
    share = killed / len(chosen) if chosen else 1.0
    print(f"{package}: {killed} of {len(chosen)} killed ({share:.0%}); {len(cases)} in all")
    for case in survivors:
        print(f"  survived {case}", flush=True)


def survives(case: Case, tree: Path, tests: tuple[str, ...]) -> bool:
    """Return whether the tests pass with the mutant."""
    path = tree / case.path
    source = path.read_text()
    try:
        path.write_text(case.mutant.apply(source))
        return passes(tree, tests)
    finally:
        path.write_text(source)


def passes(tree: Path, tests: tuple[str, ...]) -> bool:
    """Return whether tests pass in the copy of the tree."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            command, cwd=tree, capture_output=True, env=environment, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())

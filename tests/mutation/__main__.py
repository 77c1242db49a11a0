"""Mutation testing: ``make mutants ARGS="incidents --sample 200"``.

Changes the decision logic in one place each and runs the tests that call it. A mutant that no test
notices survives and is printed with its place; those that ``survivors.toml`` lists are printed with
the reason. The sample is reproducible by seed. Exit code 1: a package has less than 90 % killed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from random import Random

import pytest

from tests.mutation.fork import silence
from tests.mutation.fresh import OPTIONS, fresh_trial, warm_up
from tests.mutation.mutate import mutants
from tests.mutation.packages import PACKAGES, ROOT, Package
from tests.mutation.recorder import Recorder
from tests.mutation.session import Case, Outcome, Trials
from tests.mutation.survivors import Survivor, load_survivors

REQUIRED = 0.9
"""Share of mutants that the tests of a package must kill."""


def main() -> int:
    """Print the score of each package and the survivors."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("packages", nargs="*", choices=[*PACKAGES, []], help="default: all")
    parser.add_argument("--sample", type=int, default=100, help="mutants per package")
    parser.add_argument("--all", action="store_true", help="every mutant instead of a sample")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="files whose path has this part")
    arguments = parser.parse_args()
    warm_up()
    good = True
    for name in arguments.packages or PACKAGES:
        cases = cases_of(PACKAGES[name], arguments.only)
        if not arguments.all:
            count = min(arguments.sample, len(cases))
            cases = sorted(Random(arguments.seed).sample(cases, count), key=cases.index)
        good &= report(name, cases) >= REQUIRED
    return 0 if good else 1


def cases_of(package: Package, only: str = "") -> list[Case]:
    """Return every mutant of a package."""
    paths = [path.relative_to(ROOT) for path in package.files() if only in str(path)]
    return [Case(p, mutant) for p in paths for mutant in mutants((ROOT / p).read_text())]


def report(name: str, cases: Sequence[Case]) -> float:
    """Print the score of one package and its survivors. Return the share that was killed."""
    start = time.monotonic()
    outcomes = try_all(PACKAGES[name], cases)
    tried = {c: o for c, o in zip(cases, outcomes, strict=True) if o is not Outcome.SAME_CODE}
    survived = [case for case, outcome in tried.items() if outcome is Outcome.SURVIVED]
    listed = load_survivors()
    share = 1 - len(survived) / len(tried) if tried else 1.0
    survived.sort(key=lambda case: (case.path, case.mutant.line))
    reasons = [(case, reason_of(case, listed)) for case in survived]
    print(
        f"{name}: {len(tried) - len(survived)} of {len(tried)} killed ({share:.1%}); "
        f"{sum(bool(reason) for _, reason in reasons)} survivors are listed with a reason, "
        f"{sum(not reason for _, reason in reasons)} are not; {time.monotonic() - start:.0f} s"
    )
    for case, reason in reasons:
        print(f"  {case}: {reason or 'survived'}", flush=True)
    return share


def reason_of(case: Case, listed: Sequence[Survivor]) -> str:
    """Return the listed reason of a survivor, "" if it is not listed."""
    line = (ROOT / case.path).read_text().splitlines()[case.mutant.line - 1]
    return next((s.reason for s in listed if s.fits(str(case.path), line, case.mutant)), "")


def try_all(package: Package, cases: Sequence[Case]) -> list[Outcome]:
    """Try every mutant in one session; those that need it again in a fresh process."""
    outcomes = dict(enumerate(_session(package, cases)))
    for number, case in enumerate(cases):
        if outcomes[number] is Outcome.FRESH:
            outcomes[number] = fresh_trial(case, package.tests)
    return [outcomes[number] for number in range(len(cases))]


def _session(package: Package, cases: Sequence[Case]) -> list[Outcome]:
    """Return the outcomes of the trials in one pytest session, which is a fork of this process."""
    reading, writing = os.pipe()
    process = os.fork()
    if not process:
        os.close(reading)
        _try_in_session(package, cases, writing)
    os.close(writing)
    outcomes = []
    with os.fdopen(reading) as lines:
        for line in lines:
            outcomes.append(Outcome(line.strip()))
            if len(outcomes) % 100 == 0:
                print(f"  {len(outcomes)} of {len(cases)} tried", file=sys.stderr, flush=True)
    os.waitpid(process, 0)
    if len(outcomes) != len(cases):
        raise SystemExit(f"the session ended after {len(outcomes)} of {len(cases)} mutants")
    return outcomes


def _try_in_session(package: Package, cases: Sequence[Case], writing: int) -> None:
    status = 70
    try:
        silence(1)
        recorder = Recorder(frozenset(str(path) for path in package.files()))
        trials = Trials(cases, recorder, lambda o: os.write(writing, f"{o}\n".encode()))
        recorder.start()
        status = int(pytest.main([*OPTIONS, *package.tests], plugins=[trials]))
    finally:
        os._exit(status)


if __name__ == "__main__":
    sys.exit(main())

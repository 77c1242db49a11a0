"""Trials of mutants within one pytest session: every mutant is a fork of the collected tests.

The session first records which functions each test calls. The fork of a mutant exchanges the code
of the changed functions and runs the tests that call them, until one fails. Mutants that act while
modules are imported, and survivors whose function is called then, need a fresh trial.
"""

from __future__ import annotations

import gc
import pickle
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import CodeType, FunctionType

import pytest

from tests.mutation.bytecode import Difference, compiled, difference
from tests.mutation.fork import PASSED, forked
from tests.mutation.mutate import Mutant
from tests.mutation.packages import ROOT, mirror_of
from tests.mutation.recorder import Key, Recorder

CPU_SECONDS, CPU_TIMES = 3, 4
"""Limit of the CPU time of a trial: seconds, plus a multiple of the time without a mutant."""


class Outcome(StrEnum):
    """The outcome of a trial."""

    KILLED = "killed"
    SURVIVED = "survived"
    SAME_CODE = "same code"  # the compiler makes the same of it
    FRESH = "fresh"  # undecided: needs a trial that imports the mutant


@dataclass(frozen=True, slots=True)
class Case:
    """One mutant of one file (relative to the project)."""

    path: Path
    mutant: Mutant

    def __str__(self) -> str:
        where = f"{self.path}:{self.mutant.line}"
        return f"{where}: {self.mutant.before!r} -> {self.mutant.after!r}"


@dataclass(frozen=True, slots=True)
class Run:
    """One test without a mutant: its CPU time in seconds and the functions that it called."""

    seconds: float
    called: frozenset[Key]


class Trials:
    """A pytest plugin that tries mutants instead of running the collected tests once."""

    def __init__(
        self, cases: Sequence[Case], recorder: Recorder, report: Callable[[Outcome], object]
    ) -> None:
        self._cases = cases
        self._recorder = recorder
        self._report = report
        self._sources = {case.path: (ROOT / case.path).read_text() for case in cases}

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try every mutant and report each outcome."""
        self._recorder.stop()
        imported = frozenset(self._recorder.called)
        files = frozenset(str(ROOT / path) for path in self._sources)
        runs = _recorded(session, files)
        live = _live_functions(files)
        gc.collect()
        gc.freeze()  # the forks share the memory of everything that exists now
        codes = {p: compiled(ROOT / p, text) for p, text in self._sources.items()}
        for case in self._cases:
            source = case.mutant.apply(self._sources[case.path])
            change = difference(codes[case.path], compiled(ROOT / case.path, source))
            items = _tests_of(session.items, runs, change, case.path)
            limit = CPU_SECONDS + CPU_TIMES * sum(runs[item.nodeid].seconds for item in items)
            outcome = _tried(change, live, items, int(limit))
            if outcome is Outcome.SURVIVED and change.keys & imported:
                outcome = Outcome.FRESH
            self._report(outcome)
        return True


def _tried(
    change: Difference,
    live: Mapping[CodeType, list[FunctionType]],
    items: Sequence[pytest.Item],
    cpu_seconds: int,
) -> Outcome:
    if not change:
        return Outcome.SAME_CODE
    if change.body:
        return Outcome.FRESH

    def trial() -> int:
        for before, after in change.functions:
            for function in live.get(before, ()):
                function.__code__ = after
        return run(items)

    return Outcome.SURVIVED if forked(trial, cpu_seconds) == PASSED else Outcome.KILLED


def run(items: Sequence[pytest.Item]) -> int:
    """Run tests until one fails. Return ``PASSED`` if none does."""
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if item.session.testsfailed:
            return 1
    return PASSED


def _recorded(session: pytest.Session, files: frozenset[str]) -> dict[str, Run]:
    """Run every test in a fork and return what it calls. Exit if a test fails."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs"

        def measure() -> int:
            runs = {}
            for item in session.items:
                recorder, start = Recorder(files), time.process_time()
                recorder.start()
                status = run([item])
                recorder.stop()
                if status != PASSED:
                    path.write_bytes(pickle.dumps([item.nodeid]))
                    return status
                seconds = time.process_time() - start
                runs[item.nodeid] = Run(seconds, frozenset(recorder.called))
            path.write_bytes(pickle.dumps(runs))
            return PASSED

        status = forked(measure)
        found: dict[str, Run] = pickle.loads(path.read_bytes()) if path.exists() else {}
    if status != PASSED:
        message = f"a test fails without a mutant: {', '.join(found) or 'unknown'}"
        print(message, file=sys.stderr, flush=True)
        pytest.exit(message, status)
    return found


def _tests_of(
    items: Sequence[pytest.Item], runs: Mapping[str, Run], change: Difference, path: Path
) -> list[pytest.Item]:
    """Return the tests that call the changed functions: the module's own tests, then fast ones."""
    mirror = mirror_of(path)
    own = ROOT / mirror if mirror else None
    chosen = [item for item in items if runs[item.nodeid].called & change.keys]
    return sorted(chosen, key=lambda item: (item.path != own, runs[item.nodeid].seconds))


def _live_functions(files: frozenset[str]) -> dict[CodeType, list[FunctionType]]:
    functions: dict[CodeType, list[FunctionType]] = {}
    for found in gc.get_objects():
        if isinstance(found, FunctionType) and found.__code__.co_filename in files:
            functions.setdefault(found.__code__, []).append(found)
    return functions

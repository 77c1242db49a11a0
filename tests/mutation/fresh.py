"""Trials that import the mutant: constants, default values, and what runs during imports.

They start in the runner's own process, which has imported pytest and other libraries but nothing of
the project, so that a fork only imports the project and its tests.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.mutation.bytecode import compiled
from tests.mutation.fork import PASSED, forked
from tests.mutation.packages import ROOT, mirror_of
from tests.mutation.session import Case, Outcome

OPTIONS = ("-q", "-x", "--tb=no", "--assert=plain", "--capture=no", "-p", "no:cacheprovider")
_LIBRARIES = ("cryptography.x509", "hypothesis.strategies", "pytest_asyncio",
              "pytest_timeout", "structlog")  # fmt: skip


CPU_SECONDS = 60
"""Limit of the CPU time of a trial, imports included."""

EXAMPLES = 30
"""Examples of each property per trial: fewer than in the tests, so the score is a lower bound."""


def warm_up() -> None:
    """Import the libraries of the tests, and make hypothesis repeatable and quick to fail."""
    settings.register_profile(
        "mutants", derandomize=True, database=None, deadline=None, max_examples=EXAMPLES,
        phases=(Phase.explicit, Phase.generate), suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    settings.load_profile("mutants")
    for name in _LIBRARIES:
        importlib.import_module(name)


def fresh_trial(case: Case, tests: Sequence[str]) -> Outcome:
    """Run the module's own tests, then all tests, in a fork that imports the mutant."""
    source = case.mutant.apply((ROOT / case.path).read_text())
    mirror = mirror_of(case.path)

    def trial() -> int:
        sys.meta_path.insert(0, _Finder(case.path, source))
        status = pytest.main([*OPTIONS, str(mirror)]) if mirror else PASSED
        return int(status or pytest.main([*OPTIONS, *tests]))

    return Outcome.SURVIVED if forked(trial, CPU_SECONDS) == PASSED else Outcome.KILLED


class _Finder(MetaPathFinder):
    """Finds the mutant instead of the module."""

    def __init__(self, path: Path, source: str) -> None:
        parts = path.with_suffix("").parts
        self._name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        self._path = ROOT / path
        self._source = source

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        loader = _Loader(fullname, str(self._path), self._source)
        return spec_from_file_location(fullname, self._path, loader=loader)


class _Loader(SourceFileLoader):
    def __init__(self, fullname: str, path: str, source: str) -> None:
        super().__init__(fullname, path)
        self._source = source

    def get_code(self, _fullname: str) -> CodeType:
        return compiled(Path(self.path), self._source)

"""Mutants that no test can or should kill, each with the reason."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.mutate import Mutant

FILE = Path(__file__).with_name("survivors.toml")


@dataclass(frozen=True, slots=True)
class Survivor:
    """The mutants of one source line that replace ``before`` by ``after`` ("": every mutant)."""

    path: str
    line: str
    reason: str
    before: str = ""
    after: str = ""

    def fits(self, path: str, line: str, mutant: Mutant) -> bool:
        """Return whether this entry is about a mutant of a source line."""
        return (
            (self.path, self.line) == (path, line.strip())
            and self.before in {"", mutant.before}
            and self.after in {"", mutant.after}
        )


def load_survivors(file: Path = FILE) -> tuple[Survivor, ...]:
    """Return the listed survivors."""
    return tuple(Survivor(**entry) for entry in tomllib.loads(file.read_text())["survivor"])

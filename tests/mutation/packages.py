"""The packages whose decision logic is measured, with the tests that must notice a mutant."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Package:
    """Sources (glob patterns) and tests (files and folders), relative to the project."""

    sources: tuple[str, ...]
    tests: tuple[str, ...]

    def files(self, root: Path = ROOT) -> tuple[Path, ...]:
        """Return the source files in a stable order."""
        return tuple(sorted({path for pattern in self.sources for path in root.glob(pattern)}))


def _modules(package: str, *names: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    sources = tuple(f"monitor/{package}/{name}.py" for name in names)
    tests = (f"tests/{package}/test_{name}.py" for name in names)
    return sources, tuple(test for test in tests if (ROOT / test).exists())


_SCHEDULER = _modules(
    "scheduler", "spacing", "schedule", "shard", "pulse_plan", "corroborate", "probe_request"
)
_LIMITS = _modules("common", "rate_limit")

PACKAGES = {
    "diagnosis": Package(("monitor/diagnosis/*.py",), ("tests/diagnosis",)),
    "incidents": Package(("monitor/incidents/**/*.py",), ("tests/incidents",)),
    "health": Package(("monitor/health/*.py",), ("tests/health",)),
    "scheduling": Package(_SCHEDULER[0] + _LIMITS[0], _SCHEDULER[1] + _LIMITS[1]),
    "path": Package(
        ("monitor/model/path.py", "monitor/net/path/ranges.py"),
        ("tests/model/test_path.py", "tests/net/path/test_ranges.py"),
    ),
}


def mirror_of(source: Path) -> Path | None:
    """Return the test file that has the name of a module (both relative to the project)."""
    mirror = Path("tests", *source.parent.parts[1:], f"test_{source.stem}.py")
    return mirror if (ROOT / mirror).exists() else None

"""Imports between the parts of ``monitor`` point one way, as docs and CONTRIBUTING say."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import monitor

PACKAGE = Path(monitor.__file__).parent
LAYERS = (
    {"__init__", "files", "formats", "model", "settings", "shapes", "text"},
    {
        "baseline", "catalog", "config", "diagnosis", "discovery_view", "events", "flapping",
        "gateways", "health", "history", "history_file", "issuers", "lag", "net", "quality",
        "redundancy",
        "schedule", "shard", "state", "view", "vitals",
    },
    {"export", "identity", "probes", "web"},
    {"engine"},
    {
        "announce", "check", "check_formats", "companions", "csv_text", "daemon", "demo",
        "discovery", "firewall", "live", "logs", "memory", "report", "second_look", "survey",
        "terminal", "watch",
    },
    {"__main__", "cli", "commands"},
)  # fmt: skip
"""From the bottom up. A part imports its own layer and those below."""

RANK = {part: rank for rank, layer in enumerate(LAYERS) for part in layer}


def parts_imported(source: str) -> Iterator[str]:
    """The parts of ``monitor`` that a module imports anywhere in it."""
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "monitor":
            names = [f"monitor.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        for name in names:
            package, _, rest = name.partition(".")
            if package == "monitor" and not rest.startswith("__version__"):
                yield rest.partition(".")[0] or "__init__"


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_a_module_imports_its_own_layer_and_those_below(path: Path) -> None:
    own = RANK[part_of(path)]
    above = {part for part in parts_imported(path.read_text()) if RANK[part] > own}
    assert above == set()


def test_the_net_is_below_everything_that_judges() -> None:
    below = {"net", "model", "settings", "shapes", "text"}
    for path in (PACKAGE / "net").rglob("*.py"):
        assert set(parts_imported(path.read_text())) <= below

"""Imports between the packages of ``monitor`` point one way, as docs/architecture.md describes."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import monitor

PACKAGE = Path(monitor.__file__).parent

_NET = (
    "common", "model",
    "net", "net.aws", "net.dns", "net.http", "net.path", "net.proxy", "net.sockets",
)  # fmt: skip
_PURE = ("common", "model", "diagnosis", "health", "incidents", "catalog", "net.proxy")
_UPPER = (
    *_PURE,
    "config",
    "net",
    "net.aws",
    "net.dns",
    "net.http",
    "net.path",
    "net.sockets",
    "present",
)

ALLOWED: Mapping[str, tuple[str, ...]] = {
    "common": (),
    "model": ("common",),
    "net": ("common", "model"),
    "net.sockets": ("common", "model", "net"),
    "net.proxy": ("common", "model"),
    "net.aws": ("common", "model", "net", "net.http", "net.sockets"),
    "net.dns": ("common", "model", "net", "net.sockets"),
    "net.path": ("common", "model", "net", "net.sockets"),
    "net.http": ("common", "model", "net", "net.sockets"),
    "diagnosis": ("common", "model", "net.aws", "net.dns", "net.sockets"),
    "probes": _NET,
    "health": ("common", "model", "diagnosis"),
    "catalog": ("common", "model", "diagnosis"),
    "incidents": ("common", "model", "diagnosis", "health", "catalog"),
    "state": ("common", "model", "diagnosis", "health", "incidents", "net", "net.proxy"),
    "config": ("common", "model", "catalog", "net.proxy"),
    "present": (*_PURE, "state", "config", "net.path"),
    "scheduler": (*_NET, "probes", "diagnosis", "health", "incidents", "catalog", "state"),
    "discovery": (*_NET, "probes", "health", "catalog", "scheduler", "state"),
    "export": (),
    "export.metrics": (*_PURE, "state", "present", "net"),
    "export.mqtt": (*_NET, "probes", "health", "diagnosis", "present", "state"),
    "export.remote_write": (*_NET, "probes", "export.metrics", "health", "state"),
    "web": (*_UPPER, "state", "scheduler", "export.metrics", "discovery"),
    "daemon": (
        *_UPPER, "probes", "state", "scheduler", "discovery", "web",
        "export", "export.metrics", "export.mqtt", "export.remote_write",
    ),
    "demo": (*_UPPER, "state", "scheduler", "web", "daemon"),
    "cli": (*_UPPER, "probes", "state", "scheduler", "discovery", "web", "daemon", "demo"),
    "__main__": ("cli", "daemon"),
    "__init__": (),
}  # fmt: skip
"""The packages that each package may import from, apart from its own modules."""


def package_of(module: str, known: Mapping[str, tuple[str, ...]] = ALLOWED) -> str:
    """Return the package of a module below ``monitor`` ("net.dns.client" -> "net.dns")."""
    first, _, rest = module.partition(".")
    nested = f"{first}.{rest.partition('.')[0]}"
    return nested if nested in known else first or "__init__"


def imported_modules(source: str) -> Iterator[str]:
    """Yield the modules below ``monitor`` that a source text imports anywhere."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            package, _, rest = name.partition(".")
            if package == "monitor":
                yield rest


def forbidden_imports(module: str, source: str) -> list[str]:
    """Return the packages that ``module`` (below ``monitor``) imports without permission."""
    own = package_of(module)
    used = {package_of(name) for name in imported_modules(source) if name != "__version__"}
    return sorted(used - {own} - set(ALLOWED[own]))


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_a_module_imports_only_what_its_package_may(path: Path) -> None:
    assert forbidden_imports(module_of(path), path.read_text()) == []


@pytest.mark.parametrize(
    ("module", "source", "expected"),
    [
        ("health.machine", "from monitor.present import json_view", ["present"]),
        ("health.machine", "from monitor.present.json_view import target_view", ["present"]),
        ("health.machine", "import monitor.web.server", ["web"]),
        ("health.machine", "def f():\n    from monitor.scheduler import loop", ["scheduler"]),
        ("health.machine", "from monitor import cli", ["cli"]),
        ("net.dns.client", "from monitor.net.http import http1", ["net.http"]),
        ("net.dns.client", "from monitor.diagnosis.causes import diagnose", ["diagnosis"]),
        ("common.sanitize", "from monitor.model.target import Target", ["model"]),
        ("incidents.lifecycle", "from monitor.state.store import StateStore", ["state"]),
        ("scheduler.loop", "from monitor.daemon.app import Daemon", ["daemon"]),
        ("export.metrics.family", "from monitor.web.api import x", ["web"]),
        ("health.machine", "from monitor.health.baseline import x\nimport asyncio", []),
        ("web.server", "from monitor import __version__", []),
    ],
)
def test_a_forbidden_import_is_found(module: str, source: str, expected: list[str]) -> None:
    assert forbidden_imports(module, source) == expected


def test_the_allowed_imports_have_no_cycle() -> None:
    remaining = {package: set(allowed) for package, allowed in ALLOWED.items()}
    while remaining:
        free = [package for package, allowed in remaining.items() if not allowed & set(remaining)]
        assert free, f"these import each other: {sorted(remaining)}"
        for package in free:
            del remaining[package]


def test_only_packages_lie_in_the_top_folder() -> None:
    modules = {path.name for path in PACKAGE.glob("*.py")}
    assert modules == {"__init__.py", "__main__.py"}


def test_every_package_has_its_allowance() -> None:
    packages = {package_of(module_of(path)) for path in PACKAGE.rglob("*.py")}
    assert packages == set(ALLOWED)

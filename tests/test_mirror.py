"""The tests mirror the modules name for name, or name the modules that they cover.

A line ``Covers: monitor/web/pages/*.py`` in the docstring of a test file names modules that are
tested as a whole there: a page by its HTML, a protocol by a real peer.
"""

from __future__ import annotations

import ast
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(
    str(path.relative_to(ROOT))
    for path in ROOT.glob("monitor/**/*.py")
    if path.name not in {"__init__.py", "__main__.py"}
)
PACKAGES = {path.name for path in (ROOT / "monitor").iterdir() if (path / "__init__.py").exists()}
TESTS = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("tests/**/test_*.py"))

EXEMPT = {
    "monitor/cli/demo.py": "starts the demonstration, which tests/demo runs",
    "monitor/common/config_places.py": "names of files and variables",
    "monitor/model/diagnosis.py": "a value without behavior",
    "monitor/model/discovery.py": "values without behavior",
    "monitor/model/groups.py": "the name of one group",
    "monitor/model/identity.py": "a value without behavior",
    "monitor/model/incident.py": "values without behavior",
    "monitor/model/settings.py": "values without behavior; tests/config reads them",
    "monitor/model/starvation.py": "values without behavior",
    "monitor/model/state.py": "an enumeration without behavior",
}
"""Modules without a test of their own, with the reason."""


def covered_by(text: str) -> list[str]:
    """Return the patterns of a test file's ``Covers:`` line; it ends with an empty line."""
    docstring = ast.get_docstring(ast.parse(text)) or ""
    found = re.search(r"^Covers: (.+?)(?:\n\n|\Z)", docstring, re.MULTILINE | re.DOTALL)
    return re.split(r",\s+", found[1].strip()) if found else []


def mirror_of(module: str) -> str:
    path = Path(module)
    return str(Path("tests", *path.parent.parts[1:], f"test_{path.name}"))


def unmirrored(modules: list[str], tests: list[str], covers: dict[str, list[str]]) -> list[str]:
    """Return the modules that no test file has the name of, or covers."""
    patterns = [pattern for listed in covers.values() for pattern in listed]
    return [
        module
        for module in modules
        if mirror_of(module) not in tests and not any(fnmatch(module, p) for p in patterns)
    ]


COVERS = {test: covered_by((ROOT / test).read_text()) for test in TESTS}


def test_every_module_has_its_test() -> None:
    missing = [m for m in unmirrored(MODULES, TESTS, COVERS) if m not in EXEMPT]
    assert missing == [], "add a test of that name, or a line 'Covers: ...' where it is tested"


def test_an_exemption_is_needed_and_has_a_reason() -> None:
    assert set(EXEMPT) <= set(unmirrored(MODULES, TESTS, COVERS))
    assert all(len(reason.split()) > 2 for reason in EXEMPT.values())


def belongs(test: str, modules: list[str]) -> bool:
    """Whether a test file begins with the name of a module or package of its own package."""
    path = Path(test)
    own = Path("monitor", *path.parent.parts[1:])
    names = {Path(m).stem for m in modules if Path(m).parent == own}
    names |= {Path(m).parent.name for m in modules if Path(m).parent.parent == own}
    subject = path.stem.removeprefix("test_")
    return any(subject == name or subject.startswith(f"{name}_") for name in names)


@pytest.mark.parametrize("test", [t for t in TESTS if Path(t).parts[1] in PACKAGES])
def test_a_test_file_has_the_name_of_a_module_or_says_what_it_covers(test: str) -> None:
    assert belongs(test, MODULES) or COVERS[test], "add a line: Covers: monitor/..."


@pytest.mark.parametrize("test", [test for test in TESTS if COVERS[test]])
def test_what_a_test_file_covers_exists(test: str) -> None:
    for pattern in COVERS[test]:
        assert any(fnmatch(module, pattern) for module in MODULES), pattern


def test_a_module_without_a_test_is_found() -> None:
    modules = ["monitor/net/dns/client.py", "monitor/net/ntp.py", "monitor/web/pages/target.py"]
    tests = ["tests/net/dns/test_client.py", "tests/net/test_client.py", "tests/web/test_pages.py"]
    assert unmirrored(modules, tests, {}) == modules[1:]
    assert unmirrored(modules, tests, {tests[2]: ["monitor/web/pages/*.py"]}) == modules[1:2]


def test_a_test_of_one_aspect_begins_with_the_name_of_its_module() -> None:
    modules = ["monitor/net/dns/resolver.py", "monitor/web/pages/target.py"]
    assert belongs("tests/net/dns/test_resolver.py", modules)
    assert belongs("tests/net/dns/test_resolver_oracle.py", modules)
    assert belongs("tests/web/test_pages.py", modules)
    assert not belongs("tests/net/dns/test_resolvers.py", modules)
    assert not belongs("tests/net/test_resolver.py", modules)


def test_the_line_is_read_to_its_end() -> None:
    text = '"""Pages.\n\nCovers: monitor/a.py, monitor/b.py,\nmonitor/c/*.py\n\nMore.\n"""\n'
    assert covered_by(text) == ["monitor/a.py", "monitor/b.py", "monitor/c/*.py"]
    assert covered_by('"""Pages."""') == []

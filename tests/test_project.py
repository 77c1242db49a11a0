"""The project's own files agree with each other: locks, versions, targets, deployment."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import monitor

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUN = PYPROJECT["project"]["dependencies"]
GROUPS = PYPROJECT["dependency-groups"]
LOCKS = (
    "requirements.lock",
    "requirements-demo.lock",
    "requirements-build.lock",
    "requirements-dev.lock",
)
TOOLS = "requirements-tools.lock"
EXTRAS = PYPROJECT["project"]["optional-dependencies"]
SCRIPTS = sorted(
    path
    for path in [*ROOT.glob("scripts/*"), *ROOT.glob(".ci/*")]
    if path.is_file() and "python" not in path.read_text().partition("\n")[0]
)


def pins(lock: str) -> dict[str, str]:
    """The versions that a lock file pins, by normalised name."""
    found = re.findall(r"^([\w.-]+)==([^\s;\\]+)", (ROOT / lock).read_text(), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        ("requirements.lock", RUN + EXTRAS["cli"]),
        ("requirements-demo.lock", RUN + EXTRAS["demo"]),
        (TOOLS, GROUPS["tools"]),
        ("requirements-build.lock", GROUPS["build"] + PYPROJECT["build-system"]["requires"]),
        ("requirements-dev.lock", RUN + GROUPS["build"] + GROUPS["dev"]),
    ],
)
def test_every_dependency_is_locked_at_a_version_that_fits(lock: str, wanted: list[str]) -> None:
    locked = pins(lock)
    for requirement in map(Requirement, wanted):
        assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)])


def test_the_locks_pin_one_version_of_a_package() -> None:
    everything = pins("requirements-dev.lock")
    for lock in LOCKS:
        assert pins(lock).items() <= everything.items()


@pytest.mark.parametrize("lock", [*LOCKS, TOOLS])
def test_a_lock_names_hashes_and_no_place(lock: str) -> None:
    text = (ROOT / lock).read_text()
    entries = re.split(r"\n(?=\S)", text.strip())
    assert all("--hash=sha256:" in entry for entry in entries if not entry.startswith("#"))
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text


def test_the_version_is_the_same_everywhere() -> None:
    version = monitor.__version__
    assert f"ARG VERSION={version}\n" in (ROOT / "Dockerfile").read_text()
    assert f"image: egress-monitor:{version}\n" in (
        (ROOT / "deploy/compose/compose.yaml").read_text()
    )
    assert re.search(
        rf"^## {re.escape(version)}\b", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", ".ci/run", "scripts/venv"])
def test_every_make_target_that_is_told_exists(document: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    told = re.findall(
        r"(?:^|`|&& )make ((?:[a-z]+ ?)+)", (ROOT / document).read_text(), re.MULTILINE
    )
    assert {word for words in told for word in words.split()} <= targets


def test_make_alone_tells_every_target() -> None:
    told = subprocess.run(
        [shutil.which("make") or "make", "--no-print-directory"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for target in ("venv", "run", "test", "lint", "types", "bench", "lock", "image", "clean"):
        assert f"make {target} " in told


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_strict_and_valid_bash(script: Path) -> None:
    text = script.read_text()
    assert text.startswith("#!/usr/bin/env bash\n# ")
    assert "\nset -euo pipefail\n" in text
    assert script.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", str(script)], check=True)


def with_only(tmp_path: Path, **stubs: str) -> dict[str, str]:
    """An environment whose PATH holds bash and the named commands (body: shell)."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, body in stubs.items():
        stub = folder / name.replace("_", "-")
        stub.write_text(f"#!/bin/sh\n{body}\n")
        stub.chmod(0o755)
    (folder / "bash").symlink_to(shutil.which("bash") or "/bin/bash")
    return {"PATH": str(folder)}


def install(environ: dict[str, str], *packages: str) -> subprocess.CompletedProcess[str]:
    script = ROOT / "scripts/install-packages"
    return subprocess.run(
        ["/usr/bin/env", "bash", str(script), *packages],
        env=environ, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_packages_that_are_there_are_left_alone(tmp_path: Path) -> None:
    environ = with_only(tmp_path, dpkg_query="echo installed", apt_get="exit 99")
    assert install(environ, "nginx", "unbound").returncode == 0


def test_a_system_without_apt_is_told_which_packages_are_missing(tmp_path: Path) -> None:
    environ = with_only(tmp_path, dpkg_query='[ "$3" = nginx ] && echo installed')
    done = install(environ, "nginx", "unbound", "squid")
    assert done.returncode == 3
    assert "missing: unbound squid\n" in done.stderr
    assert "no apt-get" in done.stderr


def test_an_old_python_is_refused_in_words(tmp_path: Path) -> None:
    for name in ("scripts", "monitor/__init__.py", "pyproject.toml", *LOCKS):
        source, copy = ROOT / name, tmp_path / name
        copy.parent.mkdir(exist_ok=True)
        shutil.copytree(source, copy) if source.is_dir() else shutil.copy(source, copy)
    done = subprocess.run(
        [tmp_path / "scripts/venv", "run"],
        env={"PATH": "/usr/bin:/bin", "PYTHON": "/bin/false"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr
    assert not (tmp_path / ".venv").exists()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Return a folder that every user may enter."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_bare_system_is_told_at_once_what_is_missing(open_folder: Path) -> None:
    tmp_path, copy = open_folder, open_folder / "project"
    for name in ("scripts", "monitor/__init__.py", "pyproject.toml", *LOCKS):
        source, target = ROOT / name, copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    environ = with_only(tmp_path, dpkg_query="exit 1", apt_get="exit 99")
    for name in ("dirname", "sha256sum", "cat", "sed"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or "/bin/false")
    done = subprocess.run(
        ["/usr/bin/env", "bash", copy / "scripts/venv", "run"],
        env=environ, capture_output=True, text=True, check=False, **as_nobody(),
    )  # fmt: skip
    assert done.returncode != 0
    assert "missing: python3 python3-venv\n" in done.stderr
    assert "apt-get install --no-install-recommends python3 python3-venv" in done.stderr


def as_nobody() -> dict[str, int]:
    """Return the options that run a process without root's rights."""
    return {"user": 65534} if os.geteuid() == 0 else {}


@pytest.mark.parametrize(
    ("docker", "built"), [("exit 0", "docker build"), ("[ $1 != info ]", "buildah build")]
)
def test_an_image_is_built_by_a_builder_that_works(tmp_path: Path, docker: str, built: str) -> None:
    note = tmp_path / "note"
    environ = with_only(
        tmp_path,
        docker=f"echo docker $1 >> {note}; {docker}",
        buildah=f"echo buildah $1 $2 $3 >> {note}",
    )
    (tmp_path / "bin/dirname").symlink_to(shutil.which("dirname") or "/bin/false")
    subprocess.run(
        ["/usr/bin/env", "bash", ROOT / "scripts/image", "name"],
        env=environ, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert note.read_text().splitlines()[-1].startswith(built)


def test_the_base_image_is_pinned_by_digest() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^ARG BASE=\S+:\S+@sha256:[0-9a-f]{64}$", dockerfile, re.MULTILINE)
    assert re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE) == ["${BASE}", "${BASE}"]


def test_what_locks_audits_and_lists_is_pinned_itself() -> None:
    tools = (ROOT / "scripts/tools").read_text()
    assert "--require-hashes" in tools
    for script in ("lock", "audit", "sbom"):
        text = (ROOT / "scripts" / script).read_text()
        assert "scripts/tools\n" in text
        assert "pip install" not in text


def test_every_file_that_the_image_needs_gets_into_its_build() -> None:
    kept = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    copies = re.findall(r"^COPY (?!--)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    wanted = {source for copy in copies for source in copy.split()}
    assert wanted == kept
    assert [source for source in wanted if not (ROOT / source).exists()] == []

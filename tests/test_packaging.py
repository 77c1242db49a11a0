"""The packages: complete, and what a user gets who installs them with pip, pipx or uv."""

from __future__ import annotations

import email
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from pathlib import Path

import pytest

import monitor
from tests.daemon.processes import QUIET, endpoints, environment
from tests.internet.process import free_port

ROOT = Path(__file__).parent.parent
VERSION = monitor.__version__

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def run(*command: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build wheel and sdist as a release does."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "--directory", folder, cwd=ROOT)
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    (path,) = dist.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def tools() -> Path:
    """Return the folder of the programs that requirements-tools.lock pins."""
    run(ROOT / "scripts/tools")
    return ROOT / ".venv-tools" / "bin"


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        name = f"egress_monitor-{VERSION}.dist-info/METADATA"
        return email.message_from_bytes(archive.read(name))


def test_the_wheel_has_every_file_of_the_package_and_nothing_else(wheel: Path) -> None:
    listing = ("git", "ls-files", "--cached", "--others", "--exclude-standard", "monitor")
    tracked = [name for name in run(*listing, cwd=ROOT).stdout.split() if (ROOT / name).exists()]
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    page = f"egress_monitor-{VERSION}.data/data/share/man/man1/egress-monitor.1"
    assert names == {*tracked, "monitor/config/example.toml", page}
    assert "monitor/py.typed" in names


def test_its_metadata_is_complete(wheel: Path) -> None:
    found = metadata(wheel)
    urls = dict(value.split(", ", 1) for value in found.get_all("Project-URL", []))
    assert {"Homepage", "Documentation", "Changelog", "Issues"} <= urls.keys()
    assert all(url.startswith("https://") for url in urls.values())
    assert set(found.get_all("Provides-Extra", [])) == {"aws", "cli", "demo"}
    needed = [value for value in found.get_all("Requires-Dist", []) if "extra ==" not in value]
    assert not any(value.startswith(("rich", "trustme", "botocore")) for value in needed)
    assert found["License-Expression"] == "Apache-2.0"


def test_links_of_the_description_lead_somewhere_from_an_index_too(wheel: Path) -> None:
    text = str(metadata(wheel).get_payload())
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert len(links) > 10
    assert [link for link in links if not link.startswith(("https://", "#"))] == []
    for link in links:
        path = link.partition("/blob/main/")[2].partition("#")[0]
        assert not path or (ROOT / path).exists(), link


def test_the_sdist_has_no_tool_that_only_draws_pictures(dist: Path) -> None:
    (path,) = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {Path(*Path(name).parts[1:]) for name in archive.getnames()}
    assert Path("scripts/tools") in names
    assert not [name for name in names if name.parts[:1] == ("tools",)]
    assert not [name for name in names if "node_modules" in name.parts]


def test_the_sdist_runs_its_own_tests(dist: Path, tmp_path: Path) -> None:
    (path,) = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        archive.extractall(tmp_path, filter="data")
    folder = tmp_path / f"egress_monitor-{VERSION}"
    some = (
        "tests/config",
        "tests/test_project.py",
        "tests/test_docs.py",
        "tests/test_reference.py",
    )
    done = run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *some, cwd=folder)
    assert "[100%]" in done.stdout
    for name in ("tests/lab", "benchmarks", "scripts", ".ci/run", "Makefile", "Dockerfile"):
        assert (folder / name).exists(), name


def commands(program: Path, folder: Path) -> None:
    """Run what a new user runs, in an empty folder, without a configuration."""
    environ = environment(PATH=os.environ["PATH"])
    assert VERSION in run(program, "--version", cwd=folder, env=environ).stdout
    assert "ok, profile standard" in run(program, "validate", cwd=folder, env=environ).stdout
    config = folder / "own.toml"
    config.write_text(QUIET + endpoints(1, free_port()) + "required = false\n")
    shown = run(program, "endpoints", "--config", config, cwd=folder, env=environ).stdout
    assert "e0" in shown
    checked = run(program, "check", "--config", config, cwd=folder, env=environ).stdout
    assert "e0" in checked
    assert "refused" in checked


@pytest.mark.parametrize("extra", ["", "[cli]"])
def test_pip_installs_it(wheel: Path, tmp_path: Path, extra: str) -> None:
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    python = tmp_path / "venv/bin/python"
    run(python, "-m", "pip", "install", "--quiet", f"{wheel}{extra}")
    commands(tmp_path / "venv/bin/egress-monitor", tmp_path)
    has_rich = "import importlib.util as u; print(bool(u.find_spec('rich')))"
    assert run(python, "-c", has_rich).stdout.strip() == str(bool(extra))
    text = run(python, "-c", "from monitor.config.example import example_text as e; print(e())")
    assert text.stdout.strip() == (ROOT / "config.toml").read_text().strip()
    if not extra:
        program = tmp_path / "venv/bin/egress-monitor"
        done = subprocess.run([program, "demo"], capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert 'pip install "egress-monitor[demo]"' in done.stderr
        assert "Traceback" not in done.stderr


def test_pipx_installs_it(wheel: Path, tmp_path: Path, tools: Path) -> None:
    places = {"PIPX_HOME": str(tmp_path / "home"), "PIPX_BIN_DIR": str(tmp_path / "bin")}
    environ = os.environ | places | {"PIPX_MAN_DIR": str(tmp_path / "man")}
    run(tools / "pipx", "install", "--python", sys.executable, f"{wheel}[cli]", env=environ)
    commands(tmp_path / "bin/egress-monitor", tmp_path)


def test_uv_installs_it(wheel: Path, tmp_path: Path, tools: Path) -> None:
    places = {"UV_TOOL_DIR": str(tmp_path / "tools"), "UV_TOOL_BIN_DIR": str(tmp_path / "bin")}
    environ = os.environ | places | {"UV_CACHE_DIR": str(tmp_path / "cache")}
    install = ("tool", "install", "--quiet", "--python", sys.executable)
    run(tools / "uv", *install, f"{wheel}[cli]", env=environ)
    commands(tmp_path / "bin/egress-monitor", tmp_path)


def test_the_bill_of_materials_lists_what_is_locked(tmp_path: Path) -> None:
    path = tmp_path / "sbom.json"
    run(ROOT / "scripts/sbom", path)
    document = json.loads(path.read_text())
    assert document["bomFormat"] == "CycloneDX"
    root = document["metadata"]["component"]
    assert (root["name"], root["version"]) == ("egress-monitor", VERSION)
    listed = {c["name"].lower().replace("_", "-"): c["version"] for c in document["components"]}
    lock = (ROOT / "requirements.lock").read_text()
    locked = dict(re.findall(r"^([\w.-]+)==([^\s;\\]+)", lock, re.MULTILINE))
    for name, version in listed.items():
        assert locked[name] == version
    assert {"aiohttp", "structlog", "cramjam"} <= listed.keys()
    assert all(component.get("licenses") for component in document["components"])


def test_the_audit_ends_well_or_says_why_it_could_not_look(tmp_path: Path) -> None:
    done = subprocess.run([ROOT / "scripts/audit"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    looked = "no known vulnerability" in done.stdout
    assert looked or "audit skipped: no advisory service" in done.stderr
    if not looked:
        environ = os.environ | {"AUDIT_REQUIRED": "1"}
        strict = subprocess.run(
            [ROOT / "scripts/audit"], env=environ, capture_output=True, check=False
        )
        assert strict.returncode == 1


def test_an_audit_that_finds_something_fails(tmp_path: Path) -> None:
    """The real script with a stand-in for pip-audit, which needs the internet."""
    copy = tmp_path / "project"
    (copy / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts/audit", copy / "scripts/audit")
    (copy / "scripts/tools").write_text("#!/bin/sh\n")
    (copy / "requirements.lock").write_text("aiohttp==1\n")
    bin_folder = copy / ".venv-tools/bin"
    bin_folder.mkdir(parents=True)
    (bin_folder / "python").symlink_to(sys.executable)
    found = {"id": "CVE-1", "fix_versions": ["2"]}
    report = {"dependencies": [{"name": "aiohttp", "version": "1", "vulns": [found]}]}
    (bin_folder / "pip-audit").write_text(
        "#!/bin/sh\nwhile [ $# -gt 1 ]; do\n"
        f'    [ "$1" = --output ] && echo \'{json.dumps(report)}\' > "$2"\n'
        "    shift\ndone\nexit 1\n"
    )
    for name in ("scripts/tools", ".venv-tools/bin/pip-audit"):
        (copy / name).chmod(0o755)
    done = subprocess.run([copy / "scripts/audit"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "aiohttp 1: CVE-1, fixed in 2" in done.stdout

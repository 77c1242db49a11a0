"""The image: it builds, runs as nobody on a read-only root, and judges its own health."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import monitor
from tests.internet import image
from tests.internet.process import program

pytestmark = [
    pytest.mark.container,
    pytest.mark.root,
    pytest.mark.timeout(900),
    pytest.mark.skipif(os.geteuid() != 0, reason="images are built as root"),
]
IMAGE = "localhost/egress-monitor"
COMPILED_ANEW = """
import os, sys, monitor.cli.main, monitor.cli.healthcheck, monitor.daemon.process
print([name for name, module in sys.modules.items()
       if (file := getattr(module, "__cached__", None)) and not os.path.exists(file)])
"""


@pytest.fixture(scope="module")
def builder() -> Iterator[image.Builder]:
    for name in ("buildah", "debootstrap"):
        program(name)
    work = image.Builder(Path(tempfile.mkdtemp(prefix="egress-monitor-image-")))
    try:
        python = work.make_base(image.base_archive(), "localhost/base")
        work.build("localhost/base", python, IMAGE)
        yield work
    finally:
        work.remove()


@pytest.fixture(scope="module")
def container(builder: image.Builder) -> str:
    return builder.run("from", IMAGE)


def in_container(builder: image.Builder, container: str, *command: str) -> str:
    return builder.run("run", "--isolation", "chroot", container, "--", *command)


def test_the_image_says_how_it_is_run(builder: image.Builder) -> None:
    settings = builder.settings(IMAGE)
    assert settings["User"] == "65532:65532"
    assert settings["Entrypoint"] == ["egress-monitor"]
    assert settings["Cmd"] == ["run"]
    assert list(settings["ExposedPorts"]) == ["9242/tcp"]
    assert settings["StopSignal"] == "SIGTERM"
    assert settings["Healthcheck"]["Test"] == ["CMD", "egress-monitor", "healthcheck"]
    assert settings["Labels"]["org.opencontainers.image.version"] == monitor.__version__


def test_it_is_the_version_that_was_built(builder: image.Builder, container: str) -> None:
    said = in_container(builder, container, "egress-monitor", "--version")
    assert monitor.__version__ in said


def test_the_configuration_in_it_is_valid(builder: image.Builder, container: str) -> None:
    in_container(builder, container, "egress-monitor", "validate")


def test_nothing_in_it_has_to_be_compiled_or_can_be_written(
    builder: image.Builder, container: str
) -> None:
    root = Path(builder.run("mount", container))
    installed = root / "opt/egress-monitor"
    modules = {p for p in (installed / "lib").rglob("*.py") if "__pycache__" not in p.parts}
    compiled = {p.parent.parent / f"{p.name.split('.')[0]}.py" for p in installed.rglob("*.pyc")}
    assert modules
    assert modules <= compiled
    assert not any(p.stat().st_mode & 0o002 for p in installed.rglob("*") if not p.is_symlink())
    assert not list(installed.rglob("pip"))
    compiled_anew = in_container(builder, container, "python3", "-c", COMPILED_ANEW)
    assert compiled_anew == "[]", "Python's own library has its bytecode too"

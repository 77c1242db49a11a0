"""Builds the container image from a Debian base made here, and runs programs in it."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.internet.process import program

ROOT = Path(__file__).parent.parent.parent
BASE_PACKAGES = ("ca-certificates", "python3", "python3-venv")
LEFT_OUT = ("var/cache/apt/archives/*", "var/lib/apt/lists/*", "usr/share/doc/*", "var/log/*")


def run(command: Sequence[str | Path], **options: object) -> str:
    """Run ``command`` and return its output; its errors go into the test's failure."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return str(done.stdout)


def base_archive(
    packages: Sequence[str] = BASE_PACKAGES,
    later: Sequence[str] = (),
    leave_out: Sequence[str] = LEFT_OUT,
) -> Path:
    """Return a tar of a small Debian with ``packages``, of the release and from the mirror that
    this machine has. Packages of ``later`` are not installed, but apt-get can do so without a
    network. Made once; later runs find it in the user's cache directory."""
    release = platform.freedesktop_os_release()["VERSION_CODENAME"]
    content = repr((release, tuple(packages), *([tuple(later)] if later else []), tuple(leave_out)))
    cache = (
        Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "egress-monitor-tests"
    )
    archive = cache / f"{release}-{hashlib.sha256(content.encode()).hexdigest()[:12]}.tar"
    if not archive.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as work:
            root, made = Path(work, "root"), Path(work, "base.tar")
            _bootstrap(release, root, packages, later)
            patterns = [f"--exclude=./{pattern}" for pattern in leave_out]
            run(["tar", "--create", "--file", made, "--directory", root, *patterns, "."])
            made.rename(archive)
    return archive


def _bootstrap(release: str, root: Path, packages: Sequence[str], later: Sequence[str]) -> None:
    include = f"--include={','.join(packages)}"
    run([program("debootstrap"), "--variant=minbase", include, release, root, _mirror(release)])
    if later:
        apt_get = ("chroot", root, "apt-get", "--quiet")
        run([*apt_get, "update"])
        install = ("install", "--yes", "--no-install-recommends", "--download-only")
        run([*apt_get, *install, *later])


def _mirror(release: str) -> str:
    form = ["--format", "$(REPO_URI)", "Created-By: Packages", f"Release: {release}"]
    return run(["apt-get", "indextargets", *form]).split()[0]


@dataclass(frozen=True, slots=True)
class Builder:
    """Buildah with a storage of its own under ``work``."""

    work: Path

    def run(self, *arguments: str | Path) -> str:
        """Run one buildah command and return its output."""
        return run([*self.command, *arguments]).strip()

    @property
    def command(self) -> list[str]:
        storage = ["--root", f"{self.work}/storage", "--runroot", f"{self.work}/run"]
        return [program("buildah"), *storage, "--storage-driver", "vfs"]

    def make_base(self, archive: Path, name: str) -> str:
        """Make an image of a root file system's tar; return its Python's version."""
        container = self.run("from", "scratch")
        self.run("add", "--quiet", container, archive, "/")
        self.run("commit", "--quiet", container, name)
        script = "import sys; print('%d.%d' % sys.version_info[:2])"
        version = self.run("run", "--isolation=chroot", container, "--", "python3", "-c", script)
        self.run("rm", container)
        return version

    def build(self, base: str, python: str, name: str) -> None:
        """Build the project's Dockerfile on ``base``. The packages are fetched here, where
        pip knows its index, and lent to the build."""
        wheels, config = self.work / "wheels", self.work / "pip.conf"
        locks = [f"--requirement={ROOT}/requirements{part}.lock" for part in ("", "-build")]
        fetch = ["--require-hashes", "--only-binary=:all:", f"--python-version={python}", *locks]
        run([sys.executable, "-m", "pip", "--quiet", "download", f"--dest={wheels}", *fetch])
        config.write_text("[global]\nno-index = true\nfind-links = /lent\n")
        self.run(
            "bud", "--isolation=chroot", "--format=docker", "--quiet", f"--build-arg=BASE={base}",
            f"--secret=id=pip.conf,src={config}", f"--volume={wheels}:/lent:ro", f"--tag={name}",
            ROOT,
        )  # fmt: skip

    def settings(self, name: str) -> dict[str, object]:
        """What the image says about how it is to be run."""
        described = json.loads(self.run("inspect", "--type", "image", name))
        settings: dict[str, object] = described["Docker"]["config"]
        return settings

    def remove(self) -> None:
        """Remove everything that was made."""
        shutil.rmtree(self.work)


def read_only(root: str, settings: dict[str, object], files: dict[Path, str]) -> list[str]:
    """Return the command prefix that runs a program of the image as ECS and Kubernetes do:
    the root file system is read-only, the user and environment are the image's.

    ``files`` are lent to the container, by their path in it.
    """
    mounts = [f"mount --bind {source} {root}{place}" for source, place in files.items()]
    script = [
        "set -e",
        *mounts,
        f"mount --rbind /dev {root}/dev",
        f"mount --bind {root} {root}",
        f"mount -o remount,bind,ro {root}",
        'exec "$@"',
    ]
    environ = settings["Env"]
    assert isinstance(environ, list)
    return [
        "unshare", "--mount", "sh", "-c", "\n".join(script), "read-only",
        "chroot", f"--userspec={settings['User']}", root,
        "env", "--ignore-environment", *environ,
    ]  # fmt: skip

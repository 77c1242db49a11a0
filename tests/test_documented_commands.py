"""Every command of README and of the installation guide, in a Debian without anything else.

The commands are those of the documents: tests/documents.py describes how they are found. They run
in a root file system and a network namespace of their own, as root and as a user with sudo, in a
copy of the project. Packages come from folders, because the namespace reaches nothing.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

import monitor
from monitor.present.check_formats import MARKS
from tests.documents import Command, blocks, commands
from tests.internet import image
from tests.internet.process import program

ROOT = Path(__file__).parents[1]
GUIDES = (ROOT / "README.md", ROOT / "docs/installation.md")
SYSTEM = ("ca-certificates", "curl", "make", "sudo")
PYTHON = ("python3", "python3-venv")
LENT = "/opt/lent"
USER = "someone"
STEP = "::: "
HOSTS = """\
127.0.0.1 localhost
::1 localhost
192.0.2.1 app.gitpod.io
"""
"""There is no name server, and nothing has the address of the second name (RFC 5737)."""
SCRIPT = """
set -u
page=http://127.0.0.1:9242/healthz
server=
stop() {
    [ -z "$server" ] || { kill -- "-$server"; wait "$server"; server=; }
}
run() {
    printf '::: %s\\n' "$1"
    bash -c "$1" </dev/null && status=0 || status=$?
    [ "$status" -le "$2" ] || { echo "exit status $status: $1" >&2; exit 1; }
}
serve() {
    stop
    printf '::: %s\\n' "$1"
    setsid bash -c "$1" </dev/null >"$HOME/served" 2>&1 &
    server=$!
    for _ in $(seq 1800); do
        curl --silent --fail --output /dev/null "$page" && return
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    cat "$HOME/served" >&2
    echo "no page: $1" >&2
    exit 1
}
"""
"""Shell functions: ``run COMMAND HIGHEST-EXIT-STATUS``, and ``serve COMMAND``, which waits at most
180 s for the page."""


@dataclass(frozen=True, slots=True)
class System:
    """An unpacked Debian."""

    root: Path

    def run(self, *command: str, user: str = "root", **environ: str) -> str:
        """Run a command in it, without a network, and return its output."""
        mounts = [f"mount --rbind /dev {self.root}/dev", f"mount -t proc proc {self.root}/proc"]
        # A PID namespace ends with its first process: nothing that a document starts is left.
        inside = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-ec"]
        prepare = " && ".join(["ip link set lo up", *mounts, 'exec chroot "$@"'])
        change = [f"--userspec={user}", str(self.root)] if user != "root" else [str(self.root)]
        home = _home(user)
        place = f"{home}/.local/bin:/opt/tools/bin:/usr/local/sbin:/usr/local/bin"
        variables = {"PATH": f"{place}:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": home} | environ
        words = [f"{name}={value}" for name, value in variables.items()]
        return image.run(
            [*inside, prepare, "sh", *change, "env", "--ignore-environment", *words, *command]
        )

    def write(self, place: str, text: str, mode: int = 0o644) -> None:
        path = self.root / place.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)


@pytest.fixture(scope="module")
def lent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fetch what the commands install, here, where pip knows its index."""
    folder = tmp_path_factory.mktemp("lent")
    fetch = ("--require-hashes", "--only-binary=:all:", "--python-version=3.11")
    pip = (sys.executable, "-m", "pip", "--quiet", "download", f"--dest={folder}", *fetch)
    for parts in (("demo", "build"), ("tools",)):  # the tools have versions of their own
        image.run([*pip, *(f"--requirement={ROOT}/requirements-{part}.lock" for part in parts)])
    build = ("hatchling", "build", "--target", "wheel", "--directory", folder)
    image.run([sys.executable, "-m", *build], cwd=ROOT)
    return folder


@pytest.fixture
def system(lent: Path) -> Iterator[System]:
    """Unpack a Debian with make, curl and sudo, whose apt-get can install Python."""
    program("debootstrap")
    archive = image.base_archive(SYSTEM, PYTHON, ("usr/share/doc/*", "var/log/*"))
    with tempfile.TemporaryDirectory(prefix="egress-monitor-system-") as name:
        made = System(Path(name))
        made.root.chmod(0o755)
        image.run(["tar", "--extract", "--file", archive, "--directory", name, "--same-owner"])
        shutil.copytree(lent, f"{name}{LENT}")
        Path(f"{name}{LENT}").chmod(0o755)
        made.write("etc/hosts", f"{HOSTS}127.0.0.1 {socket.gethostname()}\n")
        made.write("etc/resolv.conf", "")
        made.write("etc/pip.conf", f"[global]\nno-index = true\nfind-links = {LENT}\n")
        made.write("etc/uv/uv.toml", f'no-index = true\nfind-links = ["{LENT}"]\n')
        made.write(f"etc/sudoers.d/{USER}", f"{USER} ALL=(ALL) NOPASSWD: ALL\n", 0o440)
        made.run("useradd", "--create-home", "--shell", "/bin/bash", USER)
        yield made


def _home(user: str) -> str:
    return "/root" if user == "root" else f"/home/{user}"


def check_out(system: System, home: str, user: str) -> str:
    """Copy the project, with a built wheel in it, to a folder of the user."""
    place = f"{home}/egress-monitor"
    names = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in image.run(names, cwd=ROOT).split("\0"):
        if name and (source := ROOT / name).exists():
            target = system.root / place.lstrip("/") / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    wheel = f"egress_monitor-{monitor.__version__}-py3-none-any.whl"
    shutil.copy(f"{system.root}{LENT}/{wheel}", f"{system.root}{place}")
    system.run("chown", "--recursive", f"{user}:{user}", place)
    return place


def run_all(system: System, guide: Path, user: str) -> Mapping[str, str]:
    """Run the commands of ``guide`` as ``user``; return the output of each."""
    home = _home(user)
    place = check_out(system, home, user)
    lines = [SCRIPT, f"cd {place}"]
    lines += [_line(command) for command in commands(guide)]
    system.write(f"{place}/.documented", "\n".join([*lines, "stop", ""]))
    # Each of the alternatives puts a command into ~/.local/bin.
    said = system.run("bash", f"{place}/.documented", user=user, UV_TOOL_BIN_DIR=f"{home}/uv")
    parts = [part.partition("\n") for part in said.split(STEP)[1:]]
    return {command: output for command, _, output in parts}


def _line(command: Command) -> str:
    verb = "serve" if command.serves else "run"
    return f"{verb} {shlex.quote(command.text)} {_highest(command)}"


def _highest(command: Command) -> int:
    """Return the highest exit status that is no failure: nothing can be reached here."""
    return 1 if " check" in command.text or " trace" in command.text else 0


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(os.geteuid() != 0, reason="a root file system is made as root")
@pytest.mark.parametrize("user", ["root", USER])
def test_the_commands_of_both_guides_work(system: System, user: str) -> None:
    readme, installation = GUIDES
    _judge_readme(run_all(system, readme, user))
    # pipx and uv are what a reader of that section has.
    system.run("python3", "-m", "venv", "/opt/tools")
    system.run("/opt/tools/bin/pip", "--quiet", "install", "pipx", "uv")
    assert run_all(system, installation, user)
    _judge_installation(system, user)


def _judge_readme(said: Mapping[str, str]) -> None:
    assert len(said) > 12
    check = ".venv/bin/egress-monitor check"
    assert said[check].startswith(f"{MARKS['down']} ")
    assert "targets: " in said[check]
    (as_json,) = (text for command, text in said.items() if "--format json" in command)
    assert json.loads(as_json)["summary"]["targets"] > 40
    (metrics,) = (text for command, text in said.items() if "/metrics" in command)
    assert "\nprobe_success{" in metrics
    (runbook,) = (text for command, text in said.items() if " explain " in command)
    assert "tls_reset_on_hello" in runbook


def _judge_installation(system: System, user: str) -> None:
    home = _home(user)
    installed = ("/opt/egress-monitor/bin", f"{home}/.local/bin", f"{home}/uv")
    for place in (*installed, f"{home}/egress-monitor/egress-monitor/bin"):
        version = system.run(f"{place}/egress-monitor", "--version", user=user)
        assert version == f"egress-monitor {monitor.__version__}\n"
    unit = (system.root / "etc/systemd/system/egress-monitor.service").read_text()
    assert "/opt/egress-monitor/bin/egress-monitor" in unit
    assert (system.root / "etc/egress-monitor/config.toml").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_a_guide_marks_its_commands_and_little_is_left_out(guide: Path) -> None:
    assert all(block.language for block in blocks(guide)), "each block names its language"
    known = {"aws", "docker", "kubectl", "systemctl"}
    run = {command.program for command in commands(guide)}
    assert not known & run
    assert run - known


def test_a_comment_leaves_out_programs_of_the_next_block(tmp_path: Path) -> None:
    guide = tmp_path / "guide.md"
    guide.write_text(
        "<!-- not run: docker, aws: they need a daemon -->\n\n"
        "```sh\ndocker run \\\n    image\nsudo aws login  # first\nls 'a b'\n```\n\n"
        "<!-- serves -->\n```sh\nmake run\n```\n\n```text\n$ date\n```\n\n"
        "1. In a list:\n\n   ```sh\n   docker ps\n   ```\n"
    )
    assert list(commands(guide)) == [
        Command("ls 'a b'"),
        Command("make run", serves=True),
        Command("docker ps"),
    ]


def test_a_comment_that_leaves_out_nothing_is_an_error(tmp_path: Path) -> None:
    guide = tmp_path / "guide.md"
    guide.write_text("<!-- not run: docker: no daemon -->\n```sh\nls\n```\n")
    with pytest.raises(ValueError, match=r"guide\.md leaves out \{'docker'\}"):
        list(commands(guide))

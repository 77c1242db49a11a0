"""Bad input and output of every command: one clear line and an exit status, never a traceback.

Covers: monitor/cli/encoding.py, monitor/cli/output.py
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.daemon.processes import QUIET, endpoints, environment
from tests.internet.process import free_port

COMMANDS = {
    "check": 1,
    "check --format json": 1,
    "check --format markdown": 1,
    "check --firewall-request": 1,
    "validate": 0,
    "endpoints": 0,
    "endpoints --cost": 0,
    "explain": 0,
    "explain tls_expired": 0,
    "completion bash": 0,
    "trace 127.0.0.1": 1,
    "init --output own.toml": 0,
}
"""Commands that print, with the exit status that they have here."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.toml").write_text(QUIET + endpoints(2, free_port()))
    return tmp_path


def run(
    folder: Path, command: Sequence[str], redirection: str, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run a command by a shell with a redirection of its standard output."""
    script = f'exec "$@" {redirection}'
    return subprocess.run(
        ["sh", "-c", script, "sh", sys.executable, "-m", "monitor", *command],
        cwd=folder, env=environment(PYTHONPATH=str(Path(__file__).parents[2]), **environ),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("redirection", "expected"),
    [
        (">&-", "standard output: it is closed; open it, or redirect it to a file\n"),
        (">/dev/full", "standard output: No space left on device; write to another place\n"),
    ],
)
def test_a_closed_or_full_standard_output_is_one_line(
    folder: Path, command: str, redirection: str, expected: str
) -> None:
    done = run(folder, command.split(), redirection)
    assert (done.returncode, done.stderr) == (2, expected)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_an_encoding_without_the_marks_gets_plain_ones(
    folder: Path, command: str, encoding: str
) -> None:
    done = run(folder, command.split(), "", PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (COMMANDS[command], "")
    assert done.stdout
    done.stdout.encode("ascii")
    if command == "check":
        assert done.stdout.startswith("x ")


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("", "the following arguments are required: COMMAND"),
        ("fly", "argument COMMAND: invalid choice: 'fly'"),
        ("check --region xx", "argument --region: xx is not an AWS region"),
        ("check --fast", "unrecognized arguments: --fast"),
        ("check --account-id 12", "argument --account-id: 12 is not an AWS account"),
        ("endpoints --profile gold", "argument --profile: invalid choice: 'gold'"),
        ("healthcheck --port x", "argument --port: x is not a port"),
        ("trace", "the following arguments are required: HOST[:PORT]"),
        ("trace https://user:secret@x/", "argument HOST[:PORT]: 'https://x/' is not HOST"),
        ("trace user:secret@x", "argument HOST[:PORT]: 'x' is not HOST or HOST:PORT"),
        ("completion tcsh", "argument shell: invalid choice: 'tcsh'"),
    ],
)
def test_a_wrong_argument_is_one_line(folder: Path, command: str, problem: str) -> None:
    done = run(folder, command.split(), "")
    assert (done.returncode, done.stdout) == (2, "")
    assert problem in done.stderr
    assert done.stderr.count("\n") == 1
    assert "secret" not in done.stderr


@pytest.mark.parametrize(
    ("destination", "problem"),
    [
        ("ftp://x.example", "has the unknown scheme 'ftp'"),
        ("https://", "has no valid host"),
        ("http://[::1", "has no valid host"),
        ("https://x.example:0", "has no port from 1 to 65535"),
        ("https://x.example:abc", "has no port from 1 to 65535"),
        ("x.example:99999", "has no port from 1 to 65535"),
        ("::1:443", "is an IPv6 address without brackets"),
        ("x.example", "is neither a URL nor HOST:PORT"),
        (":443", "is neither a URL nor HOST:PORT"),
        ("", "is neither a URL nor HOST:PORT"),
        ("a b:1", "contains a space"),
        ("https://me:secret@x.example/", "has a user or a query, which may be secret"),
        ("https://x.example/?token=secret", "has a user or a query, which may be secret"),
        ("me:secret@x.example", "has no port from 1 to 65535"),
    ],
)
def test_a_destination_that_is_none_is_one_line(
    folder: Path, destination: str, problem: str
) -> None:
    done = run(folder, ["check", destination], "")
    assert (done.returncode, done.stdout) == (2, "")
    assert problem in done.stderr
    assert "write a URL such as" in done.stderr
    assert done.stderr.count("\n") == 1
    assert "secret" not in done.stderr.replace("may be secret", "")


@pytest.mark.parametrize("command", ["check", "endpoints", "run", "trace 127.0.0.1", "validate"])
@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"[agent]\ninterval = '10s'\n[[inputs.cpu]]\n", "it is a configuration of Telegraf"),
        (b"\xff\xfe bad", "it is UTF-16, not UTF-8"),
        (b"x = ", "fix the TOML syntax"),
        (b"regoin = 'eu-central-1'", "region"),
        (None, "no such file or directory"),
    ],
)
def test_a_configuration_that_is_none_is_one_line(
    tmp_path: Path, command: str, content: bytes | None, problem: str
) -> None:
    if content is not None:
        (tmp_path / "own.toml").write_bytes(content)
    done = run(tmp_path, [*command.split(), "--config", "own.toml"], "")
    assert (done.returncode, done.stdout) == (2, "")
    assert problem in done.stderr
    assert done.stderr.startswith("own.toml: ")
    assert done.stderr.count("\n") == 1


def test_a_host_that_does_not_exist_is_a_verdict(folder: Path) -> None:
    done = run(folder, ["check", "nowhere.invalid:443"], "")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("✘ 1 required endpoint was not reached.\n")


@pytest.mark.parametrize("command", ["check", "endpoints"])
def test_a_misspelled_region_is_a_warning_next_to_the_verdict(folder: Path, command: str) -> None:
    done = run(folder, [command, "--region", "eu-centrl-1"], "")
    assert done.returncode == COMMANDS[command]
    assert done.stderr == (
        "warning: region eu-centrl-1 is not an AWS region that this version knows; "
        "did you mean eu-central-1?\n"
    )
    assert done.stdout

"""init, explain, completion, and checks of what the command line names.

Covers: monitor/cli/ad_hoc.py, monitor/cli/completion.py, monitor/cli/explain.py,
monitor/cli/init.py, monitor/cli/options.py, monitor/cli/output.py
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.cli import completion, init
from monitor.cli.ad_hoc import ad_hoc_targets
from monitor.cli.main import main
from monitor.cli.options import InitOptions, Overrides
from monitor.cli.parser import COMMANDS, make_parser
from monitor.config import load_settings
from monitor.config.source import ConfigSource
from monitor.model.causes import Cause
from monitor.model.endpoint import Profile, Protocol
from monitor.model.settings import ConfigError, Settings

SETTINGS = Settings(Path("config.toml"))


def run(*arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "monitor", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=folder, check=False, timeout=60
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_that_fits_a_terminal(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"usage: egress-monitor {name}")
    assert max(map(len, shown.splitlines())) <= 92


def test_init_writes_a_configuration_that_is_valid(tmp_path: Path) -> None:
    done = run(
        "init", "--region", "eu-central-1", "--profile", "enterprise",
        "--scm", "https://git.example.com", "--state", str(tmp_path / "state"), folder=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    settings = load_settings(tmp_path / "config.toml", {})
    assert (settings.region, settings.profile) == ("eu-central-1", Profile.ENTERPRISE)
    assert [endpoint.host for endpoint in settings.endpoints] == ["git.example.com"]
    assert settings.state.directory == tmp_path / "state"


def test_init_replaces_a_file_only_if_told_to(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("profile = 'standard'\n")
    done = run("init", "--region", "us-east-1", folder=tmp_path)
    assert done.returncode == 2
    assert "exists already; choose another --output, or --force" in done.stderr
    assert run("init", "--region", "us-east-1", "--force", folder=tmp_path).returncode == 0


def test_init_refuses_what_the_configuration_would_refuse(tmp_path: Path) -> None:
    done = run("init", "--scm", "not a url", folder=tmp_path)
    assert done.returncode == 2
    assert not (tmp_path / "config.toml").exists()
    assert len(done.stderr.splitlines()) == 1


def test_init_asks_for_what_is_missing() -> None:
    answers = {"Profile": "enterprise", "AWS": "eu-west-1", "URLs of your source": "a.test b.test"}

    def ask(question: str, default: str) -> str:
        return next((a for start, a in answers.items() if question.startswith(start)), default)

    wanted, overrides = init._asked(InitOptions(Path("x.toml")), ask)
    text = init.configuration(wanted, overrides)
    settings = load_settings(ConfigSource("answers", text=text), {})
    assert (settings.profile, settings.region) == (Profile.ENTERPRISE, "eu-west-1")
    assert [endpoint.host for endpoint in settings.endpoints] == ["a.test", "b.test"]


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_is_explained(cause: Cause, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", cause.value]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"{cause.value} (")
    assert "Confirm" in shown
    assert max(map(len, shown.splitlines())) <= 100


def test_explain_lists_causes_and_suggests_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain"]) == 0
    listed = capsys.readouterr().out
    assert all(cause.value in listed for cause in Cause)
    assert main(["explain", "tls_expird"]) == 2
    assert "did you mean tls_expired?" in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_every_command_and_option(shell: str) -> None:
    script = completion.script(shell)
    for name, actions in completion.commands().items():
        assert name in script
        for action in actions:
            assert all(option.lstrip("-") in script for option in action.option_strings)


def test_bash_completes_commands_options_and_values(tmp_path: Path) -> None:
    script = tmp_path / "completion"
    script.write_text(completion.script("bash"))
    asked = (
        f"source {script}\n"
        'ask() { COMP_WORDS=("$@"); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _egress_monitor;'
        ' echo "${COMPREPLY[*]}"; }\n'
        "ask egress-monitor ch\nask egress-monitor check --qui\n"
        "ask egress-monitor check --format ju\nask egress-monitor explain tls_exp\n"
    )
    done = subprocess.run(["bash"], input=asked, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["check", "--quiet", "junit", "tls_expired"]


@pytest.mark.parametrize(
    ("text", "protocol", "host", "port", "path"),
    [
        ("https://git.example.com", Protocol.HTTPS, "git.example.com", 443, "/"),
        ("https://git.example.com:8443/a", Protocol.HTTPS, "git.example.com", 8443, "/a"),
        ("http://169.254.169.254/", Protocol.HTTP, "169.254.169.254", 80, "/"),
        ("10.0.0.8:3128", Protocol.TCP, "10.0.0.8", 3128, "/"),
        ("[2001:db8::1]:22", Protocol.TCP, "2001:db8::1", 22, "/"),
        ("tls://x.test:993", Protocol.TLS, "x.test", 993, "/"),
    ],
)
def test_a_destination_becomes_a_target(
    text: str, protocol: Protocol, host: str, port: int, path: str
) -> None:
    (made,) = ad_hoc_targets([text], SETTINGS)
    assert (made.endpoint.protocol, made.host, made.port) == (protocol, host, port)
    assert made.endpoint.path == path
    assert made.endpoint.required


@pytest.mark.parametrize(
    "text", ["", "x", "ftp://x", "https://", "https://u:p@x/", "https://x/?token=1", "x:0", "x:1:2",
             "https://x:99999/", "tcp://x", "a b:1"],
)  # fmt: skip
def test_what_is_no_destination_is_one_problem_without_the_secret(text: str) -> None:
    with pytest.raises(ConfigError) as failed:
        ad_hoc_targets([text], SETTINGS)
    (problem,) = failed.value.problems
    assert "HOST:PORT" in problem.remediation
    assert "u:p" not in str(problem)
    assert "token" not in str(problem)


def test_a_check_of_named_destinations_says_which_one_works() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        here, gone = (f"127.0.0.1:{s.getsockname()[1]}" for s in (server, closed))
        done = run("check", here, gone, "--format", "json")
    document = json.loads(done.stdout)
    states = {target["id"]: (target["state"], target["cause"]) for target in document["targets"]}
    assert states == {here: ("up", None), gone: ("down", "tcp_refused")}
    assert done.returncode == 1


def test_overrides_win_over_the_configuration() -> None:
    settings = Overrides("eu-west-1", "123456789012", "enterprise").apply(SETTINGS)
    assert (settings.region, settings.account_id) == ("eu-west-1", "123456789012")
    assert settings.profile is Profile.ENTERPRISE
    assert Overrides().apply(SETTINGS) == SETTINGS


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "--region", "nowhere"],
        ["check", "--account-id", "12"],
        ["check", "--profile", "other"],
        ["trace"],
        ["completion", "tcsh"],
    ],
)
def test_wrong_arguments_end_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        make_parser().parse_args(arguments)
    assert ended.value.code == 2


def test_a_full_disk_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "monitor", "explain", "slow"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "standard output: No space left on device; write to another place\n"


def test_the_parser_is_an_ordinary_one() -> None:
    assert isinstance(make_parser(), argparse.ArgumentParser)
